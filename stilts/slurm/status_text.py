"""`stilts status` as text and JSON: counts, runs in a table, and of large studies recipes x targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from stilts.config import RunSettings
from stilts.settings import plain
from stilts.slurm.standing import BROKEN, OPEN, STATES
from stilts.slurm.whole import RunStanding, Whole
from stilts.study.plan import Plan
from stilts.table import table

MOST = 60
"""Runs of a study that are shown one by one; of a larger one those that run or failed, and at most so many of each."""
_LETTERS = {"running": "r", "queued": "q", "stopped": "s", "cancelled": "c", "failed": "f"}


def whole_text(whole: Whole, every: bool = False) -> str:
    """What `stilts status` prints: counts by state, jobs without runs, and the runs.

    Args:
        whole: how far the study is.
        every: show each run also of a large study.
    """
    counts = _counts(whole)
    summary = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    parts = [f"{whole.plan.study.name}: {len(whole.runs)} runs: {summary}"]
    parts += [f"Slurm gives no answer ({whole.silent}): what the run folders say"] if whole.silent else []
    rows = [(job.job.kind, job.job.job, job.state, job.note or None) for job in whole.jobs]
    parts += [table(("job", "id", "state", "note"), rows)] if rows else []
    parts += [_table(whole.runs)] if lists_all(whole.plan, every) else [_matrix(whole), *_some(whole)]
    return "\n\n".join([*parts, *_advice(whole, counts)])


def lists_all(plan: Plan, every: bool) -> bool:
    """Whether `whole_text` shows each run of a study, with its scores."""
    return every or len(plan.runs) <= MOST


def whole_json(whole: Whole) -> dict[str, Any]:
    """What `stilts status --json` prints: `states` counts what status.json says, `counts` what the table shows."""
    runs = [
        {
            "run": one.run.run, "kind": one.run.kind, "recipe": one.run.recipe, **plain(one.status),
            "shown": one.state, "note": one.note, "job": one.place, "queue": plain(one.row),
            "restarts_of_job": one.restarts, "seconds_left": one.left, "scores": dict(one.scores),
        }
        for one in whole.runs
    ]  # fmt: skip
    return {
        "study": whole.plan.study.name,
        "states": Counter(one.status.state for one in whole.runs),
        "counts": _counts(whole),
        "jobs": [
            {
                "job": str(job.job.job),
                "kind": job.job.kind,
                "shown": job.state,
                "note": job.note,
                "queue": plain(job.row),
            }
            for job in whole.jobs
        ],
        "slurm": whole.silent or None,
        "runs": runs,
    }


def duration(seconds: float | None) -> str | None:
    """`45 s`, `12 min`, `3:05 h` or `2 d 4 h`."""
    if seconds is None:
        return None
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 90:
        return f"{minutes} min"
    return (
        f"{minutes // 60}:{minutes % 60:02d} h"
        if minutes < 48 * 60
        else f"{minutes // 1440} d {minutes % 1440 // 60} h"
    )


def _counts(whole: Whole) -> Counter[str]:
    return Counter(one.state for one in whole.runs)


def _table(runs: Sequence[RunStanding]) -> str:
    """A row a run; columns of jobs where there are any."""
    header: list[str] = ["run", "state", "step", "loss", "tokens/s", "left", "attempt", "note"]
    rows = [_row(one) for one in runs]
    if any(one.place for one in runs):
        header[2:2] = ["job"]
        header[-2:-1] = ["time limit in", "attempt", "requeued"]
        for row, one in zip(rows, runs, strict=True):
            row[2:2] = [one.place]
            limit = one.row.time_left if one.row else None
            row[-2:-1] = [duration(limit), row[-2], f"x{one.restarts}" if one.restarts else None]
    return table(header, rows)


def _row(one: RunStanding) -> list[Any]:
    status = one.status
    scores = " ".join(f"{target} {'–' if value is None else f'{value:.1f}'}" for target, value in one.scores.items())
    return [
        one.run.run,
        one.state,
        f"{status.step}/{status.steps}" if status.steps else None,
        _number(status.loss, 3),
        _number(status.tokens_per_second, 0) if one.state == "running" else None,
        duration(one.left),
        status.attempt or None,
        one.note or scores or None,
    ]


def _matrix(whole: Whole) -> str:
    """Recipes x targets: runs that are done of all, and how many are running, queued, stopped, cancelled or failed."""
    columns = list(dict.fromkeys(_column(one.run) for one in whole.runs))
    cells: dict[tuple[str, str], Counter[str]] = {}
    for one in whole.runs:
        state = "running" if one.state in ("starting", "stopping") else one.state
        cells.setdefault((one.run.recipe, _column(one.run)), Counter())[state] += 1
    rows = [[name, *(_cell(cells.get((name, column))) for column in columns)] for name in dict.fromkeys(
        one.run.recipe for one in whole.runs)]  # fmt: skip
    legend = ", ".join(f"{letter} {state}" for state, letter in _LETTERS.items())
    return f"{table(('recipe', *columns), rows)}\n\ndone/all; {legend}"


def _column(run: RunSettings) -> str:
    """Intermediate runs, and the targets of the others; earlier runs of a chain are named by what they train on."""
    return "+".join(run.evaluates) or ("intermediate" if run.kind == "intermediate" else f"({'+'.join(run.trains_on)})")


def _cell(counts: Counter[str] | None) -> str | None:
    if counts is None:
        return None
    others = [f"{counts[state]}{letter}" for state, letter in _LETTERS.items() if counts[state]]
    return " ".join([f"{counts['done']}/{counts.total()}", *others])


def _some(whole: Whole) -> list[str]:
    """The runs of a large study that run, and those that failed or stopped."""
    parts = []
    for states in (("starting", "running", "stopping"), ("stopped", *BROKEN)):
        runs = [one for one in whole.runs if one.state in states]
        if runs:
            more = (
                f"\n\n{len(runs) - MOST} more are {' or '.join(states)}: --all shows them" if len(runs) > MOST else ""
            )
            parts.append(_table(runs[:MOST]) + more)
    return parts


def _advice(whole: Whole, counts: Counter[str]) -> list[str]:
    """What to call next."""
    command = "stilts submit" if any(one.place for one in whole.runs) else "stilts run"
    goes = any(counts[state] for state in OPEN)
    lines = []
    if counts["stopped"] or (counts["cancelled"] and not goes):
        what = " and ".join(state for state in ("stopped", "cancelled") if counts[state])
        lines.append(f"{what} runs go on with `{command}`")
    if counts["failed"]:
        lines.append("failed runs start again with `stilts retry`, when the cause is gone")
    return ["\n".join(lines)] if lines else []


def _number(value: float | None, digits: int) -> str | None:
    return None if value is None else f"{value:.{digits}f}"
