"""The graded items of a study's runs: which there are, whether they give the scores, and what is degenerate in them."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stilts.analysis.clusters import Sums, cluster_sums
from stilts.analysis.item_store import STORE, Ids, graded_of_run
from stilts.analysis.items import Graded, set_groups
from stilts.config import RunSettings, SetRef
from stilts.errors import InputError
from stilts.study.plan import Plan
from stilts.study.read_runs import MOST_PROCESSES
from stilts.study.score_table import ScoreTable
from stilts.tasks import get_task

BYTES_A_PROCESS = 50_000_000  # of predictions that make one more process worth its start
_CLOSE = 1e-6  # points that a score and its items may differ by: sums in another order
Said = Callable[[int, int], None]
"""Hears how many of how many runs are read."""


@dataclass
class TargetItems:
    """The graded items of one target's runs.

    Attributes:
        runs: run id -> language -> graded predictions; complete in every language of the target.
        groups: language -> example id -> group.
        problems: what is wrong with predictions, a line each.
    """

    target: str
    runs: dict[str, dict[str, Graded]] = field(default_factory=dict)
    groups: dict[str, dict[str, str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def sums(self, names: Sequence[str], metrics: Sequence[str]) -> Sums:
        """Sums over clusters for these runs, in this order, of the mean of the metrics."""
        parts = [
            {language: own.items(metrics, self.groups.get(language)) for language, own in self.runs[name].items()}
            for name in names
        ]
        return cluster_sums(parts, get_task(self.target).parallel)


def read_items(plan: Plan, tables: Sequence[ScoreTable], said: Said = lambda done, of: None) -> list[TargetItems]:
    """The items of every run that is scored in all languages of a target; a run without predictions is left out."""
    runs = {run.run: run for run in plan.runs}
    wanted = [
        (table, name)
        for table in tables
        for name in table.runs.loc[table.runs["recipe"].isin(table.whole()), "run"]
        if (plan.run_folder(name) / "predictions" / table.target).is_dir()
    ]
    _read_ahead(plan, [(runs[name], table.target) for table, name in wanted], said)
    found = {table.target: TargetItems(table.target) for table in tables}
    ids: Ids = {}
    for table, name in wanted:
        own = found[table.target]
        sets = sets_of(runs[name], table)
        if not own.runs:
            own.groups = set_groups(plan.features, sets)
        try:
            graded = graded_of_run(plan.run_folder(name), sets, ids)
        except FileNotFoundError:
            continue
        except InputError as error:
            own.problems.append(str(error))
            continue
        problem = _differs(plan.run_folder(name), graded, table, name)
        if problem:
            own.problems.append(problem)
        else:
            own.runs[name] = graded
    return list(found.values())


def sets_of(run: RunSettings, table: ScoreTable) -> list[SetRef]:
    """The sets of one target that a run is scored on."""
    return [ref for ref in run.evaluation_sets if ref.task == table.target and ref.language in table.languages]


def _differs(folder: Path, graded: Mapping[str, Graded], table: ScoreTable, name: str) -> str | None:
    """What is wrong where the items do not give the scores that the run wrote."""
    rows = table.rows[table.rows["run"] == name]
    metrics = get_task(table.target).metrics
    for language, metric, value in zip(rows["language"], rows["metric"], rows["value"], strict=True):
        if metric in metrics:
            score = graded[language].items([metric]).score
            if not np.isclose(score, value, rtol=0, atol=_CLOSE):
                return (
                    f"{folder / 'predictions' / table.target}: {language} gives {metric} {score:.4f}, scores.jsonl has "
                    f"{value:.4f}: no interval over items for this run"
                )
    return None


def _read_ahead(plan: Plan, todo: Sequence[tuple[RunSettings, str]], said: Said) -> None:
    """Let processes read what is not kept yet; what they cannot keep is read again where it is needed."""
    jobs = []
    size = 0
    for run, target in todo:
        folder = plan.run_folder(run.run) / "predictions" / target
        files = {
            ref.language: folder / f"{ref.split}-{ref.language}.jsonl"
            for ref in run.evaluation_sets
            if ref.task == target
        }
        if not (folder / STORE).is_file():
            size += sum(path.stat().st_size for path in files.values() if path.is_file())
            jobs.append((plan.run_folder(run.run), [ref for ref in run.evaluation_sets if ref.task == target]))
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = min(cpus, MOST_PROCESSES, 1 + size // BYTES_A_PROCESS, len(jobs))
    if count < 2:
        return
    try:
        # not forked: this process may have threads
        with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:
            for done, _ in enumerate(pool.map(_keep, jobs), 1):
                said(done, len(jobs))
    except (BrokenProcessPool, OSError):  # no room for processes
        pass


def _keep(job: tuple[Path, list[SetRef]]) -> None:
    with contextlib.suppress(InputError, FileNotFoundError):  # named where it is needed
        graded_of_run(*job)
