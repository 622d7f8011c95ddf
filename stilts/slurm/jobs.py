"""Which jobs a study needs: prepare, intermediate runs, target arrays that wait for their own one, the collector."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from stilts.config import RunSettings
from stilts.study.plan import Plan

After = tuple[str, int | None]


@dataclass(frozen=True)
class Job:
    """One job to be submitted.

    Attributes:
        name: in the study's own words, as `target-mnli-s1`; also the name of its script.
        kind: "prepare", "intermediate", "target", "evaluation" or "collect".
        runs: ids of its runs, in the order of the array's elements.
        array: whether it is an array.
        after: jobs of this submission that must end well before it starts: name, and element of an array.
        after_queued: jobs and array elements of earlier submissions (`123`, `123_4`) that must end well before.
        after_all: whether it starts when all other jobs have ended, however they did.
    """

    name: str
    kind: str
    runs: tuple[str, ...] = ()
    array: bool = False
    after: tuple[After, ...] = ()
    after_queued: tuple[str, ...] = ()
    after_all: bool = False


@dataclass(frozen=True)
class Standing:
    """How far a study is before jobs are made for it.

    Attributes:
        todo: ids of the runs to submit.
        queued: run id -> Slurm's name (`123_4`) of runs that wait or run already.
        prepare: whether a set is not prepared yet.
        prepare_queued: a prepare job of an earlier submission that waits.
        collect_queued: whether a collector waits or runs.
        collected: whether there is a table.
    """

    todo: Collection[str]
    queued: Mapping[str, str] = field(default_factory=dict)
    prepare: bool = False
    prepare_queued: str | None = None
    collect_queued: bool = False
    collected: bool = True


def jobs_of(plan: Plan, standing: Standing, max_array_size: int) -> list[Job]:
    """The jobs for the runs that are to do, each after those it needs, and the collector. None where nothing is.

    An intermediate run is a job of its own, so that only its own targets wait for it. Target runs that need the same
    run share an array, or several where it would be longer than the cluster allows.
    """
    groups: dict[tuple[str, ...], list[RunSettings]] = {}
    for run in plan.runs:
        if run.run in standing.todo:
            key = ("", run.run) if run.kind == "intermediate" else (run.kind, run.recipe, *run.needs)
            groups.setdefault(key, []).append(run)
    jobs: list[Job] = []
    first, first_queued = _prepare(standing)
    if first and groups:
        jobs.append(first)
    place: dict[str, After] = {}  # run id -> where it is
    for runs in groups.values():
        after = tuple(dict.fromkeys(place[need] for run in runs for need in run.needs if need in place))
        queued = tuple(dict.fromkeys(standing.queued[n] for run in runs for n in run.needs if n in standing.queued))
        if not after:  # a run of this submission that it needs waits for the data itself
            after, queued = (((first.name, None),) if first else ()), (*queued, *first_queued)
        for job in _split(runs, max_array_size, after, queued, {job.name for job in jobs}):
            jobs.append(job)
            place.update({run: (job.name, index if job.array else None) for index, run in enumerate(job.runs)})
    table = not standing.collect_queued and bool(standing.queued or not standing.collected)
    return [*jobs, Job("collect", "collect", after_all=True)] if jobs or table else []


def _prepare(standing: Standing) -> tuple[Job | None, tuple[str, ...]]:
    """The prepare job to submit, or the one of an earlier submission."""
    if standing.prepare_queued:
        return None, (standing.prepare_queued,)
    return (Job("prepare", "prepare"), ()) if standing.prepare else (None, ())


def _split(
    runs: Sequence[RunSettings], size: int, after: tuple[After, ...], queued: tuple[str, ...], taken: Collection[str]
) -> list[Job]:
    """One job for an intermediate run; arrays of at most `size` elements for the others."""
    kind = runs[0].kind
    if kind == "intermediate":
        return [Job(runs[0].run, kind, (runs[0].run,), False, after, queued)]
    names = tuple(run.run for run in runs)
    parts = [names[start : start + size] for start in range(0, len(names), size)]
    base = _name(runs[0], taken)
    return [
        Job(base if len(parts) == 1 else f"{base}-part{n}", kind, part, True, after, queued)
        for n, part in enumerate(parts, 1)
    ]


def _name(run: RunSettings, taken: Collection[str]) -> str:
    """`target-<recipe>-s<seed>`, with a number where several arrays of a recipe start from different runs."""
    seed = run.seeds["intermediate"]
    base = f"{run.kind}-{run.recipe}" + ("" if seed is None else f"-s{seed}")
    name, number = base, 2
    while name in taken or f"{name}-part1" in taken:
        name, number = f"{base}.{number}", number + 1
    return name
