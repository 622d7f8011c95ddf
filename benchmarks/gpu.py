"""What only a GPU can show: packed equals padded on CUDA, and steps of XLM-R Large at full size.

    python benchmarks/gpu.py packed
    python benchmarks/gpu.py large [--stages 1 2 3] [--precisions bf16 fp16] [--tokens 16384] [--steps 10]

`packed`: hidden states of random BERT, XLM-R and XLM-R-XL encoders in bf16 on a packed stream (variable-length flash
attention, without and with dropout's kernel) beside transformers' own padded call; relative difference, limit 1e-2.

`large`: random weights at XLM-R Large's size, one GPU a rank (start with torchrun for several), gradient
checkpointing; peak memory beside the estimate of `stilts plan`, tokens a second. No data or network is needed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from common import machine
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModel, BertConfig, XLMRobertaConfig, XLMRobertaModel, XLMRobertaXLConfig

from stilts.formats.batch import Batch, Packing
from stilts.model.encoder import encode, load_encoder

LARGE: dict[str, Any] = {
    "vocab_size": 250002, "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16,
    "intermediate_size": 4096, "max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5,
    "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2,
}  # fmt: skip
SMALL: dict[str, Any] = {
    "vocab_size": 1000, "hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4,
    "intermediate_size": 1024, "max_position_embeddings": 514, "initializer_range": 0.1,
}  # fmt: skip
LENGTH = 128  # tokens of a sentence in `large`


def packed() -> None:
    """Print a line for each architecture; exit 1 where one is off."""
    wrong = False
    lengths = (300, 129, 128, 64, 17, 1)
    for config in (BertConfig(**SMALL), XLMRobertaConfig(**SMALL), XLMRobertaXLConfig(**SMALL)):
        torch.manual_seed(0)
        with tempfile.TemporaryDirectory() as folder:
            AutoModel.from_config(config).save_pretrained(folder)
            ours = load_encoder(folder, None, torch.bfloat16, 0.0, False).cuda()
            theirs = AutoModel.from_pretrained(folder, dtype=torch.bfloat16, attn_implementation="eager").cuda().eval()
        packing = Packing.of(lengths)
        ids = torch.randint(5, 1000, (sum(lengths),))
        nothing = torch.zeros(0, dtype=torch.long)
        inputs = {"input_ids": ids, "places": packing.places()}
        batch = Batch(inputs, packing, nothing, nothing, {}, torch.ones(len(lengths))).to(torch.device("cuda", 0))
        rows = pad_sequence(ids.split(list(lengths)), batch_first=True, padding_value=config.pad_token_id or 0)
        mask = pad_sequence([torch.ones(length) for length in lengths], batch_first=True).long()
        wanted = theirs(input_ids=rows.cuda(), attention_mask=mask.cuda()).last_hidden_state[mask.bool().cuda()]
        found = encode(ours, batch)
        error = float((found.float() - wanted.float()).norm() / wanted.float().norm())
        found.float().square().sum().backward()
        gradients = all(bool(torch.isfinite(p.grad).all()) for p in ours.parameters() if p.grad is not None)
        for module in ours.modules():  # the kernel with dropout: runs, and repeats with the seed
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.1
        torch.manual_seed(1)
        first = encode(ours, batch)
        torch.manual_seed(1)
        repeats = torch.equal(first, encode(ours, batch))
        bad = error > 1e-2 or not gradients or not repeats
        wrong |= bad
        facts = {"model": config.model_type, "relative difference": error, "finite gradients": gradients}
        print(json.dumps({**facts, "dropout repeats": repeats, "ok": not bad}))
    sys.exit(int(wrong))


def large_rank(options: argparse.Namespace) -> None:
    """One configuration on this rank."""
    from stilts import distributed
    from stilts.config import Training
    from stilts.data.batches import collate
    from stilts.deepspeed_config import read_deepspeed_config
    from stilts.formats import get_format
    from stilts.model.build import build_model
    from stilts.study.memory import Setup, memory_of
    from stilts.study.model_size import size_of_config
    from stilts.training.engine import build_engine, fill_auto, set_learning_rate

    world = distributed.setup()
    stage, precision = options.stages[0], options.precisions[0]
    training = Training(batch_size=1, precision=precision, gradient_checkpointing=True)
    config = fill_auto(read_deepspeed_config({"config": f"zero{stage}"}), training, world)
    model = build_model(
        options.folder, None, ["mnli"], 1, precision, checkpointing=True, zero3=config if stage == 3 else None
    )
    engine = build_engine(model, config, training, world)
    row = {"input_ids": [0, *range(5, LENGTH + 3), 2], "label": 1, "example": 0}
    batch = collate([row] * (options.tokens // LENGTH), get_format("pair")).to(world.device)

    def step(rate: float) -> float:
        set_learning_rate(engine, rate)
        loss = engine(batch, head="mnli", normaliser=float(len(batch.weight)))
        engine.backward(loss)
        engine.step()
        return float(loss)

    losses = [step(0.0), step(1e-5)]
    torch.cuda.reset_peak_memory_stats()
    torch.cuda.synchronize()
    started = time.perf_counter()
    losses += [step(1e-5) for _ in range(options.steps)]
    torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    size = size_of_config({**LARGE, "model_type": "xlm-roberta"})
    setup = Setup(size, size.total, size.largest, 2, 8, world.size, 1, batch.tokens, size.layers, 0.1)
    estimate = memory_of(setup, config)
    result = {
        "stage": stage, "precision": precision, "ranks": world.size, "tokens": batch.tokens,
        "peak GiB": round(torch.cuda.max_memory_allocated() / 2**30, 2),
        "plan GiB": round(estimate.total / 2**30, 2),
        "tokens/s a GPU": round(options.steps * batch.tokens / seconds),
        "losses": [round(losses[0], 4), round(losses[-1], 4)],
    }  # fmt: skip
    if world.main:
        print("result " + json.dumps(result), flush=True)
    distributed.close()


def large(options: argparse.Namespace) -> None:
    """Every stage and precision in a process of its own (or a group of torchrun's)."""
    if "RANK" in os.environ or options.folder:
        large_rank(options)
        return
    ranks = max(1, torch.cuda.device_count())
    torchrun = str(Path(sys.executable).with_name("torchrun"))
    print(json.dumps(machine()))
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        XLMRobertaModel(XLMRobertaConfig(**LARGE), add_pooling_layer=False).save_pretrained(folder)
        for stage in options.stages:
            for precision in options.precisions:
                command = [torchrun, "--standalone", "--nproc_per_node", str(ranks), __file__, "large"]
                command += ["--stages", str(stage), "--precisions", precision, "--folder", folder]
                command += ["--tokens", str(options.tokens), "--steps", str(options.steps)]
                done = subprocess.run(command, capture_output=True, text=True)
                lines = [line.removeprefix("result ") for line in done.stdout.splitlines() if "result " in line]
                print(lines[0] if lines else f"stage {stage} {precision} failed: {done.stderr[-2000:]}", flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("packed", "large"))
    parser.add_argument("--stages", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--precisions", nargs="+", default=["bf16", "fp16"])
    parser.add_argument("--tokens", type=int, default=16384, help="of a micro-batch")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("no GPU here")
    packed() if options.what == "packed" else large(options)


if __name__ == "__main__":
    main()
