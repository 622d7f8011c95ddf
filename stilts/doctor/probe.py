"""Looks at what may crash, hang or print, in a process of its own: `python -m stilts.doctor.probe PART`.

The last line of stdout is JSON. What goes wrong ends the process, and the doctor shows the last line of its traceback.
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Callable
from typing import Any


def look_at_torch() -> dict[str, Any]:
    """The fields of `stilts.doctor.machine.Torch`."""
    import torch

    gpus, reason, nccl = [], "", None
    if torch.version.cuda is not None:
        try:
            torch.cuda.init()
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
        else:
            gpus = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
        if torch.distributed.is_available() and torch.distributed.is_nccl_available():
            nccl = ".".join(map(str, torch.cuda.nccl.version()))
    return {
        "version": torch.__version__,
        "cuda": torch.version.cuda,
        "driver": _driver(),
        "reason": reason,
        "nccl": nccl,
        "gpus": [{"name": g.name, "memory": g.total_memory, "capability": [g.major, g.minor]} for g in gpus],
    }


def look_at_deepspeed() -> dict[str, Any]:
    """The accelerator that DeepSpeed chose, the folder of operators, and each operator: needed, and built?"""
    from stilts.setup_ops import OPERATORS, extensions_folder, use_own_folder

    use_own_folder()
    import deepspeed
    from deepspeed.accelerator import get_accelerator

    accelerator, folder = get_accelerator(), extensions_folder()
    operators = []
    for builder, needed in OPERATORS.get(accelerator.device_name(), {}).items():
        name = accelerator.create_op_builder(builder).name
        operators.append({"name": name, "needed": needed, "built": any(folder.glob(f"**/{name}.so"))})
    return {
        "version": deepspeed.__version__,
        "accelerator": accelerator.device_name(),
        "folder": str(folder),
        "operators": operators,
    }


def look_at_mpi() -> dict[str, Any]:
    """The MPI library that mpi4py loads, which is not initialised: within a job that may end the process."""
    import mpi4py

    mpi4py.rc.initialize = False
    from mpi4py import MPI

    return {"version": mpi4py.__version__, "library": MPI.Get_library_version().split(",")[0].strip("\0 \n")}


def look_at_hub() -> dict[str, Any]:
    """Nothing but that the hub's client gets an answer, whatever it is."""
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    return {"status": get_session().head(constants.ENDPOINT, timeout=4).status_code}


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "torch": look_at_torch,
    "deepspeed": look_at_deepspeed,
    "mpi": look_at_mpi,
    "hub": look_at_hub,
}


def _driver() -> tuple[int, int] | None:
    """The newest CUDA version that the driver supports: cuDriverGetVersion, which also works without a GPU."""
    try:
        library = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    version = ctypes.c_int()
    if library.cuDriverGetVersion(ctypes.byref(version)):
        return None
    return version.value // 1000, version.value % 1000 // 10


if __name__ == "__main__":
    print(json.dumps(PARTS[sys.argv[1]]()))
