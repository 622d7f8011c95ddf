"""The best recipe through `collect`: chosen on dev, by halves of items, or by halves of seeds; degenerate runs."""

from __future__ import annotations

import json
import random
import shutil

import numpy as np
import pytest
from graded_study import write_graded, write_items

from stilts.config import Study
from stilts.outcome import Outcome, write_outcome
from stilts.settings import read
from stilts.study.collect import collect
from stilts.study.deviations import deviations
from stilts.study.plan import expand

NAMES = {"hellaswag": ["hellaswag"], "qqp": ["qqp"], "ccg": ["ccg"]}


def make(folder, recipes=NAMES, **changes):
    return expand(read(Study, {
        "name": "made", "output_dir": str(folder), "seeds": [1, 2, 3, 4],
        "intermediate": [{"name": "none"}, *({"name": name, "tasks": own} for name, own in recipes.items())],
        "target": {"tasks": ["xnli"], "languages": ["en", "de"]},
        "training": {"select": "best", "max_steps": 4}, **changes,
    }, ""))  # fmt: skip


def best(plan):
    collect(plan)
    return json.loads((plan.folder / "results/statistics.json").read_text())


def write_outcomes(plan, dev, on="xnli/dev/en"):
    for run in plan.runs:
        if run.evaluates:
            outcome = Outcome(4, 1.0, 0.5, 0, 4, (on,), dev[run.recipe] + 0.1 * (run.seeds["target"] % 2))
            write_outcome(plan.run_folder(run.run), outcome)


DEV = {"none": 60.0, "hellaswag": 70.0, "qqp": 65.0, "ccg": 55.0}
TEST = {"none": 60.0, "hellaswag": 64.0, "qqp": 66.0, "ccg": 80.0}


def test_what_dev_chooses_is_reported_on_test(tmp_path, scored, write_rows):
    """The reported set would have chosen ccg."""
    plan = make(tmp_path, evaluation={"split": "test"})
    write_rows(plan, scored(plan, lambda cell: TEST[cell.recipe] + 0.1 * (cell.target_seed % 2)))
    write_outcomes(plan, DEV)
    own = best(plan)["best"]["xnli"]
    assert (own["method"], own["recipe"], own["winner"]) == ("dev_to_test", "hellaswag", None)
    assert own["chosen"] == ["hellaswag", "hellaswag"]
    assert own["score"] == own["reported"] == pytest.approx(64.05)
    assert own["gain"] == pytest.approx(64 - 66), "the runner-up on dev is better on test"
    write_outcomes(plan, {**DEV, "ccg": 80.0})
    own = best(plan)["best"]["xnli"]
    assert (own["recipe"], own["winner"], own["score"]) == ("ccg", "ccg", pytest.approx(80.05))


@pytest.mark.parametrize("split", ["dev", "test"])
def test_the_set_that_is_reported_is_no_dev_set(tmp_path, scored, write_rows, split):
    """English dev chose the checkpoints, and where dev is reported English is among its languages."""
    plan = make(tmp_path, evaluation={"split": split})
    write_rows(plan, scored(plan, lambda cell: TEST[cell.recipe]))
    write_outcomes(plan, DEV)
    own = best(plan)["best"]["xnli"]
    expected = {"dev": ("cross_fitted_seeds", "ccg"), "test": ("dev_to_test", "hellaswag")}
    assert (own["method"], own["recipe"]) == expected[split]


def test_held_out_articles_choose(tmp_path, scored, write_rows):
    target = {"tasks": ["tydiqa"], "languages": ["en", "sw"]}
    plan = make(tmp_path, target=target)
    write_rows(plan, scored(plan, lambda cell: TEST[cell.recipe]))
    write_outcomes(plan, DEV, on="tydiqa/train/en")
    assert best(plan)["best"]["tydiqa"]["method"] == "dev_to_test"
    write_outcomes(plan, DEV, on="tydiqa/dev/en")
    assert best(plan)["best"]["tydiqa"]["method"] == "cross_fitted_seeds"


def test_halves_of_items_do_not_choose_what_they_score(tmp_path, score_row, write_rows):
    """Of equal recipes, the one that is best on a half of the premises is not on the other."""
    plan = make(tmp_path, training={"select": "last", "max_steps": 4})
    write_graded(plan, lambda run, ref: 0.5, score_row, write_rows)
    own = best(plan)["best"]["xnli"]
    assert (own["method"], own["winner"]) == ("cross_fitted", None)
    assert own["score"] < own["reported"], "the best of equal ones looks better than it is"
    assert own["low"] < 0 < own["high"] or own["gain"] <= 0


