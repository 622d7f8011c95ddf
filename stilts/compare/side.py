"""One of the results that are compared: a recipe of a study, or a published row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from stilts.table import mean
from stilts.tasks import get_task

SCORE = "score"
"""The mean of the metrics that the benchmark counts, of a task that counts several."""

Metrics = Mapping[str, float | None]


class Cell(NamedTuple):
    """What a result says of one task in one language.

    Attributes:
        metrics: metric -> points (0-100), the mean over seeds; None where a planned score is missing.
        split: "dev" or "test", the set that was scored; None where nothing was.
        marks: `chosen_on` and `same_data` (`stilts.study.marks`).
        n: scored examples; of a published row those of the official release, None where that is not known.
    """

    metrics: Metrics
    split: str | None
    marks: tuple[str, ...] = ()
    n: int | None = None


class Mean(NamedTuple):
    """A published mean over languages, without their values."""

    metrics: Metrics
    split: str
    languages: frozenset[str]


class RunScore(NamedTuple):
    """One score of one run: what intervals over seeds are made from."""

    target: str
    language: str
    metric: str
    seeds: tuple[str, str]
    value: float


@dataclass(frozen=True)
class Side:
    """One result.

    Attributes:
        name: `study/recipe` or `published:name`.
        about: model and source in one line.
        split: what it reports, "dev" or "test"; which sets these are follows from each task.
        note: what to know before comparing.
        cells: target -> language -> cell.
        means: target -> mean, of targets whose languages were not published.
        runs: the scores behind the cells, a row a run; empty for published rows.
    """

    name: str
    about: str
    benchmark: str
    split: str
    note: str = ""
    cells: Mapping[str, Mapping[str, Cell]] = field(default_factory=dict)
    means: Mapping[str, Mean] = field(default_factory=dict)
    runs: tuple[RunScore, ...] = ()

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """The tasks that it says something about."""
        return tuple(dict.fromkeys([*self.cells, *self.means]))

    def languages(self, target: str) -> frozenset[str]:
        """The languages that its number for a task is planned or published over."""
        return self.means[target].languages if target in self.means else frozenset(self.cells[target])

    def splits(self, target: str) -> set[str]:
        """The splits that its scores of a task are from."""
        if target in self.means:
            return {self.means[target].split}
        return {cell.split for cell in self.cells[target].values() if cell.split}

    def has(self, target: str, language: str, metric: str) -> bool:
        """Whether it has a value for a language."""
        cell = self.cells.get(target, {}).get(language)
        return cell is not None and value_of(cell.metrics, target, metric) is not None

    def complete(self, target: str, metric: str) -> frozenset[str]:
        """The languages with a value; for a published mean, all that it is over."""
        if target in self.means:
            known = value_of(self.means[target].metrics, target, metric) is not None
            return self.means[target].languages if known else frozenset()
        return frozenset(code for code in self.cells[target] if self.has(target, code, metric))

    def count(self, target: str, language: str) -> int | None:
        """Scored examples, as far as they are known."""
        if target in self.means:
            return official_size(target, self.means[target].split, language)
        cell = self.cells[target].get(language)
        return cell.n if cell else None

    def value(self, target: str, metric: str, languages: frozenset[str]) -> float | None:
        """The mean over exactly these languages, None where one has no value."""
        if target in self.means:
            own = self.means[target]
            return value_of(own.metrics, target, metric) if own.languages == languages else None
        cells = self.cells[target]
        return mean(
            value_of(cells[code].metrics, target, metric) if code in cells else None for code in sorted(languages)
        )

    def marks(self, target: str, languages: frozenset[str]) -> tuple[str, ...]:
        """The marks of the cells in these languages, each once."""
        cells = self.cells.get(target, {})
        return tuple(dict.fromkeys(mark for code in sorted(languages) if code in cells for mark in cells[code].marks))


def official_size(target: str, split: str, language: str) -> int | None:
    """How many examples the official release has (of mining, gold pairs), None where that is not declared."""
    sizes = get_task(target).sizes.get(split, {})
    return sizes.get(language, sizes.get("*"))


def value_of(metrics: Metrics, target: str, metric: str) -> float | None:
    """A metric, or the score: the mean of those that the benchmark counts."""
    if metric == SCORE:
        return mean(metrics.get(name) for name in get_task(target).score_metrics)
    return metrics.get(metric)
