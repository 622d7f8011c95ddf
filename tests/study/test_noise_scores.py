"""Scores under noise: beside the clean ones in scores.csv, on their own in noise.csv, nowhere else."""

from __future__ import annotations

import csv
import json

import pytest

from stilts.status import Status, write_status
from stilts.study.collect import collect

NOISE = {
    "conditions": [
        "clean",
        {"noise": "swap", "level": 0.1, "seeds": [1, 2]},
        {"noise": "ocr", "level": 0.3, "seeds": [5]},
    ]
}
NOISY = ("scores.csv", "noise.csv", "noise_areas.csv", "problems.txt", "answers.json", "answers.md")
DROP = {("swap@0.1", 1): 3.0, ("swap@0.1", 2): 5.0, ("ocr@0.3", 5): 10.0}


@pytest.fixture
def plan(make_plan):
    return make_plan(evaluation=NOISE)


@pytest.fixture
def rows(plan, scored):
    """A score row for each clean and noisy place."""
    clean = scored(plan, lambda cell: 60.0 if cell.recipe == "none" else 70.0)
    noisy = []
    for row in clean:
        for place in plan.noisy_places[row["run"]]:
            if place[:3] == (row["target"], row["language"], row["metric"]):
                value = row["value"] - DROP[place.condition, place.noise_seed]
                noisy.append({**row, "condition": place.condition, "noise_seed": place.noise_seed, "value": value})
    assert len(noisy) == sum(map(len, plan.noisy_places.values())) == 3 * len(clean)
    return clean, noisy


def table(plan, name):
    with open(plan.folder / "results" / name, newline="") as file:
        return list(csv.DictReader(file))


def read_results(plan):
    folder = plan.folder / "results"
    return {path.name: path.read_text() for path in folder.iterdir() if path.name not in NOISY}


def test_clean_tables_are_those_of_the_study_without_noise(plan, rows, write_rows, make_plan):
    clean, noisy = rows
    write_rows(plan, clean)
    collect(plan)
    before = read_results(plan)
    write_rows(plan, noisy)
    collected = collect(plan)
    assert (collected.missing, collected.noisy_missing, collected.problems) == ([], [], [])
    assert read_results(plan) == before
    assert len(table(plan, "scores.csv")) == len(clean) + len(noisy)
    again = collect(plan)  # now from what was kept
    assert (again.noisy_missing, len(table(plan, "scores.csv"))) == ([], len(clean) + len(noisy))


def test_what_noise_costs(plan, rows, write_rows):
    write_rows(plan, [row for part in rows for row in part])
    collect(plan)
    collect(plan)
    found = {
        (r["recipe"], r["target"], r["language"], r["metric"], r["condition"]): r for r in table(plan, "noise.csv")
    }
    swap = found["none", "xnli", "de", "accuracy", "swap@0.1"]
    assert (float(swap["clean"]), float(swap["noisy"]), float(swap["drop"])) == (60.0, 56.0, 4.0)
    assert float(swap["chance"]) == pytest.approx(100 / 3)
    assert float(swap["relative_drop"]) == pytest.approx(4 / (60 - 100 / 3))
    assert float(swap["noise_sd"]) == pytest.approx(2**0.5)
    assert (swap["kind"], swap["level"], swap["where"], swap["noise_seeds"], swap["seeds"]) == (
        "swap",
        "0.1",
        "",
        "2",
        "1",
    )
    ocr = found["squad", "mlqa", "en", "f1", "ocr@0.3"]
    assert (float(ocr["drop"]), ocr["noise_sd"], float(ocr["relative_drop"])) == (10.0, "", pytest.approx(1 / 7))
    assert found["none", "xnli", "all", "accuracy", "swap@0.1"]["n"] == "20"
    assert ("none", "mlqa", "all", "f1", "swap@0.1") not in found


def test_noisy_scores_that_are_not_there_are_named(plan, rows, write_rows, call, tmp_path):
    clean, noisy = rows
    left_out = [row for row in noisy if (row["target"], row["condition"]) == ("mlqa", "ocr@0.3")]
    write_rows(plan, clean + [row for row in noisy if row not in left_out])
    for run in plan.runs:
        write_status(plan.run_folder(run.run), Status(state="running"))
    collected = collect(plan)
    assert collected.missing == []
    assert len(collected.noisy_missing) == 2
    assert collected.noisy_missing[0].startswith("none mlqa en under ocr@0.3: run target-none-mlqa-t1 is running")


WRONG = {
    "another condition": ({"condition": "swap@0.2"}, "condition 'swap@0.2' seed 1 is not in the plan"),
    "another seed": ({"noise_seed": 9}, "condition 'swap@0.1' seed 9 is not in the plan"),
    "no seed": ({"noise_seed": None}, "condition 'swap@0.1' is not in the plan"),
    "other settings": ({"config_hash": "f00"}, "stale"),
    "another value": ({"value": 1.0}, "conflict"),
    "no points": ({"value": 101.0, "language": "en"}, "not in points"),
}


@pytest.mark.parametrize("name", WRONG)
def test_noisy_rows_that_cannot_be_used(plan, rows, write_rows, name):
    changes, message = WRONG[name]
    clean, noisy = rows
    first = next(row for row in noisy if (row["condition"], row["noise_seed"]) == ("swap@0.1", 1))
    write_rows(plan, clean + noisy)
    write_rows(plan, [{**first, **changes}])
    collected = collect(plan)
    assert any(message in problem for problem in collected.problems), collected.problems
    assert collected.missing == []
    assert len(collected.noisy_missing) == (name == "another value")
    assert json.loads((plan.folder / "results" / "xtreme.json").read_text())["missing"] == []


def test_incomplete_noise_is_not_averaged(plan, rows, write_rows):
    clean, noisy = rows
    gone = next(row for row in noisy if row["target"] == "xnli" and row["language"] == "de")
    write_rows(plan, [*clean, *(row for row in noisy if row is not gone)])
    collect(plan)
    found = {(r["recipe"], r["target"], r["language"], r["condition"]) for r in table(plan, "noise.csv")}
    cell = gone["recipe"], "xnli"
    assert (*cell, "en", gone["condition"]) in found
    assert (*cell, "de", gone["condition"]) not in found, "one of its noise seeds or runs is not there"
    assert (*cell, "all", gone["condition"]) not in found
    others = {recipe for recipe, target, language, _ in found if (target, language) == ("xnli", "all")}
    assert others - {gone["recipe"]}, "the other recipe has its mean"


def test_the_question_is_asked_of_the_collected_scores(plan, rows, write_rows, call):
    write_rows(plan, [row for part in rows for row in part])
    collect(plan)
    code, out, _ = call("analyse", "noise", "--scores", plan.folder / "results" / "scores.csv", "--json")
    assert code == 0
    answer = json.loads(out)
    slopes = [row for row in answer["rows"] if row["measure"] == "slope"]
    assert {row["kind"] for row in slopes} == {"swap", "ocr"}
    assert {round(row["estimate"], 9) for row in slopes} == {0.0}  # all recipes lose as much
    assert len(answer["curves"]) == len(table(plan, "noise.csv"))
