"""What signals do to a command that has runs: the first asks them to save, the second ends them at once."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from types import FrameType

from stilts.errors import Stopped

AGAIN = "run the same command again to go on"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)  # schedulers announce their end by the last
ONE_SIGNAL = 1.0  # seconds in which several signals are one: `timeout` and schedulers signal a process and its group


class Stop:
    """Whether a signal asked to stop. Until `deferred` is set, the signal raises Stopped at once.

    Attributes:
        signal: the name of the first signal.
        again: whether a second one came.
    """

    def __init__(self) -> None:
        self.signal: str | None = None
        self.again = False
        self.deferred = False
        self._first = 0.0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.signal is None:
            self.signal, self._first = signal.Signals(number).name, time.monotonic()
        elif time.monotonic() - self._first > ONE_SIGNAL:
            self.again = True
        if not self.deferred:
            self.check()

    def check(self) -> None:
        """Raise Stopped if a signal arrived."""
        if self.signal:
            raise Stopped(f"stopped by {self.signal}: {AGAIN}")


@contextlib.contextmanager
def stop_signals() -> Iterator[Stop]:
    """Catch SIGNALS for the time of the block, and the end of the terminal."""
    stop = Stop()
    signals = [*SIGNALS, *([signal.SIGHUP] if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL else [])]  # not nohup's
    before = {number: signal.signal(number, stop) for number in signals}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
