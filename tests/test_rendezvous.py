"""Who a rank is under each launcher's environment, and what worlds are refused."""

from __future__ import annotations

import os

import pytest

from stilts.errors import InputError, StiltsError
from stilts.rendezvous import Place, find_world, own_device, refuse_other_size, wrong_places

FIVE = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
STEP = {
    "SLURM_JOB_ID": "127",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NUM_TASKS": "8",
    "SLURM_STEP_TASKS_PER_NODE": "4(x2)",
    "SLURM_STEP_NODELIST": "gpu[07-08]",
    "SLURM_JOB_NODELIST": "gpu[06-08]",
    "SLURM_PROCID": "5",
    "SLURM_LOCALID": "1",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch):
    """Sets the variables of a launcher, and nothing else of any."""

    def given(**variables: str) -> None:
        for name in list(os.environ):
            if name in FIVE or name.startswith(("SLURM_", "OMPI_", "STILTS_RANKS")):
                monkeypatch.delenv(name)
        for name in FIVE:  # what the test itself sets has to go, too
            monkeypatch.setenv(name, "")
            monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return given


def world() -> list[str]:
    find_world()
    return [os.environ[name] for name in FIVE]


def test_srun(environment) -> None:
    environment(**STEP)
    assert world() == ["5", "8", "1", "gpu07", str(20000 + 127 * 7)]


def test_srun_with_the_scripts_port(environment) -> None:
    environment(**STEP, MASTER_PORT="20127", STILTS_RANKS="8")
    assert world() == ["5", "8", "1", "gpu07", "20127"]


def test_given_ranks_stay(environment) -> None:
    environment(**STEP, RANK="9", WORLD_SIZE="16", LOCAL_RANK="1", MASTER_ADDR="gpu07", MASTER_PORT="29500")
    assert world() == ["9", "16", "1", "gpu07", "29500"]


def test_alone_in_a_batch_script(environment) -> None:
    environment(SLURM_JOB_ID="127", SLURM_NTASKS="8", SLURM_JOB_NODELIST="gpu[06-08]")
    assert world()[:4] == ["0", "1", "0", "127.0.0.1"]


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({**STEP, "RANK": "0", "WORLD_SIZE": "1"}, "Slurm started 8 tasks but this rank's world has 1"),
        ({**STEP, "RANK": "0", "WORLD_SIZE": "4"}, "Slurm started 8 tasks but this rank's world has 4"),
        ({"STILTS_RANKS": "8"}, "STILTS_RANKS says 8 ranks but this rank's world has 1"),
        ({**STEP, "STILTS_RANKS": "16"}, "STILTS_RANKS says 16 ranks but this rank's world has 8"),
        ({**STEP, "STILTS_RANKS": "all"}, "STILTS_RANKS is 'all'"),
        ({**STEP, "SLURM_STEP_TASKS_PER_NODE": "5,3"}, "ranks differ from node to node: gpu07 5, gpu08 3"),
    ],
)
def test_part_of_a_world_is_refused(environment, variables: dict[str, str], line: str) -> None:
    environment(**variables)
    with pytest.raises(StiltsError, match=line):
        find_world()


def test_more_ranks_than_tasks_are_those_of_torchrun() -> None:
    refuse_other_size(8, {"SLURM_STEP_NUM_TASKS": "2"})


def test_a_gpu_of_its_own_or_one_of_all() -> None:
    assert [own_device(local, 1) for local in range(3)] == [0, 0, 0]
    assert [own_device(local, 3) for local in range(3)] == [0, 1, 2]
    with pytest.raises(StiltsError, match=r"local rank 3 of .* sees 3 GPUs"):
        own_device(3, 3)
    with pytest.raises(StiltsError, match="sees 0 GPUs"):
        own_device(0, 0)


def places(*nodes: tuple[str, int, list[str]]) -> list[Place]:
    return [Place(host, visible, device) for host, visible, devices in nodes for device in devices]


def test_places() -> None:
    assert wrong_places(places(("n1", 2, ["a", "b"]), ("n2", 2, ["a", "b"]))) is None
    assert wrong_places(places(("n1", 1, ["a", "b"]), ("n2", 1, ["a", "b"]))) is None
    for wrong, line in (
        (places(("n1", 2, ["a", "b"]), ("n2", 2, ["a"])), "ranks differ from node to node: n1 2, n2 1"),
        (places(("n1", 4, ["a"]), ("n2", 2, ["a"])), "visible GPUs differ from node to node: n1 4, n2 2"),
        (places(("n1", 1, ["a", "b"]), ("n2", 1, ["c", "c"])), "ranks 2, 3 have one GPU of n2"),
    ):
        assert line in str(wrong_places(wrong))


def test_wrong_input_has_its_code(environment) -> None:
    environment(**{**STEP, "SLURM_STEP_TASKS_PER_NODE": "5,3"})
    with pytest.raises(InputError):
        find_world()
