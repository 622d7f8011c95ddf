"""Stop requests: a signal to any rank, or a deadline, that all ranks act on at the same place.

A handler only takes note. The ranks vote at each optimizer step, between micro-batches and between forward passes of
validation and prediction; where one of them wants to stop, all do (a flag of one rank that others do not know of, as in
other trainers, leaves them waiting for each other).
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

from stilts.errors import Stopped

if TYPE_CHECKING:
    from stilts.distributed import World

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
VOTE_SECONDS = 2.0
"""Seconds between two votes within one optimizer step: each makes the ranks wait for each other."""
_DEADLINE = 1000.0  # what a rank votes for where its time is up; else the signal's number, or 0


class StopRequest:
    """What this process was asked to do."""

    def __init__(self) -> None:
        self.signal = 0
        self.began = time.monotonic()

    def install(self) -> None:
        """Take note of stop signals from now on, in place of what they would do. A second one changes nothing."""
        for number in SIGNALS:
            signal.signal(number, self)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.signal = self.signal or number


REQUEST = StopRequest()
"""Of this process, as signals are; `train.py` installs it before anything heavy is loaded."""


class Votes:
    """The ranks' votes about stopping. Every method but `mine` is a collective.

    Args:
        world: this rank's place.
        request: what this process was asked to do.
        stop_after: seconds since the process started after which it votes to stop; None for never.
        alive: called on rank 0 at each vote, as a sign of life.
    """

    def __init__(
        self,
        world: World,
        request: StopRequest = REQUEST,
        stop_after: float | None = None,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self.world, self.request, self.stop_after, self.alive = world, request, stop_after, alive

    def mine(self) -> float:
        """This rank's vote: 0 to go on."""
        late = self.stop_after is not None and time.monotonic() - self.request.began > self.stop_after
        return _DEADLINE if late else float(self.request.signal)

    def check(self, where: str) -> None:
        """Vote; raises Stopped on every rank if one of them wants to stop."""
        self.count(self.world.all_gather([self.mine()])[:, 0].tolist(), where)

    def count(self, votes: list[float], where: str) -> None:
        """Act on votes that were gathered with something else."""
        if self.world.main:
            self.alive()
        rank = next((rank for rank, vote in enumerate(votes) if vote), None)
        if rank is not None:
            late = votes[rank] == _DEADLINE
            reason = (
                f"training.stop_after ({self.stop_after:g} s)"
                if late and self.stop_after is not None
                else f"{signal.Signals(int(votes[rank])).name} at rank {rank}"
            )
            raise Stopped(f"stopped by {reason}, {where}: run the same command again to go on")
