"""All checks of `stilts doctor`, and how they are shown."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from stilts.config import DataSettings, load_study
from stilts.doctor.check import PROBLEM, WARNING, Check, count
from stilts.doctor.compilers import compiler, ninja, python_headers
from stilts.doctor.data import data_checks
from stilts.doctor.disk import cache_disk, study_disk, temporary_disk
from stilts.doctor.gpus import gpus, nccl, precision
from stilts.doctor.hub import hub, model
from stilts.doctor.launchers import mpi, slurm
from stilts.doctor.limits import locked_memory, open_files, processes, shared_memory
from stilts.doctor.machine import Machine
from stilts.doctor.software import operators, packages, python_version, torch_build
from stilts.errors import InputError
from stilts.settings import overridden, plain, read
from stilts.table import table

CHECKS: tuple[Callable[[Machine], Check], ...] = (
    python_version, packages, torch_build, operators,
    compiler, python_headers, ninja,
    gpus, nccl, precision,
    mpi, slurm,
    study_disk, cache_disk, temporary_disk,
    shared_memory, open_files, locked_memory, processes,
    hub, model,
)  # fmt: skip
_COLOURS = {"ok": "green", WARNING: "yellow", PROBLEM: "bold red"}


def doctor(words: Sequence[str], as_json: bool = False, job: bool = False) -> int:
    """Check this machine, or all ranks of the job that this process is one of, and print one table.

    Args:
        words: STUDY.yaml, which may be left out, and `key=value` overrides.
        as_json: for programs.
        job: every rank calls this; rank 0 prints.

    Returns:
        The exit code: 0, or 1 where there is a problem, on every rank.

    Raises:
        InputError: the study or an override is wrong.
    """
    machine = machine_of(words)
    if job:
        from stilts.doctor.job import examine_job

        with _stdout_is_stderr():
            checks, ranks, shows = examine_job(machine, examine)
    else:
        checks, ranks, shows = examine(machine), None, True
    if shows:
        _show(checks, ranks, as_json)
    return 1 if count(checks, PROBLEM) else 0


def machine_of(words: Sequence[str]) -> Machine:
    """This machine, with the study that the command line names."""
    if not words or "=" in words[0]:
        for word in words:
            if not word.startswith("data."):
                raise InputError(f"{word!r} without a study", "STUDY.yaml first, or data.root=FOLDER", "name the study")
        return Machine(data=read(DataSettings, overridden({}, words, "the command line").get("data"), "data"))
    from stilts.study.plan import expand

    plan = expand(load_study(words[0], words[1:]))
    return Machine(plan=plan, data=plan.study.data)


def examine(machine: Machine) -> list[Check]:
    """Every check of one machine, in the order of the table."""
    return [*(check(machine) for check in CHECKS), *data_checks(machine)]


@contextlib.contextmanager
def _stdout_is_stderr() -> Iterator[None]:
    """Send what libraries print, also those in C, to stderr: stdout is for the table."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        sys.stdout.flush()
        ctypes.CDLL(None).fflush(None)
        os.dup2(kept, 1)
        os.close(kept)


def _show(checks: Sequence[Check], ranks: Sequence[Any] | None, as_json: bool) -> None:
    """Print the table of ranks, if this is a job, and that of the checks."""
    problems, warnings = count(checks, PROBLEM), count(checks, WARNING)
    if as_json:
        content: dict[str, Any] = {"checks": plain(list(checks)), "problems": problems, "warnings": warnings}
        if ranks is not None:
            content["ranks"] = plain(list(ranks))
        print(json.dumps(content, indent=2, ensure_ascii=False))
        return
    if ranks:
        cells = [plain(rank) for rank in ranks]
        print(table(list(cells[0]), [list(row.values()) for row in cells]) + "\n")
    rows = [(check.name, check.state, check.found, check.fix) for check in checks]
    if sys.stdout.isatty():
        _show_on_terminal(rows)
    else:
        print(table(("check", "state", "found", "fix"), rows))
    print(f"{problems} problem{'s' * (problems != 1)}, {warnings} warning{'s' * (warnings != 1)}")


def _show_on_terminal(rows: Sequence[tuple[str, str, str, str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=box.SIMPLE_HEAD)
    for column in ("check", "state", "found", "fix"):
        shown.add_column(column, overflow="fold", no_wrap=column == "state")
    for name, state, found, fix in rows:
        shown.add_row(name, Text(state, style=_COLOURS[state]), Text(found), Text(fix))
    Console().print(shown)
