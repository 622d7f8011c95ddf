"""Tells on a terminal, or in plain lines, how far the runs of a study are."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, TextIO

from stilts.status import Status


class Counting:
    """Shows on a terminal how far a computation is; anywhere else it says nothing.

    Args:
        out: the terminal, or not one.
    """

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self._bar: Any = None

    def __enter__(self) -> Counting:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, what: str, done: int, of: int) -> None:
        """Show that so many of so many are done; another `what` takes the bar's place."""
        if not self.out.isatty():
            return
        if self._bar is None or (self._bar.desc, self._bar.total) != (f"{what}: ", of):
            from tqdm import tqdm

            self.__exit__(None, None, None)
            self._bar = tqdm(total=of, desc=what, file=self.out, leave=False, dynamic_ncols=True)
        self._bar.update(done - self._bar.n)


class Progress:
    """Plain lines for what happens, and on a terminal a bar for every running run.

    Args:
        out: where to write; a terminal gets bars.
    """

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Progress:
        if self.out.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bars

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bars = Bars(*columns, console=Console(file=self.out), transient=True)
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def line(self, text: str) -> None:
        """One line that stays."""
        if self._bars is not None:
            self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=self.out, flush=True)

    def update(self, running: Mapping[str, Status]) -> None:
        """Show the steps of the runs that run now."""
        if self._bars is None:
            return
        for run in set(self._tasks) - set(running):
            self._bars.remove_task(self._tasks.pop(run))
        for run, status in running.items():
            if run not in self._tasks:
                self._tasks[run] = self._bars.add_task(run, total=None)
            self._bars.update(self._tasks[run], completed=status.step, total=status.steps or None)
