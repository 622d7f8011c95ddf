"""A run's status counts the seconds that its ranks have worked, over all starts."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from stilts.distributed import World
from stilts.status import Status, read_status, write_status
from stilts.training import record
from stilts.training.attempt import Attempt
from stilts.training.record import Record

ALONE = World(0, 1, 0, torch.device("cpu"))


class Clock:
    """A monotonic clock that a test sets."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1e9 + self.now


class Two(World):
    """Two ranks, of which this is the first, without the other."""

    def gather(self, value: object) -> list[object]:
        return [value, value]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(record, "time", found)
    return found


def test_seconds_are_those_of_all_ranks_and_starts(tmp_path: Path, clock: Clock) -> None:
    log = logging.getLogger("test")
    attempt = Attempt.begin(tmp_path, ALONE)
    first = Record(tmp_path, attempt, Two(0, 2, 0, torch.device("cpu")), log)
    assert read_status(tmp_path, now=0).rank_seconds == 0
    clock.now += 30
    first.update(step=1)
    assert (read_status(tmp_path, now=0).rank_seconds, read_status(tmp_path, now=0).device) == (60, "cpu")
    clock.now += 1000  # it was killed, and nobody worked
    again = Record(tmp_path, attempt, ALONE, log)
    clock.now += 5
    again.update(state="done")
    assert read_status(tmp_path, now=0).rank_seconds == 65


def test_a_run_of_an_earlier_version_starts_at_0(tmp_path: Path, clock: Clock) -> None:
    write_status(tmp_path, Status("stopped", 1))
    own = Record(tmp_path, Attempt.begin(tmp_path, ALONE), ALONE, logging.getLogger("test"))
    clock.now += 7
    own.update()
    assert read_status(tmp_path, now=0).rank_seconds == 7
