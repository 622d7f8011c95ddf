"""What a machine on which everything is fine has: what its probes find, its commands, its model."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

from stilts.doctor.machine import Machine

SCRIPTS = Path(sys.executable).parent
SLURM = {
    "sbatch": "echo slurm-wlm 22.05.8",
    "scontrol": "echo 'Slurmctld(primary) at login is UP'",
    "squeue": "exit 0",
    "srun": "exit 0",
}
CONFIG = {
    "model_type": "xlm-roberta", "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2,
    "intermediate_size": 40, "vocab_size": 90, "max_position_embeddings": 30, "type_vocab_size": 1,
}  # fmt: skip
FACTS = {
    "torch": {"version": "2.13.0+cpu", "cuda": None, "driver": None, "reason": "", "nccl": None, "gpus": []},
    "deepspeed": {
        "version": "0.19.8", "accelerator": "cpu", "folder": "/ext",
        "operators": [{"name": "cpu_adam", "needed": True, "built": True}],
    },
    "mpi": {"version": "4.1.2", "library": "Open MPI v5.0.11"},
    "hub": {"status": 200},
}  # fmt: skip
LIMITS = dict.fromkeys(
    (resource.RLIMIT_NOFILE, resource.RLIMIT_MEMLOCK, resource.RLIMIT_NPROC),
    (resource.RLIM_INFINITY, resource.RLIM_INFINITY),
)
SITE = ("disk of the hub's cache", "disk of TMPDIR", "Python.h", "shared memory", "hub")
"""Checks that a healthy machine of a test may warn of."""


class Known(Machine):
    """A machine whose probes are not started: what they would find is `FACTS`."""

    def probe(self, part: str, seconds: float = 0.0) -> Any:
        """What the probe finds on a machine where everything is fine."""
        return json.loads(json.dumps(FACTS[part]))


def script(folder: Path, name: str, text: str) -> Path:
    """An executable shell script."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path
