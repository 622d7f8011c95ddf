"""Builds the model of a run: encoder, fresh or reused heads, whole or partitioned from the start (ZeRO-3)."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from stilts.errors import StiltsError
from stilts.formats import get_format
from stilts.model.encoder import DTYPES, dropout_of, load_encoder
from stilts.model.lm_head import LmHead, lm_head, lm_head_weights
from stilts.model.multitask import MultiTaskModel
from stilts.tasks import get_task
from stilts.tasks.base import Task

HEADS_FILE, FACTS_FILE = "heads.safetensors", "stilts.json"
INITIAL_STD = 0.02  # BERT's and XLM-R's initializer_range


def build_model(
    name: str,
    revision: str | None,
    heads: list[str],
    seed: int,
    precision: str,
    dropout: float | None = None,
    checkpointing: bool | int = False,
    reuse_from: Path | None = None,
    zero3: dict[str, Any] | None = None,
    labels: Mapping[str, tuple[str, ...]] | None = None,
) -> MultiTaskModel:
    """The model of one run, in the dtype of `precision`.

    Args:
        name: hub id or folder of the encoder.
        revision: hub revision, for ids only.
        heads: training tasks that get a head; tasks whose format has none are left out.
        seed: fresh heads are drawn from (seed, head), whatever the world size or ZeRO stage. The head of masked LM is
            never drawn: it is the one at `name`.
        reuse_from: an exported model whose heads are taken over where name and shape agree.
        zero3: the DeepSpeed configuration, if its stage is 3: then nothing is ever whole on one rank.
        labels: task -> the labels of its head, for tasks that learn them from their training files.
    """
    dtype = DTYPES[precision]
    keep_alive = _announce_zero3(zero3)
    encoder = load_encoder(name, revision, dtype, dropout, checkpointing)
    tasks = {head: get_task(head) for head in heads}
    tasks |= {head: replace(tasks[head], labels=own) for head, own in (labels or {}).items() if head in tasks}
    with_head = {head: task for head, task in tasks.items() if get_format(task.format).has_head}
    values = _initial_heads(with_head, encoder, seed, reuse_from, (name, revision))
    modules = _construct(with_head, encoder, dtype, zero3)
    model = MultiTaskModel(encoder, modules, {head: get_format(task.format) for head, task in with_head.items()})
    if modules:
        from stilts.model.weights import set_weights

        set_weights(model.heads, values)
    model._deepspeed_config = keep_alive  # transformers holds it by a weak reference
    return model


def read_facts(folder: Path) -> dict[str, Any]:
    """What an export says of itself (`stilts.json`); StiltsError if the folder is no finished export."""
    path = folder / FACTS_FILE
    if not path.is_file():
        raise StiltsError(f"no exported model at {folder}: the run that should have made it is not done")
    facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return facts


def _announce_zero3(config: dict[str, Any] | None) -> Any:
    if config is None:
        return None
    from transformers.integrations import HfDeepSpeedConfig

    return HfDeepSpeedConfig(config)


def _head(task: Task, encoder: PreTrainedModel) -> nn.Module:
    form = get_format(task.format)
    return lm_head(encoder) if form.published_head else form.head(task, encoder.config.hidden_size, dropout_of(encoder))


def _initial_heads(
    tasks: Mapping[str, Task],
    encoder: PreTrainedModel,
    seed: int,
    reuse_from: Path | None,
    published: tuple[str, str | None],
) -> dict[str, torch.Tensor]:
    """fp32 start values by name ("<head>.<parameter>"), read or drawn outside any partitioning."""
    old: dict[str, torch.Tensor] = {}
    if reuse_from is not None and (reuse_from / HEADS_FILE).is_file():
        from safetensors.torch import load_file

        old = load_file(str(reuse_from / HEADS_FILE))
    values: dict[str, torch.Tensor] = {}
    for head, task in tasks.items():
        module = _head(task, encoder)
        if isinstance(module, LmHead):
            own = lm_head_weights(module, *published, Path(published[0]) / HEADS_FILE, head)
        elif reuse_from is not None:
            own = _reused_head(head, module, reuse_from, old)
        else:
            own = _drawn_head(module, torch.Generator().manual_seed(_mix(seed, head)))
        values |= {f"{head}.{key}": value for key, value in own.items()}
    return values


def _drawn_head(module: nn.Module, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Normal weights; biases and scales start as the module made them."""
    return {
        key: torch.randn(parameter.shape, generator=generator) * INITIAL_STD
        if parameter.dim() > 1
        else parameter.detach().float().clone()
        for key, parameter in module.named_parameters()
    }


def _reused_head(
    head: str, module: nn.Module, folder: Path, exported: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    shapes = {key: parameter.shape for key, parameter in module.named_parameters()}
    source = _fitting_head(head, shapes, exported)
    if source is None:
        raise StiltsError(f"init_head is reuse, but no head in {folder} fits {head}: use init_head: fresh")
    return {key: exported[f"{source}.{key}"] for key in shapes}


def _fitting_head(head: str, shapes: Mapping[str, torch.Size], exported: Mapping[str, torch.Tensor]) -> str | None:
    """The exported head to go on with: the task's own, or one of another task with the same parameters."""
    names = sorted({name.split(".", 1)[0] for name in exported}, key=lambda name: (name != head, name))
    for name in names:
        own = {key.split(".", 1)[1]: value.shape for key, value in exported.items() if key.split(".", 1)[0] == name}
        if own == shapes:
            return name
    return None


def _construct(
    tasks: Mapping[str, Task], encoder: PreTrainedModel, dtype: torch.dtype, zero3: dict[str, Any] | None
) -> dict[str, nn.Module]:
    if zero3 is None:
        return {head: _head(task, encoder).to(dtype) for head, task in tasks.items()}
    import deepspeed

    # by configuration: given a dtype, DeepSpeed 0.19.8 takes bf16 instead on a CPU without fp16
    with deepspeed.zero.Init(config_dict_or_path=zero3):
        return {head: _head(task, encoder) for head, task in tasks.items()}


def _mix(seed: int, text: str) -> int:
    return seed * 1_000_003 + zlib.crc32(text.encode())
