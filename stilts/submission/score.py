"""Scores a folder of predictions against a folder of labels, as the benchmark's own evaluate.py does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stilts.submission.layout import LAYOUTS, file_name, languages_in, open_folder, tasks_of
from stilts.table import mean, table
from stilts.tasks import BENCHMARKS


@dataclass
class FolderScores:
    """What a folder scores.

    Attributes:
        content: what `stilts score --json` prints; numbers in points (0-100), None where something below is missing.
        notes: what a reader of the numbers should know, a line each.
    """

    content: dict[str, Any]
    notes: list[str] = field(default_factory=list)

    @property
    def missing(self) -> list[dict[str, Any]]:
        """What is missing: task, language (None for all of a task), file and reason."""
        found: list[dict[str, Any]] = self.content["missing"]
        return found

    def text(self) -> str:
        """The scores as a table, then groups and average, what is missing and notes."""
        tasks, groups = self.content["tasks"], self.content["groups"]
        grouped = {task: group for group, names in BENCHMARKS[self.content["benchmark"]].items() for task in names}
        rows = []
        for task, content in tasks.items():
            metrics = ", ".join(f"{metric} {_points(value) or '–'}" for metric, value in content["metrics"].items())
            scored = sum(None not in values.values() for values in content["languages"].values())
            whole = f"{scored} of {len(content['languages'])}"
            rows.append([task, grouped.get(task), whole, metrics, _points(mean(content["metrics"].values()))])
        parts = [
            table(("task", "group", "languages", "metrics, mean over languages", "score"), rows),
            table(("group", "score"), [*([n, _points(v)] for n, v in groups.items()),
                                       ["average", _points(self.content["average"])]]),
        ]  # fmt: skip
        lines = [*missing_lines(self.missing), *(f"note: {note}" for note in self.notes)]
        return "\n\n".join([*parts, "\n".join(lines)] if lines else parts)


def score_folder(predictions: Path, labels: Path, benchmark: str | None = None) -> FolderScores:
    """Scores of every task and language that the benchmark has, and of other tasks that both folders have.

    A task's score is the mean over its languages and metrics, a group's and the average the plain mean over tasks.
    Tasks that are not the benchmark's are in no group and not in the average. Raises InputError for files that cannot
    be read, naming the row, and for predictions that are more or fewer than the labels.
    """
    name = open_folder(predictions, benchmark)
    open_folder(labels, name)
    scores = FolderScores({"benchmark": name, "tasks": {}, "groups": {}, "average": None, "missing": []})
    tasks = scores.content["tasks"]
    for task in tasks_of(name, (predictions, labels)):
        tasks[task] = _task(task, languages_in(task, name, (predictions, labels)), predictions, labels, scores)
    values = {task: mean(content["metrics"].values()) for task, content in tasks.items()}
    groups = BENCHMARKS[name]
    scores.content["groups"] = {group: mean(values[task] for task in names) for group, names in groups.items()}
    scores.content["average"] = mean(values[task] for names in groups.values() for task in names)
    return scores


def missing_lines(missing: Sequence[Mapping[str, Any]]) -> list[str]:
    """Entries of `missing` as text, those of one task with the same reason in one line."""
    together: dict[tuple[str, str], list[str]] = {}
    for one in missing:
        together.setdefault((one["task"], one["reason"]), []).append(one["language"] or "all languages")
    return [f"missing: {task} {' '.join(languages)}: {reason}" for (task, reason), languages in together.items()]


def _task(
    task: str, languages: tuple[str, ...], predictions: Path, labels: Path, scores: FolderScores
) -> dict[str, Any]:
    form = LAYOUTS[task]
    lacking = list(_lacking(task, languages, predictions, labels))
    scores.missing.extend(lacking)
    without = {one["language"] for one in lacking}
    by_language: dict[str, dict[str, float | None]] = {}
    for language in languages:
        by_language[language] = dict.fromkeys(form.metrics)
        if None in without or language in without:
            continue
        file = Path(task) / file_name(task, language)
        scored = form.score(predictions / file, labels / file, language)
        by_language[language] = {metric: scored.metrics[metric] for metric in form.metrics}
        if scored.unanswered:
            scores.notes.append(f"{file} leaves {scored.unanswered} of {scored.n} questions out: they count as 0")
    metrics = {metric: mean(values[metric] for values in by_language.values()) for metric in form.metrics}
    return {"metrics": metrics, "languages": by_language}


def _lacking(task: str, languages: tuple[str, ...], predictions: Path, labels: Path) -> Iterator[dict[str, Any]]:
    """Entries of `missing`: one for a task without a folder, else one for each file that is not there."""
    for folder, what in ((predictions, "predictions"), (labels, "labels")):
        if not (folder / task).is_dir():
            reason = f"no folder {task} in {folder}, the {what}"
            yield {"task": task, "language": None, "file": str(folder / task), "reason": reason}
            return
    for language in languages:
        for folder, what in ((predictions, "predictions"), (labels, "labels")):
            path = folder / task / file_name(task, language)
            if not path.is_file():
                reason = f"no {file_name(task, '{language}')} in {folder / task}, the {what}"
                yield {"task": task, "language": language, "file": str(path), "reason": reason}
                break


def _points(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"
