"""The sentences say what the numbers allow, and call nothing best that is not."""

from __future__ import annotations

import pytest
from made_up import delta, make_plan, make_up, write_deltas, write_statistics

from stilts.report.results import read_results
from stilts.report.summary import headline, sentences
from stilts.report.write import write_report
from stilts.study.collect import collect

SEEDS = {"low": 0.5, "high": 3.5, "p": 0.01}


def said(plan, *rows):
    write_deltas(plan, rows)
    return headline(read_results(plan))


def test_a_gain_with_its_interval(plan):
    text = said(plan, delta("squad", value=2.0, **SEEDS), delta("mnli", value=-1.0))
    assert text == (
        "squad gains +2.0 points over none on average (95 % interval [+0.5, +3.5] over seeds). That is more than the "
        "baseline; whether it is more than the next recipe, mnli (−1.0 points), was not tested."
    )


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({}, "no interval around it"),
        ({"low": -0.5, "high": 4.5}, "holds 0"),
        ({**SEEDS, "p_adjusted": 0.2, "tests": 12}, "not after correction for 12 tests (p = 0.200)"),
        ({"low_test_set": 0.5, "high_test_set": 3.5}, "another seed may change that"),
    ],
)
def test_nothing_is_called_best_that_may_be_luck(plan, row, why):
    text = said(plan, delta("squad", value=2.0, **row))
    assert why in text
    assert "no recipe can be called best" in text


def test_the_interval_that_stars_are_of_is_shown_everywhere(plan):
    """As in xtreme.md and the figures: one kind in a table, over seeds where there is any."""
    others = {"low_test_set": 1.0, "high_test_set": 3.0, "low_combined": -1.0, "high_combined": 5.0}
    only_items = {"low_test_set": -9.0, "high_test_set": 9.0}
    text = said(
        plan, delta("squad", value=2.0, **SEEDS, **others), delta("squad", "xnli", value=2.0, **SEEDS, **others),
        delta("squad", "mlqa", value=1.0, **only_items), delta("squad", "xnli", "de", 1.5, **only_items),
    )  # fmt: skip
    assert text.startswith("squad gains +2.0 points over none on average (95 % interval [+0.5, +3.5] over seeds)")
    results = read_results(plan)
    shown = {key[1:]: delta.interval and delta.interval.over for key, delta in results.deltas.items()}
    assert shown == {
        ("all", "all"): "seeds",
        ("xnli", "all"): "seeds",
        ("mlqa", "all"): None,
        ("xnli", "de"): "test items",
    }
    page = write_report(plan).read_text(encoding="utf-8")
    assert page.count("<small>+2.0\n[+0.5, +3.5]</small>") == 2
    assert "with its 95 % interval over seeds</p>" in page


def test_no_recipe_gains(plan):
    text = said(plan, delta("squad", value=-0.4), delta("mnli", value=-1.0, low=-2, high=0))
    assert text == "No recipe has a higher average than none. The highest of 2 recipes, squad, is at −0.4 points."


def test_no_recipe_can_be_compared(plan):
    assert said(plan) == "No recipe can be compared with none on all targets: scores are missing."


def test_what_is_said_beside_it(plan):
    write_deltas(plan, [delta("squad", value=2.0, **SEEDS), delta("mnli", value=-1.0, low=-2, high=-0.1)])
    write_statistics(plan)
    assert sentences(read_results(plan)) == [
        "Of the 2 recipes' intervals of the average gain, 1 lies wholly above 0 (squad) and 1 lies wholly below 0 "
        "(mnli).",
        "The smaller arms have 2 seeds: below five, nothing is starred.",
        "Chosen and scored on separate data, one recipe can be called best on 1 of 2 targets: squad on xnli; on the "
        "others no recipe can be called best. Chance alone gives 0.08.",
        "The 2 published claims: 1 supported and 1 not in this study.",
        "Of 6 comparisons of a recipe with the baseline on a target, by intervals over seeds, 1 lies wholly below 0 "
        "and 3 lie wholly above 0; chance alone gives 0.1 of either.",
        "3 of 21 cells have no score; averages over them are left out, not made smaller.",
        "1 run looks degenerate: see why before a number of theirs is used.",
        "1 setting differs from the preset.",
    ]


def test_without_winners_none_is_named(plan):
    best = {"xnli": {"recipe": "squad", "winner": None}, "mlqa": {"recipe": "mnli", "winner": None}}
    write_statistics(plan, best=best)
    assert "no recipe can be called best on any of 2 targets" in " ".join(sentences(read_results(plan)))


