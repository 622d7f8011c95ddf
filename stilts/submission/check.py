"""Checks a folder of predictions without labels: whether a leaderboard would take it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stilts.errors import InputError, MissingCells
from stilts.submission.layout import LAYOUTS, expected_size, file_name, languages_in, open_folder, read_manifest
from stilts.submission.score import missing_lines
from stilts.table import table
from stilts.tasks import target_tasks
from stilts.tasks.languages import is_invented

SHOWN = 3  # odd rows of a file that are named


@dataclass(frozen=True)
class Finding:
    """One thing that is not as a leaderboard wants it.

    Attributes:
        kind: "missing" (no such file), "size" (more or fewer predictions than the set has examples) or "wrong"
            (unreadable, an unknown label, an id that cannot be).
        language: None where it is about all of a task.
        file: path of the file or folder.
        reason: in words, with the row where there is one.
    """

    kind: str
    task: str
    language: str | None
    file: str
    reason: str


@dataclass(frozen=True)
class Checked:
    """What a check found: the benchmark, predictions by task and language, and what is not as it should be."""

    benchmark: str
    counts: dict[str, dict[str, int]]
    findings: list[Finding]

    def of_kind(self, *kinds: str) -> list[Finding]:
        """The findings of some kinds."""
        return [one for one in self.findings if one.kind in kinds]

    def content(self) -> dict[str, Any]:
        """What `stilts score --json` prints where there are no labels."""
        return {
            "benchmark": self.benchmark,
            "passed": not self.findings,
            "predictions": self.counts,
            "findings": [asdict(one) for one in self.findings],
        }

    def text(self) -> str:
        """The files of each task in a table, then the findings."""
        rows = []
        for task, counts in self.counts.items():
            odd = {kind: sum(one.task == task for one in self.of_kind(kind)) for kind in ("missing", "size", "wrong")}
            rows.append([task, len(counts), sum(counts.values()), *(count or None for count in odd.values())])
        header = ("task", "files", "predictions", "missing", "other size", "wrong")
        lines = missing_lines([asdict(one) for one in self.of_kind("missing")])
        lines += [f"{one.kind}: {one.file}: {one.reason}" for one in self.of_kind("size", "wrong")]
        return "\n\n".join([table(header, rows), "\n".join(lines) or "the folder is as the leaderboard wants it"])

    def refuse(self) -> None:
        """Raise InputError if a file is wrong or of another size, else MissingCells if one is missing."""
        bad = self.of_kind("wrong", "size")
        if bad:
            more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
            raise InputError(
                f"{bad[0].file}: {bad[0].reason}{more}", "files as the leaderboard wants them", "mend them"
            )
        if self.findings:
            raise MissingCells(f"{len(self.findings)} files or folders are missing")


def check_folder(folder: Path, benchmark: str | None = None) -> Checked:
    """Look for the folder and the files of every task and language, and at each file: labels, ids, number of rows.

    The languages are the benchmark's; in a folder with invented ones those that it has, of any size. What the manifest
    of a study says is missing, is missing here. Raises InputError where the folder holds no task.
    """
    name = open_folder(folder, benchmark)
    checked = Checked(name, {}, [])
    for task in target_tasks(name):
        checked.counts[task] = {}
        if not (folder / task).is_dir():
            checked.findings.append(Finding("missing", task, None, str(folder / task), "no such folder"))
            continue
        languages = languages_in(task, name, [folder])
        invented = any(map(is_invented, languages))
        for language in languages:
            _check_file(checked, folder, task, language, None if invented else expected_size(task, language))
    known, manifest = {(one.task, one.language) for one in checked.findings}, read_manifest(folder)
    for one in manifest.get("limited", []):
        task, cut = str(one.get("task")), f"data.limit cut off the {one.get('split')} set at {one.get('limit')}"
        if not any(map(is_invented, checked.counts.get(task, {}))):
            checked.findings.append(Finding("size", task, None, str(folder / task), cut))
    for one in manifest.get("missing", []):
        task, language = one.get("task"), one.get("language")
        if (task, language) not in known and (task, None) not in known:
            checked.findings.append(Finding("missing", str(task), language, str(folder), str(one.get("reason"))))
    return checked


def _check_file(checked: Checked, folder: Path, task: str, language: str, size: int | None) -> None:
    path, form = folder / task / file_name(task, language), LAYOUTS[task]
    if not path.is_file():
        checked.findings.append(Finding("missing", task, language, str(path), "no such file"))
        return
    try:
        predictions = form.read(path)
    except InputError as error:
        reason = str(error).removeprefix(str(path)).lstrip(",: ")
        checked.findings.append(Finding("wrong", task, language, str(path), reason))
        return
    checked.counts[task][language] = len(predictions)
    if size is not None and len(predictions) != size:
        reason = f"{len(predictions)} predictions, the set has {size} examples"
        checked.findings.append(Finding("size", task, language, str(path), reason))
    odd = list(form.odd(predictions, language, size))
    if len(odd) > SHOWN:
        odd[SHOWN:] = [f"{len(odd) - SHOWN} more of the kind"]
    checked.findings.extend(Finding("wrong", task, language, str(path), reason) for reason in odd)
