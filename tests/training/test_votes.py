"""What this process was asked, and what its ranks vote."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest
import torch

from stilts.distributed import World
from stilts.errors import Stopped
from stilts.training.stopping import SIGNALS, StopRequest, Votes

ALONE = World(0, 1, 0, torch.device("cpu"))


@pytest.fixture
def request_() -> Iterator[StopRequest]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    request = StopRequest()
    request.install()
    yield request
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_a_vote_and_a_second_one_changes_nothing(request_: StopRequest, number: signal.Signals) -> None:
    votes = Votes(ALONE, request_)
    votes.check("before step 3")
    os.kill(os.getpid(), number)
    os.kill(os.getpid(), signal.SIGUSR2)
    assert votes.mine() == number
    with pytest.raises(Stopped, match=f"stopped by {number.name} at rank 0, before step 3: run the same command again"):
        votes.check("before step 3")


def test_another_ranks_vote_counts() -> None:
    with pytest.raises(Stopped, match="SIGTERM at rank 2"):
        Votes(ALONE, StopRequest()).count([0.0, 0.0, float(signal.SIGTERM), 0.0], "here")


def test_time_is_up() -> None:
    request = StopRequest()
    votes = Votes(ALONE, request, stop_after=100)
    votes.check("here")
    request.began = time.monotonic() - 101
    with pytest.raises(Stopped, match=r"stopped by training.stop_after \(100 s\)"):
        votes.check("here")


def test_each_vote_is_a_sign_of_life() -> None:
    seen = []
    votes = Votes(ALONE, StopRequest(), alive=lambda: seen.append(1))
    votes.check("here")
    votes.check("here")
    assert len(seen) == 2
