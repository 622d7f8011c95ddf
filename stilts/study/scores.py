"""The scores of a study's runs beside the places that the plan has for them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path

from stilts.config import RunSettings
from stilts.status import Status, read_status
from stilts.study.marks import same_data
from stilts.study.plan import Cell, NoisyPlace, Place, Plan
from stilts.study.read_runs import read_runs
from stilts.study.score_rows import KEYS, PREDICTED, SCORES, Expected, RunRead
from stilts.study.score_store import ScoreStore
from stilts.table import mean

__all__ = ["KEYS", "PREDICTED", "SCORES", "Block", "RunScores", "Scores", "read_scores", "why_missing"]


@dataclass
class RunScores:
    """The scores of one run; numbers are indices into `places`.

    Attributes:
        run: its settings.
        places: the scores that the plan expects of it.
        values: points (0-100), None where there is no score.
        counts: scored examples, 0 where there is no score.
        missing: why a place has no score.
        predicted: those of them whose test set has no labels -> number of predictions.
        chosen: places that are reported on the set which their checkpoint or threshold was chosen on.
        noisy: scores under noisy conditions: each place with its points and scored examples.
        noisy_missing: those that are not there, and why.
    """

    run: RunSettings
    places: tuple[Place, ...]
    values: list[float | None]
    counts: list[int]
    missing: dict[int, str] = field(default_factory=dict)
    predicted: dict[int, int] = field(default_factory=dict)
    chosen: Sequence[int] = ()
    noisy: dict[NoisyPlace, tuple[float, int]] = field(default_factory=dict)
    noisy_missing: dict[NoisyPlace, str] = field(default_factory=dict)

    def at(self, target: str, language: str) -> list[int]:
        """The places of a target and language, one a metric."""
        return [i for i, place in enumerate(self.places) if (place.target, place.language) == (target, language)]


@dataclass
class Block:
    """The runs of one recipe that are scored in the same places: one group of targets, with all its seeds."""

    recipe: str
    places: tuple[Place, ...]
    runs: list[RunScores]

    def columns(self) -> Iterator[tuple[Place, tuple[float | None, ...]]]:
        """Each place with its scores in the order of the runs."""
        return zip(self.places, zip(*(run.values for run in self.runs), strict=True), strict=True)

    @cached_property
    def means(self) -> list[float | None]:
        """The mean over the runs at each place; None where a score is missing."""
        return [mean(values) for _, values in self.columns()]


@dataclass
class Scores:
    """What was found.

    Attributes:
        runs: run id -> its scores, in the plan's order, for the runs that are scored.
        problems: what is wrong in the files, one line each.
        repeated: rows that repeat a score with the same value.
    """

    runs: dict[str, RunScores] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    repeated: int = 0

    def value(self, cell: Cell) -> float | None:
        """The cell's score in points, or None."""
        own = self.runs[cell.run]
        return own.values[own.places.index(Place(cell.target, cell.language, cell.metric, cell.split))]

    @cached_property
    def blocks(self) -> dict[str, list[Block]]:
        """Recipe -> its blocks, in the plan's order."""
        found: dict[str, dict[int, Block]] = {}
        for own in self.runs.values():
            blocks = found.setdefault(own.run.recipe, {})
            blocks.setdefault(id(own.places), Block(own.run.recipe, own.places, [])).runs.append(own)
        return {recipe: list(blocks.values()) for recipe, blocks in found.items()}


def read_scores(plan: Plan, store: ScoreStore | None = None) -> Scores:
    """All scores of a study. No broken file stops it: what cannot be used is named in `problems` and `missing`.

    Args:
        plan: the study.
        store: what an earlier call has read and what this one reads, for scores.csv.
    """
    pairs = same_data(plan)
    targets = {recipe: frozenset(t for _, t in group) for recipe, group in groupby(sorted(pairs), lambda pair: pair[0])}
    runs = {run.run: run for run in plan.runs}
    expected = {
        name: expected_of(plan, runs[name], targets.get(runs[name].recipe, frozenset())) for name in plan.places
    }
    found = _read(expected, store)
    states = _States(plan)
    scores = Scores()
    for name, own in expected.items():
        read = found[name]
        scores.problems += _problems(own, read, states)
        scores.repeated += read.repeated
        chosen = read.chosen
        scores.runs[name] = RunScores(runs[name], own.places, read.values, read.counts, {}, {}, chosen)
        if None in read.values:
            _explain(scores.runs[name], read, runs, states)
        _add_noisy(scores.runs[name], own, read, runs, states)
    scores.problems += _strangers(plan, runs)
    return scores


def expected_of(plan: Plan, run: RunSettings, same_data: frozenset[str] = frozenset()) -> Expected:
    """What the plan says about the scores of a run; `same_data`: targets of the recipe's own data."""
    seeds = run.seeds["intermediate"], run.seeds["target"]
    folder, places = str(plan.run_folder(run.run)), plan.places.get(run.run, ())
    noisy = plan.noisy_places.get(run.run, ())
    return Expected(run.run, folder, run.recipe, seeds, run.settings_hash, places, same_data, noisy=noisy)


