"""Ranks tell each other where they are, and all of them end where that will not do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from harness import run_ranks

from stilts import distributed
from stilts.errors import StiltsError
from stilts.rendezvous import Place

pytestmark = pytest.mark.slow


def say_place(places: list[Place]) -> str:
    """What a rank hears after it has said where it is."""
    world = distributed.setup()
    try:
        distributed.refuse_wrong_places(world.rank, world.size, places[world.rank])
    except StiltsError as error:
        return str(error)
    return "well"


def expect(ranks: str) -> str:
    """What a rank hears where the job script expects so many ranks."""
    os.environ["STILTS_RANKS"] = ranks
    try:
        distributed.setup()
    except StiltsError as error:
        return str(error)
    return "well"


def test_unequal_nodes_end_every_rank(tmp_path: Path) -> None:
    good = [Place("n1", 1, "a"), Place("n1", 1, "b"), Place("n2", 1, "a"), Place("n2", 1, "b")]
    assert run_ranks(say_place, 2, tmp_path, good[1:3]) == ["well", "well"]
    said = run_ranks(say_place, 3, tmp_path, good[:3])
    assert len(set(said)) == 1
    assert "n1 2, n2 1" in said[0]


def test_another_number_of_ranks_than_expected(tmp_path: Path) -> None:
    assert run_ranks(expect, 2, tmp_path, "2") == ["well", "well"]
    said = run_ranks(expect, 2, tmp_path, "4")
    assert all("STILTS_RANKS says 4 ranks but this rank's world has 2" in line for line in said)
