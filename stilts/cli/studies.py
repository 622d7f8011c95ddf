"""The commands that plan a study, prepare it, run it, and look after its runs."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from stilts.cli.common import (
    AllowDrift,
    Json,
    Overrides,
    RunsAndOverrides,
    StudyFile,
    plan_and_runs,
    plan_of,
    print_json,
    print_notes,
)

A_SUBMISSION = 900.0  # seconds that `prepare` in a job waits for the command that submitted it


def plan(study: StudyFile, overrides: Overrides = None, as_json: Json = False, allow_drift: AllowDrift = None) -> None:
    """Show the runs of a study, and write them to its folder if it can be run."""
    from stilts.study.show import plan_json, plan_text
    from stilts.study.write import Locked, study_lock, study_text, write

    planned = plan_of(study, overrides)
    if as_json:
        print_json(plan_json(planned))
    else:
        print(plan_text(planned))
    if planned.later:
        return
    try:
        with study_lock(planned.folder):
            print_notes(write(planned, study_text(study, overrides or ()), allow_drift or ()))
    except Locked:
        print("stilts: not written: the study is running", file=sys.stderr)
        return
    if not as_json:
        print(f"\nwritten to {planned.folder}/plan.jsonl and {planned.folder}/runs/")


def prepare(
    study: StudyFile, overrides: Overrides = None, as_json: Json = False, allow_drift: AllowDrift = None
) -> None:
    """Turn the raw data of a study into features on disk, once; a second call waits for a first one."""
    from stilts.data.shown import HEADER, prepared_facts, prepared_table, show_table
    from stilts.study.local import prepare_data, stop_signals
    from stilts.study.show import table
    from stilts.study.write import BRIEFLY, study_lock, study_text, write

    planned = plan_of(study, overrides)
    planned.refuse_unfinished()
    # `submit` sends this job first, and holds the study until the last one is sent
    with study_lock(planned.folder, wait=A_SUBMISSION if "SLURM_JOB_ID" in os.environ else BRIEFLY):
        print_notes(write(planned, study_text(study, overrides or ()), allow_drift or ()))
    with stop_signals():
        refs = prepare_data(planned)
    sets = prepared_facts(planned.features, refs)
    if as_json:
        print_json({"study": planned.study.name, "features": str(planned.features), "sets": sets})
        return
    if sets:
        rows = prepared_table(sets)
        if sys.stdout.isatty():
            show_table(HEADER, rows)
        else:
            print(table(HEADER, rows))
    print(f"{len(planned.specs)} sets are prepared in {planned.features}")


def run(study: StudyFile, overrides: Overrides = None, allow_drift: AllowDrift = None) -> None:
    """Prepare and execute on this machine what is not done yet, then collect."""
    from stilts.report.finish import finish
    from stilts.slurm.submit import refuse_queued
    from stilts.study.local import run_study
    from stilts.study.write import study_text

    planned = plan_of(study, overrides)
    refuse_queued(planned)
    finish(planned, run_study(planned, study_text(study, overrides or ()), allow_drift=allow_drift or ()))


def submit(
    study: StudyFile,
    overrides: Overrides = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="write the scripts and submit nothing")] = False,
    as_json: Json = False,
    allow_drift: AllowDrift = None,
) -> None:
    """Submit what is missing of a study to Slurm, as jobs that wait for each other (launch.profile: the cluster)."""
    from stilts.slurm.show import submission_json, submission_text
    from stilts.slurm.submit import submit_study
    from stilts.study.write import study_text

    planned = plan_of(study, overrides)
    done = submit_study(planned, study_text(study, overrides or ()), dry_run, allow_drift or ())
    if as_json:
        print_json(submission_json(done))
        return
    print_notes(done.notes)
    print(submission_text(done, dry_run))


def status(
    study: StudyFile,
    overrides: Overrides = None,
    every: Annotated[bool, typer.Option("--all", help="each run also of a large study")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="show it anew until Ctrl-C")] = False,
    seconds: Annotated[float, typer.Option("--every", metavar="SECONDS", help="between two looks of --watch")] = 10.0,
    as_json: Json = False,
) -> None:
    """Show how far every run is: its folder and, where there are jobs, Slurm's queue."""
    from stilts.slurm.status_text import lists_all, whole_json, whole_text
    from stilts.slurm.watching import watch as keep_showing
    from stilts.slurm.whole import look

    planned = plan_of(study, overrides)
    if as_json:
        print_json(whole_json(look(planned)))
        return
    scores = lists_all(planned, every)
    if watch:
        keep_showing(lambda: whole_text(look(planned, scores=scores), every), max(1.0, seconds), sys.stdout)
    else:
        print(whole_text(look(planned, scores=scores), every))


def cancel(study: StudyFile, words: RunsAndOverrides = None) -> None:
    """Cancel the jobs of a study, or of some runs, for good; runs that go are asked to save first."""
    from stilts.slurm.cancel import cancel_study

    planned, runs = plan_and_runs(study, words)
    print("\n".join(cancel_study(planned, runs)))


def retry(study: StudyFile, words: RunsAndOverrides = None, as_json: Json = False) -> None:
    """Let failed runs, or some of them, start again from their last checkpoints, and submit what is missing."""
    from stilts.slurm.retry import retry_study
    from stilts.slurm.show import submission_json, submission_text
    from stilts.study.write import study_text

    planned, runs = plan_and_runs(study, words)
    text = study_text(study, [word for word in words or () if "=" in word])
    retried = retry_study(planned, text, runs)
    if as_json:
        submitted = submission_json(retried.submission) if retried.submission else {"jobs": []}
        print_json({"retried": retried.runs, **submitted})
        return
    print(f"{len(retried.runs)} failed runs start again from their last checkpoints")
    if retried.submission is None:
        print("start them with `stilts run`")
    else:
        print_notes(retried.submission.notes)
        print(submission_text(retried.submission, dry_run=False))


def logs(
    study: StudyFile,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="run id, as in `stilts status`, or prepare or collect")],
    overrides: Overrides = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on with what is added, until Ctrl-C")] = False,
    rank: Annotated[int | None, typer.Option(help="what this rank printed, of a run in a Slurm job")] = None,
) -> None:
    """Print the log of one run: log.txt, or what its ranks, launcher or job said if it has none."""
    from stilts.slurm.logs import log_of, show_log

    show_log(log_of(plan_of(study, overrides), run_id, rank), sys.stdout, follow)


def tensorboard(
    study: StudyFile,
    overrides: Overrides = None,
    port: Annotated[int, typer.Option(help="port to listen on; 0 takes a free one")] = 6006,
    host: Annotated[str, typer.Option(help="address to listen on")] = "localhost",
) -> None:
    """Start TensorBoard on the runs of a study and, where they were collected, their results."""
    from stilts.study.board import serve

    raise typer.Exit(serve(plan_of(study, overrides), host, port))
