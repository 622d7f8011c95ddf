"""What Slurm's variables say."""

from __future__ import annotations

import pytest

from stilts.errors import StiltsError
from stilts.slurm_job import SlurmJob, node_names, slurm_job, task_counts


def test_a_job_an_element_and_none() -> None:
    assert slurm_job({}) is None
    assert slurm_job({"SLURM_JOB_ID": ""}) is None
    assert slurm_job({"SLURM_JOB_ID": "9", "SLURM_JOB_NODELIST": "a"}) == SlurmJob("9", 9, 0, "a")
    element = {
        "SLURM_JOB_ID": "127",
        "SLURM_ARRAY_JOB_ID": "123",
        "SLURM_ARRAY_TASK_ID": "0",
        "SLURM_RESTART_COUNT": "2",
    }
    job = slurm_job(element)
    assert job == SlurmJob("123_0", 127, 2, "")
    assert job.plain() == {"job": "123_0", "id": 127, "restart_count": 2, "nodes": ""}


@pytest.mark.parametrize(
    ("short", "names"),
    [
        ("node1", ["node1"]),
        ("127.0.1.[1-2]", ["127.0.1.1", "127.0.1.2"]),
        ("n[1-3,07],login", ["n1", "n2", "n3", "n07", "login"]),
        ("gpu-[098-101]x", ["gpu-098x", "gpu-099x", "gpu-100x", "gpu-101x"]),
        ("r[1-2]n[1-2]", ["r1n1", "r1n2", "r2n1", "r2n2"]),
    ],
)
def test_node_names(short: str, names: list[str]) -> None:
    assert node_names(short) == names


@pytest.mark.parametrize("short", ["", "n[1-x]", "n[]", "n[1-2", "n1,,n2"])
def test_no_nodes(short: str) -> None:
    with pytest.raises(StiltsError, match="no list of Slurm nodes"):
        node_names(short)


def test_task_counts() -> None:
    assert task_counts("8,4") == [8, 4]
    assert task_counts("2(x3),1") == [2, 2, 2, 1]
    assert task_counts("") == []
