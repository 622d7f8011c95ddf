"""What the ranks of the distributed tests do; imported by name in each rank."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from stilts import distributed
from stilts.config import load_run
from stilts.data.batches import collate
from stilts.formats.retrieval import RetrievalFormat
from stilts.training.run import Run, execute


def run_file(path: str, *overrides: str) -> None:
    """A whole run, as train.py does it."""
    execute(load_run(path, overrides), Path(path).parent)


def run_with_faults(path: str, injected: list[Any], report: str, *overrides: str, vote_seconds: float = 0.0) -> str:
    """A run as train.py does it, with faults in this rank: "done", "stopped", or the error's line."""
    import faults

    from stilts.errors import StiltsError, Stopped
    from stilts.training import stopping

    stopping.VOTE_SECONDS = vote_seconds  # 0: a vote before each micro-batch
    stopping.REQUEST.install()
    faults.install(injected, Path(report), int(os.environ["RANK"]))
    try:
        run_file(path, *overrides)
    except Stopped:
        return "stopped"
    except StiltsError as error:
        return str(error)
    return "done"


def run_without_board(path: str, injected: list[Any], report: str) -> str:
    """`run_with_faults` without what writes when it likes, so that file operations can be counted.

    TensorBoard's thread; and a checkpoint is committed at once, not while training goes on.
    """
    from stilts.training import run
    from stilts.training.checkpoint import Checkpoints

    save = Checkpoints.save

    def at_once(self: Checkpoints, engine: Any, state: Any) -> None:
        save(self, engine, state)
        self.settle()

    Checkpoints.save = at_once  # type: ignore[method-assign]

    board = run.Board
    run.Board = lambda folder, main, *args: board(folder, False, *args)  # type: ignore[assignment,misc]
    return run_with_faults(path, injected, report)


def on_a_full_disk(path: str, looks: bool) -> str:
    """A run that finds no room for its checkpoint: before it writes, or (`looks` False) while it does."""
    import shutil

    from stilts.errors import StiltsError
    from stilts.training import checkpoint

    save_shards = checkpoint.save_shards

    def fill_and_save(engine: Any, folder: Path, tag: str, rank: int) -> Any:
        """Somebody else takes all there is, after the look."""
        if rank == 0:
            ballast = Path(path).parents[2] / "ballast"
            with open(ballast, "ab") as out:
                out.write(b"x" * shutil.disk_usage(ballast.parent).free)
        return save_shards(engine, folder, tag, rank)

    if not looks:
        checkpoint.save_shards = fill_and_save
    with pytest.raises(StiltsError) as caught:
        run_file(path)
    return str(caught.value)


def taken_over(path: str, at: int) -> str:
    """A run that another start takes over before step `at`; what it ends with."""
    from stilts.errors import StiltsError
    from stilts.training import attempt
    from stilts.training.trainer import Trainer

    whole = Trainer.step

    def step(self: Trainer, number: int) -> Any:
        if number == at and self.world.main:
            attempt._take_over(Path(path).parent)
        return whole(self, number)

    Trainer.step = step  # type: ignore[method-assign]
    with pytest.raises(StiltsError) as caught:
        run_file(path)
    return str(caught.value)


def bytes_foretold_and_written(path: str, *overrides: str) -> tuple[int, int]:
    """Of one checkpoint after a step: what was looked for on the disk, and what the files of this rank have."""
    from stilts.training import shard_writer

    run, trainer = _trainer(path, *overrides)
    trainer.step(0)
    foretold = shard_writer.bytes_of_shards(trainer.engine, run.world.main)
    writer = shard_writer.save_shards(trainer.engine, run.folder, "engine", run.world.rank)
    assert writer.error is None
    distributed.close()
    return foretold, sum(path.stat().st_size for path in writer.written)


