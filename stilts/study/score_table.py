"""The clean scores of a study as tables for statistics: cells that have all their runs, nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stilts.analysis.differences import SCORE
from stilts.study.plan import Plan
from stilts.study.scores import Block, RunScores, Scores
from stilts.tasks import get_task


def main_metric(target: str) -> str:
    """The name of a task's score: its metric, or SCORE for the mean where several count."""
    counted = get_task(target).score_metrics
    return counted[0] if len(counted) == 1 else SCORE


@dataclass(frozen=True)
class ScoreTable:
    """One target's scores.

    Attributes:
        target: its name.
        runs: run id, recipe, intermediate_seed and target_seed (missing: none) of the runs of all recipes.
        languages: as planned.
        rows: run, recipe, intermediate_seed, target_seed, language, metric, value (points) and n (examples). A recipe
            has all its runs in a language or none, and all metrics or none.
    """

    target: str
    runs: pd.DataFrame
    languages: tuple[str, ...]
    rows: pd.DataFrame

    def of(self, metric: str) -> pd.DataFrame:
        """The rows of one metric."""
        return self.rows[self.rows["metric"] == metric]

    def whole(self) -> list[str]:
        """The recipes that are scored in every planned language."""
        count = self.rows.groupby("recipe", sort=False)["language"].nunique()
        return [str(name) for name in count[count == len(self.languages)].index]


def score_tables(plan: Plan, scores: Scores) -> list[ScoreTable]:
    """A table a target of the plan, in its order."""
    found = {name: _Table() for name in plan.targets}
    for blocks in scores.blocks.values():
        for block in blocks:
            _add(block, found)
    return [own.whole(target) for target, own in found.items() if own.runs]


class _Table:
    """The cells of one target, as they are found: arrays of codes, as strings would take most of the time."""

    def __init__(self) -> None:
        self.runs: list[RunScores] = []
        self.languages: dict[str, int] = {}
        self.metrics: dict[str, int] = {}
        self.columns: list[tuple[int, int, int, int, np.ndarray]] = []

    def add(self, first: int, language: str, metric: str, n: int, values: np.ndarray) -> None:
        """One score of all runs of a block, of which the first is number `first`."""
        codes = self.languages[language], self.metrics.setdefault(metric, len(self.metrics))
        self.columns.append((first, *codes, n, values))

    def whole(self, target: str) -> ScoreTable:
        columns = self.columns or [(0, 0, 0, 0, np.empty(0))]
        sizes = [len(values) for *_, values in columns]
        code = np.concatenate([first + np.arange(size) for (first, *_), size in zip(columns, sizes, strict=True)])
        language, metric, n = (np.repeat([column[place] for column in columns], sizes) for place in (1, 2, 3))
        seeds = [_seeds(self.runs, phase) for phase in ("intermediate", "target")]
        recipes = pd.factorize(np.array([own.run.recipe for own in self.runs], dtype=object))
        names = pd.Index([own.run.run for own in self.runs])
        rows = pd.DataFrame({
            "run": pd.Categorical.from_codes(code, names),
            "recipe": pd.Categorical.from_codes(recipes[0][code], pd.Index(recipes[1])),
            "intermediate_seed": seeds[0][code],
            "target_seed": seeds[1][code],
            "language": pd.Categorical.from_codes(language, pd.Index(list(self.languages))),
            "metric": pd.Categorical.from_codes(metric, pd.Index(list(self.metrics))),
            "n": n,
            "value": np.concatenate([values for *_, values in columns]),
        })  # fmt: skip
        runs = pd.DataFrame({
            "run": names, "recipe": recipes[1][recipes[0]], "intermediate_seed": seeds[0], "target_seed": seeds[1],
        })  # fmt: skip
        return ScoreTable(target, runs, tuple(self.languages), rows)


def _add(block: Block, found: Mapping[str, _Table]) -> None:
    """The scores of a block to the tables of its targets."""
    values = np.array([own.values for own in block.runs], dtype=np.float64)
    places: dict[str, dict[str, dict[str, int]]] = {}
    for number, place in enumerate(block.places):
        places.setdefault(place.target, {}).setdefault(place.language, {})[place.metric] = number
    for target, languages in places.items():
        own, counted = found[target], get_task(target).score_metrics
        first = len(own.runs)
        own.runs += block.runs
        for language, metrics in languages.items():
            own.languages.setdefault(language, len(own.languages))
            if np.isnan(values[:, list(metrics.values())]).any():
                continue
            n = block.runs[0].counts[next(iter(metrics.values()))]
            for metric, number in metrics.items():
                own.add(first, language, metric, n, values[:, number])
            if len(counted) > 1:
                own.add(first, language, SCORE, n, values[:, [metrics[name] for name in counted]].mean(axis=1))


def _seeds(runs: Sequence[RunScores], phase: str) -> np.ndarray:
    """Each run's seed, NaN where there is none."""
    seeds = (own.run.seeds[phase] for own in runs)
    return np.array([np.nan if seed is None else seed for seed in seeds], dtype=np.float64)
