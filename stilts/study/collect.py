"""Merges the scores of all runs into `results/`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stilts.files import write_text
from stilts.study.deltas import COLUMNS, deltas
from stilts.study.marks import find_marks
from stilts.study.plan import Plan
from stilts.study.scores import KEYS, read_scores
from stilts.study.submission import Submission, write_submissions
from stilts.study.tables import by_language, marked_rows, xtreme, xtreme_markdown


@dataclass(frozen=True)
class Collected:
    """What `collect` found and wrote.

    Attributes:
        folder: `results/`.
        table: the text of xtreme.md.
        missing: the entries of `missing` in xtreme.json, but for those of `unlabelled`.
        problems: lines of score files that could not be used.
        cells: number of planned cells (recipe x target x language).
        submissions: the folders for a leaderboard that were written, one a recipe of a study that reports test sets.
        unlabelled: the entries of `missing` of which all was done but the test set has no labels.
    """

    folder: Path
    table: str
    missing: list[dict[str, str]]
    problems: list[str]
    cells: int
    submissions: list[Submission] = field(default_factory=list)
    unlabelled: list[dict[str, str]] = field(default_factory=list)

    def unlabelled_lines(self) -> list[str]:
        """`unlabelled` as text, the languages of a recipe and target in one line."""
        languages: dict[tuple[str, str, str], list[str]] = {}
        for one in self.unlabelled:
            languages.setdefault((one["recipe"], one["target"], one["reason"]), []).append(one["language"])
        return [f"no score: {recipe} {target} {' '.join(codes)}: {reason}"
                for (recipe, target, reason), codes in languages.items()]  # fmt: skip


def collect(plan: Plan) -> Collected:
    """Write scores.csv, xtreme.{json,md,csv}, by_language.csv, deltas.csv and submission/ from the scores there are.

    Another process that collects the same study is waited for.
    """
    from filelock import FileLock

    plan.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(plan.folder / ".collect.lock", mode=0o664):
        return _collect(plan)


def _collect(plan: Plan) -> Collected:
    folder = plan.folder / "results"
    scores = read_scores(plan)
    content = xtreme(plan, scores)
    text = xtreme_markdown(content, plan)
    header, rows = marked_rows(content, plan)
    languages = by_language(plan, scores)
    marks = find_marks(plan, scores)
    marked = (
        {**row, "marks": " ".join(marks.of(cell.recipe, cell.target, cell.language))}
        for cell, row in scores.rows.items()
    )
    write_text(folder / "scores.csv", _csv((*KEYS, "marks"), marked))
    write_text(folder / "by_language.csv", _csv(list(languages[0]) if languages else (), languages))
    write_text(folder / "deltas.csv", _csv(COLUMNS, deltas(plan, scores)))
    write_text(folder / "xtreme.csv", _csv(header, [dict(zip(header, row, strict=True)) for row in rows]))
    write_text(folder / "xtreme.md", text)
    write_text(folder / "xtreme.json", json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    cells = {(cell.recipe, cell.target, cell.language) for cell in plan.cells}
    submissions = write_submissions(plan, scores)
    bare = [one for one in content["missing"] if {k: one[k] for k in one if k != "reason"} in content["unlabelled"]]
    failed = [one for one in content["missing"] if one not in bare]
    return Collected(folder, text, failed, scores.problems, len(cells), submissions, bare)


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Comma-separated text; None becomes an empty field."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
