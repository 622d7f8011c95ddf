"""Writes `results/submission/<recipe>/`: the predictions of a study's runs in the leaderboard's layout."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stilts.config import RunSettings, SetRef
from stilts.data.rawfile import filled_lines, load_json_row
from stilts.errors import InputError
from stilts.files import write_folder
from stilts.study.plan import Plan
from stilts.study.scores import RunScores, Scores
from stilts.study.targets import read_limit
from stilts.submission.base import Row
from stilts.submission.layout import LAYOUTS, MANIFEST, expected_size, file_name
from stilts.tasks import get_task, languages_of, target_tasks
from stilts.tasks.languages import is_invented

SEEDS = "the study's first intermediate seed and first target seed; seeds are never mixed"
NOT_PLANNED = "not in this study"


@dataclass
class Submission:
    """The folder of one recipe.

    Attributes:
        folder: `results/submission/<recipe>`.
        texts: path below it -> content.
        files: entries of `files` in the manifest.
        missing: entries of `missing` in the manifest.
        limited: entries of `limited` in the manifest: tasks of which `data.limit` left out examples.
    """

    folder: Path
    texts: dict[str, str] = field(default_factory=dict)
    files: list[dict[str, Any]] = field(default_factory=list)
    missing: list[dict[str, Any]] = field(default_factory=list)
    limited: list[dict[str, Any]] = field(default_factory=list)

    def lack(self, task: str, language: str | None, reason: str) -> None:
        """Note a file, or with None all files of a task, that cannot be written."""
        file = f"{task}/{file_name(task, language)}" if language else task
        self.missing.append({"task": task, "language": language, "file": file, "reason": reason})


def write_submissions(plan: Plan, scores: Scores) -> list[Submission]:
    """Write one folder a recipe, with a manifest; nothing for a study that reports dev sets.

    A file is there with all its predictions or not at all. The predictions of a task are those of one run: the first of
    the plan, which has the first seeds. Whatever that run lacks is missing, also where another seed has it.
    """
    if plan.study.evaluation.split != "test":
        return []
    first: dict[tuple[str, str], RunSettings] = {}
    for run in plan.runs:
        for task in run.evaluates:
            first.setdefault((run.recipe, task), run)
    submissions = []
    for recipe in plan.recipes:
        submission = Submission(plan.folder / "results" / "submission" / recipe.name)
        for task in target_tasks(plan.study.target.benchmark):
            if (recipe.name, task) not in first:
                submission.lack(task, None, NOT_PLANNED)
                continue
            run = first[recipe.name, task]
            sets = [ref for ref in run.evaluation_sets if ref.task == task]
            for ref in sets:
                _add(submission, plan, scores.runs[run.run], ref)
            submission.limited += _limited(plan, task, [one for one in submission.files if one["task"] == task])
            for language in _left_out(task, plan.study.target.benchmark, sets):
                submission.lack(task, language, NOT_PLANNED)
        manifest = json.dumps(_manifest(plan, recipe.name, submission), indent=2, ensure_ascii=False) + "\n"
        write_folder(submission.folder, {**submission.texts, MANIFEST: manifest})
        submissions.append(submission)
    return submissions


def _add(submission: Submission, plan: Plan, scores: RunScores, ref: SetRef) -> None:
    """Add the file of one set, or why there is none."""
    run, cells = scores.run, scores.at(ref.task, ref.language)
    reasons = (scores.missing[cell] for cell in cells if cell in scores.missing and cell not in scores.predicted)
    reason = next(reasons, None)
    if reason is not None:
        submission.lack(ref.task, ref.language, reason)
        return
    path = plan.run_folder(run.run) / "predictions" / ref.task / f"{ref.split}-{ref.language}.jsonl"
    try:
        first = cells[0]
        rows = _rows(path, scores.predicted.get(first, scores.counts[first]))
        text = LAYOUTS[ref.task].text(rows)
    except InputError as error:
        submission.lack(ref.task, ref.language, f"{path}: {error.found}; expected {error.expected}")
        return
    name = f"{ref.task}/{file_name(ref.task, ref.language)}"
    submission.texts[name] = text
    submission.files.append({
        "task": ref.task, "language": ref.language, "file": name, "lines": text.count("\n"), "predictions": len(rows),
        "split": ref.split, "run": run.run, "seeds": run.seeds,
    })  # fmt: skip


def _rows(path: Path, n: int) -> list[Row]:
    if not path.is_file():
        raise InputError("there is no such file", "the predictions of the set", "run it again")
    rows: list[Row] = [load_json_row(path, number, text) for number, text in filled_lines(path)]
    if len(rows) != n:
        raise InputError(f"{len(rows)} predictions", f"{n}, as were made", "run it again")
    return rows


def _limited(plan: Plan, task: str, files: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The limits of `data.limit` that leave out test examples, or candidates, of a task; `files`: those written.

    A limit that no file reaches leaves out nothing. Where predictions are not as many as the examples read, any counts.
    """
    declared = get_task(task)
    for split in (declared.reported["test"], *(["candidates"] if declared.support == "candidates" else [])):
        limit = read_limit(plan.study, declared, split)
        if limit is None or not files:
            continue
        counts = {one["language"]: one["predictions"] for one in files}
        cut = any(n >= limit and n != expected_size(task, language) for language, n in counts.items())
        if cut or split == "candidates" or not LAYOUTS[task].sized:
            yield {"task": task, "split": split, "limit": limit}


def _left_out(task: str, benchmark: str, sets: Sequence[SetRef]) -> Iterator[str]:
    """The benchmark's languages that a study leaves out; none where it plans invented ones (the sample benchmark)."""
    planned = [ref.language for ref in sets]
    if not any(map(is_invented, planned)):
        yield from (code for code in languages_of(task, benchmark) if code not in planned)


def _manifest(plan: Plan, recipe: str, submission: Submission) -> dict[str, Any]:
    return {
        "study": plan.study.name,
        "recipe": recipe,
        "benchmark": plan.study.target.benchmark,
        "model": plan.study.model.name,
        "seeds": SEEDS,
        "complete": not submission.missing and not submission.limited,
        "files": submission.files,
        "missing": submission.missing,
        "limited": submission.limited,
    }
