"""A run under a real launcher, for tests that hang, kill or stop it, and what is left of it afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import tiny
from faults import Fault, environment
from test_launchers import BIN, LAUNCHERS, ROOT

from stilts.rendezvous import free_port

PROGRAM = Path(__file__).with_name("faulty_train.py")
OTHERS = ("OMPI_", "PMIX_", "SLURM_", "MASTER_", "STILTS_")


class Job:
    """A run of two ranks under a launcher, in a process group of its own, as a shell or a scheduler starts it.

    Args:
        folder: an empty one, which all its processes name.
        launcher: one of `test_launchers.LAUNCHERS`.
        faults: of its ranks.
        training: settings.
    """

    def __init__(self, folder: Path, launcher: str, faults: Sequence[Fault] = (), **training: Any) -> None:
        self.folder, self.report, self.output = folder, folder / "report", folder / "output.txt"
        model = tiny.make_model(folder / "model")
        sets = [tiny.make_set(folder, model, "xnli", 9, "dev", "de")]
        values = {"max_steps": 5000, "save_every": 1000, **training}
        self.path = tiny.make_run(folder, model, "run", {"mnli": 40}, training=values, evaluation_sets=sets)
        words = [word.format(port=free_port()) for word in LAUNCHERS[launcher]]
        variables = {name: value for name, value in os.environ.items() if not name.startswith(OTHERS)}
        variables |= {"OMP_NUM_THREADS": "1", "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        variables |= environment(faults, self.report)
        with open(self.output, "wb") as out:
            self.process = subprocess.Popen(
                [*words, str(PROGRAM), str(self.path)],
                env=variables,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        """The run's log.txt so far."""
        path = self.path.with_name("log.txt")
        return path.read_text() if path.is_file() else ""

    @property
    def status(self) -> dict[str, Any]:
        """The run's status.json so far."""
        path = self.path.with_name("status.json")
        value: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {"state": "pending", "step": 0}
        return value

    def wait_for(self, reached: Callable[[], bool], seconds: float = 150) -> None:
        """Until `reached`; fails where the job ends before."""
        end = time.monotonic() + seconds
        while not reached():
            assert self.process.poll() is None, f"it ended too early: {self.tail()}"
            assert time.monotonic() < end, f"it never came: {self.tail()}"
            time.sleep(0.05)

    def left(self) -> list[psutil.Process]:
        """Live processes, launchers and ranks, that name the job's folder."""
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            named = str(self.folder) in " ".join(process.info["cmdline"] or [])
            if named and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found

    def seconds_to_end(self, limit: float) -> float:
        """Seconds until the launcher and all of its processes are gone; fails after `limit`."""
        began = time.monotonic()
        while self.process.poll() is None or self.left():
            left = [" ".join(process.info["cmdline"]) for process in self.left()]
            assert time.monotonic() - began < limit, f"still there: {left}; {self.tail()}"
            time.sleep(0.05)
        return time.monotonic() - began

    def tail(self) -> str:
        """The ends of its output and its log, for messages."""
        return f"{self.output.read_text(errors='replace')[-4000:]}\n--- log.txt\n{self.log[-4000:]}"

    def close(self) -> None:
        """Kill what is left."""
        for process in self.left():
            process.kill()
        self.process.kill()
        self.process.wait()
