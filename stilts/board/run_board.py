"""The event files of one run: curves while it trains, and one file with its scores when it is done."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from stilts.board import events
from stilts.board.hparams import session
from stilts.board.layout import layout
from stilts.board.texts import configuration
from stilts.config import RunSettings
from stilts.files import replacing

END_FILE = f"{events.PREFIX}end"  # read after all others, whose names go on with a time


class Board:
    """TensorBoard events of one run; every method does nothing on ranks other than 0.

    Tags: train/..., perf/..., mem/..., health/...; x is the optimizer step. `finish` adds eval/... and the run's row
    in the table of hyper-parameters.

    Args:
        folder: the run's `tensorboard/`.
        main: whether this is rank 0.
        first_step: events from this step on were written by a start that was cut off: TensorBoard drops them.
            None: nothing is left to be written but `finish`.
    """

    def __init__(self, folder: Path, main: bool, first_step: int | None = None) -> None:
        self._folder, self._main, self._first, self._began = folder, main, first_step or 0, time.time()
        self._writer: EventFileWriter | None = None
        if main and first_step is not None:
            self._writer = EventFileWriter(str(folder))
            restart = Event(step=first_step, session_log=SessionLog(status=SessionLog.START))
            restart.wall_time = self._began
            self._writer.add_event(restart)

    def start(self, run: RunSettings, environment: str, changed: bool) -> None:
        """Write what belongs to this start: the environment, and, where it is the run's first or settings `changed`,
        the configuration and the layout of the custom-scalars page.
        """
        self._add(self._first, events.text("environment", environment))
        if changed or self._first <= 1:
            self._add(self._first, events.text("configuration", configuration(run)))
            self._add(self._first, layout(bool(run.trains_on), _validates(run), run.evaluates))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write tag -> value at one step."""
        self._add(step, events.scalars(values))

    def flush(self) -> None:
        """Put everything written so far on the disk: a later start goes on from here."""
        if self._writer:
            self._writer.flush()

    def finish(self, run: RunSettings, step: int, scores: Mapping[str, float]) -> None:
        """Write the final scores and the hyper-parameters, and close.

        They have a file of their own that is replaced as a whole, so that they are there once, however often a run is
        stopped while it scores.
        """
        if not self._main:
            return
        if self._writer:
            self._writer.close()
            self._writer = None
        summaries = [events.scalars(scores), *session(run, step, self._began)]
        with replacing(self._folder / END_FILE) as out:
            out.write(events.file_content((step, summary) for summary in summaries))

    def _add(self, step: int, summary: object) -> None:
        if self._writer:
            self._writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))


def _validates(run: RunSettings) -> bool:
    return bool(run.selection_sets) and run.training.select == "best"
