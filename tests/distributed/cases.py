"""What the ranks of the distributed tests do; imported by name in each rank."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from stilts import distributed
from stilts.config import load_run
from stilts.deepspeed_config import read_deepspeed_config
from stilts.training import engine as engines
from stilts.training.run import Run, execute


def run_file(path: str, *overrides: str) -> None:
    """A whole run, as train.py does it."""
    execute(load_run(path, overrides), Path(path).parent)


def losses(path: str, *overrides: str) -> dict[str, Any]:
    """Losses of every step, and the fp32 weights afterwards (rank 0)."""
    from stilts.model.weights import full_weights

    run, trainer = _trainer(path, *overrides)
    values = [trainer.step(n) for n in range(trainer.steps)]
    weights = full_weights(trainer.engine.module)
    distributed.close()
    out = {"loss": [v.loss for v in values], "norm": [v.grad_norm for v in values], "task": [v.task for v in values]}
    out["tokens"] = [v.tokens for v in values]
    if run.world.main:
        out["weights"] = {k: v.numpy() for k, v in weights.items()}
    return out


def _trainer(path: str, *overrides: str) -> Any:
    from transformers import AutoTokenizer

    settings = load_run(path, overrides)
    os.environ.setdefault("LOCAL_RANK", "0")
    world = distributed.setup()
    run = Run(settings, Path(path).parent, world)
    start = run._start()
    run.tokenizer = AutoTokenizer.from_pretrained(start)
    run.config = engines.fill_auto(read_deepspeed_config(settings.deepspeed), settings.training, world)
    model = run._build(start, settings.trains_on, None)
    torch.manual_seed(0)
    return run, run._trainer(engines.build_engine(model, run.config, settings.training, world))


def disagreeing(path: str) -> None:
    """Rank 1 permutes its rows by another seed."""
    _, trainer = _trainer(path)
    for rows in trainer.rows.values():
        rows._order = lambda epoch, rows=rows: list(range(len(rows)))[:: 1 if trainer.world.rank else -1]
    trainer.step(0)


def plain_pytorch(path: str) -> dict[str, Any]:
    """The run's steps with torch alone: the whole batch, AdamW with zero gradients for idle heads, clipping."""
    from stilts.data.batches import collate
    from stilts.training.engine import parameter_groups
    from stilts.training.schedule import learning_rate

    settings = load_run(path)
    run, trainer = _trainer(path, "deepspeed.config=zero0")  # for its data and schedule only
    model = run._build(run._start(), settings.trains_on, None)
    training = settings.training
    optimizer = torch.optim.AdamW(parameter_groups(model, training.weight_decay or 0.0), lr=0.0, eps=1e-8)
    out: dict[str, Any] = {"loss": [], "task": []}
    for number in range(trainer.steps):
        task, occurrence = trainer.mixture.at(number)
        rows, form = trainer.rows[task], model.formats[task]
        batch = collate([rows[int(i)] for i in rows.batch(occurrence)], form, run._pad())
        inputs = {k: batch[k] for k in ("input_ids", "attention_mask")}
        optimizer.zero_grad(set_to_none=False)
        for parameter in model.parameters():
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        logits = model.heads[task](model.encoder(**inputs).last_hidden_state)
        loss = form.loss(logits, batch).sum() / form.units(batch).sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), training.max_grad_norm)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(training, number, trainer.steps)
        optimizer.step()
        out["loss"].append(float(loss))
        out["task"].append(task)
    out["weights"] = {name: p.detach().numpy() for name, p in model.named_parameters()}
    distributed.close()
    return out


def train_and_encode(path: str, *overrides: str) -> dict[str, Any]:
    """Train, export, and give the hidden states of the trained engine for a few rows."""
    run, trainer = _trainer(path, *overrides)
    run.start_sha256 = ""
    for number in range(trainer.steps):
        trainer.step(number)
    run._export(trainer.engine.module, run.model_folder, trainer.steps)
    tokens = [[0, 7, 9, 11, 2], [0, 20, 21, 22, 2]]
    trainer.engine.eval()
    batch = {"input_ids": torch.tensor(tokens), "attention_mask": torch.ones(2, 5, dtype=torch.long)}
    layers = trainer.engine.module.encoder.config.num_hidden_layers
    with torch.no_grad():
        states = trainer.engine.module(batch, layer=layers).float().numpy()
    distributed.close()
    return {"input_ids": tokens, "states": states}


def cut_off(path: str, after: int) -> None:
    """A run that dies after `after` optimizer steps."""
    from stilts.training.loop import Trainer

    whole = Trainer.step

    def step(self: Trainer, number: int) -> Any:
        if number == after:
            raise RuntimeError("cut off here")
        return whole(self, number)

    Trainer.step = step  # type: ignore[method-assign]
    run_file(path)


def failing_on_rank_0(path: str) -> None:
    """Rank 0 fails while it scores, the others only lose their connection to it."""
    from stilts.evaluation.scoring import ScoreFile

    def add(*_: Any) -> None:
        raise RuntimeError("the real cause")

    ScoreFile.add = add  # type: ignore[method-assign]
    run_file(path)


def start_heads(exported: str, head: str) -> dict[str, Any]:
    """The weights a reused head starts with."""
    from stilts.model.build import build_model

    model = build_model(exported, None, [head], 1, "fp32", reuse_from=Path(exported))
    return {name: value.detach().numpy() for name, value in model.heads.named_parameters()}
