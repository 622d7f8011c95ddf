"""Standard deviations over nested seeds, gaps to English and averages without retrieval, by hand and in the files."""

from __future__ import annotations

import csv
import json
from statistics import fmean, stdev

import pytest

from stilts.study.collect import collect


def value(cell):
    """Seeds matter in every phase, and English is 8 points better."""
    seeds = 2.0 * (cell.intermediate_seed or 0) ** 2 + 0.7 * (cell.target_seed or 0) ** 2
    return 40 + seeds + (8 if cell.language == "en" else 0) + (3 if cell.metric == "f1" else 0)


@pytest.fixture
def study(make_plan, scored, write_rows):
    plan = make_plan(seeds=[1, 2, 3])
    write_rows(plan, scored(plan, value))
    collect(plan)
    return plan


def recipes(plan):
    return json.loads((plan.folder / "results" / "xtreme.json").read_text())["recipes"]


def test_sds_over_nested_seeds(study):
    inner = [0.7 * seed**2 for seed in (1, 2, 3)]
    outer = [2.0 * seed**2 for seed in (1, 2, 3)]
    found = recipes(study)
    # the baseline has target seeds only; nothing is trained for tatoeba, so a third of its average does not vary
    assert found["none"]["sds"]["tasks"]["xnli"] == pytest.approx(stdev(inner))
    assert found["none"]["sds"]["tasks"]["tatoeba"] is None
    assert found["none"]["sds"]["average"] == pytest.approx(stdev(inner) * 2 / 3)
    # target seeds are nested in intermediate ones: each of these counts once, with the mean of its fine-tunes
    assert found["squad"]["sds"]["tasks"] == pytest.approx(dict.fromkeys(("xnli", "mlqa", "tatoeba"), stdev(outer)))
    assert found["squad"]["sds"]["average"] == pytest.approx(stdev(outer))
    assert [own["sds"]["units"] for own in found.values()] == [3, 3]


def test_gaps_and_averages_without_retrieval(study):
    for own in recipes(study).values():
        assert own["gaps"] == {"xnli": pytest.approx(8)}  # mlqa is scored in English only, tatoeba without it
        scores = {name: task["score"] for name, task in own["tasks"].items()}
        assert own["average_without_retrieval"] == pytest.approx(fmean([scores["xnli"], scores["mlqa"]]))
        assert own["average"] == pytest.approx(fmean(scores.values()))


def test_they_are_in_the_tables(study):
    with open(study.folder / "results" / "xtreme.csv", newline="") as file:
        rows = {row["recipe"]: row for row in csv.DictReader(file)}
    found = recipes(study)
    for name, row in rows.items():
        assert float(row["sd_average"]) == found[name]["sds"]["average"]
        assert float(row["average_without_retrieval"]) == found[name]["average_without_retrieval"]
    assert rows["none"]["sd_tatoeba"] == ""
    text = (study.folder / "results" / "xtreme.md").read_text()
    assert f"{found['squad']['average']:.1f} ± {found['squad']['sds']['average']:.1f}" in text
    assert "## Cross-lingual gap" in text
    assert "## Averages without retrieval" in text


def test_a_missing_seed_leaves_no_sd(make_plan, scored, write_rows):
    plan = make_plan(seeds=[1, 2, 3])
    rows = scored(plan, value)
    gone = next(r for r in rows if (r["recipe"], r["target"], r["language"]) == ("squad", "xnli", "en"))
    write_rows(plan, [row for row in rows if row is not gone])
    collect(plan)
    squad = recipes(plan)["squad"]
    assert (squad["sds"]["tasks"]["xnli"], squad["sds"]["average"], squad["gaps"]["xnli"]) == (None, None, None)
    assert squad["sds"]["tasks"]["mlqa"] is not None
    assert squad["average_without_retrieval"] is None


def test_one_seed_has_no_sd(make_plan, scored, write_rows):
    plan = make_plan()
    write_rows(plan, scored(plan, value))
    assert "±" not in collect(plan).table
    assert recipes(plan)["none"]["sds"] == {
        "tasks": {"xnli": None, "mlqa": None, "tatoeba": None},
        "average": None,
        "units": 1,
    }