@pytest.mark.parametrize(
    ("apart", "sentence", "column", "text"),
    [
        ((True, True), "Chosen and scored on separate data, no", "score, fair", "was not used to choose"),
        ((False, False), "By scores of what chose them, no", "score", "So is the score here"),
        ((True, False), "Chosen and scored on separate data, but for mlqa, no", "score", "Where nothing else is said"),
    ],
    ids=("apart", "not apart", "one apart"),
)
def test_a_score_of_what_chose_it_is_not_called_fair(plan, apart, sentence, column, text):
    one = {"recipe": "squad", "winner": None, "method": "cross_fitted_seeds", "score": 61.0, "gain": 1.0}
    targets = dict(zip(("xnli", "mlqa"), apart, strict=True))
    write_statistics(plan, best={target: {**one, "apart": own} for target, own in targets.items()})
    assert f"{sentence} recipe can be called best on any of 2 targets." in sentences(read_results(plan))
    page = write_report(plan).read_text(encoding="utf-8")
    assert f">{column}</th>" in page
    assert text in page
    assert ("was not used to choose" in page) == all(apart)
    assert page.count("<small>of what chose it</small>") == apart.count(False)
    assert "still have a winner: 0.08 of 2 here" in page


@pytest.mark.parametrize(("expected", "text"), [(0.05, "0.05"), (0.15, "0.1"), (2.7, "2.7")])
def test_few_by_chance_are_not_none(plan, expected, text):
    found = {"interval": "seeds", "cells": 2, "negative": 0, "positive": 0, "expected": expected}
    write_statistics(plan, negative_transfer={"target": found})
    assert f"chance alone gives {text} of either" in " ".join(sentences(read_results(plan)))
    assert f"<td>{text}</td></tr>" in write_report(plan).read_text(encoding="utf-8").split('id="negative"')[1]


RECIPES = [{"name": "squad", "tasks": ["squad_v1"]}, {"name": "mnli", "tasks": ["mnli"]}]


@pytest.mark.parametrize(
    ("changes", "start"),
    [
        ({"intermediate": RECIPES}, "The study has no baseline"),
        ({"intermediate": []}, "The study has no recipe beside its baseline none"),
        ({"target": {"tasks": ["xnli"], "languages": ["en", "de"], "seeds": [1, 2]}}, "squad gains +3."),
        ({"target": {"tasks": ["tatoeba"], "languages": ["de"]}}, "squad has the highest average"),
    ],
    ids=("no baseline", "no recipe", "one target", "one seed, no training"),
)
def test_a_study_of_another_shape_has_its_report(tmp_path, changes, start):
    plan = make_plan(tmp_path, **changes)
    make_up(plan)
    assert headline(read_results(plan)).startswith(start)
    text = write_report(plan).read_text(encoding="utf-8")
    assert text.count("<section") == text.count("</section>") == 12


def test_missing_scores_of_noisy_inputs_are_said(tmp_path):
    swap = {"noise": "swap", "level": 0.1, "seeds": [1, 2], "tasks": ["mlqa"]}
    plan = make_plan(tmp_path, evaluation={"conditions": ["clean", swap]})
    make_up(plan)
    results = read_results(plan)
    found = sentences(results)
    assert "All 21 clean cells (recipe × target × language) have a score." in found
    assert "Under noisy inputs 6 cells (with the condition) lack a score: see Missing cells." in found
    assert {gap[:4] for gap in results.noisy_gaps} == {(name, "mlqa", "en de", "swap@0.1") for name in results.recipes}
    page = write_report(plan).read_text(encoding="utf-8")
    assert "<code>results/noise.csv</code>" in page
    assert (
        page.split('id="noisy-missing"')[1].count('<td class="t">swap@0.1</td>') == 6
    )  # each of two runs has its reason
    assert "Nothing is missing" not in page
    assert "<p>None.</p>" not in page.split('id="gone"')[1]
    (plan.folder / "results" / "problems.txt").write_text("", encoding="utf-8")
    assert "Nothing is missing: all 21 clean cells (recipe × target × language) have a score." in sentences(
        read_results(plan)
    )


def test_a_study_that_was_not_run(tmp_path):
    plan = make_plan(tmp_path)
    collect(plan)
    results = read_results(plan)
    assert headline(results) == "No recipe can be compared with none on all targets: scores are missing."
    assert "21 of 21 cells have no score; averages over them are left out, not made smaller." in sentences(results)
    assert "No run has recorded its time" in write_report(plan).read_text(encoding="utf-8")