def losses(path: str, *overrides: str) -> dict[str, Any]:
    """Losses of every step, and the fp32 weights afterwards (rank 0)."""
    from stilts.model.weights import full_weights

    run, trainer = _trainer(path, *overrides)
    values = [trainer.step(n) for n in range(trainer.steps)]
    weights = full_weights(trainer.engine.module)
    distributed.close()
    out = {"loss": [v.loss for v in values], "norm": [v.grad_norm for v in values], "task": [v.task for v in values]}
    out |= {"tokens": [v.tokens for v in values], "passes": [v.micro_batches for v in values]}
    if run.world.main:
        out["weights"] = {k: v.numpy() for k, v in weights.items()}
    return out


def _trainer(path: str, *overrides: str) -> Any:
    from transformers import AutoTokenizer

    settings = load_run(path, overrides)
    os.environ.setdefault("LOCAL_RANK", "0")
    run = Run(settings, Path(path).parent, distributed.setup())
    run.tokenizer = AutoTokenizer.from_pretrained(settings.model.name)
    return run, run.fresh_trainer()


def steps_only(path: str, *overrides: str) -> dict[str, Any]:
    """Losses of every step and the rows each trained on."""
    _, trainer = _trainer(path, *overrides)
    rows = []
    for number in range(trainer.steps):
        task, occurrence = trainer.mixture.at(number)
        rows.append((task, trainer.rows[task].example_ids(trainer.rows[task].batch(occurrence))))
    results = [trainer.step(number) for number in range(trainer.steps)]
    distributed.close()
    return {"loss": [r.loss for r in results], "examples": rows, "passes": [r.micro_batches for r in results]}


def with_a_bad_step(path: str, kind: str, report: str, *overrides: str) -> dict[str, Any]:
    """Four steps of which number 1 is bad on rank 1 by its "loss" or "gradient", or is "left out" altogether.

    Weights before and after step 1 and at the end, and each step's problem.
    """
    import faults

    from stilts.model.weights import full_weights

    _, trainer = _trainer(path, *overrides)
    if kind == "loss":
        faults.install([faults.Fault("nan", 1, "micro_batch", 0, 1)], Path(report), trainer.world.rank)
    out: dict[str, Any] = {"problem": []}
    parameter = next(p for p in trainer.engine.module.parameters() if p.requires_grad)
    for number in range(4):
        bad = number == 1
        if bad:
            out["before"] = {k: v.numpy() for k, v in full_weights(trainer.engine.module).items()}
        hook = None
        if bad and kind == "gradient" and trainer.world.rank == 1:
            hook = parameter.register_hook(lambda gradient: gradient * float("inf"))
        if not (bad and kind == "left out"):
            out["problem"].append(trainer.step(number).problem)
        if hook is not None:
            hook.remove()
        if bad:
            out["after"] = {k: v.numpy() for k, v in full_weights(trainer.engine.module).items()}
    out["end"] = {k: v.numpy() for k, v in full_weights(trainer.engine.module).items()}
    numbers = trainer.rows["mnli"].batch(1)
    out["examples"] = trainer.rows["mnli"].example_ids(numbers)
    distributed.close()
    return out


def disagreeing(path: str) -> None:
    """Rank 1 permutes its rows by another seed."""
    _, trainer = _trainer(path)
    for rows in trainer.rows.values():
        rows._order = lambda epoch, rows=rows: list(range(len(rows)))[:: 1 if trainer.world.rank else -1]
    trainer.step(0)


