"""The published rows: complete, of declared tasks, and the numbers that the facts give."""

from __future__ import annotations

import pytest

from stilts.compare.published import published, published_row, published_rows, reported_languages
from stilts.compare.side import SCORE
from stilts.errors import InputError
from stilts.tasks import get_task, target_tasks


@pytest.mark.parametrize("name", list(published()))
def test_a_row_says_what_it_is(name):
    row = published()[name]
    assert row.split in ("dev", "test")
    assert "; " in row.about
    assert row.note
    assert set(row.targets) <= set(target_tasks(row.benchmark))
    for target in row.targets:
        task = get_task(target)
        metrics = [metric for metric in task.metrics if row.complete(target, metric)]
        assert metrics
        assert row.splits(target) == {task.reported[row.split]}
        for metric in metrics:
            assert 0 < row.value(target, metric, row.complete(target, metric)) < 100
            assert row.complete(target, metric) == reported_languages(target, row.benchmark, row.split)
        named = row.means[target].metrics if target in row.means else next(iter(row.cells[target].values())).metrics
        assert set(named) <= set(task.metrics)


def test_the_paper_and_its_baseline():
    large, best = published_row("xlm-r-large"), published_row("x-stilts")
    everything = large.languages("xquad")
    assert large.value("xquad", SCORE, everything) == pytest.approx((76.6 + 60.8) / 2)
    assert large.value("xquad", "f1", everything - {"de"}) is None
    assert best.value("tydiqa", "f1", best.languages("tydiqa")) == 76.0
    assert best.value("tydiqa", SCORE, best.languages("tydiqa")) is None


@pytest.mark.parametrize(
    ("name", "target", "metric", "printed"),
    [("xlm-r-large-untrained", "tatoeba", "accuracy", 31.0), ("mdeberta-v3-base", "xnli", "accuracy", 79.8),
     ("xlm-r-large-fairseq", "mlqa", "f1", 70.7), ("xlm-r-large-fairseq", "mlqa", "exact_match", 52.7),
     ("mbert-fairseq", "mlqa", "f1", 57.7), ("mbert-fairseq", "mlqa", "exact_match", 41.6)],
)  # fmt: skip
def test_languages_have_the_mean_that_is_printed_beside_them(name, target, metric, printed):
    row = published_row(name)
    assert row.value(target, metric, row.languages(target)) == pytest.approx(printed, abs=0.06)


def test_rows_are_found_by_benchmark_and_split():
    dev = {row.name for row in published_rows("xtreme", "dev")}
    assert dev == {"published:xlm-r-large-untrained", "published:mdeberta-v3-base"}
    assert len(published_rows("xtreme", "test")) == len(published()) - len(dev)
    assert published_rows("xtreme_r", "dev") == []
    with pytest.raises(InputError, match="did you mean 'xlm-r-large'"):
        published_row("xlmr-large")


def test_the_dev_split_is_without_languages_that_only_have_a_test_set():
    assert reported_languages("udpos", "xtreme", "test") - reported_languages("udpos", "xtreme", "dev") == {
        "kk", "th", "tl", "yo",
    }  # fmt: skip
