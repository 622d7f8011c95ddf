"""What a run says about itself while it runs, and how it ended: `status.json`, written by its current start only."""

from __future__ import annotations

import contextlib
import logging
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from stilts import distributed
from stilts.distributed import World
from stilts.errors import StiltsError, Stopped
from stilts.slurm_job import slurm_job
from stilts.status import read_status, recorded_status, this_rank, write_status
from stilts.training.attempt import Attempt, Superseded

FIRST_WORD = 2.0  # seconds that the other ranks leave rank 0 to say why a run failed
ALIVE_EVERY = 10.0  # seconds between signs of life, at least


class Record:
    """The status of one start of a run; making it is a collective. A status that cannot be written ends nothing.

    Args:
        folder: the run's folder.
        attempt: this start.
    """

    def __init__(self, folder: Path, attempt: Attempt, world: World, log: logging.Logger) -> None:
        self.folder, self.attempt, self.world, self.log = folder, attempt, world, log
        before = read_status(folder)
        ranks = world.gather(this_rank()) or []
        job = slurm_job()
        slurm = job.plain() if job else None
        self._began, self._before = time.monotonic(), before.rank_seconds
        self.status = replace(
            before, state="running", attempt=before.attempt + 1, ranks=ranks, error=None, slurm=slurm,
            device=world.device.type,
        )  # fmt: skip
        self.update()

    def update(self, **changes: Any) -> None:
        """Change fields of the status, and write it; rank 0."""
        worked = self._before + (time.monotonic() - self._began) * self.world.size
        self.status = replace(self.status, heartbeat=time.time(), rank_seconds=round(worked, 1), **changes)
        if self.world.main and self.attempt.current():
            self._write()

    def alive(self) -> None:
        """A sign of life, written where the last one is some seconds old; rank 0."""
        if time.time() - self.status.heartbeat > ALIVE_EVERY:
            self.update()

    @contextlib.contextmanager
    def until_the_end(self) -> Iterator[None]:
        """However the work within ends, the status says so; where the ranks end together, they leave their group."""
        try:
            yield
        except Stopped as error:
            self.ended(error)
            with contextlib.suppress(RuntimeError):  # a rank that ends first may take the others with it (srun)
                self.world.barrier()
            distributed.close()
            raise
        except BaseException as error:
            self.ended(error)
            raise  # without leaving the group, which may wait for ranks that are in a collective
        if self.world.main:
            self.attempt.close()
        distributed.close()

    def ended(self, error: BaseException) -> None:
        """Record why the run ended before it was done; any rank may be the first to know."""
        line = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, Stopped):
            if self.world.main:
                self.log.info("%s", line)
                self.update(state="stopped", error=line)
            return
        if not self.world.main:
            time.sleep(FIRST_WORD)  # rank 0's own failure is the cause, this rank's lost connection its consequence
        if isinstance(error, Superseded) or not self.attempt.current():
            return
        recorded = recorded_status(self.folder)
        if recorded.state in ("failed", "done", "stopped"):
            return
        if not isinstance(error, StiltsError):
            self.log.error("".join(traceback.format_exception(error)))
            line = f"{type(error).__name__}: {line}"
        self.status = replace(recorded, state="failed", error=line, heartbeat=0.0)
        self._write()

    def _write(self) -> None:
        """Write the status; where the disk refuses, that is logged: only rank 0 knows, and what it does comes first."""
        try:
            write_status(self.folder, self.status)
        except OSError as error:
            with contextlib.suppress(OSError):
                self.log.warning("status.json cannot be written: %s", error)