def test_one_lucky_seed_does_not_choose_what_it_scores(tmp_path, scored, write_rows):
    """By the mean of all seeds hellaswag is the best; half of the seeds say what the choice of the others is worth."""
    lucky = {1: 90.0}
    values = {"none": lambda seed: 50.0, "hellaswag": lambda seed: lucky.get(seed, 60.0), "qqp": lambda seed: 66.0}
    target = {"tasks": ["xnli"], "languages": ["en", "de"], "seeds": [1]}
    recipes = {name: NAMES[name] for name in ("hellaswag", "qqp")}
    plan = make(tmp_path, recipes, target=target, training={"select": "last", "max_steps": 4})
    write_rows(plan, scored(plan, lambda cell: values[cell.recipe](cell.intermediate_seed)))
    own = best(plan)["best"]["xnli"]
    assert (own["recipe"], own["reported"]) == ("hellaswag", 67.5)
    assert (own["chosen"], own["score"], own["winner"]) == (["hellaswag", "qqp"], (60 + 66) / 2, None)


def test_a_recipe_that_is_better_wins(tmp_path, score_row, write_rows):
    plan = make(tmp_path, training={"select": "last", "max_steps": 4})
    write_graded(plan, lambda run, ref: 0.9 if run.recipe == "qqp" else 0.5, score_row, write_rows)
    content = best(plan)
    own = content["best"]["xnli"]
    assert (own["method"], own["winner"], own["note"]) == ("cross_fitted", "qqp", "")
    assert own["low"] > 0
    assert content["best_average"] == {"score": own["score"], "targets": 1, "targets_with_winner": 1}


@pytest.mark.parametrize("seeds", [[1, 2, 3], [1]])
def test_ten_equal_recipes_have_no_winner(tmp_path, scored, write_rows, seeds):
    recipes = {f"r{n}": ["mnli"] for n in range(10)}
    plan = make(tmp_path, recipes, seeds=seeds, training={"select": "last", "max_steps": 4})
    write_rows(plan, scored(plan, lambda cell: 60 + random.Random(cell.run).gauss(0, 0.7)))
    own = best(plan)["best"]["xnli"]
    assert own["winner"] is None
    assert ("the score is of what chose it" in own["note"]) == (len(seeds) == 1)


def test_one_label_for_all_and_a_loss_that_has_not_fallen(tmp_path, score_row, write_rows, scored):
    plan = make(tmp_path, {"qqp": ["qqp"]}, seeds=[1], training={"select": "last", "max_steps": 4})
    write_graded(plan, lambda run, ref: 0.5, score_row, write_rows)
    bad, good = (next(r for r in plan.runs if r.recipe == name and r.evaluates) for name in ("qqp", "none"))
    ref = bad.evaluation_sets[0]
    right = [number % 3 == 0 for number in range(60)]
    items = [{"id": str(n), "prediction": "neutral", "correct": own} for n, own in enumerate(right)]
    write_items(plan, bad.run, ref, items)
    rows = plan.run_folder(bad.run) / "scores.jsonl"
    lines = [json.loads(line) for line in rows.read_text().splitlines()]
    value = 100 * float(np.mean(right))
    rows.write_text("".join(
        json.dumps({**row, "value": value if row["language"] == ref.language else row["value"]}) + "\n" for row in lines
    ))  # fmt: skip
    write_outcome(plan.run_folder(good.run), Outcome(4, 0.7, 0.8, 0, 4))
    write_outcome(plan.run_folder(bad.run), Outcome(4, 0.8, 0.7, 0, 4))
    found = best(plan)["degenerate"]
    assert found == [
        {"run": bad.run, "target": "xnli", "language": ref.language,
         "what": "says 'neutral' for 100 % of the items or more"},
        {"run": good.run, "target": None, "language": None,
         "what": "its loss has not fallen: 0.700 in the first tenth of the steps, 0.800 in the last"},
    ]  # fmt: skip
    text = (plan.folder / "results/xtreme.md").read_text()
    assert f"{bad.run} in xnli {ref.language}: says 'neutral'" in text
    shutil.rmtree(plan.run_folder(bad.run) / "predictions")
    assert len(best(plan)["degenerate"]) == 1


@pytest.mark.parametrize(("name", "settings"), [("phang2020", set()), ("sample", {
    "target.learning_rate", "target.max_length", "target.select", "target.length", "target.batch_size",
    "intermediate.batch_size", "intermediate.learning_rate", "intermediate.max_length", "intermediate.length",
    "data.limit.xnli.dev", "data.limit.mlqa.dev", "data.limit.xquad.test", "data.limit.tydiqa.train",
    "data.limit.tydiqa.dev",
})])  # fmt: skip
def test_deviations_from_the_preset(pytestconfig, name, settings):
    from stilts.config import load_study

    plan = expand(load_study(pytestconfig.rootpath / "studies" / f"{name}.yaml"))
    rows = deviations(plan)
    assert {row["setting"] for row in rows} == settings
    runs = {run.run: run for run in plan.runs}
    for row in rows:
        phase, key = row["setting"].split(".")[:2]
        if phase != "data" and key != "length":
            assert getattr(runs[row["example"]].training, key) == row["found"] != row["expected"]


