"""How one run is started on this machine: the deepspeed launcher's command line, and a clean environment."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import stilts
from stilts.config import Launch
from stilts.errors import InputError, StiltsError

PARENT = "STILTS_PARENT"  # process id of `stilts run`: ranks end themselves when it is gone
_STRIPPED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "NODE_RANK")
_STRIPPED_PREFIXES = ("MASTER_", "OMPI_", "PMI", "PMIX_", "SLURM_", "CROSS_", "TORCHELASTIC_")


def trainer_path() -> Path:
    """`train.py` beside the stilts package. Raises StiltsError if it is not there."""
    path = Path(stilts.__file__).resolve().parents[1] / "train.py"
    if not path.is_file():
        raise StiltsError(f"no train.py at {path}: run stilts from a checkout of the repository (pip install -e .)")
    return path


def command(trainer: Path, run_file: Path, processes: int, devices: list[int]) -> list[str]:
    """The command line that starts one run with the deepspeed launcher.

    Args:
        trainer: train.py.
        run_file: the run's run.yaml.
        processes: ranks.
        devices: accelerators of this run; empty on the CPU, where `--num_gpus` is the number of ranks.
    """
    return launched([str(trainer), str(run_file)], processes, devices)


def launched(words: Sequence[str], processes: int, devices: list[int]) -> list[str]:
    """The deepspeed launcher's command line for a program and its arguments (`--module NAME` for a module)."""
    where = ["--include", f"localhost:{','.join(map(str, devices))}"] if devices else ["--num_gpus", str(processes)]
    launcher = [sys.executable, "-m", "deepspeed.launcher.runner", "--hostfile", "", "--no_local_rank"]
    return [*launcher, *where, "--master_port", str(free_port()), *words]


def environment(launch: Launch, parent: int, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a run: without traces of another launcher, with a fair share of the cores for each rank."""
    source = os.environ if given is None else given
    clean = {k: v for k, v in source.items() if k not in _STRIPPED and not k.startswith(_STRIPPED_PREFIXES)}
    clean[PARENT] = str(parent)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    clean.setdefault("OMP_NUM_THREADS", str(max(1, cores // (launch.processes * launch.parallel_runs))))
    package = str(Path(stilts.__file__).resolve().parents[1])  # ranks import stilts wherever they are started
    clean["PYTHONPATH"] = os.pathsep.join(filter(None, [package, clean.get("PYTHONPATH")]))
    return clean


def device_slots(launch: Launch) -> list[list[int]]:
    """Accelerators for each of the parallel runs; empty lists on a machine without any.

    Raises:
        InputError: there are fewer accelerators than the runs' ranks.
    """
    devices = visible_devices()
    if not devices:
        return [[] for _ in range(launch.parallel_runs)]
    needed = launch.processes * launch.parallel_runs
    if needed > len(devices):
        raise InputError(
            f"launch.processes {launch.processes} x launch.parallel_runs {launch.parallel_runs} need {needed} GPUs, "
            f"this machine shows {len(devices)}",
            "one GPU a rank",
            "lower launch.processes or launch.parallel_runs, or set DS_ACCELERATOR=cpu",
        )
    size = launch.processes
    return [devices[slot * size : (slot + 1) * size] for slot in range(launch.parallel_runs)]


def visible_devices() -> list[int]:
    """Ids of the NVIDIA GPUs that runs may use, found without importing torch."""
    if os.environ.get("DS_ACCELERATOR", "cuda") != "cuda":
        return []
    present = len([path for path in Path("/dev").glob("nvidia[0-9]*") if path.name[6:].isdigit()])
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return list(range(present))
    return [int(device) for device in chosen.split(",") if device.strip().isdigit()] if present else []


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
