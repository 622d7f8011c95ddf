"""Free space where a study, the hub's cache and temporary files lie. Quotas of a user are not seen."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from stilts.doctor.check import Check, ok, problem, warning
from stilts.doctor.machine import Machine
from stilts.errors import InputError
from stilts.slurm.jobs import Standing, jobs_of
from stilts.slurm.profile import load_profile
from stilts.slurm.script import profile_path
from stilts.slurm.submit import DEFAULT_ARRAY, runs_at_once
from stilts.status import study_status
from stilts.study.cost import cost_of
from stilts.study.disk import SAVING, shown
from stilts.study.plan import Plan

MIB, GIB = 2**20, 2**30
FULL, TIGHT = 256 * MIB, 10 * GIB  # of a study's folder, where its size is not known
CACHE_TIGHT = 5 * GIB  # XLM-R Large with its tokenizer is 2.3 GB
TEMPORARY_FULL, TEMPORARY_TIGHT = 64 * MIB, GIB
FEW_INODES = 10_000  # files


def study_disk(machine: Machine) -> Check:
    """The space in the study's folder (without a study, in the current one) against what the plan needs at its most."""
    name = "disk"
    if machine.plan is None:
        return _room(name, machine.folder, FULL, TIGHT, "free some, or choose another output_dir")
    cost = cost_of(machine.plan, _at_once(machine.plan) if machine.uses_slurm else None)
    fix = f"free some, or {SAVING}"
    if cost.disk is None:
        why = f"; what the study needs is not known: {cost.unknown_size}" if cost.unknown_size else ""
        return _room(name, machine.folder, FULL, TIGHT, fix, why)
    more = max(0, cost.disk.peak - cost.disk.written)
    runs = f"{cost.disk.at_once} run{'s' * (cost.disk.at_once != 1)} at a time"
    text = f"; the study needs {shown(more)} more at its most ({runs}), beside prepared data"
    files = max(FEW_INODES, cost.disk.files)
    return _room(name, machine.folder, max(more, FULL), more + GIB, fix, text, files)


def cache_disk(machine: Machine) -> Check:
    """The space in the hub's cache, for published models and data sets."""
    fix = "free some (`hf cache ls` shows what is there), or set HF_HOME to a folder on a larger disk"
    return _room("disk of the hub's cache", machine.hub_cache, FULL, CACHE_TIGHT, fix)


def temporary_disk(machine: Machine) -> Check:
    """The space for temporary files."""
    folder = Path(machine.environment.get("TMPDIR") or "/tmp")
    name, fix = "disk of TMPDIR", "free some, or set TMPDIR to a folder on a larger disk"
    if not folder.is_dir():
        return problem(name, f"{folder} is no folder", "make it, or set TMPDIR to one that exists")
    return _room(name, folder, TEMPORARY_FULL, TEMPORARY_TIGHT, fix)


def _at_once(plan: Plan) -> int | None:
    """How many of the runs that are left go at the same time on the cluster; None where its profile cannot be read."""
    try:
        profile = load_profile(profile_path(plan.study.launch))
    except InputError:  # the line of Slurm says so
        return None
    states = study_status(plan.folder, [run.run for run in plan.runs])
    left = [run for run, status in states.items() if status.state != "done"]
    return runs_at_once(jobs_of(plan, Standing(left), profile.max_array_size or DEFAULT_ARRAY), profile)


def _room(
    name: str, folder: Path, needed: int, comfortable: int, fix: str, remark: str = "", files: int = FEW_INODES
) -> Check:
    """Compare what is free at a folder, or at the nearest one above it that exists, in bytes and files."""
    whole = folder.absolute()
    there = next(path for path in (whole, *whole.parents) if path.is_dir())
    free, inodes = shutil.disk_usage(there).free, os.statvfs(there)
    found = f"{shown(free)} free at {there}{remark}"
    if free < needed:
        return problem(name, found, fix)
    if not os.access(there, os.W_OK | os.X_OK):
        return problem(name, f"{there} may not be written to", "change its permissions, or choose another folder")
    if inodes.f_files and inodes.f_favail < files:
        return warning(name, f"{inodes.f_favail:,} files can still be made at {there}, and {files:,} may be", fix)
    return warning(name, found, fix) if free < comfortable else ok(name, found)
