"""Marks of cells chosen on the reported set, and of targets whose data the recipe saw: in every table and average."""

from __future__ import annotations

import csv
import json

import pytest

from stilts.study.collect import collect
from stilts.study.marks import CHOSEN_ON, SAME_DATA, find_marks
from stilts.study.score_rows import chosen_sets
from stilts.study.scores import Scores


def rows_of(plan, name):
    with open(plan.folder / "results" / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("tasks", "targets"),
    [
        (["mnli"], {"xnli"}),
        (["anli_plus"], {"xnli"}),
        (["snli"], set()),
        (["squad_v1"], {"xquad", "mlqa", "lareqa"}),
        (["squad_v2", "qqp"], {"xquad", "mlqa", "lareqa"}),
        (["copa"], {"xcopa"}),
        (["socialiqa"], {"xcopa"}),
        (["hellaswag", "ccg"], set()),
        ([], set()),
    ],
)
@pytest.mark.parametrize("preset", ["jiant", "xtreme"])
def test_targets_whose_training_data_a_recipe_has_seen(make_plan, preset, tasks, targets):
    names = ["xnli", "xcopa", "udpos", "panx", "xquad", "mlqa", "tydiqa", "tatoeba", "lareqa"]
    plan = make_plan(intermediate=[{"name": "r", "tasks": tasks}], training={"preset": preset, "max_steps": 1},
                     target={"benchmark": "xtreme_r", "tasks": names})  # fmt: skip
    assert find_marks(plan, Scores()).same_data == {("r", target) for target in targets}


def test_a_chain_is_compared_as_a_whole(make_plan):
    target = {"tasks": ["xnli"], "per_task": {"xnli": {"train": ["snli", "mnli"]}}}
    plan = make_plan(intermediate=[{"name": "none"}, {"name": "s", "tasks": ["snli"]}], target=target)
    assert find_marks(plan, Scores()).same_data == {("s", "xnli")}


def test_sets_a_checkpoint_was_chosen_on():
    assert chosen_sets("last") == set()
    assert chosen_sets("best:xnli/dev/en+xnli/dev/de") == {"xnli/dev/en", "xnli/dev/de"}


@pytest.fixture
def marked(make_plan, scored, write_rows):
    """xnli is scored on the English set that chose its checkpoint; mlqa is trained on what the recipe saw."""
    plan = make_plan()
    values = {"xnli": {"en": 80.0, "de": 60.0}, "mlqa": {"en": 50.0}, "tatoeba": {"de": 20.0}}
    rows = scored(plan, lambda cell: values[cell.target][cell.language] + (cell.recipe == "squad"))
    chosen = {"xnli": "best:xnli/dev/en", "mlqa": "best:squad_v1/train/en", "tatoeba": "last"}
    write_rows(plan, [{**row, "selection": chosen[row["target"]]} for row in rows])
    return plan, collect(plan).table


def test_marks_and_averages_in_json(marked):
    content = json.loads((marked[0].folder / "results" / "xtreme.json").read_text())["recipes"]
    chosen = {"xnli": {CHOSEN_ON: ["en"], SAME_DATA: False}}
    assert content["none"]["marks"] == chosen
    assert content["squad"]["marks"] == {**chosen, "mlqa": {CHOSEN_ON: [], SAME_DATA: True}}
    assert content["none"]["average"] == pytest.approx((70 + 50 + 20) / 3)
    assert content["none"]["averages"] == pytest.approx(
        {"without_chosen_on": (60 + 50 + 20) / 3, "without_same_data": (70 + 20) / 2, "without_both": (60 + 20) / 2}
    )
    assert content["squad"]["averages"]["without_both"] == pytest.approx(41)  # the same cells as the baseline's


def test_marks_in_the_text(marked):
    _, text = marked
    lines = text.splitlines()
    assert any(line.startswith("| none ") and "70.0†" in line and "50.0 " in line for line in lines)
    assert any(line.startswith("| squad ") and "71.0†" in line and "51.0‡" in line for line in lines)
    assert "† holds a cell that is reported on the set its checkpoint or threshold was chosen on; ‡ the recipe" in text
    assert "(chosen_on: xnli en; same_data: mlqa)" in text
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert ["squad", "47.7", "44.3", "46.0", "41.0"] in cells


def test_marks_in_the_tables(marked):
    plan, _ = marked

    def of(name):
        return {(r["recipe"], r["target"], r["language"]): r["marks"] for r in rows_of(plan, name)}

    for name in ("scores.csv", "by_language.csv"):
        found = of(name)
        assert found["squad", "xnli", "en"] == found["none", "xnli", "en"] == "chosen_on"
        assert found["squad", "mlqa", "en"] == "same_data"
        assert found["squad", "xnli", "de"] == found["none", "mlqa", "en"] == ""
    deltas = of("deltas.csv")
    assert [deltas["squad", "xnli", code] for code in ("en", "de", "all")] == ["chosen_on", "", "chosen_on"]
    assert deltas["squad", "mlqa", "all"] == "same_data"
    wide = {row["recipe"]: row for row in rows_of(plan, "xtreme.csv")}
    assert wide["squad"]["marks"] == "xnli: chosen_on en; mlqa: same_data"
    assert float(wide["squad"]["average_without_both"]) == pytest.approx(41)


def test_averages_without_marked_cells_are_null_where_a_cell_is_missing(make_plan, scored, write_rows):
    plan = make_plan()
    write_rows(plan, [row for row in scored(plan, lambda cell: 50.0) if row["target"] != "tatoeba"])
    collect(plan)
    content = json.loads((plan.folder / "results" / "xtreme.json").read_text())["recipes"]["squad"]
    assert set(content["averages"].values()) == {None}


def test_a_study_without_marked_cells_says_nothing_of_them(make_plan, scored, write_rows):
    plan = make_plan(intermediate=[{"name": "none"}])
    write_rows(plan, scored(plan, lambda cell: 50.0))
    table = collect(plan).table
    assert "†" not in table
    assert "marked" not in table
