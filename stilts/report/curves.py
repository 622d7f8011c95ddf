"""Learning curves from the runs' TensorBoard events, read with TensorBoard's own reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stilts.config import RunSettings
from stilts.report.numbers import plural
from stilts.study.plan import Plan

MOST_RUNS = 24
MOST_POINTS = 100
MOST_BYTES = 400_000_000  # of event files that are read: a minute or two
LOSS = "train/loss"
_ORDER = {"intermediate": 0, "target": 1}

Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Curve:
    """The training loss of one run.

    Attributes:
        tasks: training task -> (step, loss), at most `MOST_POINTS` points: means over equal parts of the steps.
        steps: of the last loss.
    """

    run: str
    kind: str
    tasks: dict[str, Points]
    steps: int


def read_curves(plan: Plan) -> tuple[list[Curve], str]:
    """The curves that are shown, and a sentence about those that are not ("" where all are)."""
    trained = [run for run in plan.runs if run.trains_on and run.kind in _ORDER]
    trained.sort(key=lambda run: (_ORDER[run.kind], run.seed))  # a stable sort: then in the plan's order
    curves: list[Curve] = []
    empty, large, left = 0, 0, MOST_BYTES
    for number, run in enumerate(trained):
        if len(curves) == MOST_RUNS:
            return curves, _left_out(len(trained) - number, empty, large)
        folder = plan.run_folder(run.run) / "tensorboard"
        size = sum(path.stat().st_size for path in folder.glob("*tfevents*"))
        if size > left:
            large += 1
            continue
        left -= size
        curve = _read(run, folder) if size else None
        if curve is None:
            empty += 1
        else:
            curves.append(curve)
    return curves, _left_out(0, empty, large)


def thinned(points: Sequence[tuple[float, float]], most: int = MOST_POINTS) -> Points:
    """At most so many points: the means of equal parts of the steps. The order of steps is kept."""
    if len(points) <= most:
        return [(float(step), float(value)) for step, value in points]
    first, last = points[0][0], points[-1][0]
    width = (last - first) / most or 1.0
    parts: dict[int, list[tuple[float, float]]] = {}
    for step, value in points:
        parts.setdefault(min(most - 1, int((step - first) / width)), []).append((step, value))
    return [
        (sum(step for step, _ in part) / len(part), sum(value for _, value in part) / len(part))
        for _, part in sorted(parts.items())
    ]


def _read(run: RunSettings, folder: Path) -> Curve | None:
    """The curve of a run; None where it has no finite loss. Steps that a resume did again count once, the last time."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    tags = [tag for tag in events.Tags()["scalars"] if tag.startswith(f"{LOSS}/")]
    tasks = {}
    for tag in sorted(tags):
        points = sorted({e.step: e.value for e in events.Scalars(tag) if e.value - e.value == 0}.items())
        if points:
            tasks[tag.removeprefix(f"{LOSS}/")] = points
    if not tasks:
        return None
    steps = max(points[-1][0] for points in tasks.values())
    return Curve(run.run, run.kind, {task: thinned(points) for task, points in tasks.items()}, int(steps))


def _left_out(more: int, empty: int, large: int) -> str:
    parts = [f"{plural(more, 'run')} left out after the first {MOST_RUNS}"] if more else []
    parts += [f"{plural(empty, 'run')} without training events"] if empty else []
    parts += [f"{plural(large, 'run')} whose event files are too large to be read here"] if large else []
    return "Not shown: " + ", ".join(parts) + "." if parts else ""
