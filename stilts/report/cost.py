"""What the runs took: hours of processes or GPUs by phase and by recipe, and how fast they were, from status.json."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from stilts.status import Status, study_status
from stilts.study.plan import Plan

PHASES = ("intermediate", "target", "evaluation")


@dataclass(frozen=True)
class Work:
    """What some runs took.

    Attributes:
        runs, done: how many there are and how many are done.
        unrecorded: of those that were started, how many have no time.
        seconds: of ranks.
        steps: optimizer steps.
        speed: median of the runs' tokens a second over all ranks, at their last report.
    """

    runs: int
    done: int
    unrecorded: int
    seconds: float
    steps: int
    speed: float | None


@dataclass(frozen=True)
class Took:
    """The cost of a study.

    Attributes:
        phases: phase -> its runs' work.
        recipes: recipe -> phase -> seconds of ranks.
        states: state -> number of runs.
        unit: "GPU-hours" where every recorded run had GPUs, "CPU process-hours" where none had, else "rank-hours".
    """

    phases: Mapping[str, Work]
    recipes: Mapping[str, Mapping[str, float]]
    states: Mapping[str, int]
    unit: str

    @property
    def seconds(self) -> float:
        """Of all ranks."""
        return sum(work.seconds for work in self.phases.values())


def took(plan: Plan) -> Took:
    """What the runs of a study have taken so far."""
    found = study_status(plan.folder, [run.run for run in plan.runs])
    phases = {}
    recipes: dict[str, dict[str, float]] = {}
    states: dict[str, int] = {}
    for kind in PHASES:
        own = [run for run in plan.runs if run.kind == kind]
        if own:
            # a branch's steps are counted from the start of its trunk, which is a run of its own
            steps = sum(max(0, found[run.run].step - (run.branch_step or 0)) for run in own)
            phases[kind] = _work([found[run.run] for run in own], steps)
        for run in own:
            status = found[run.run]
            parts = recipes.setdefault(run.recipe, {})
            parts[kind] = parts.get(kind, 0.0) + status.rank_seconds
            states[status.state] = states.get(status.state, 0) + 1
    # the trunk of several kept steps is of none of the plan's recipes
    order = {name: recipes.get(name, {}) for name in dict.fromkeys([*(one.name for one in plan.recipes), *recipes])}
    return Took(phases, order, states, _unit(found.values()))


def _work(statuses: list[Status], steps: int) -> Work:
    speeds = [status.tokens_per_second for status in statuses if status.tokens_per_second]
    return Work(
        runs=len(statuses),
        done=sum(status.state == "done" for status in statuses),
        unrecorded=sum(status.attempt > 0 and not status.rank_seconds for status in statuses),
        seconds=sum(status.rank_seconds for status in statuses),
        steps=steps,
        speed=median(speeds) if speeds else None,
    )


def _unit(statuses: Iterable[Status]) -> str:
    devices = {status.device for status in statuses if status.rank_seconds}
    return {frozenset({"cuda"}): "GPU-hours", frozenset({"cpu"}): "CPU process-hours"}.get(
        frozenset(d for d in devices if d), "rank-hours"
    )
