"""What ranks do in tests of `stilts doctor --job`; importable by the ranks."""

from __future__ import annotations

import contextlib
import io
import json
from typing import Any

from stilts.doctor import examine, job
from stilts.doctor.check import Check, ok
from stilts.doctor.machine import Machine


def doctor(fault: str = "") -> tuple[int, Any]:
    """The command's exit code and JSON, None where this rank prints nothing; rank 1 may have a fault."""
    import os

    import torch

    examine.CHECKS = (_host,)
    second = os.environ["RANK"] == "1"
    if fault == "version" and second:
        torch.__version__ = "2.4.0"
    if fault == "sum":
        job._measured = _wrong_on_rank_1
    if fault == "cannot join" and second:
        os.environ["RANK"] = "7"  # of a world of 2
    if fault == "cannot join":
        job.PATIENCE = job.SECONDS = 3.0
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = examine.doctor([], as_json=True, job=True)
    return code, json.loads(out.getvalue()) if out.getvalue() else None


def _host(machine: Machine) -> Check:
    return ok("host", "a machine")


def _wrong_on_rank_1(world: Any, size: int, measured: Any = job._measured) -> Any:
    """The real measurement of a rank that adds up another number."""
    from dataclasses import replace

    return measured(replace(world, rank=5) if world.rank == 1 else world, size)
