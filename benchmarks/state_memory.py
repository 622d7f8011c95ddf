"""Memory of the model state a rank, against the formula for the precision that gradients are summed in.

    python benchmarks/state_memory.py [--ranks 2]

A random XLM-R of about 57 M parameters, bf16, ZeRO 0-3, on `--ranks` gloo ranks (one launch a stage). After two
optimizer steps on a very small batch and a third one's backward pass, with small DeepSpeed buckets, every live torch
storage of the process is counted once: weights, gradients, masters and moments.

The formula is the one of `stilts plan` (`stilts.study.memory.state_bytes`), without stage 3's gathered layer.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from stilts.study.memory import Setup, state_bytes
from stilts.study.model_size import size_of_config

SIZES: dict[str, Any] = {
    "vocab_size": 60000, "hidden_size": 512, "num_hidden_layers": 8, "num_attention_heads": 8,
    "intermediate_size": 2048, "max_position_embeddings": 130, "type_vocab_size": 1,
}  # fmt: skip
SMALL_BUCKETS = dict.fromkeys(("reduce_bucket_size", "allgather_bucket_size", "stage3_prefetch_bucket_size"), 1000000)
"""Elements; DeepSpeed's defaults of 5e8 would outweigh this model."""


def formula(stage: int, ranks: int, parameters: int) -> float:
    """Bytes of state a parameter on each rank, as `stilts plan` counts them."""
    size = size_of_config({**SIZES, "model_type": "xlm-roberta"})
    setup = Setup(size, size.total, size.largest, 2, 8, ranks, 1, 0, 0, 0.1)
    gathered = 2 * (size.largest + size.largest) if stage == 3 else 0  # only while a layer runs
    return (state_bytes(setup, stage) - gathered) / parameters


def live_bytes() -> int:
    """Bytes of all torch storages that are alive in this process."""
    gc.collect()
    seen: dict[int, int] = {}
    for item in gc.get_objects():
        if isinstance(item, torch.Tensor):
            storage = item.untyped_storage()
            seen[storage.data_ptr()] = storage.nbytes()
    return sum(seen.values())


def worker(stage: int) -> None:
    """One rank: train two steps and print its bytes a parameter."""
    from transformers import XLMRobertaConfig, XLMRobertaModel

    from stilts import distributed
    from stilts.config import Training
    from stilts.data.batches import collate
    from stilts.deepspeed_config import read_deepspeed_config
    from stilts.formats import get_format
    from stilts.model.build import build_model
    from stilts.training.engine import build_engine, fill_auto

    world = distributed.setup()
    training = Training(batch_size=world.size, precision="bf16")
    config = fill_auto(
        read_deepspeed_config({"config": f"zero{stage}", "zero_optimization": SMALL_BUCKETS}), training, world
    )
    folder = Path(os.environ["MODEL_FOLDER"])
    if world.main:
        torch.manual_seed(0)
        XLMRobertaModel(XLMRobertaConfig(**SIZES), add_pooling_layer=False).to(torch.bfloat16).save_pretrained(folder)
        gc.collect()
    world.barrier()
    before = live_bytes()
    model = build_model(str(folder), None, ["mnli"], 1, "bf16", zero3=config if stage == 3 else None)
    parameters = sum(getattr(p, "ds_numel", p.numel()) for p in model.parameters())
    engine = build_engine(model, config, training, world)
    row = {"input_ids": [0, 7, 8, 2], "label": 1, "example": 0}
    for last in (False, False, True):
        loss = engine(collate([row], get_format("pair")), head="mnli", normaliser=1.0)
        engine.backward(loss)
        del loss
        if not last:
            engine.step()
    each = (live_bytes() - before) / parameters
    every = world.all_gather([each])
    if world.main:
        print("result " + json.dumps({"parameters": parameters, "bytes": [round(float(v), 2) for v in every[:, 0]]}))
    distributed.close()


def main() -> None:
    """Launch each stage and print a JSON line for it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker is not None:
        worker(options.worker)
        return
    from common import machine

    from stilts.rendezvous import free_port

    print(json.dumps(machine()))
    torchrun = str(Path(sys.executable).with_name("torchrun"))
    for stage in range(4):
        with tempfile.TemporaryDirectory() as folder:
            command = [torchrun, "--nproc_per_node", str(options.ranks), "--master_port", str(free_port()), __file__]
            done = subprocess.run(
                [*command, "--worker", str(stage)], capture_output=True, text=True,
                env={**os.environ, "MODEL_FOLDER": folder, "OMP_NUM_THREADS": "1"},
            )  # fmt: skip
        if done.returncode:
            sys.exit(done.stderr[-3000:])
        result = json.loads(done.stdout.split("result ")[1])
        wanted = formula(stage, options.ranks, result["parameters"])
        worst = max(result["bytes"], key=lambda value: abs(value / wanted - 1))
        print(
            json.dumps({"stage": stage, "ranks": options.ranks, **result, "formula": round(wanted, 2),
                        "difference %": round(100 * (worst / wanted - 1), 1)}), flush=True
        )  # fmt: skip


if __name__ == "__main__":
    main()
