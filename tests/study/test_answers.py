"""The questions asked of a study's scores: which are answered, with what settings, and what is written."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from stilts.analysis.answer import Answer, Shown
from stilts.analysis.questions import QUESTIONS, Question
from stilts.analysis.score_table import read_scores as read_table
from stilts.study.answers import Answers, content_of, markdown
from stilts.study.collect import collect
from stilts.study.question_rows import question_rows
from stilts.study.scores import read_scores
from stilts.study.told import told

STEPS = {"steps": 10}
SEVERAL = [{"name": "none"}, {"name": "q", "tasks": ["squad_v1"], "budget": STEPS},
           {"name": "m", "tasks": ["mnli"], "budget": STEPS},
           {"name": "both", "tasks": ["squad_v1", "mnli"], "budget": STEPS}]  # fmt: skip
GAIN = {"none": 0.0, "q": 3.0, "m": 1.0, "both": 8.0}
NOISE = {"conditions": ["clean", {"noise": "swap", "level": 0.1, "seeds": [1, 2]}]}


@pytest.fixture
def plan(make_plan):
    return make_plan(intermediate=SEVERAL, seeds=[1, 2, 3])


@pytest.fixture
def rows(plan, scored):
    luck = {1: -0.3, 2: 0.1, 3: 0.2, None: 0.0}
    return scored(plan, lambda cell: 50 + GAIN[cell.recipe] + luck[cell.intermediate_seed] * (1 + len(cell.target) % 3))


def results(plan, name="answers.json"):
    text = (plan.folder / "results" / name).read_text()
    return json.loads(text) if name.endswith("json") else text


def test_a_question_that_the_scores_can_answer_is_answered(plan, rows, write_rows, call):
    write_rows(plan, rows)
    collect(plan)
    found = results(plan)
    assert list(found["answers"]) == ["multitask"]
    own = found["answers"]["multitask"]
    assert [one["tasks"] for one in own["recipes"]] == [[], ["squad_v1"], ["mnli"], ["squad_v1", "mnli"]]
    (best,) = [row for row in own["best_single"] if row["target"] == "all"]
    assert (best["recipe"], best["reference"], round(best["delta"], 6)) == ("both", "q", 5.0)
    assert own["tables"][0]["columns"] == ["gain", "xnli", "mlqa", "tatoeba", "all"]
    assert [row[0] for row in own["tables"][0]["rows"]] == ["q", "m", "both"]
    words = results(plan, "answers.md")
    assert words.startswith("# Answers\n\n## Several intermediate tasks against each alone\n\n- both (2 tasks): on ")
    assert "\n- typology: scores of 1 languages beside English; expected 5 or more\n" in words


def test_a_recipe_without_scores_does_not_keep_the_others_from_an_answer(plan, rows, write_rows):
    write_rows(plan, [row for row in rows if row["recipe"] != "m"])
    collect(plan)
    own = results(plan)["answers"]["multitask"]
    assert [one["recipe"] for one in own["recipes"]] == ["none", "q", "both"]


def test_why_a_question_is_not_answered_is_kept(make_plan, scored, write_rows):
    plan = make_plan()
    write_rows(plan, scored(plan, lambda cell: 50.0))
    collect(plan)
    found = results(plan)
    assert found["answers"] == {}
    assert set(found["unanswered"]) == set(QUESTIONS)
    assert found["unanswered"]["multitask"].startswith("no recipe of several tasks among none, squad; expected ")
    assert found["unanswered"]["noise"] == "no score under noise; expected noisy conditions in evaluation.conditions"


def test_a_question_that_fails_does_not_stop_the_others(plan, rows, write_rows, monkeypatch):
    def breaks(scores, settings):
        raise ValueError("singular\nmatrix")

    broken = Question(QUESTIONS["multitask"].settings, breaks)
    monkeypatch.setitem(QUESTIONS, "another", broken)
    write_rows(plan, rows)
    collect(plan)
    assert results(plan)["unanswered"]["another"] == "ValueError: singular"
    assert list(results(plan)["answers"]) == ["multitask"]


def test_the_command_gives_the_same_answer_and_takes_other_settings(plan, rows, write_rows, call, tmp_path):
    write_rows(plan, rows)
    study = tmp_path / "study.yaml"
    study.write_text(json.dumps({**plain_study(plan), "intermediate": SEVERAL, "seeds": [1, 2, 3]}))
    code, out, err = call("analyse", "multitask", study)
    assert (code, out) == (2, "")
    assert "run `stilts collect` for it first" in err
    collect(plan)
    own = results(plan)["answers"]["multitask"]
    code, out, _ = call("analyse", "multitask", study, "--json")
    assert code == 0
    assert json.loads(out) == {key: value for key, value in own.items() if key not in ("title", "tables")}
    code, out, _ = call("analyse", "multitask", study, "baseline=m", "--json")
    assert json.loads(out)["baseline"] == "m"
    for words in ([], [study, "--scores", study], [study, study]):
        code, _, err = call("analyse", "multitask", *words)
        assert code == 2
        assert "one study, or --scores FILE" in err
    code, _, err = call("analyse", "multitasks", study)
    assert (code, "did you mean 'multitask'?" in err) == (2, True)


def plain_study(plan):
    target = plan.study.target
    return {"name": "small", "output_dir": plan.study.output_dir,
            "target": {"tasks": target.tasks, "languages": target.languages},
            "training": {"select": "last", "max_steps": 4}}  # fmt: skip


def test_the_rows_are_those_of_scores_csv(make_plan, scored, write_rows):
    plan = make_plan(evaluation=NOISE, seeds=[1, 2])
    clean = scored(plan, lambda cell: 50.0 + len(cell.run) + len(cell.language))[:-1]  # a score is missing
    noisy = [
        {**row, "condition": place.condition, "noise_seed": place.noise_seed, "value": row["value"] - place.noise_seed}
        for row in clean
        for place in plan.noisy_places[row["run"]]
        if place[:3] == (row["target"], row["language"], row["metric"])
    ]
    write_rows(plan, [*clean, *noisy])
    collect(plan)
    scores, path = read_scores(plan), plan.folder / "results" / "scores.csv"
    for question in (QUESTIONS["multitask"], QUESTIONS["noise"]):
        expected = read_table(path, question.noisy, question.columns)
        found = question_rows(scores, question)[list(expected)]
        order = [name for name in expected if name not in ("value", "n")]
        expected, found = (part.sort_values(order, ignore_index=True) for part in (expected, found))
        assert len(found) == len(clean) + len(noisy) * question.noisy
        pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_what_questions_are_told(make_plan):
    mlm = {"share": 0.2, "learning_rate": 1e-4}
    recipes = [
        {"name": "none"}, {"name": "q", "tasks": ["squad_v1"], "budget": STEPS},
        {"name": "many", "tasks": ["squad_v1"], "budget": STEPS, "mlm": mlm},
        {"name": "long", "tasks": ["squad_v1"], "budget": {"steps": 20}, "mlm": mlm},
        {"name": "on-english", "tasks": ["mnli"], "mlm": {**mlm, "languages": ["en"]}},
    ]  # fmt: skip
    plan = make_plan(intermediate=recipes)
    names = {recipe["name"] for recipe in recipes}
    noise = told(plan, "noise", QUESTIONS["noise"], names)
    assert noise == {"baseline": "none", "multilingual": ["many", "long"], "pairs": {"many": "q"}}
    multitask = told(plan, "multitask", QUESTIONS["multitask"], names)
    assert multitask["recipes"] == {"q": "squad_v1", "many": "squad_v1+mlm", "long": "squad_v1+mlm",
                                    "on-english": "mnli+mlm"}  # fmt: skip
    assert told(plan, "typology", QUESTIONS["typology"], names) == {"baseline": "none"}
    invented = make_plan(target={"tasks": ["udpos"], "languages": ["en", "qaa"]})
    invented.features.mkdir(parents=True)
    assert told(invented, "typology", QUESTIONS["typology"], {"none"}) == {
        "baseline": "none", "prepared": str(invented.features), "distances": "measured",
    }  # fmt: skip


def test_the_question_of_domains_is_told_the_tasks_of_english_recipes(make_plan):
    recipes = [
        {"name": "none"}, {"name": "q", "tasks": ["squad_v1"], "budget": STEPS},
        {"name": "matched-english", "tasks": ["squad_v1"], "budget": STEPS},
        {"name": "german", "tasks": ["mnli"], "budget": STEPS, "languages": ["de"], "translated_from": "en"},
    ]  # fmt: skip
    plan = make_plan(intermediate=recipes)
    measures = plan.folder / "results" / "domain.csv"
    measures.parent.mkdir(parents=True)
    measures.touch()
    found = told(plan, "domain", QUESTIONS["domain"], {recipe["name"] for recipe in recipes})
    assert found == {"baseline": "none", "measures": str(measures), "recipes": {"q": "squad_v1"}}
    where = {"near": ["de"], "targets": ["xnli"]}
    plan = make_plan(intermediate=recipes, evaluation={"domain": where})
    found = told(plan, "domain", QUESTIONS["domain"], {recipe["name"] for recipe in recipes})
    assert {key: found[key] for key in where} == where


def test_translated_recipes_are_multilingual_and_matched_with_the_english_one(make_plan):
    translated = {"tasks": ["squad_v1"], "languages": ["en", "de"], "translated_from": "en"}
    recipes = [
        {"name": "none"}, {"name": "q", "tasks": ["squad_v1"], "budget": STEPS},
        {"name": "two", **translated, "budget": STEPS}, {"name": "longer", **translated, "budget": {"steps": 20}},
    ]  # fmt: skip
    plan, names = make_plan(intermediate=recipes), {recipe["name"] for recipe in recipes}
    found = told(plan, "noise", QUESTIONS["noise"], names)
    assert found == {"baseline": "none", "multilingual": ["two", "longer"], "pairs": {"two": "q"}}
    found = told(plan, "multitask", QUESTIONS["multitask"], names)
    assert found["recipes"] == {"q": "squad_v1", "two": "", "longer": ""}
    plan = make_plan(intermediate=[one for one in recipes if one["name"] != "q"])
    found = told(plan, "multitask", QUESTIONS["multitask"], names)
    assert found["recipes"] == {"two": "squad_v1", "longer": "squad_v1"}  # nothing else to be held against


class MadeUp(Answer):
    """Sentences, a table with a bar in it, one without rows, notes."""

    question, answer, notes = "noise", ["A sentence.", "Another."], ["one | two"]

    def content(self):
        return {"question": self.question, "answer": self.answer, "notes": self.notes}

    def tables(self):
        return [Shown(("name", "p | q"), [("a|b", "+1.0"), ("c", None)]), Shown(("none",), [])]


def test_an_answer_in_json_and_in_words():
    content = content_of("noise", MadeUp())
    assert content["tables"] == [{"columns": ["name", "p | q"], "rows": [["a|b", "+1.0"], ["c", "–"]]}]
    shown = "| name | p \\| q |\n|------|--------|\n| a\\|b | +1.0   |\n| c    | –      |"
    assert markdown(Answers({"noise": content}, {"steps": "none kept"}, {"noise": MadeUp()})) == (
        f"# Answers\n\n## {content['title']}\n\n- A sentence.\n- Another.\n\n{shown}\n\n- note: one | two\n\n"
        "## Not answered by this study\n\n- steps: none kept\n"
    )
    assert MadeUp().text().startswith(f"A sentence.\nAnother.\n\n{shown}\n\n")
