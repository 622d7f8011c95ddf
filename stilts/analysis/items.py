"""Graded items of a prepared set, read from a run's predictions: what test sets are resampled from.

Every metric of the benchmarks is a ratio of two sums over items, so each item carries its part of both:

| metric | numerator | denominator |
|---|---|---|
| accuracy of an example | 1 where right | 1 |
| accuracy of tags | right words | words |
| exact match and F1 of an answer, average precision | the item's value (0-1) | 1 |
| F1 of spans (seqeval) and of mined pairs | 2 x correct | gold + predicted |

A set's metric in points is 100 x sum of numerators / sum of denominators; over any other choice of items, too.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stilts.config import SetRef
from stilts.errors import InputError
from stilts.tasks import TASKS
from stilts.tasks.base import Task

Parts = tuple[float, float]
EXAMPLES = "examples.jsonl"  # of a prepared set: stilts.data.store

GROUPS: dict[str, tuple[str, ...]] = {
    "span": ("article", "context"),
    "dual": ("article", "context"),
    "pair": ("text_a",),
    "retrieval": ("english",),
}
"""Format -> the fields of an example of which the first that is not empty names its group: articles of questions,
premises of pairs, English sentences that several of Tatoeba's pairs share."""


@dataclass(frozen=True)
class Items:
    """The graded items of one set in one language, in file order.

    Attributes:
        ids: example ids; not always unique (TyDiQA).
        groups: what items have in common beyond an id (an article, a premise), "" where nothing is known.
        numerator, denominator: float64 (items,), see the module.
    """

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    numerator: np.ndarray
    denominator: np.ndarray

    @property
    def score(self) -> float:
        """The metric over all items in points; 0 where the denominators sum to 0, as `stilts.metrics.accuracy.f1`."""
        return _points(np.array([self.numerator.sum(), self.denominator.sum()]))


@dataclass(frozen=True)
class Graded:
    """What one file of predictions says: for any of a task's metrics, and about the predictions as such.

    Attributes:
        ids: example ids.
        clusters: each prediction's own `cluster`, "" where it has none.
        parts: metric -> float64 (items, 2), numerators and denominators.
        commonest: the prediction made most often (a label, an answer, a tag), as text.
        share: of the predictions (of words, where they are tagged) that are the commonest, 0-1.
    """

    ids: tuple[str, ...]
    clusters: tuple[str, ...]
    parts: Mapping[str, np.ndarray]
    commonest: str
    share: float

    def items(
        self, metrics: Sequence[str], groups: Mapping[str, str] | None = None, like: Items | None = None
    ) -> Items:
        """The items for one metric or for the mean of several, which must be means over items (exact match, F1).

        Args:
            groups: example id -> group, from `read_groups`; a prediction's own `cluster` comes first.
            like: another run's items of this set, whose groups are taken as they are: thousands of runs share them.
        """
        tables = [self.parts[metric] for metric in metrics]
        assert len(tables) == 1 or all((table[:, 1] == 1).all() for table in tables), "only means over items"
        above = np.mean([table[:, 0] for table in tables], axis=0)
        if like is not None:
            return Items(like.ids, like.groups, above, tables[0][:, 1].copy())
        known = groups or {}
        names = tuple(own or known.get(name, "") for own, name in zip(self.clusters, self.ids, strict=True))
        return Items(self.ids, names, above, tables[0][:, 1].copy())

    def score(self, metric: str) -> float:
        """One metric over all items in points."""
        return _points(self.parts[metric].sum(axis=0))


def read_graded(path: Path, task: Task) -> Graded:
    """The graded predictions of a file in `predictions/<task>/`, for all metrics of the task.

    Raises InputError, naming file and line, for predictions that were not graded or are no JSON objects.
    """
    kinds = [(metric, _PARTS[_kind(task, metric)]) for metric in task.metrics]
    ids, clusters, rows = [], [], []
    said: Counter[str] = Counter()
    for number, line in enumerate(_lines(path), 1):
        try:
            item = json.loads(line)
            rows.append([part(item, metric) for metric, part in kinds])
            ids.append(str(item["id"]))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise InputError(
                f"{path} line {number}: {type(error).__name__} {error}",
                f"a graded prediction with {', '.join(task.metrics)}",
                "score the run again where the file is damaged; a set without labels has no items",
            ) from None
        clusters.append(str(item.get("cluster") or ""))
        prediction = item.get("prediction")
        said.update(map(str, prediction) if isinstance(prediction, list) else [str(prediction)])
    table = np.array(rows, dtype=np.float64).reshape(-1, len(kinds), 2)
    commonest, often = said.most_common(1)[0] if said else ("", 0)
    parts = {metric: table[:, place].copy() for place, (metric, _) in enumerate(kinds)}
    return Graded(tuple(ids), tuple(clusters), parts, commonest, often / max(1, said.total()))


def read_groups(examples: Path, task: Task) -> dict[str, str]:
    """Example id -> group, from the `examples.jsonl` of a prepared set; empty where a format has no groups.

    Placeholders ("NS" in PAWS-X) group nothing. Where an id comes twice with different groups, its group is unknown.
    """
    fields = GROUPS.get(task.format, ())
    found: dict[str, str] = {}
    for line in _lines(examples) if fields else ():
        example = json.loads(line)
        texts = (str(example[field]) for field in fields)
        group = next((text for text in texts if text and text not in task.placeholders), "")
        if found.setdefault(str(example["id"]), group) != group:
            found[str(example["id"])] = ""
    return found


def set_groups(features: Path, sets: Sequence[SetRef]) -> dict[str, dict[str, str]]:
    """Language -> example id -> group, for the sets of one task below a study's feature folder.

    A set that is no longer there (features may be removed when a study is done) has no groups.
    """
    paths = {ref.language: features / ref.folder / EXAMPLES for ref in sets}
    tasks = {ref.language: TASKS[ref.task] for ref in sets}
    return {name: read_groups(path, tasks[name]) if path.is_file() else {} for name, path in paths.items()}


def _points(sums: np.ndarray) -> float:
    """100 x the sum of numerators / that of denominators, 0 where that is 0."""
    above, below = map(float, sums)
    return 100.0 * above / below if below else 0.0


def _lines(path: Path) -> list[str]:
    """The lines of a file: texts in it may hold characters that `str.splitlines` takes for a line's end (U+2028)."""
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")


def _kind(task: Task, metric: str) -> str:
    if task.format == "mining":
        return "pairs"
    return f"{task.format}_{metric}" if task.format == "tagging" else metric


def _right(item: Mapping[str, Any], metric: str) -> Parts:
    return float(bool(item["correct"])), 1.0


def _words(item: Mapping[str, Any], metric: str) -> Parts:
    return float(item["correct"]), float(len(item["gold"]))


def _spans(item: Mapping[str, Any], metric: str) -> Parts:
    gold, predicted, correct = item["spans"]
    return 2.0 * correct, float(gold + predicted)


def _value(item: Mapping[str, Any], metric: str) -> Parts:
    return float(item[metric]), 1.0


def _precision(item: Mapping[str, Any], metric: str) -> Parts:
    return float(item["average_precision"]), 1.0


def _pairs(item: Mapping[str, Any], metric: str) -> Parts:
    found, gold = item["prediction"], item["gold"]
    return 2.0 * (found in gold), float((found is not None) + len(gold))


_PARTS: dict[str, Callable[[Mapping[str, Any], str], Parts]] = {
    "accuracy": _right,
    "tagging_accuracy": _words,
    "tagging_f1": _spans,
    "exact_match": _value,
    "f1": _value,
    "map_at_20": _precision,
    "pairs": _pairs,
}
