"""The graded items of a study's runs: which there are, whether they give the scores, and what is degenerate in them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from stilts.analysis.clusters import Sums, cluster_sums
from stilts.analysis.item_store import STORE, Ids, graded_of_run
from stilts.analysis.items import Graded, Items, set_groups
from stilts.config import RunSettings, SetRef
from stilts.errors import InputError
from stilts.study.parallel import shared, worth
from stilts.study.plan import Plan
from stilts.study.score_table import ScoreTable
from stilts.tasks import get_task

BYTES_A_PROCESS = 50_000_000  # of predictions that make one more process worth its start
_UNUSED = ": no interval over items for this run"
_CLOSE = 1e-6  # points that a score and its items may differ by: sums in another order
Said = Callable[[int, int], None]
"""Hears how many of how many runs are read."""


@dataclass
class TargetItems:
    """The graded items of one target's runs.

    Attributes:
        target: its name.
        runs: run id -> language -> graded predictions; complete in every language of the target, of the same items.
        groups: language -> example id -> group.
        problems: what is wrong with predictions, a line each.
    """

    target: str
    runs: dict[str, dict[str, Graded]] = field(default_factory=dict)
    groups: dict[str, dict[str, str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def sums(self, names: Sequence[str], metrics: Sequence[str]) -> Sums:
        """Sums over clusters for these runs, in this order, of the mean of the metrics."""
        parts: list[dict[str, Items]] = []
        for name in names:
            like = parts[0] if parts else {}
            parts.append({
                language: own.items(metrics, self.groups.get(language), like.get(language))
                for language, own in self.runs[name].items()
            })  # fmt: skip
        return cluster_sums(parts, get_task(self.target).parallel)


def read_items(plan: Plan, tables: Sequence[ScoreTable], said: Said = lambda done, of: None) -> list[TargetItems]:
    """The items of every run that is scored in all languages of a target; a run without predictions is left out.

    Predictions that are damaged, do not give the run's scores, or are of other items than those of the target's first
    run are named in `problems` and left out, too.
    """
    runs = {run.run: run for run in plan.runs}
    wanted = {
        table.target: [
            runs[name]
            for name in table.runs.loc[table.runs["recipe"].isin(table.whole()), "run"]
            if (plan.run_folder(name) / "predictions" / table.target).is_dir()
        ]
        for table in tables
    }
    _read_ahead(plan, [(run, sets_of(run, table)) for table in tables for run in wanted[table.target]], said)
    ids: Ids = {}
    return [_read_target(plan, table, wanted[table.target], ids) for table in tables]


def sets_of(run: RunSettings, table: ScoreTable) -> list[SetRef]:
    """The sets of one target that a run is scored on."""
    return [ref for ref in run.evaluation_sets if ref.task == table.target and ref.language in table.languages]


def _read_target(plan: Plan, table: ScoreTable, runs: Sequence[RunSettings], ids: Ids) -> TargetItems:
    """The items of one target's runs."""
    found = TargetItems(table.target)
    if runs:
        found.groups = set_groups(plan.features, sets_of(runs[0], table))
    rows = dict(iter(table.rows.groupby("run", sort=False)))
    for run in runs:
        folder = plan.run_folder(run.run)
        try:
            graded = graded_of_run(folder, sets_of(run, table), ids)
        except FileNotFoundError as error:
            found.problems.append(f"{error.filename} is missing{_UNUSED}")
            continue
        except InputError as error:
            found.problems.append(str(error))
            continue
        where = folder / "predictions" / table.target
        problem = _differs(graded, rows[run.run]) or _other_items(graded, found.runs)
        if problem:
            found.problems.append(f"{where}: {problem}{_UNUSED}")
        else:
            found.runs[run.run] = graded
    return found


def _differs(graded: Mapping[str, Graded], rows: pd.DataFrame) -> str | None:
    """What is wrong where the items do not give the scores that the run wrote (its rows of a score table)."""
    for language, metric, value in zip(rows["language"], rows["metric"], rows["value"], strict=True):
        if metric in graded[language].parts:
            score = graded[language].score(metric)
            if not np.isclose(score, value, rtol=0, atol=_CLOSE):
                return f"{language} gives {metric} {score:.4f}, scores.jsonl has {value:.4f}"
    return None


def _other_items(graded: Mapping[str, Graded], runs: Mapping[str, Mapping[str, Graded]]) -> str | None:
    """What is wrong where the items are not those of the first of `runs`."""
    for name, first in runs.items():
        for language, own in graded.items():
            if own.ids is not first[language].ids and own.ids != first[language].ids:
                return f"{language} has other examples than that of run {name}"
        break
    return None


def _read_ahead(plan: Plan, todo: Sequence[tuple[RunSettings, list[SetRef]]], said: Said) -> None:
    """Let processes read what is not kept yet; what they cannot keep is read again where it is needed."""
    jobs = []
    size = 0
    for run, sets in todo:
        folder = plan.run_folder(run.run) / "predictions" / sets[0].task
        if not (folder / STORE).is_file():
            files = [folder / f"{ref.split}-{ref.language}.jsonl" for ref in sets]
            size += sum(path.stat().st_size for path in files if path.is_file())
            jobs.append((plan.run_folder(run.run), sets))
    count = worth(size, BYTES_A_PROCESS, len(jobs))
    if count > 1:
        for done, _ in enumerate(shared(_keep, jobs, count), 1):
            said(done, len(jobs))


def _keep(job: tuple[Path, list[SetRef]]) -> None:
    with contextlib.suppress(InputError, FileNotFoundError):  # named where it is needed
        graded_of_run(*job)
