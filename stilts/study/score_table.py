"""The clean scores of a study as tables for statistics: cells that have all their runs, nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stilts.analysis.differences import SCORE
from stilts.study.plan import Plan
from stilts.study.scores import Block, Scores
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
    found: dict[str, list[tuple[pd.DataFrame, pd.DataFrame, tuple[str, ...]]]] = {name: [] for name in plan.targets}
    for blocks in scores.blocks.values():
        for block in blocks:
            for target, part in _targets(block):
                found[target].append(part)
    return [
        ScoreTable(
            target,
            pd.concat([runs for runs, _, _ in parts], ignore_index=True),
            tuple(dict.fromkeys(code for *_, codes in parts for code in codes)),
            pd.concat([rows for _, rows, _ in parts], ignore_index=True),
        )
        for target, parts in found.items()
        if parts
    ]


def _targets(block: Block) -> Iterator[tuple[str, tuple[pd.DataFrame, pd.DataFrame, tuple[str, ...]]]]:
    """The runs, rows and languages of each target of a block."""
    values = np.array([own.values for own in block.runs], dtype=np.float64)
    runs = pd.DataFrame({
        "run": [own.run.run for own in block.runs],
        "recipe": block.recipe,
        "intermediate_seed": pd.array([own.run.seeds["intermediate"] for own in block.runs], dtype="Float64").to_numpy(
            np.float64, na_value=np.nan
        ),
        "target_seed": pd.array([own.run.seeds["target"] for own in block.runs], dtype="Float64").to_numpy(
            np.float64, na_value=np.nan
        ),
    })  # fmt: skip
    places: dict[str, dict[str, dict[str, int]]] = {}
    for number, place in enumerate(block.places):
        places.setdefault(place.target, {}).setdefault(place.language, {})[place.metric] = number
    for target, languages in places.items():
        counted = get_task(target).score_metrics
        columns: list[np.ndarray] = []
        names: list[tuple[str, str, int]] = []
        for language, metrics in languages.items():
            if np.isnan(values[:, list(metrics.values())]).any():
                continue
            n = block.runs[0].counts[next(iter(metrics.values()))]
            own = [(metric, values[:, number]) for metric, number in metrics.items()]
            if len(counted) > 1:
                own.append((SCORE, np.mean([values[:, metrics[name]] for name in counted], axis=0)))
            names += [(language, metric, n) for metric, _ in own]
            columns += [column for _, column in own]
        yield target, (runs, _rows(runs, names, columns), tuple(languages))


def _rows(runs: pd.DataFrame, names: list[tuple[str, str, int]], columns: list[np.ndarray]) -> pd.DataFrame:
    """A row a run and (language, metric, n)."""
    repeated = runs.loc[np.tile(np.arange(len(runs)), len(names))].reset_index(drop=True)
    for place, key in enumerate(("language", "metric", "n")):
        repeated[key] = np.repeat(np.array([name[place] for name in names], dtype=object), len(runs))
    return repeated.assign(value=np.concatenate(columns) if columns else np.empty(0))
