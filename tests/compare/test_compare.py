"""Comparisons: what is compared, over what, and what is refused; intervals against scipy."""

from __future__ import annotations

import pytest
from scipy import stats

from stilts.compare.compare import AVERAGE, compare
from stilts.compare.intervals import with_intervals
from stilts.compare.published import published_row
from stilts.compare.results import study_sides
from stilts.compare.side import SCORE, Cell, Mean, Side


def side(name, cells=None, means=None):
    return Side(name, "", "xtreme", "dev", "", cells or {}, means or {})


def xnli(split="dev", marks=(), n=None, **values):
    return {code: Cell({"accuracy": value}, split, marks, n) for code, value in values.items()}


def mlqa(**values):
    return {code: Cell({"f1": f1, "exact_match": em}, "dev") for code, (f1, em) in values.items()}


def rows(one):
    return {(row.target, row.language, row.metric): row for row in one.rows}


def test_values_and_differences():
    a = side("a", {"xnli": xnli(en=80, de=70), "mlqa": mlqa(en=(60, 40))})
    b = side("b", {"xnli": xnli(en=75, de=71), "mlqa": mlqa(en=(50, 30))})
    one = compare(a, b)
    found = rows(one)
    assert (found["xnli", "all", "accuracy"].a, found["xnli", "all", "accuracy"].b) == (75, 73)
    assert found["xnli", "de", "accuracy"].difference == -1
    assert found["mlqa", "all", SCORE].difference == 10
    average = found[AVERAGE, "all", SCORE]
    assert (average.a, average.b, average.languages, average.whole) == (62.5, 56.5, ("xnli", "mlqa"), True)
    assert one.refused == ()


def test_another_split_is_refused():
    one = compare(side("a", {"xnli": xnli(en=80)}), side("b", {"xnli": xnli(split="test", en=75)}))
    assert one.rows == ()
    assert one.refused == ("xnli: another split: A dev, B test",)


def test_other_languages_are_never_averaged_in_silence():
    a = side("a", {"xnli": xnli(en=80, de=70, fr=60), "mlqa": mlqa(en=(60, 40))})
    b = side("b", {"xnli": xnli(en=70, de=60, sw=10), "mlqa": mlqa(en=(50, 40))})
    one = compare(a, b)
    row = rows(one)["xnli", "all", "accuracy"]
    assert (row.a, row.b, row.languages, row.whole) == (75, 65, ("de", "en"), False)
    assert one.refused == ("xnli: only A has fr", "xnli: only B has sw")
    assert [row for row in one.rows if row.target == AVERAGE] == []  # one task is whole


def test_a_missing_score_is_named():
    a = side("a", {"xnli": xnli(en=80, de=None)})
    one = compare(a, side("b", {"xnli": xnli(en=70, de=60)}))
    assert one.refused == ("xnli: A has no score in de",)
    assert rows(one)["xnli", "all", "accuracy"].languages == ("en",)
    none = compare(side("a", {"xnli": xnli(en=None)}), a)
    assert (none.rows, none.refused) == ((), ("xnli: A has no score",))


def test_a_published_mean_is_compared_over_its_own_languages_only():
    mean = {"xnli": Mean({"accuracy": 70.0}, "dev", frozenset({"en", "de"}))}
    more = compare(side("a", {"xnli": xnli(en=80, de=70, fr=0)}), side("b", {}, mean))
    row = rows(more)["xnli", "all", "accuracy"]
    assert (row.a, row.b, row.whole, row.languages) == (75, 70, False, ("de", "en"))
    assert more.refused == ("xnli: only A has fr",)
    fewer = compare(side("a", {"xnli": xnli(en=80)}), side("b", {}, mean))
    assert fewer.rows == ()
    assert fewer.refused == ("xnli: B's number is a mean over languages that A lacks: de",)


