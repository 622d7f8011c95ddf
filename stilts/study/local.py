"""Executes a plan on this machine: starts runs when those they need are done, and goes on after a failed one."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from stilts.config import RunSettings, SetRef
from stilts.errors import InputError, Stopped
from stilts.run_logs import LAUNCHER_LOG, last_line
from stilts.status import Status, possibly_alive, recorded_status, write_status
from stilts.study.collect import Collected, collect
from stilts.study.domain import is_measured, measure
from stilts.study.launcher import command, device_slots, environment, trainer_path
from stilts.study.plan import Plan
from stilts.study.processes import (
    TERM_TO_KILL,
    RunProcess,
    ask_to_stop,
    end,
    ranks_here,
    settle,
    start,
)
from stilts.study.progress import Counting, Progress
from stilts.study.stopping import AGAIN, Stop, stop_signals
from stilts.study.write import BRIEFLY, study_lock, write

POLL = 0.2  # seconds between looks at the running processes
OLD_RANKS = 15.0  # seconds more than a save may take to wait for ranks of an earlier, killed `stilts run`
NAMED = 5  # runs that a line names

Command = Callable[[RunSettings, Path, list[int]], list[str]]


def run_study(
    plan: Plan, text: str, trainer: Path | None = None, out: TextIO | None = None, allow_drift: Sequence[str] = ()
) -> Collected:
    """`stilts run`: write the plan, prepare its data, execute what is not done yet, collect.

    Args:
        plan: an expanded study.
        text: the study file's text.
        trainer: the program that executes a run.yaml; default train.py of this checkout.
        out: where progress is written; None for stdout.
        allow_drift: settings that runs may go on with though they were started with others.

    Raises:
        InputError: the study cannot be run, or is running already.
        Stopped: a stop signal arrived, or a run stopped by itself; all processes have ended.
    """
    plan.refuse_unfinished()
    if plan.study.launch.nodes > 1:
        raise InputError(
            f"launch.nodes is {plan.study.launch.nodes}", "1: this command has one machine",
            "use `stilts submit` on a cluster, or launch.nodes=1",
        )  # fmt: skip
    program = trainer or trainer_path()
    slots = device_slots(plan.study.launch)
    with study_lock(plan.folder, wait=BRIEFLY):
        for note in write(plan, text, allow_drift):
            print(note, file=out, flush=True)
        with stop_signals() as stop:
            prepare_data(plan)
            stop.deferred = True  # from here on the loop ends the processes first
            processes = plan.study.launch.processes
            execute(plan, lambda run, file, devices: command(program, file, processes, devices), stop, slots, out)
        with Counting(sys.stderr) as said:
            return collect(plan, said=said)


def prepare_data(plan: Plan) -> list[SetRef]:
    """Prepare the sets of the study, and measure their domains where it asks for that. Returns what is prepared.

    Where all runs are done and nothing is left to measure, nothing is made.
    """
    from stilts.data.prepare import prepare

    done = all(recorded_status(plan.run_folder(run.run)).state == "done" for run in plan.runs)
    if done and is_measured(plan):
        return []
    refs = prepare(plan.study, list(plan.specs), plan.features)
    measure(plan, lambda line: print(f"domain: {line}", file=sys.stderr))
    return refs


def execute(plan: Plan, make_command: Command, stop: Stop, slots: list[list[int]], out: TextIO | None = None) -> None:
    """Run everything that is not done, `len(slots)` runs at a time.

    A run that failed or stopped by itself does not stop the others; those that need it are left out.

    Raises:
        Stopped: a signal arrived and all runs have ended, or all have ended and some of them stopped by themselves.
    """
    with Progress(out or sys.stdout) as progress:
        loop = _Loop(plan, make_command, stop, slots, progress)
        try:
            while loop.waiting or loop.active:
                stop.check()
                loop.step()
                time.sleep(POLL)
        except BaseException as error:
            loop.ending = f"{stop.signal or 'an error'} ended the study: {AGAIN}"
            try:
                if isinstance(error, Stopped):
                    loop.let_save()
            finally:
                loop.end_all()
            raise
    if loop.stopped:
        names = f"run {', '.join(loop.stopped)}" if len(loop.stopped) <= NAMED else f"{len(loop.stopped)} runs"
        raise Stopped(f"{names} stopped before the end: {AGAIN}")


class _Loop:
    """The state of one execution."""

    def __init__(
        self, plan: Plan, make_command: Command, stop: Stop, slots: list[list[int]], progress: Progress
    ) -> None:
        self.plan, self.make_command, self.stop, self.slots, self.progress = plan, make_command, stop, slots, progress
        self.environment = environment(plan.study.launch, os.getpid())
        self.grace = plan.study.training.save_grace
        self.began = time.monotonic()
        self.active: dict[str, RunProcess] = {}
        self.done = {run.run for run in plan.runs if self._recorded(run.run).state == "done"}
        self.failed: dict[str, str] = {}
        self.stopped: list[str] = []  # those of the failed that go on when they are run again
        self.told: set[str] = set()  # runs whose wait for old ranks was told
        self.ending: str | None = None  # why all runs are being ended
        self.waiting = {run.run: run for run in plan.runs if run.run not in self.done}
        if self.done:
            progress.line(f"{len(self.done)} of {len(plan.runs)} runs are done already")

    def step(self) -> None:
        """Take note of what has ended, start what can start."""
        self._look()
        free = [slot for slot in range(len(self.slots)) if slot not in {one.slot for one in self.active.values()}]
        for run in list(self.waiting.values()):
            broken = next((need for need in run.needs if need in self.failed), None)
            if broken:
                how = "stopped" if broken in self.stopped else "has not ended well"
                self._give_up(run.run, f"needs {broken}, which {how}")
            elif free and self.done.issuperset(run.needs) and not self._old_ranks(run.run):
                self._start(run, free.pop(0))

    def let_save(self) -> None:
        """Ask the ranks of all runs to stop, and wait until they have saved and ended, or a second signal comes."""
        for name, started in self.active.items():
            ask_to_stop(started, self._recorded(name))
        if self.active:
            runs = f"{len(self.active)} run{'s' if len(self.active) > 1 else ''}"
            self.progress.line(f"stopping: waiting for {runs} to save (a second signal ends them at once)")
        deadline = time.monotonic() + self.grace
        while self.active and not self.stop.again and time.monotonic() < deadline:
            time.sleep(POLL)
            self._look()

    def end_all(self) -> None:
        """End every process that is left, and note in their status that they were stopped."""
        end(list(self.active.values()), TERM_TO_KILL, hurry=lambda: self.stop.again)
        for run in self.active:
            status = self._recorded(run)
            if status.state in ("pending", "running"):
                self._note(run, replace(status, state="stopped", error=self.ending))
        self.active.clear()

    def _look(self) -> None:
        """Take note of what has ended, show how far the others are."""
        for name, started in list(self.active.items()):
            if started.process.poll() is not None and not self._outlived(started):
                del self.active[name]
                self._finish(started, settle(started))
        self.progress.update({name: self._recorded(name) for name in self.active})

    def _outlived(self, started: RunProcess) -> bool:
        """True while ranks save whose launcher was killed: they have as long as after a signal."""
        if started.ended is None:
            started.ended = time.monotonic()
        in_time = time.monotonic() - started.ended < self.grace
        return in_time and not self.stop.again and bool(ranks_here(self._recorded(started.run)))

    def _start(self, run: RunSettings, slot: int) -> None:
        folder = self.plan.run_folder(run.run)
        before = self._recorded(run.run)
        # An old state must not be taken for this attempt's if the launcher dies before the trainer writes one.
        self._note(run.run, replace(before, state="pending", ranks=[], error=None))
        line = self.make_command(run, folder / "run.yaml", self.slots[slot])
        self.active[run.run] = start(run.run, slot, folder, line, self.environment)
        del self.waiting[run.run]
        self.progress.line(f"{self._count()} {run.run}: started")

    def _finish(self, started: RunProcess, code: int) -> None:
        run, seconds = started.run, time.monotonic() - started.began
        status = self._recorded(run)
        if status.state in ("pending", "running"):
            tail = last_line(self.plan.run_folder(run) / LAUNCHER_LOG)
            error = f"the launcher ended with code {code} before the run was done; {LAUNCHER_LOG} ends with: {tail}"
            stopped = self.ending or code == Stopped.exit_code
            status = replace(status, state="stopped" if stopped else "failed", error=self.ending or error)
            self._note(run, status)
        if status.state == "done":
            self.done.add(run)
            self.progress.line(f"{self._count()} {run}: done in {seconds:.0f} s")
        else:
            self.failed[run] = status.error or status.state
            if status.state == "stopped":
                self.stopped.append(run)
            self.progress.line(f"{self._count()} {run}: {status.state} after {seconds:.0f} s: {self.failed[run]}")

    def _give_up(self, run: str, reason: str) -> None:
        self.failed[run] = reason
        self.waiting.pop(run, None)
        self.progress.line(f"{self._count()} {run}: left out: {reason}")

    def _old_ranks(self, run: str) -> bool:
        """True while processes of an earlier start may still write to the run's folder; gives up after a while."""
        status = self._recorded(run)
        if status.state != "running" or not possibly_alive(status):
            return False
        names = ", ".join(f"{rank.get('host')}:{rank.get('pid')}" for rank in status.ranks)
        if run not in self.told:
            self.told.add(run)
            self.progress.line(f"{self._count()} {run}: waits for processes of an earlier start ({names})")
        if time.monotonic() - self.began > self.grace + OLD_RANKS:
            self._give_up(run, f"processes of an earlier start may still run ({names}); end them first")
        return True

    def _recorded(self, run: str) -> Status:
        return recorded_status(self.plan.run_folder(run))

    def _note(self, run: str, status: Status) -> None:
        write_status(self.plan.run_folder(run), replace(status, heartbeat=0.0))

    def _count(self) -> str:
        total = len(self.plan.runs)
        return f"[{len(self.done) + len(self.failed)}/{total}]"


def known_run(plan: Plan, name: str) -> str:
    """The id, if it is a run of the plan. Raises InputError for an unknown one."""
    from stilts.settings import unknown

    names = [run.run for run in plan.runs]
    if name not in names:
        shown = names if len(names) <= 20 else [*names[:20], "..."]
        raise unknown(f"run {name!r}", name, shown, "see `stilts status`")
    return name


def find_run(plan: Plan, name: str) -> Path:
    """The folder of a run of the plan. Raises InputError for an unknown id, or where it has none yet."""
    known_run(plan, name)
    if not plan.run_folder(name).is_dir():
        raise InputError(f"run {name} has no folder yet", "a run that was started", "start it with `stilts run`")
    return plan.run_folder(name)
