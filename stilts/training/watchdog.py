"""Ends a run whose optimizer step hangs, and says where: the stacks of all ranks' threads go to the run's log.

A collective that one rank does not join ends at its timeout only, and tells nothing about that rank.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType

from stilts.errors import StiltsError, first_line

FACTOR, AT_LEAST = 20.0, 600.0
"""The limit where none is set: so many times the slowest step, and so many seconds."""
LOOK_EVERY = 1.0  # seconds
LAST_WORDS = 3.0  # seconds between a rank's stacks and its end, in which the others write theirs
BACKSTOP = 2.0  # seconds after the limit at which a rank is ended that runs no Python any more


class Watchdog:
    """Watches this rank's optimizer steps from a thread; in a step it costs two looks at the clock.

    A step that takes longer than the limit is taken for hung: the rank appends its stacks to the log and ends with code
    1 a few seconds later. Where it is stuck in C and holds the GIL, faulthandler does both (its lines name the rank as
    the function of the thread "watchdog"). A process that was suspended for longer than the limit ends, too. As a
    context it also ends the other ranks when this one fails: a rank that hangs outside of a step is found by the others
    when their collective times out.

    Args:
        log: the run's log.txt; every rank appends to it.
        rank: of this process.
        timeout: seconds a step may take; None for `FACTOR` times the slowest step so far, at least `AT_LEAST`. The
            first step does not count as usual: operators are compiled and memory is found in it.
        alarm: a file that all ranks of this start see and no other start does. A rank that hangs writes to it, and
            ranks that are outside of a step then write their stacks, too, and end.
        on_hang: called with the reason, in a thread, between the stacks and the end; it has `LAST_WORDS` seconds.
    """

    def __init__(
        self,
        log: Path,
        rank: int,
        timeout: float | None = None,
        alarm: Path | None = None,
        on_hang: Callable[[str], None] | None = None,
    ) -> None:
        self.name = f"rank {rank} on {socket.gethostname()}, pid {os.getpid()}"
        self.timeout, self.alarm, self.on_hang = timeout, alarm, on_hang
        self.slowest = 0.0
        self._steps, self._began, self._armed, self._sounded = 0, 0.0, False, False
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        if alarm is not None:
            alarm.touch()  # network file systems look anew at a file that is there, not at one that is not
        self._lock, self.closed = threading.Lock(), threading.Event()
        watch = FunctionType(_watch.__code__.replace(co_name=self.name), globals())
        self._thread = threading.Thread(target=watch, args=(self,), name="watchdog", daemon=True)
        self._thread.start()

    @property
    def limit(self) -> float:
        """Seconds that a step may take now."""
        return self.timeout if self.timeout is not None else max(AT_LEAST, FACTOR * self.slowest)

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """The time of one optimizer step."""
        with self._lock:
            self._began = time.monotonic()
            if not self._armed:  # the thread may not run again
                self._arm(self.limit)
        try:
            yield
        finally:
            took, self._began = time.monotonic() - self._began, 0.0
            self._steps += 1
            if self._steps > 1:
                self.slowest = max(self.slowest, took)

    def __enter__(self) -> Watchdog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Watch no longer; where this rank has failed by itself, the others need not wait for it."""
        if isinstance(error, Exception) and not isinstance(error, StiltsError):  # those are raised on every rank
            self.sound(f"{type(error).__name__}: {first_line(error)}")
        self.close()

    def sound(self, reason: str) -> None:
        """Write this rank's stacks to the log and let every other rank do the same and end. This one goes on."""
        self._sounded = True
        if self.alarm is not None:
            with contextlib.suppress(OSError), open(self.alarm, "a", encoding="utf-8") as out:
                out.write(f"{self.name}: {reason}\n")
        self._write_stacks(reason)

    def close(self) -> None:
        """Watch no longer."""
        self.closed.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()
            self._disarm()
            os.close(self._log)

    def look(self) -> None:
        """What the thread does again and again: end the process if its step or another rank hangs."""
        began = self._began
        left = began + self.limit - time.monotonic()
        if began and left <= 0:
            usual = f"{FACTOR:g} times the slowest step, at least {AT_LEAST:g} s"
            cause = usual if self.timeout is None else "training.step_timeout"
            reason = f"a training step took longer than {self.limit:.0f} s ({cause})"
            self._arm(LAST_WORDS)
            self.sound(reason)
            self._end(reason)
        elif said := self._heard():
            self._write_stacks(said)
            self._end(said)
        with self._lock:
            if self._began:
                self._arm(self._began + self.limit - time.monotonic())
            else:
                self._disarm()

    def _heard(self) -> str:
        """What another rank wrote to the alarm."""
        if self.alarm is None or self._sounded:
            return ""
        try:
            return self.alarm.read_text(encoding="utf-8").partition("\n")[0]
        except OSError:  # a later start has taken the folder away
            return ""

    def _end(self, reason: str) -> None:
        end = time.monotonic() + LAST_WORDS
        if self.on_hang is not None:
            threading.Thread(target=self.on_hang, args=(reason,), daemon=True).start()
        time.sleep(max(0.0, end - time.monotonic()))
        os._exit(1)

    def _arm(self, left: float) -> None:
        faulthandler.dump_traceback_later(max(0.0, left) + BACKSTOP, file=self._log, exit=True)
        self._armed = True

    def _disarm(self) -> None:
        if self._armed:
            faulthandler.cancel_dump_traceback_later()
            self._armed = False

    def _write_stacks(self, reason: str) -> None:
        """One write, so that ranks do not write into each other's lines."""
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        lines = [f"{time.strftime('%Y-%m-%d %H:%M:%S')} watchdog: {reason}; the threads of {self.name}:\n"]
        for ident, frame in sys._current_frames().items():
            if ident != self._thread.ident:
                lines += [f"  thread {names.get(ident, ident)}, the latest call last:\n"]
                lines += [f"  {line}" for line in traceback.format_stack(frame)]
        with contextlib.suppress(OSError):  # a full disk must not keep the process from ending
            os.write(self._log, "".join(lines).encode())


def _watch(dog: Watchdog) -> None:
    while not dog.closed.wait(min(LOOK_EVERY, dog.limit / 5)):
        dog.look()
