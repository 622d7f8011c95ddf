"""Two results task by task: values, differences, and what cannot be compared, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stilts.compare.side import SCORE, Side
from stilts.table import mean
from stilts.tasks import get_task, target_tasks

AVERAGE = "average"


@dataclass(frozen=True)
class Row:
    """One difference, A - B, in points.

    Attributes:
        target: a task, or "average" over tasks.
        language: a code, or "all" for the mean over `languages`.
        metric: of the task, or "score", the mean of those that the benchmark counts.
        languages: what a mean is over; of an average, the tasks.
        whole: whether the mean is over all that both plan or publish; else it is over what both have.
        low, high, df: the 95 % interval over seeds, None where there is none.
        of: what the interval holds: "A and B", or "A" against a published number that has none.
        marks: marks of the cells of A and B, as "A same_data".
        unlike: languages (of an average: tasks) whose numbers of examples differ, so that the sets are not the same.
    """

    target: str
    language: str
    metric: str
    a: float
    b: float
    languages: tuple[str, ...]
    whole: bool = True
    low: float | None = None
    high: float | None = None
    df: float | None = None
    of: str = ""
    marks: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()

    @property
    def difference(self) -> float:
        """A - B."""
        return self.a - self.b


@dataclass(frozen=True)
class Comparison:
    """Two results side by side.

    Attributes:
        rows: tasks first, then averages, then languages.
        refused: what is not compared or only in part, one line each.
    """

    a: Side
    b: Side
    rows: tuple[Row, ...]
    refused: tuple[str, ...]

    @property
    def tasks(self) -> list[Row]:
        """The rows of tasks and averages."""
        return [row for row in self.rows if row.language == "all"]

    @property
    def by_language(self) -> list[Row]:
        """The rows of single languages."""
        return [row for row in self.rows if row.language != "all"]


def compare(a: Side, b: Side) -> Comparison:
    """Compare two results. Nothing is averaged over less than it says: what one of them lacks is named."""
    tasks: list[Row] = []
    languages: list[Row] = []
    refused: list[str] = []
    order = [*target_tasks(a.benchmark), *a.targets, *b.targets]
    for name, own, other in (("A", a, b), ("B", b, a)):
        if lacks := [target for target in other.targets if target not in own.targets]:
            refused.append(f"not in {name}: {' '.join(lacks)}")
    for target in dict.fromkeys(name for name in order if name in a.targets and name in b.targets):
        reason = _apart(target, a, b)
        if reason:
            refused.append(f"{target}: {reason}")
            continue
        metrics = _metrics(target, a, b)
        score_metrics = get_task(target).score_metrics
        if len(score_metrics) > 1 and metrics != [SCORE]:
            refused.append(
                f"{target}: compared by {', '.join(metrics)} only, the score is of {' and '.join(score_metrics)}"
            )
        for metric in metrics:
            row, why = _task_row(target, metric, a, b)
            tasks += [row] if row else []
            refused += [f"{target}: {line}" for line in why]
            languages += _language_rows(target, metric, a, b)
    averages = _averages(tasks, a, b)
    refused += [f"{row.target}: not the same examples: {_counts(row, a, b)}" for row in tasks if row.unlike]
    return Comparison(a, b, (*tasks, *averages, *languages), tuple(refused))


def _apart(target: str, a: Side, b: Side) -> str | None:
    """Why a task cannot be compared at all, or None."""
    for side, name in ((a, "A"), (b, "B")):
        if not any(side.complete(target, metric) for metric in get_task(target).metrics):
            return f"{name} has no score"
    if a.splits(target) != b.splits(target):
        return f"another split: A {' '.join(sorted(a.splits(target)))}, B {' '.join(sorted(b.splits(target)))}"
    return None


def _metrics(target: str, a: Side, b: Side) -> list[str]:
    """The score where both have all of its metrics, else the metrics that both have."""
    counted = get_task(target).score_metrics
    name = SCORE if len(counted) > 1 else counted[0]
    if a.complete(target, name) and b.complete(target, name):
        return [name]
    return [metric for metric in get_task(target).metrics if a.complete(target, metric) and b.complete(target, metric)]


def _task_row(target: str, metric: str, a: Side, b: Side) -> tuple[Row | None, list[str]]:
    """The row of a task, over the largest set of languages that both have; and what it leaves out."""
    has_a, has_b = a.complete(target, metric), b.complete(target, metric)
    common = has_a & has_b
    for side, name in ((a, "A"), (b, "B")):
        if target in side.means and common != side.means[target].languages:
            other = "B" if name == "A" else "A"
            lacks = " ".join(sorted(side.means[target].languages - common))
            return None, [f"{name}'s number is a mean over languages that {other} lacks: {lacks}"]
    if not common:
        return None, ["no language in common"]
    planned_a, planned_b = a.languages(target), b.languages(target)
    why = [
        f"{name} has no score in {' '.join(sorted(planned - has))}"
        for name, planned, has in (("A", planned_a, has_a), ("B", planned_b, has_b))
        if planned - has
    ]
    why += [
        f"only {name} has {' '.join(sorted(own - other))}"
        for name, own, other in (("A", planned_a, planned_b), ("B", planned_b, planned_a))
        if own - other
    ]
    row = _row(target, "all", metric, a, b, common)
    return replace(row, whole=not why), why


def _language_rows(target: str, metric: str, a: Side, b: Side) -> list[Row]:
    """A row for each language that both have a value of."""
    codes = [code for code in a.cells.get(target, {}) if a.has(target, code, metric) and b.has(target, code, metric)]
    return [_row(target, code, metric, a, b, frozenset([code])) for code in codes]


def _row(target: str, language: str, metric: str, a: Side, b: Side, languages: frozenset[str]) -> Row:
    first, second = a.value(target, metric, languages), b.value(target, metric, languages)
    assert first is not None
    assert second is not None
    codes = tuple(sorted(languages))
    marks = tuple(f"{name} {mark}" for side, name in ((a, "A"), (b, "B")) for mark in side.marks(target, languages))
    unlike = tuple(code for code in codes if _differ(a.count(target, code), b.count(target, code)))
    return Row(target, language, metric, first, second, codes, marks=marks, unlike=unlike)


def _differ(first: int | None, second: int | None) -> bool:
    return first is not None and second is not None and first != second


def _counts(row: Row, a: Side, b: Side) -> str:
    """How many examples each has, in the languages in which they differ."""
    found = dict.fromkeys((a.count(row.target, code), b.count(row.target, code)) for code in row.unlike)
    return ", ".join(f"A {first}, B {second}" for first, second in found) + f" ({' '.join(row.unlike)})"


def _averages(rows: Sequence[Row], a: Side, b: Side) -> list[Row]:
    """The mean over the tasks that both have whole, and over those of them without marks, each naming its tasks."""
    whole = [row for row in rows if row.whole and not row.unlike and row.metric in (SCORE, *_single(row.target))]
    bare = [row for row in whole if not row.marks]
    kept = [whole] if len(bare) == len(whole) else [whole, bare]
    everything = set(a.targets) | set(b.targets)
    return [
        Row(AVERAGE, "all", SCORE, first, second, tuple(row.target for row in own),
            {row.target for row in own} == everything, marks=tuple(dict.fromkeys(m for row in own for m in row.marks)))
        for own in kept
        if len(own) > 1
        and (first := mean(row.a for row in own)) is not None
        and (second := mean(row.b for row in own)) is not None
    ]  # fmt: skip


def _single(target: str) -> tuple[str, ...]:
    """The metric that is the task's score, of a task that counts one."""
    metrics = get_task(target).score_metrics
    return metrics if len(metrics) == 1 else ()
