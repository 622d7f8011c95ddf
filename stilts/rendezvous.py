"""Who a rank is and where the ranks meet: RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT from any launcher.

What would train on with too few ranks, or hang, is refused here: several worlds where one is meant, nodes with unequal
numbers of ranks or GPUs, two ranks on one GPU.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stilts.errors import InputError, StiltsError
from stilts.slurm_job import node_names, task_counts

EXPECTED = "STILTS_RANKS"
"""The variable in which a job script says how many ranks there must be."""


@dataclass(frozen=True)
class Place:
    """Where a rank is.

    Attributes:
        host: name of its machine.
        visible: GPUs that it sees.
        device: what tells the GPU that it uses from every other.
    """

    host: str
    visible: int
    device: str


def find_world() -> None:
    """Set the five variables from whatever launcher is there.

    Raises:
        StiltsError: the ranks that found each other are not as many as were started.
        InputError: Slurm's tasks are spread unevenly.
    """
    env = os.environ
    if "RANK" in env and "WORLD_SIZE" in env:  # deepspeed, torchrun
        env.setdefault("LOCAL_RANK", "0")
    elif "OMPI_COMM_WORLD_SIZE" in env:
        env.update(_from_mpi())
    elif _tasks(env) > 1:
        env.update(_from_slurm(env))
    else:
        values = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}
        env.update(values | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())})
    refuse_other_size(int(env["WORLD_SIZE"]), env)


def is_rank(env: Mapping[str, str] | None = None) -> bool:
    """Whether a launcher has started this process as one of its ranks."""
    given = os.environ if env is None else env
    return ("RANK" in given and "WORLD_SIZE" in given) or "OMPI_COMM_WORLD_SIZE" in given or _tasks(given) > 1


def refuse_other_size(size: int, env: Mapping[str, str]) -> None:
    """Raise StiltsError where a world of `size` ranks is not the whole one: each part would train alone.

    An MPI program under `srun --mpi=none` or `pmi2` is such a case, or RANK and WORLD_SIZE left from somewhere else. A
    step of Slurm may have fewer tasks than the world has ranks: torchrun and mpirun start several from one task.
    """
    expected = env.get(EXPECTED)
    if expected is not None and not expected.isdigit():
        raise InputError(f"{EXPECTED} is {expected!r}", "a number of ranks", f"unset {EXPECTED}")
    advice = "start train.py with `srun` or `mpirun`, with RANK and WORLD_SIZE unset"
    if expected is not None and size != int(expected):
        raise StiltsError(f"{EXPECTED} says {expected} ranks but this rank's world has {size}: {advice}")
    if size < _tasks(env):
        raise StiltsError(f"Slurm started {_tasks(env)} tasks but this rank's world has {size}: {advice}")


def refuse_unequal_tasks(env: Mapping[str, str]) -> None:
    """Raise InputError where the nodes of a step of Slurm have different numbers of tasks."""
    counts, nodes = task_counts(env.get("SLURM_STEP_TASKS_PER_NODE", "")), _step_nodes(env)
    if len(set(counts)) > 1:
        named = dict(zip(nodes, counts, strict=True)) if len(nodes) == len(counts) else {str(nodes): str(counts)}
        raise InputError(
            f"ranks differ from node to node: {_listed(named)}", "as many on each", "give --nodes and --ntasks-per-node"
        )


def wrong_places(places: Sequence[Place]) -> str | None:
    """What is wrong with where the ranks are, in one line, if anything is; `places` in rank order."""
    ranks = Counter(place.host for place in places)
    if len(set(ranks.values())) > 1:
        return f"ranks differ from node to node: {_listed(ranks)}; give --nodes and --ntasks-per-node"
    visible = {place.host: place.visible for place in places}
    if len({place.visible for place in places}) > 1:
        return f"visible GPUs differ from node to node: {_listed(visible)}; give --gpus-per-node"
    for device, number in Counter((place.host, place.device) for place in places).items():
        if number > 1:
            sharing = [str(rank) for rank, place in enumerate(places) if (place.host, place.device) == device]
            return f"ranks {', '.join(sharing)} have one GPU of {device[0]}; give each rank one (--gpus-per-node)"
    return None


def own_device(local_rank: int, visible: int) -> int:
    """The GPU of a rank among those it sees: its own where it sees one only (`srun --gpus-per-task=1`).

    Raises:
        StiltsError: it sees fewer than there are ranks on its machine.
    """
    if visible == 1:
        return 0
    if local_rank >= visible:
        host = socket.gethostname()
        raise StiltsError(
            f"local rank {local_rank} of {host} sees {visible} GPUs; give each rank one (--gpus-per-node)"
        )
    return local_rank


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def _tasks(env: Mapping[str, str]) -> int:
    """Tasks of the step of Slurm around this process; 1 in a batch script, which has no step."""
    return int(env.get("SLURM_STEP_NUM_TASKS") or 1)


def _step_nodes(env: Mapping[str, str]) -> list[str]:
    return node_names(env.get("SLURM_STEP_NODELIST") or env["SLURM_JOB_NODELIST"])


def _listed(counts: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _from_mpi() -> dict[str, str]:
    from mpi4py import MPI

    world = MPI.COMM_WORLD
    node = world.Split_type(MPI.COMM_TYPE_SHARED)
    # in a job of Slurm its name for the node; the first address of a machine may be one of a network of its own
    own = os.environ.get("MASTER_ADDR") or os.environ.get("SLURMD_NODENAME") or _own_address()
    address = "127.0.0.1" if node.size == world.size else own
    port = os.environ.get("MASTER_PORT") or str(free_port())
    address, port = world.bcast((address, port))
    return {
        "RANK": str(world.rank),
        "WORLD_SIZE": str(world.size),
        "LOCAL_RANK": str(node.rank),
        "MASTER_ADDR": address,
        "MASTER_PORT": port,
    }


def _from_slurm(env: Mapping[str, str]) -> dict[str, str]:
    refuse_unequal_tasks(env)
    return {
        "RANK": env["SLURM_PROCID"],
        "WORLD_SIZE": env["SLURM_STEP_NUM_TASKS"],
        "LOCAL_RANK": env["SLURM_LOCALID"],
        "MASTER_ADDR": env.get("MASTER_ADDR") or _step_nodes(env)[0],
        # every rank must come to the same port without talking: the job's and step's ids decide
        "MASTER_PORT": env.get("MASTER_PORT")
        or str(20000 + (int(env["SLURM_JOB_ID"]) * 7 + int(env.get("SLURM_STEP_ID", "0"))) % 20000),
    }


def _own_address() -> str:
    """The first address other machines reach this one by."""
    out = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True).stdout.split()
    return out[0] if out else socket.gethostname()
