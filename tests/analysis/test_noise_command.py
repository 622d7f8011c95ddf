"""`stilts analyse noise` on tables that stilts did not make: planted, reversed and null ones, and wrong ones."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

COLUMNS = [
    "recipe", "target", "language", "metric", "value", "intermediate_seed", "target_seed", "condition", "noise_seed",
]  # fmt: skip
ARMS = {
    "none": [("", s) for s in range(5)],
    "english": [(i, s) for i in (1, 2, 3) for s in (1, 2)],
    "many": [(i, s) for i in (1, 2, 3) for s in (1, 2)],
}
TARGETS = {"xnli": "accuracy", "panx": "f1"}


def scores(path, lead=0.0, noise_seeds=(1, 2, 3), recipes=tuple(ARMS)):
    """Two kinds of noise at two levels; `many` loses less to swaps: so many points for each 0.1 of level."""
    random = np.random.default_rng(5)
    rows = []
    for recipe in recipes:
        for i, s in ARMS[recipe]:
            own = random.normal(0, 0.4)
            for target, metric in TARGETS.items():
                for language in ("en", "sw", "th"):
                    cell, clean = (
                        (recipe, target, language, metric),
                        75 + 3 * (recipe != "none") + random.normal(0, 0.4),
                    )
                    rows.append((*cell, clean, i, s, "clean", ""))
                    for kind in ("swap", "ocr"):
                        pull = -4 + own + (lead if (recipe, kind) == ("many", "swap") else 0)
                        for level in (1, 3):
                            value = clean + pull * level
                            rows += [
                                (*cell, value + random.normal(0, 0.4), i, s, f"{kind}@0.{level}", seed)
                                for seed in noise_seeds
                            ]
    pd.DataFrame(rows, columns=COLUMNS).to_csv(path, index=False)


@pytest.fixture
def ask(call, tmp_path):
    return lambda *words: call("analyse", "noise", "--scores", tmp_path / "scores.csv", *words)


def whole(answer, measure="slope"):
    rows = [row for row in answer["rows"] if row["target"] == row["language"] == "all" and row["measure"] == measure]
    return {(row["recipe"], row["against"], row["kind"]): row for row in rows}


@pytest.mark.parametrize(("lead", "word"), [(2.5, "keeps more"), (-2.5, "keeps less")])
def test_a_planted_effect_comes_out_with_its_sign(ask, tmp_path, lead, word):
    scores(tmp_path / "scores.csv", lead)
    code, out, _ = ask("multilingual=[many]", "--json")
    assert code == 0
    answer = json.loads(out)
    assert answer["question"] == "noise"
    slopes = whole(answer)
    planted = slopes["many", "english", "swap"]
    assert planted["low"] < lead < planted["high"]
    assert (planted["comparison"], planted["verdict"], planted["df"]) == ("pair", word, 4)
    assert planted["p"] < planted["p_adjusted"] < 0.05
    assert slopes["many", "english", "ocr"]["verdict"] == slopes["english", "none", "swap"]["verdict"] == "not shown"
    kept = whole(answer, "kept")["many", "english", "swap"]
    assert np.sign(kept["estimate"]) == np.sign(lead)
    more, less = (1, 0) if lead > 0 else (0, 1)
    assert answer["answer"][0] == (
        "Multilingual against English intermediate training (many against english): of 2 kinds of noise it keeps more "
        f"of the score under {more} and less under {less}; for 1 neither is shown."
    )
    assert answer["answer"][1].startswith(f"many {word} of the score than english under swap: their difference changes")
    assert f"{planted['estimate']:+.2f} points, 95 % {planted['low']:+.2f} to" in answer["answer"][1]
    assert answer["answer"][2].startswith(
        "It is not shown that many keeps more or less of the score than english under ocr"
    )
    code, text, _ = ask("multilingual=[many]")
    assert text.startswith(answer["answer"][0])
    assert "| many    | english | swap |" in text
    assert text.splitlines()[-1].startswith("note: equal levels are not equal noise")


def test_the_curves_are_those_of_noise_csv(ask, tmp_path):
    scores(tmp_path / "scores.csv")
    answer = json.loads(ask("--json")[1])
    table = pd.read_csv(tmp_path / "scores.csv")
    of = table[(table["recipe"] == "many") & (table["target"] == "xnli") & (table["language"] == "sw")]
    clean = of.loc[of["condition"] == "clean", "value"].mean()
    noisy = of.loc[of["condition"] == "swap@0.3", "value"].mean()
    place = {"recipe": "many", "target": "xnli", "language": "sw", "condition": "swap@0.3"}
    (row,) = (row for row in answer["curves"] if place.items() <= row.items())
    assert (row["clean"], row["drop"]) == pytest.approx((clean, clean - noisy))
    assert row["relative_drop"] == pytest.approx((clean - noisy) / (clean - 100 / 3))
    assert {row["kind"] for row in answer["areas"]} == {"swap", "ocr"}
    own = {
        (row["recipe"], row["measure"], row["kind"], row["target"], row["language"]): row for row in answer["recipes"]
    }
    drop = clean - of.loc[of["condition"].str.startswith("swap"), "value"].mean()
    assert own["many", "drop", "swap", "xnli", "sw"]["value"] == pytest.approx(drop)


def test_a_null_table_shows_nothing(ask, tmp_path):
    scores(tmp_path / "scores.csv")
    answer = json.loads(ask("multilingual=[many]", "--json")[1])
    assert {row["verdict"] for row in whole(answer).values()} == {"not shown"}
    assert "keeps more of the score under 0 and less under 0; for 2 neither is shown" in answer["answer"][0]
    assert "would have been found four times in five" in answer["answer"][1]


def test_pairs_are_as_told_or_the_only_two(ask, tmp_path):
    scores(tmp_path / "scores.csv")
    told = json.loads(ask("multilingual=[many]", "--json")[1])
    assert json.loads(ask("pairs={many: english}", "--json")[1])["rows"] == told["rows"]
    assert any("equal in task, examples and steps is not in a table" in note for note in told["notes"])
    untold = json.loads(ask("--json")[1])
    assert untold["answer"][0].startswith("Multilingual and English intermediate training are not compared")
    assert "no recipe is named multilingual (multilingual=[RECIPE])" in untold["notes"]
    assert {row["comparison"] for row in untold["rows"]} == {"baseline"}
    scores(tmp_path / "scores.csv", recipes=("english", "many"))
    alone = json.loads(ask("multilingual=[many]", "--json")[1])
    assert {row["comparison"] for row in alone["rows"]} == {"pair"}
    assert any(note.startswith("no gains") for note in alone["notes"])


def test_a_recipe_without_all_languages_has_no_mean_and_is_named(ask, tmp_path):
    path = tmp_path / "scores.csv"
    scores(path, 2.5)
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    gone = (table["recipe"] == "many") & (table["language"] == "th") & table["condition"].str.startswith("swap")
    table[~gone].to_csv(path, index=False)
    answer = json.loads(ask("multilingual=[many]", "--json")[1])
    assert ("many", "english", "swap") not in whole(answer)
    assert ("many", "english", "ocr") in whole(answer)
    note = "no mean, as a target or language is missing: many against english under swap, many against none under swap"
    assert note in answer["notes"]
    assert any((row["recipe"], row["kind"], row["language"]) == ("many", "swap", "sw") for row in answer["rows"])


def test_few_seeds_are_said(ask, tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.ARMS", {"none": [("", 1)], "english": [(1, 1)], "many": [(1, 1)]})
    scores(tmp_path / "scores.csv", 3, noise_seeds=(1, 2))
    code, out, _ = ask("multilingual=[many]", "--json")
    assert code == 0
    answer = json.loads(out)
    assert {row["verdict"] for row in whole(answer).values()} == {"no interval"}
    assert whole(answer)["many", "english", "swap"]["low"] is None
    assert "On many against english under swap or ocr nothing can be said: one seed a recipe." in answer["answer"]
    assert answer["notes"][0].startswith("fewer than 3 noise seeds: swap 0.1 (2), ")
    assert ask("multilingual=[many]")[0] == 0


def test_chance_of_targets_that_stilts_does_not_know(ask, tmp_path):
    scores(tmp_path / "scores.csv")
    answers = [json.loads(ask("--json", *words)[1]) for words in ((), ("chance={panx: 25}",))]
    key = "many", "none", "swap"
    assert whole(answers[0])[key]["estimate"] == whole(answers[1])[key]["estimate"]
    assert whole(answers[0], "kept")[key]["estimate"] != whole(answers[1], "kept")[key]["estimate"]
    assert {row["chance"] for row in answers[1]["curves"] if row["target"] == "panx"} == {25}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("baseline=x",), "no recipe 'x' in the table"),
        (("multilingual=[x]",), "no recipe 'x' in the table; expected one of none, english, many; change multilingual"),
        (("pairs={many: x}",), "no recipe 'x' in the table"),
        (("multilingual=[many]", "pairs={english: many}"), "pairs: english is matched with many; expected an English"),
        (("chance={mnli: 50}",), "no target 'mnli' in the table; expected one of xnli, panx; change chance"),
        (("multilingua=[many]",), "did you mean 'multilingual'"),
    ],
)
def test_wrong_settings(ask, tmp_path, words, message):
    scores(tmp_path / "scores.csv")
    code, out, err = ask(*words)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_wrong_tables(ask, tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("recipe,target,language,metric,value,condition\na,t,en,f1,60,clean\nb,t,en,f1,60,clean\n")
    code, _, err = ask("baseline=a")
    assert (code, "no run with a clean and a noisy score" in err) == (2, True)
    path.write_text(path.read_text() + "a,t,en,f1,50,swap@0.1\n")
    code, _, err = ask("baseline=a")
    assert (code, "no two recipes to compare under noise" in err) == (2, True)
    scores(path, recipes=("many",))
    code, _, err = ask()
    assert (code, "nothing to compare: no baseline and no pair" in err) == (2, True)