def test_f1_alone_is_compared_as_f1_and_left_out_of_the_average():
    mean = {
        "mlqa": Mean({"f1": 50.0}, "dev", frozenset({"en"})),
        "xnli": Mean({"accuracy": 70.0}, "dev", frozenset({"en"})),
        "pawsx": Mean({"accuracy": 80.0}, "dev", frozenset({"en"})),
    }
    cells = {"xnli": xnli(en=80), "pawsx": xnli(en=82), "mlqa": mlqa(en=(60, 40))}
    one = compare(side("a", cells), side("b", {}, mean))
    found = rows(one)
    assert found["mlqa", "all", "f1"].difference == 10
    assert ("mlqa", "all", SCORE) not in found
    assert found[AVERAGE, "all", SCORE].languages == ("xnli", "pawsx")
    assert not found[AVERAGE, "all", SCORE].whole
    assert one.refused == ("mlqa: compared by f1 only, the score is of f1 and exact_match",)


def test_other_examples_are_named_and_left_out_of_the_average():
    a = side("a", {"xnli": xnli(en=80, n=100), "pawsx": xnli(en=1), "tatoeba": xnli(de=3)})
    b = side("b", {"xnli": xnli(en=70, n=2490), "pawsx": xnli(en=2), "tatoeba": xnli(de=3)})
    one = compare(a, b)
    assert one.refused == ("xnli: not the same examples: A 100, B 2490 (en)",)
    assert rows(one)[AVERAGE, "all", SCORE].languages == ("pawsx", "tatoeba")


def test_averages_with_and_without_marked_cells():
    marked = {"xnli": xnli(marks=("same_data",), en=80), "pawsx": xnli(en=60), "tatoeba": xnli(de=40)}
    plain = {"xnli": xnli(en=70), "pawsx": xnli(en=60), "tatoeba": xnli(de=40)}
    one = compare(side("a", marked), side("b", plain))
    averages = [row for row in one.rows if row.target == AVERAGE]
    assert [(row.languages, row.difference) for row in averages] == [
        (("xnli", "pawsx", "tatoeba"), pytest.approx(10 / 3)), (("pawsx", "tatoeba"), 0)
    ]  # fmt: skip
    assert rows(one)["xnli", "all", "accuracy"].marks == ("A same_data",)


def points(base):
    """Scores that differ by seed, the same in all languages."""
    return lambda cell: base + {"none": 0, "mnli": 2}[cell.recipe] + [0, 0.5, 3, 1][cell.target_seed or 0]


def test_intervals_of_two_studies_are_students_with_a_pooled_variance(study):
    seeds = {"seeds": [1, 2, 3], "target": {"tasks": ["xnli"], "languages": ["en", "de"]}}
    a, b = study("a", points(50), **seeds), study("b", points(45), **seeds)
    one = with_intervals(compare(study_sides(a)[0], study_sides(b)[0]))
    values = [50.5, 53, 51]
    expected = stats.ttest_ind(values, [v - 5 for v in values]).confidence_interval(0.95)
    for key in (("xnli", "all", "accuracy"), ("xnli", "de", "accuracy")):
        row = rows(one)[key]
        assert (row.low, row.high, row.df) == pytest.approx((expected.low, expected.high, 4))
        assert row.of == "A and B: target seeds"


def test_intervals_against_a_published_number_hold_one_arm(study):
    target = {"tasks": ["xnli", "mlqa"], "languages": {"xnli": ["en", "de"], "mlqa": ["en"]}}
    path = study("a", points(50), seeds=[1, 2, 3], target=target)
    one = with_intervals(compare(study_sides(path)[0], published_row("mdeberta-v3-base")))
    row = rows(one)["xnli", "en", "accuracy"]
    mean = stats.ttest_1samp([50.5, 53, 51], 0).confidence_interval(0.95)
    assert (row.low, row.high, row.df) == pytest.approx((mean.low - 88.2, mean.high - 88.2, 2))
    assert row.of == "A: target seeds"


def test_one_seed_has_no_interval(study):
    a, b = study("a", points(50)), study("b", points(45))
    one = with_intervals(compare(study_sides(a)[0], study_sides(b)[0]))
    assert all(row.low is None for row in one.rows)
    assert rows(one)["mlqa", "all", SCORE].difference == pytest.approx(5)
