"""What the doctor says about the ranks of a job, from what each of them reports."""

from __future__ import annotations

from dataclasses import replace

from stilts.doctor.check import Check
from stilts.doctor.job import Rank, rank_checks

ONE = Rank(0, "n1", "H100", "gpu-a", "3.11.7", "2.13.0", "0.19.8", "5.23.0", "abc", 8.0)
RANKS = [ONE, replace(ONE, rank=1, gpu="gpu-b"), replace(ONE, rank=2, host="n2"),
         replace(ONE, rank=3, host="n2", gpu="gpu-b")]  # fmt: skip


def bad(*changed: Rank) -> dict[str, Check]:
    """What is not ok where ranks are replaced by others of their number."""
    ranks = [next((new for new in changed if new.rank == rank.rank), rank) for rank in RANKS]
    return {check.name: check for check in rank_checks(ranks) if check.state != "ok"}


def test_ranks_that_are_alike() -> None:
    assert bad() == {}
    assert [check.found for check in rank_checks(RANKS)] == [
        "the same on 4 ranks",
        "H100 on ranks 0-3",
        "8.00 GiB free on n1, the least of all hosts",
    ]


def test_another_version_on_one_rank_is_a_problem() -> None:
    found = bad(replace(RANKS[2], torch="2.12.1"))
    assert list(found) == ["software of the ranks"]
    assert found["software of the ranks"].state == "problem"
    assert found["software of the ranks"].found == "torch is 2.13.0 on ranks 0 1 3, 2.12.1 on rank 2"
    assert "one Python environment" in found["software of the ranks"].fix
    assert "stilts is abc on ranks 0-2, abc+changes on rank 3" in str(bad(replace(RANKS[3], stilts="abc+changes")))


def test_another_kind_of_device_is_a_problem() -> None:
    found = bad(replace(RANKS[3], device="V100"))
    assert found["devices of the ranks"].found == "H100 on ranks 0-2, V100 on rank 3: not alike"
    assert found["devices of the ranks"].state == "problem"


def test_a_host_whose_shared_memory_is_full() -> None:
    found = bad(*(replace(rank, free_shared_memory=0.05) for rank in RANKS[2:]))
    assert list(found) == ["shared memory of the ranks"]
    assert found["shared memory of the ranks"].found == (
        "0.05 GiB free on n2, the least of all hosts; its 2 ranks may take 0.13"
    )
