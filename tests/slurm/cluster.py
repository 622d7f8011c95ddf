"""A throw-away Slurm cluster of two nodes for tests: `cluster.sh` run by this process, and what tests ask of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

SCRIPT = Path(__file__).with_name("cluster.sh")
ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
FOREIGN = ("SLURM", "SBATCH_", "OMPI_", "PMI", "PRTE_", "MASTER_", "STILTS_")  # what launchers around us have set
RANKS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_SIZE", "NODE_RANK")
ENDED = ("COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE")


class Cluster:
    """A running cluster. Its programs are on the PATH of `environment`, which has nothing of a launcher around us.

    Args:
        folder: of all its files; short, as paths of sockets are; it must not exist.
        mode: "nodes", "loopback" (see cluster.sh), or what this machine can do.
    """

    def __init__(self, folder: Path, mode: str = "") -> None:
        self.folder = folder
        kept = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN) and k not in RANKS}
        self.environment = {
            **kept,
            "CLUSTER_DIR": str(folder),
            "CLUSTER_MODE": mode,
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": f"{folder / 'bin'}:{BIN}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
        }
        # it ends with our end of the pipe, however we end
        self.process = subprocess.Popen(
            [SCRIPT, "run", "2"],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for pytest, which then closes the pipe
        )
        assert self.process.stdout is not None
        if self.process.stdout.readline() != b"READY\n":
            raise RuntimeError(f"the cluster did not start: {self.process.communicate()[1].decode()}")

    def close(self) -> None:
        """End it; nothing is left of it."""
        self.process.communicate(timeout=60)

    @property
    def mode(self) -> str:
        """ "nodes" where each node has its own network and processes, else "loopback"."""
        return (self.folder / "mode").read_text().strip()

    def run(self, *words: str | Path, timeout: float = 60) -> str:
        """A program's output; fails with its messages where it fails."""
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True, timeout=timeout)
        assert done.returncode == 0, f"{words} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def control(self, *words: str) -> str:
        """`cluster.sh on NODE ...`, `crash NODE` or `boot NODE`."""
        return self.run(SCRIPT, *words)

    # ---- jobs

    def submit(self, script: Path, *options: str) -> str:
        """Submit a script; returns the job's id."""
        return self.run("sbatch", "--parsable", *options, script).strip()

    def queue(self) -> dict[str, str]:
        """The state of every job by its id, "12" or "12_3", finished ones too."""
        rows = self.run("squeue", "--noheader", "--array", "--states=all", "--format=%i %T").splitlines()
        return dict(row.split() for row in rows)

    def facts(self, job: str) -> dict[str, str]:
        """What `scontrol show job` says: JobState, Restarts, Reason, NodeList, StartTime, ..."""
        words = self.run("scontrol", "--oneliner", "show", "job", job).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def wait(self, job: str, *states: str, limit: float = 60) -> str:
        """Wait until a job is in one of the states, by default in one that it ends in; returns that state.

        Fails after `limit` seconds, and where the job ends in another state.
        """
        wanted, end = states or ENDED, time.monotonic() + limit
        while True:
            state = self.queue().get(job, "unknown")
            if state in wanted:
                return state
            assert state not in ENDED, f"job {job} is {state}, not {' or '.join(wanted)}; {self.messages()}"
            assert time.monotonic() < end, f"job {job} is still {state} after {limit:g} s; {self.messages()}"
            time.sleep(0.1)

    def messages(self) -> str:
        """The ends of the controller's log and of the queue, for messages."""
        log = (self.folder / "log/slurmctld.log").read_text(errors="replace")
        return f"{self.run('squeue', '--states=all')}\n{log[-2000:]}"

    def clear(self) -> None:
        """Cancel what is left, bring all nodes back, and wait for an empty queue."""
        end = time.monotonic() + 60
        self.run("scancel", "--user", str(os.getuid()))
        while self.run("squeue", "--noheader") or self.idle() < 2:
            assert time.monotonic() < end, f"jobs or nodes are left over: {self.run('sinfo')}{self.messages()}"
            time.sleep(0.1)

    def idle(self) -> int:
        """How many nodes are idle."""
        states = "sinfo", "--noheader", "--Node", "--partition=main", "--states=idle", "--format=%N %t"
        return sum(row.endswith(" idle") for row in self.run(*states).splitlines())
