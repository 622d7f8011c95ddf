"""No rank outlives the command that started it: launchers leave ranks behind when they are killed."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

PARENT_VARIABLE = "STILTS_PARENT"  # pid of the `stilts run` that wants this rank to end with it
LOOK_EVERY = 1.0  # seconds
_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """End this process when its launcher's process ends, or the `stilts run` above it (same machine only)."""
    launched = "RANK" in os.environ or "OMPI_COMM_WORLD_SIZE" in os.environ or PARENT_VARIABLE in os.environ
    if launched and sys.platform == "linux":  # started by hand, it may outlive its shell (nohup)
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the line above
            os._exit(1)
    ancestor = os.environ.get(PARENT_VARIABLE)
    if ancestor and ancestor.isdigit():
        threading.Thread(target=_watch, args=(int(ancestor),), name="parent watch", daemon=True).start()


def _watch(pid: int) -> None:
    import psutil

    try:
        born = psutil.Process(pid).create_time()
    except psutil.Error:
        os._exit(1)
    while True:
        time.sleep(LOOK_EVERY)
        try:
            process = psutil.Process(pid)
            alive = process.create_time() == born and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            alive = False
        if not alive:
            os._exit(1)
