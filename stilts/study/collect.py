"""Merges the scores of all runs into `results/`."""

from __future__ import annotations

import contextlib
import csv
import io
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stilts.analysis import noise
from stilts.files import write_text
from stilts.json_text import json_text
from stilts.study import kept_axis
from stilts.study.data_notes import data_notes
from stilts.study.noisy_scores import missing_noisy, noise_rows, noisy_gaps
from stilts.study.plan import Plan
from stilts.study.score_rows import KEYS
from stilts.study.score_store import ScoreStore
from stilts.study.scores import Scores, read_scores
from stilts.study.show import count_cells
from stilts.study.started import refuse_other_settings
from stilts.study.submission import Submission, write_submissions
from stilts.study.tables import BY_LANGUAGE, by_language, marked_rows, xtreme
from stilts.study.tables_text import xtreme_latex, xtreme_markdown

if TYPE_CHECKING:
    from stilts.study.statistics import Progress

MOST_CELLS = 10_000
"""Cells of a study up to which what takes minutes for more is made unasked: answers, report, TensorBoard's folder."""
COLLECT_LOCK = ".collect.lock"
"""Held while results/ are written."""
REPEATED = "{} score rows repeat another one with the same value: each score counts once"


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
        repeated: score rows that repeat another one with the same value; each score counts once.
        seconds: that the statistics took.
        noisy_missing: scores under noisy conditions that are not there, a line a recipe, target, condition and reason.
    """

    folder: Path
    table: str
    missing: list[dict[str, str]]
    problems: list[str]
    cells: int
    submissions: list[Submission] = field(default_factory=list)
    unlabelled: list[dict[str, str]] = field(default_factory=list)
    repeated: int = 0
    seconds: float = 0.0
    noisy_missing: list[str] = field(default_factory=list)

    def unlabelled_lines(self) -> list[str]:
        """`unlabelled` as text, the languages of a recipe and target in one line."""
        languages: dict[tuple[str, str, str], list[str]] = {}
        for one in self.unlabelled:
            languages.setdefault((one["recipe"], one["target"], one["reason"]), []).append(one["language"])
        return [f"no score: {recipe} {target} {' '.join(codes)}: {reason}"
                for (recipe, target, reason), codes in languages.items()]  # fmt: skip


def collect(plan: Plan, check: bool = False, said: Progress = lambda what, done, of: None) -> Collected:
    """Write all of results/ from what was scored, but report.html and figures/; of a study above MOST_CELLS no answers.

    A study that keeps steps gets steps.csv, too. One with noisy inputs gets noise.csv and noise_areas.csv; scores.csv
    has all its scores, the other tables those of clean inputs.

    Another process that collects the same study is waited for.

    Args:
        plan: the study.
        check: raise InputError if a run was started with other settings.
        said: hears how far the statistics are.
    """
    from filelock import FileLock

    plan.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(plan.folder / COLLECT_LOCK, mode=0o664):
        return _collect(plan, check, said)


def _collect(plan: Plan, check: bool, said: Progress) -> Collected:
    folder = plan.folder / "results"
    store = ScoreStore(plan.folder / ".collect.npz", folder / "scores.csv")
    with contextlib.closing(store):
        if check:
            store.started = refuse_other_settings(plan, store.started)
        scores = read_scores(plan, store)
        written = store.write_csv(",".join((*KEYS, "marks")) + "\n", scores.runs)  # the largest file, in the meantime
        collected = _tables(plan, scores, folder, said)
        written.result()
        store.save()
    return collected


def _tables(plan: Plan, scores: Scores, folder: Path, said: Progress) -> Collected:
    content = xtreme(plan, scores)
    header, rows = marked_rows(content, plan)
    languages = _csv(BY_LANGUAGE, by_language(plan, scores))
    began = time.perf_counter()
    # pandas and SciPy take a second to load, which a score that cannot be read need not wait for
    from stilts.study.answers import remove_answers, write_answers
    from stilts.study.statistics import COLUMNS, statistics
    from stilts.study.statistics_text import statistics_parts

    found = statistics(plan, scores, said)
    deltas = _csv(COLUMNS, found.deltas)
    seconds = time.perf_counter() - began
    text = xtreme_markdown(content, plan, statistics_parts(found))
    write_text(folder / "by_language.csv", languages)
    write_text(folder / "deltas.csv", deltas)
    write_text(folder / "statistics.json", json_text(found.content) + "\n")
    write_text(folder / "xtreme.csv", _csv(header, rows))
    write_text(folder / "xtreme.md", text)
    write_text(folder / "xtreme.tex", xtreme_latex(content, plan))
    write_text(folder / "xtreme.json", json_text(content) + "\n")
    problems = [*scores.problems, *found.problems]
    repeated = [REPEATED.format(scores.repeated)] if scores.repeated else []
    noisy = missing_noisy(scores)
    lines = [*problems, *repeated, *_missing_lines(content), *(f"missing: {line}" for line in noisy)]
    write_text(folder / "problems.txt", "".join(f"{line}\n" for line in lines))
    write_text(folder / "data.md", data_notes(plan))
    if kept := list(kept_axis.axis(plan)):
        write_text(folder / "steps.csv", _csv(kept_axis.COLUMNS, (list(row.values()) for row in kept)))
    if plan.noisy_places:
        _write_noise(folder, scores)
    if count_cells(plan) <= MOST_CELLS:
        seconds += write_answers(plan, scores, said)
    else:
        remove_answers(folder)
    submissions = write_submissions(plan, scores)
    bare = {tuple(one.values()) for one in content["unlabelled"]}
    unlabelled = [one for one in content["missing"] if (one["recipe"], one["target"], one["language"]) in bare]
    failed = [one for one in content["missing"] if (one["recipe"], one["target"], one["language"]) not in bare]
    return Collected(
        folder,
        text,
        failed,
        problems,
        count_cells(plan),
        submissions,
        unlabelled,
        scores.repeated,
        seconds,
        noisy,
    )


def _write_noise(folder: Path, scores: Scores) -> None:
    costs = noise.noise_table(noise_rows(scores), noisy_gaps(scores))
    for name, columns, table in (
        ("noise", noise.COLUMNS, costs),
        ("noise_areas", noise.AREA_COLUMNS, noise.noise_areas(costs)),
    ):
        write_text(folder / f"{name}.csv", _csv(columns, ([row[key] for key in columns] for row in table)))


def _missing_lines(content: Mapping[str, Any]) -> list[str]:
    return [
        f"missing: {one['recipe']} {one['target']} {one['language']}: {one['reason']}" for one in content["missing"]
    ]


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Comma-separated text; None becomes an empty field."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue()
