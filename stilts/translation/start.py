"""`stilts translate` on this machine: alone in this process, as a rank of a launcher, or starting ranks of its own."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from stilts.config import DataSettings, Launch, load_study
from stilts.errors import InputError, StiltsError, Stopped
from stilts.rendezvous import is_rank
from stilts.run_logs import LAUNCHER_LOG, last_line
from stilts.status import Status, recorded_status, write_status
from stilts.study.launcher import device_slots, environment, launched, visible_devices
from stilts.study.processes import RunProcess, ask_to_stop, end, ranks_here, settle, start
from stilts.study.progress import Progress
from stilts.study.stopping import Stop, stop_signals
from stilts.tasks.translations import SOURCE
from stilts.translation.job import TranslationJob
from stilts.translation.settings import parse_languages, read_settings

POLL = 0.2  # seconds between looks at the ranks
OUT = "translations"
"""The folder that results are written to where neither --out nor the study names one."""


class RanksFailed(StiltsError):
    """What the ranks said when they failed, with the exit code that they had."""

    def __init__(self, line: str, code: int) -> None:
        super().__init__(line)
        self.exit_code = code if code == InputError.exit_code else StiltsError.exit_code


def translate(
    task: str,
    to: str,
    model: str,
    revision: str | None,
    study: Path | None,
    root: Path | None,
    out: Path | None,
    words: Sequence[str],
    arguments: Sequence[str],
) -> dict[str, Any] | None:
    """The command. Returns its summary; None on a rank that is not to print it.

    Args:
        arguments: the command line, for the ranks.

    Raises InputError, StiltsError and Stopped as the other commands.
    """
    data = _data(study, root)
    folder = out or Path(data.translations or OUT)
    job = TranslationJob(task, tuple(parse_languages(to, SOURCE)), model, revision, data, folder, read_settings(words))
    if is_rank():
        return _as_rank(job)
    job.check()
    if job.missing():
        processes = job.settings.processes or len(visible_devices()) or 1
        _start(job, processes, arguments) if processes > 1 else _here(job)
    return job.summary()


def _data(study: Path | None, root: Path | None) -> DataSettings:
    if study is not None and root is not None:
        raise InputError("--study and --root are both given", "one of them", "leave one out")
    if study is not None:
        return load_study(study).data
    return DataSettings(root=None if root is None else str(root))


def _here(job: TranslationJob) -> None:
    """Translate in this process."""
    from stilts.training.stopping import REQUEST

    with _alone(job):
        REQUEST.install()
        _execute(job)


def _execute(job: TranslationJob) -> bool:
    """As `stilts.translation.run.execute`; what libraries print goes to stderr, as stdout is for the summary."""
    with contextlib.redirect_stdout(sys.stderr):
        from stilts.translation.run import execute

        return execute(job)


@contextlib.contextmanager
def _alone(job: TranslationJob) -> Iterator[None]:
    """Hold the folder of the run. Raises InputError where another command has it."""
    from filelock import FileLock, Timeout

    lock = FileLock(job.folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(
            f"{job.folder} is being written by another command", "one at a time", "wait for it, or stop it"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _as_rank(job: TranslationJob) -> dict[str, Any] | None:
    from stilts.training.orphans import end_process, end_with_parent
    from stilts.training.stopping import REQUEST

    REQUEST.install()  # before anything that takes seconds to load
    end_with_parent(job.settings.stop_grace)

    def leave(code: int) -> NoReturn:
        sys.stdout.flush()
        end_process(code)

    try:
        main = _execute(job)
    except StiltsError as error:
        print(f"stilts: {error}", file=sys.stderr)
        leave(error.exit_code)
    except Exception:
        import traceback

        traceback.print_exc()
        leave(StiltsError.exit_code)
    return job.summary() if main else None


def _start(job: TranslationJob, processes: int, arguments: Sequence[str]) -> None:
    """Start ranks with the deepspeed launcher, show how far they are, and hand signals on to them."""
    launch = Launch(processes=processes)
    command = launched(["--module", "stilts", *arguments], processes, device_slots(launch)[0])
    name = job.folder.name
    with _alone(job), stop_signals() as stop, Progress(sys.stderr) as progress:
        stop.deferred = True
        before = recorded_status(job.folder)
        # an old state must not be taken for this start's if the launcher dies before a rank writes one
        _note(job, replace(before, state="pending", ranks=[], error=None))
        progress.line(f"{name}: {processes} ranks, see {job.folder / 'log.txt'}")
        started = start(name, 0, job.folder, command, environment(launch, os.getpid()))
        code = _wait(job, started, stop, progress)
    _ended(job, code, stop)


def _wait(job: TranslationJob, started: RunProcess, stop: Stop, progress: Progress) -> int:
    """Until the ranks have ended, which a signal asks for; the launcher's exit code."""
    said, deadline = -1, 0.0
    while started.process.poll() is None or (stop.signal and ranks_here(recorded_status(job.folder))):
        status = recorded_status(job.folder)
        progress.update({started.run: status})
        if not sys.stderr.isatty() and status.state == "running" and status.step != said and status.steps:
            said = status.step
            progress.line(f"{started.run}: {status.step} of {status.steps} shards")
        if stop.signal and not deadline:
            progress.line("stopping: waiting for the ranks (a second signal ends them at once)")
            ask_to_stop(started, status)
            deadline = time.monotonic() + job.settings.stop_grace
        if stop.again or (deadline and time.monotonic() > deadline):
            end([started], hurry=lambda: stop.again)
            return started.process.wait()
        time.sleep(POLL)
    return settle(started)


def _ended(job: TranslationJob, code: int, stop: Stop) -> None:
    """Say why the ranks ended, where they are not done. Raises Stopped or RanksFailed."""
    status = recorded_status(job.folder)
    if status.state == "done":
        return
    if status.state in ("pending", "running"):
        line = last_line(job.folder / LAUNCHER_LOG)
        error = f"the launcher ended with code {code}; {job.folder / LAUNCHER_LOG} ends with: {line}"
        status = replace(status, state="stopped" if stop.signal else "failed", error=error)
        _note(job, status)
    if status.state == "stopped":
        stop.check()
        raise Stopped(status.error or "stopped: run the same command again to go on")
    raise RanksFailed(status.error or "the ranks failed", code)


def _note(job: TranslationJob, status: Status) -> None:
    write_status(job.folder, replace(status, heartbeat=0.0))