def plain_pytorch(path: str, *overrides: str) -> dict[str, Any]:
    """The run's steps with torch and transformers alone: the whole batch padded, zero gradients for idle heads."""
    from transformers import AutoModel

    from stilts.training.engine import parameter_groups
    from stilts.training.schedule import learning_rate

    settings = load_run(path, overrides)
    run, trainer = _trainer(path, *overrides, "deepspeed.config=zero0")  # for its data and schedule only
    model = run._build(settings.model.name, settings.trains_on, None)
    encoder = AutoModel.from_pretrained(
        settings.model.name, attn_implementation="eager", add_pooling_layer=False, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    model.encoder = encoder
    training = settings.training
    groups = parameter_groups(model, training)
    optimizer = {
        "adamw": lambda: torch.optim.AdamW(groups, lr=0.0, eps=1e-8),
        "sgd": lambda: torch.optim.SGD(groups, lr=0.0),
    }[training.optimizer]()
    out: dict[str, Any] = {"loss": [], "task": []}
    for number in range(trainer.steps):
        task, occurrence = trainer.mixture.at(number)
        rows, form = trainer.rows[task], model.formats[task]
        batch = collate(rows.fresh(range(rows.batch_size), occurrence, form), form)
        optimizer.zero_grad(set_to_none=False)
        for parameter in model.parameters():
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        states = padded_states(encoder, batch)[batch.outputs]
        if task == "lareqa":
            loss = softmax_over_the_batch(model.heads[task], states)
        else:
            loss = form.loss(model.heads[task](states), batch).sum() / form.units(batch).sum()
        loss.backward()
        if training.max_grad_norm:
            torch.nn.utils.clip_grad_norm_(model.parameters(), training.max_grad_norm)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(training, number, trainer.steps) * group["rate_scale"]
        optimizer.step()
        out["loss"].append(float(loss))
        out["task"].append(task)
    out["weights"] = {name: p.detach().numpy() for name, p in model.named_parameters()}
    distributed.close()
    return out


def softmax_over_the_batch(head: Any, states: torch.Tensor) -> torch.Tensor:
    """XTREME-R's loss of a dual encoder, from the first tokens of question, answer, question, answer, ..."""
    vectors = torch.nn.functional.normalize(torch.tanh(head.dense(states)), p=2, dim=1)
    logits = torch.matmul(vectors[0::2], vectors[1::2].T) * head.scale
    return torch.nn.functional.cross_entropy(logits, torch.arange(len(logits)))


def padded_states(encoder: Any, batch: Any) -> torch.Tensor:
    """Hidden states of a packed batch's tokens from an ordinary padded call of transformers' own model."""
    sequences = batch.inputs["input_ids"].split(list(batch.packing.lengths))
    ids = torch.nn.utils.rnn.pad_sequence(sequences, batch_first=True, padding_value=encoder.config.pad_token_id)
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(s) for s in sequences], batch_first=True)
    states = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    return torch.cat([row[: len(s)] for row, s in zip(states, sequences, strict=True)])


def train_and_encode(path: str, *overrides: str) -> dict[str, Any]:
    """Train, export, and give the hidden states of the trained engine for a few rows."""
    run, trainer = _trainer(path, *overrides)
    publisher = run._publisher(trainer.engine.module)
    for number in range(trainer.steps):
        trainer.step(number)
    publisher.export(trainer.engine.module, run.model_folder, trainer.steps)
    tokens = [[0, 7, 9, 11, 2], [0, 20, 21, 22, 2]]
    trainer.engine.eval()
    batch = collate([{"input_ids": row, "side": 0} for row in tokens], RetrievalFormat())
    layers = trainer.engine.module.encoder.config.num_hidden_layers
    with torch.no_grad():
        states = trainer.engine.module(batch, layer=layers).float().view(2, 5, -1).numpy()
    distributed.close()
    return {"input_ids": tokens, "states": states}


def cut_off(path: str, after: int) -> None:
    """A run that dies after `after` optimizer steps."""
    from stilts.training.trainer import Trainer

    whole = Trainer.step

    def step(self: Trainer, number: int) -> Any:
        if number == after:
            raise RuntimeError("cut off here")
        return whole(self, number)

    Trainer.step = step  # type: ignore[method-assign]
    run_file(path)


def constant_rate(path: str, cut_off_after: int | None = None) -> None:
    """A run without warm-up and decay, so that a shorter run is the beginning of a longer one."""
    from stilts.training import trainer

    trainer.learning_rate = lambda *_: 1e-3
    if cut_off_after is None:
        run_file(path)
    else:
        cut_off(path, cut_off_after)


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
