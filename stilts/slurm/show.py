"""What `submit` did, as text: the jobs as a tree, each below what it waits for, and what was left alone."""

from __future__ import annotations

from typing import Any

from stilts.slurm.jobs import Job
from stilts.slurm.submit import Submission, named


def submission_text(submission: Submission, dry_run: bool) -> str:
    """The picture of the DAG with job ids, and a line for what is done, queued, failed or left for later."""
    lines = _tree(submission)
    lines += [f"{submission.done} runs are done"] if submission.done else []
    if submission.queued:
        lines.append(f"{len(submission.queued)} runs wait or run already")
    if submission.failed:
        lines.append(f"{named(submission.failed)} failed or need one that failed, and are left alone: `stilts retry`")
    if submission.later:
        lines.append(f"{named(submission.later)} are more than max_submit: call `stilts submit` again later")
    if not submission.jobs:
        lines.append("nothing to submit")
    elif dry_run:
        lines.append(f"not submitted: {len(submission.jobs)} scripts are in {submission.folder / 'slurm'}")
    return "\n".join(lines)


def submission_json(submission: Submission) -> dict[str, Any]:
    """What `stilts submit --json` prints; `job` is null after a dry run."""
    jobs = [
        {
            "job": submission.ids.get(job.name),
            "name": job.name,
            "kind": job.kind,
            "runs": list(job.runs),
            "array": job.array,
            "after": [name if index is None else f"{name}[{index}]" for name, index in job.after],
            "after_queued": list(job.after_queued),
            "after_all": job.after_all,
            "script": str(submission.scripts[job.name]),
        }
        for job in submission.jobs
    ]
    return {
        "jobs": jobs,
        "done": submission.done,
        "queued": submission.queued,
        "failed": submission.failed,
        "later": submission.later,
        "notes": submission.notes,
    }


def _tree(submission: Submission) -> list[str]:
    """Each job below the first of those it waits for; the collector, which waits for all, at the end."""
    below: dict[str | None, list[Job]] = {}
    for job in submission.jobs:
        below.setdefault(job.after[0][0] if job.after else None, []).append(job)
    lines: list[tuple[str, Job]] = []

    def add(parent: str | None, indent: str) -> None:
        jobs = below.get(parent, [])
        for index, job in enumerate(jobs):
            last = index == len(jobs) - 1
            lines.append((f"{indent}{'└─ ' if last else '├─ '}{job.name}", job))
            add(job.name, indent + ("   " if last else "│  "))

    add(None, "")
    width = max((len(text) for text, _ in lines), default=0)
    return [f"{text.ljust(width)}  {_facts(job, submission)}".rstrip() for text, job in lines]


def _facts(job: Job, submission: Submission) -> str:
    parts = [str(submission.ids[job.name])] if job.name in submission.ids else []
    parts += [f"{len(job.runs)} runs"] if job.array and len(job.runs) > 1 else []
    parts += [f"after {' '.join(job.after_queued)}"] if job.after_queued else []
    parts += ["after all, however they end"] if job.after_all else []
    return ", ".join(parts)
