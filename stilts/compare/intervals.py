"""Intervals of differences between two results, over the seeds that each was trained with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from stilts.compare.compare import AVERAGE, Comparison, Row
from stilts.compare.side import SCORE, Side
from stilts.tasks import get_task

if TYPE_CHECKING:
    import pandas as pd

ARM_A, ARM_B = "A", "B"
_SEEDS = ["intermediate_seed", "target_seed"]


def with_intervals(comparison: Comparison) -> Comparison:
    """The comparison with Student's t-intervals where seeds allow one (`stilts.analysis.seeds`).

    The variance of each row is pooled over the two arms; a published number has no seeds, so its rows hold A's alone.
    """
    arms = {ARM_A: comparison.a, ARM_B: comparison.b}
    if not comparison.a.runs or not any(_has_seeds(side) for side in arms.values()):
        return comparison
    import pandas as pd

    from stilts.analysis import seeds

    frames = {name: _frame(side) for name, side in arms.items() if side.runs}
    parts = [part for name, frame in frames.items() for part in _values(name, frame, comparison.rows)]
    if not parts:
        return comparison
    found = seeds.pooled(seeds.cells(pd.concat(parts), ["recipe", "row"]), ["row"])
    if ARM_B in frames:
        own, interval = seeds.differences(found, ARM_B, ["row"])
    else:
        own, interval = found.assign(scope=seeds.scope(found)), seeds.means(found)
    rows = list(comparison.rows)
    for place, number in enumerate(own["row"]):
        half = float(interval.high[place] - interval.low[place]) / 2
        if half == half:  # NaN: no degree of freedom
            row = rows[number]
            of = f"{' and '.join(frames)}: {own['scope'].iloc[place]}"
            low, high = row.difference - half, row.difference + half
            rows[number] = replace(row, low=low, high=high, df=float(interval.df[place]), of=of)
    return replace(comparison, rows=tuple(rows))


def _has_seeds(side: Side) -> bool:
    """Whether any place was scored by several runs."""
    return len(side.runs) > len({one[:3] for one in side.runs})


def _frame(side: Side) -> pd.DataFrame:
    """target, language, metric, seeds and value of each score of the runs, the score of several metrics among them."""
    import pandas as pd

    columns = ["target", "language", "metric", *_SEEDS, "value"]
    rows = [
        (one.target, one.language, one.metric, *(float(s) if s else None for s in one.seeds), one.value)
        for one in side.runs
    ]
    frame = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(_SEEDS, float))
    counted = {(name, metric) for name in side.targets for metric in get_task(name).score_metrics}
    kept = frame[[pair in counted for pair in zip(frame["target"], frame["metric"], strict=True)]]
    places = [name for name in columns if name not in ("metric", "value")]
    scores = kept.groupby(places, dropna=False, sort=False)["value"].mean().reset_index().assign(metric=SCORE)
    return pd.concat([frame, scores])


def _values(name: str, frame: pd.DataFrame, rows: tuple[Row, ...]) -> Iterator[pd.DataFrame]:
    """Of each row, its value in every run of one arm: recipe (the arm), row (its number), seeds and value."""
    from stilts.analysis.seeds import average

    for number, row in enumerate(rows):
        if row.target == AVERAGE:
            own = frame[frame["target"].isin(row.languages) & (frame["metric"] == SCORE)].assign(recipe=name)
            own = average(average(own, "language", ["target"]), "target")
        else:
            own = frame[(frame["target"] == row.target) & (frame["metric"] == row.metric)].assign(recipe=name)
            own = own[own["language"].isin(row.languages)]
            own = average(own, "language", ["target"]) if row.language == "all" else own
        yield own[["recipe", *_SEEDS, "value"]].assign(row=number)