NINE = ["anli_plus", "mnli", "qqp", "squad_v2", "squad_v1", "hellaswag", "ccg", "cosmosqa", "commonsenseqa"]
CLAIMS = {"mnli": 7.5, "squad": 8.0, "hellaswag": 0.0, "multi": 9.0, "multi+mlm": 8.6}


@pytest.mark.parametrize("targets", [["xnli"], ["xnli", "pawsx"]])
def test_claims_are_checked_with_the_studys_scores(tmp_path, scored, write_rows, targets):
    recipes = [{"name": "none"}, *({"name": name, "tasks": [name]} for name in ("mnli", "hellaswag")),
               {"name": "squad", "tasks": ["squad_v1"]}, {"name": "multi", "tasks": NINE},
               {"name": "multi+mlm", "tasks": NINE, "mlm": {"share": 0.1, "languages": ["de"]}}]  # fmt: skip
    target = {"tasks": targets, "languages": ["en", "de"]}
    plan = make(tmp_path, intermediate=recipes, target=target, training={"select": "last", "max_steps": 4})
    rows = scored(plan, lambda cell: 60 + CLAIMS.get(cell.recipe, 0) + random.Random(cell.run).gauss(0, 0.2))
    write_rows(plan, rows)
    found = {one["claim"]: one for one in best(plan)["claims"]}
    assert {name: one["verdict"] for name, one in found.items() if one["verdict"] != "not in this study"} == {
        "single:squad": "supported", "single:mnli": "supported", "single:hellaswag": "not supported",
        "multi": "supported", "none:xnli": "not supported", "no better:mlm": "supported",
        "best": found["best"]["verdict"],
    }  # fmt: skip
    assert found["multi"]["delta"] == pytest.approx(9, abs=0.5)
    assert found["no better:mlm"]["note"].startswith("multi+mlm less multi: -0.")
    assert found["multi"]["note"].endswith(f"over {' '.join(targets)}, dev sets"), "a claim over what this study has"


def test_several_tasks_are_not_all_nine(tmp_path, scored, write_rows):
    plan = make(tmp_path, {"three": ["mnli", "squad_v1", "hellaswag"]}, training={"select": "last", "max_steps": 4})
    write_rows(plan, scored(plan, lambda cell: 60.0))
    claim = next(one for one in best(plan)["claims"] if one["claim"] == "multi")
    assert (claim["verdict"], claim["note"]) == ("not in this study", "no recipe has nine tasks; three has 3")


def test_a_chain_that_the_preset_has_is_no_deviation(tmp_path):
    plan = make(
        tmp_path,
        target={"benchmark": "xtreme_r", "tasks": ["xcopa"]},
        training={"preset": "xtreme"},
        data={},
        seeds=[1],
    )
    assert any(not run.evaluates and run.kind == "target" for run in plan.runs), "a chain of two fine-tunes"
    assert [row for row in deviations(plan) if row["setting"].startswith("target.")] == []


def test_a_single_seed_that_chose_itself_is_said(tmp_path, scored, write_rows):
    plan = make(tmp_path, seeds=[1], training={"select": "last", "max_steps": 4})
    write_rows(plan, scored(plan, lambda cell: TEST[cell.recipe]))
    collected = collect(plan)
    own = json.loads((plan.folder / "results/statistics.json").read_text())["best"]["xnli"]
    assert (own["method"], own["apart"], own["winner"]) == ("cross_fitted_seeds", False, None)
    assert "the score is of what chose it" in own["note"]
    assert "that did not choose, unless the note says so" in collected.table


def test_one_finished_target_of_two_is_no_average(tmp_path, scored, write_rows):
    target = {"tasks": ["xnli", "pawsx"], "languages": ["en", "de"]}
    plan = make(tmp_path, {"mnli": ["mnli"]}, target=target, training={"select": "last", "max_steps": 4})
    write_rows(plan, [row for row in scored(plan, lambda cell: 60.0) if row["target"] == "xnli"])
    claims = {one["claim"]: one for one in best(plan)["claims"]}
    assert claims["single:mnli"]["verdict"] == "not in this study"
    assert "scores are missing" in claims["single:mnli"]["note"]
    assert claims["none:xnli"]["verdict"] != "not in this study"
