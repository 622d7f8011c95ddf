"""The benchmark's own mock labels and predictions, and the averages that its evaluate.py prints for them."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean

import pytest

from stilts.metrics import mlqa, squad
from stilts.metrics.accuracy import accuracy
from stilts.metrics.seqeval import entity_f1


def column(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]


def sentences(path: Path) -> list[list[str]]:
    """Tags of each sentence; an empty line ends one."""
    out: list[list[str]] = [[]]
    for line in column(path):
        if line:
            out[-1].append(line)
        else:
            out.append([])
    return out if out[-1] else out[:-1]


def files(root: Path, task: str) -> list[tuple[str, Path, Path]]:
    """(language, labels, predictions) of a task."""
    mock = root / "xtreme_mock_test_data"
    found = sorted((mock / "labels" / task).iterdir())
    assert found
    return [(path.stem.removeprefix("test-"), path, mock / "predictions" / task / path.name) for path in found]


@pytest.mark.parametrize(("task", "value"), [("pawsx", 51.428571), ("xnli", 30.666667), ("tatoeba", 53.611111)])
def test_accuracy(task, value, real_data: Path) -> None:
    scores = [accuracy(column(gold), column(given)) for _, gold, given in files(real_data, task)]
    assert fmean(scores) == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize(("task", "value"), [("udpos", 70.217460), ("panx", 57.507937)])
def test_tagging_f1(task, value, real_data: Path) -> None:
    scores = [entity_f1(sentences(gold), sentences(given)) for _, gold, given in files(real_data, task)]
    assert fmean(scores) == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize(
    ("task", "exact", "f1"),
    [("xquad", 77.272727, 79.958678), ("mlqa", 57.142857, 81.768707), ("tydiqa", 88.888889, 97.222222)],
)
def test_span_scores(task, exact, f1, real_data: Path) -> None:
    by_language = []
    for language, gold, given in files(real_data, task):
        answers = json.loads(given.read_text(encoding="utf-8"))
        questions = [
            question
            for article in json.loads(gold.read_text(encoding="utf-8"))["data"]
            for paragraph in article["paragraphs"]
            for question in paragraph["qas"]
        ]
        pairs = [(answers[one["id"]], [answer["text"] for answer in one["answers"]]) for one in questions]
        scores = [mlqa.score(*pair, language) if task == "mlqa" else squad.score(*pair) for pair in pairs]
        by_language.append([100 * fmean(values) for values in zip(*scores, strict=True)])
    assert [fmean(values) for values in zip(*by_language, strict=True)] == pytest.approx([exact, f1], abs=1e-5)
