"""No rank outlives the command that started it: launchers leave ranks behind when they are killed.

A rank whose launcher is gone is asked to stop, as by any other SIGTERM: it saves its last step and ends. If it does not
within the grace, it is ended.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, NoReturn

from stilts.errors import Stopped

if TYPE_CHECKING:
    import psutil

PARENT_VARIABLE = "STILTS_PARENT"  # pid of the `stilts run` that wants this rank to end with it
LOOK_EVERY = 1.0  # seconds
_LAUNCHED = ("RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID", PARENT_VARIABLE)
_PR_SET_PDEATHSIG = 1


def end_with_parent(grace: float) -> None:
    """Stop this process when its launcher ends, or the `stilts run` above it (on the same machine).

    Call it when SIGTERM is caught already; before that the signal ends the process at once. `grace`: seconds between
    the request to stop and the end.
    """
    if not any(name in os.environ for name in _LAUNCHED):
        return  # started by hand: it may outlive its shell (nohup)
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    above = _above()
    if os.getppid() != parent or above is None:  # it ended before the lines above
        os._exit(1)
    threading.Thread(target=_watch, args=(above, grace), name="parent watch", daemon=True).start()


def end_process(code: int) -> NoReturn:
    """End with an exit code: at once after a failure, as an interpreter that ends in order may wait for dead ranks."""
    if code not in (0, Stopped.exit_code):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _above() -> list[psutil.Process] | None:
    """The processes without which this one has no purpose; None if one of them is gone already.

    DeepSpeed has two: `deepspeed`, which dies of most signals and says nothing, and deepspeed/launcher/launch.py below
    it, which started the ranks and would go on.
    """
    import psutil

    try:
        found = psutil.Process().parents()[:1]
        if found and (runner := found[0].parent()) and _is_deepspeed(runner):
            found.append(runner)
        ancestor = os.environ.get(PARENT_VARIABLE, "")
        if ancestor.isdigit():
            found.append(psutil.Process(int(ancestor)))
    except psutil.Error:
        return None
    return found


def _is_deepspeed(process: psutil.Process) -> bool:
    words = process.cmdline()
    return any(word == "deepspeed.launcher.runner" or os.path.basename(word) == "deepspeed" for word in words[:4])


def _watch(above: list[psutil.Process], grace: float) -> None:
    while all(_alive(process) for process in above):
        time.sleep(LOOK_EVERY)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace)
    os._exit(1)


def _alive(process: psutil.Process) -> bool:
    import psutil

    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