def why_missing(run: RunSettings, runs: Mapping[str, RunSettings], states: Mapping[str, Status]) -> str:
    """Why a run has written no score, in words that name the run to look at."""
    status = states[run.run]
    for need in run.needs:
        if states[need].state != "done":
            return f"needs {need}: {why_missing(runs[need], runs, states)}"
    if status.state == "done":
        return f"run {run.run} is done but wrote no such score"
    if status.state in ("failed", "stopped") and status.error:
        return f"run {run.run} {status.state}: {status.error}"
    return f"run {run.run} is {status.state}" if status.state != "pending" else f"run {run.run} was not run yet"


class _States(dict[str, Status]):
    """Run id -> its status, read when first asked for: most runs of a large study have nothing to explain."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __missing__(self, name: str) -> Status:
        self[name] = read_status(self._plan.run_folder(name))
        return self[name]


def _read(expected: Mapping[str, Expected], store: ScoreStore | None) -> dict[str, RunRead]:
    """What the files of every run say; of those that have not changed, from the store."""
    found: dict[str, RunRead] = {}
    if store is not None:
        found = {name: known for name, own in expected.items() if (known := store.known(own)) is not None}
    _read_now([own for name, own in expected.items() if name not in found], found, store)
    marked: dict[str, set[tuple[str, str]]] = {}
    for name, read in found.items():
        own = expected[name]
        marked.setdefault(own.recipe, set()).update((own.places[i].target, own.places[i].language) for i in read.chosen)
    # rows whose mark follows from the row of another seed, and lines that were put aside before that row was there
    marks = {recipe: frozenset(cells) for recipe, cells in marked.items()}
    numbers: dict[tuple[str, int], list[int]] = {}  # by recipe and identity of the places, which many runs share
    again = []
    for name, own in expected.items():
        group = own.recipe, id(own.places)
        if group not in numbers:
            numbers[group] = _marked(own, marks[own.recipe])
        read = found[name]
        if read.signed != [number for number in numbers[group] if read.values[number] is not None]:
            again.append(own._replace(marked=marks[own.recipe]))
    _read_now(again, found, store)
    return found


def _marked(expected: Expected, marked: frozenset[tuple[str, str]]) -> list[int]:
    """The places that are to be marked where they have a score."""
    if not marked:
        return []
    return [number for number, place in enumerate(expected.places) if (place.target, place.language) in marked]


def _read_now(todo: Sequence[Expected], found: dict[str, RunRead], store: ScoreStore | None) -> None:
    for own, read in zip(todo, read_runs(todo), strict=True):
        if store is not None:
            store.add(own, read)
        found[own.run] = read


def _explain(own: RunScores, read: RunRead, runs: Mapping[str, RunSettings], states: Mapping[str, Status]) -> None:
    """Say why places have no score."""
    why = None
    for number, value in enumerate(own.values):
        if value is not None:
            continue
        place = own.places[number]
        if number in read.reasons:
            own.missing[number] = read.reasons[number]
        elif number in read.predicted:
            own.predicted[number] = read.predicted[number]
            own.missing[number] = (
                f"the {place.split} set has no labels: predictions are in results/submission/{own.run.recipe}/"
            )
        else:
            why = why or why_missing(own.run, runs, states)
            own.missing[number] = why


def _add_noisy(
    scores: RunScores,
    own: Expected,
    read: RunRead,
    runs: Mapping[str, RunSettings],
    states: Mapping[str, Status],
) -> None:
    """Take a run's noisy scores, and say why others are not there."""
    scores.noisy = {own.noisy[number]: score for number, score in read.noisy.items()}
    if len(scores.noisy) < len(own.noisy):
        why = why_missing(scores.run, runs, states)
        scores.noisy_missing = {place: why for place in own.noisy if place not in scores.noisy}


def _problems(own: Expected, read: RunRead, states: Mapping[str, Status]) -> Iterator[str]:
    """What is wrong in the files of a run."""
    for name, number, text in read.problems:
        yield f"{Path(own.folder) / name}{f' line {number}' if number else ''}{text}"
    for name, number in read.torn:
        running = states[own.run].state == "running"
        text = f"is still being written by run {own.run}" if running else "was not written to its end: ignored"
        yield f"{Path(own.folder) / name} line {number} {text}"


def _strangers(plan: Plan, runs: Mapping[str, RunSettings]) -> list[str]:
    """Scores in run folders that the plan does not have."""
    folder = plan.folder / "runs"
    names = sorted(set(os.listdir(folder)) - runs.keys()) if folder.is_dir() else []
    paths = [folder / name / SCORES for name in names]
    return [f"{path} belongs to no run of the plan: ignored" for path in paths if path.exists()]
