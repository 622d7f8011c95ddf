"""How many tokens a micro-batch holds."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from stilts.config import Training
from stilts.distributed import World
from stilts.formats import get_format
from stilts.model import attention
from stilts.model.encoder import checkpoint_layers
from stilts.model.multitask import MultiTaskModel
from stilts.tasks import get_task
from stilts.training import budget
from stilts.training.budget import CPU_TOKENS, micro_batch_tokens, saved_bytes_per_token

ALONE = World(0, 1, 0, torch.device("cpu"))


class Rows:
    """Training rows of 40 tokens."""

    lengths = np.array([8, 40, 12])

    def read(self, numbers: list[int]) -> list[dict[str, Any]]:
        return [{"input_ids": [5] * int(self.lengths[n]), "label": 0} for n in numbers]


class Engine:
    """What the probe needs of a DeepSpeed engine."""

    def __init__(self, layers: int, hidden: int = 16) -> None:
        config = BertConfig(
            vocab_size=9, hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=2, intermediate_size=32
        )
        encoder = BertModel._from_config(config, attn_implementation=attention.NAME)
        encoder.pooler = None
        form = get_format("pair")
        self.module = MultiTaskModel(encoder, {"mnli": form.head(get_task("mnli"), hidden, 0.1)}, {"mnli": form})
        self.train = self.module.train

    def __call__(self, *args: Any, **what: Any) -> torch.Tensor:
        return self.module(*args, **what)


def kept(engine: Engine) -> float:
    return saved_bytes_per_token(engine, "mnli", Rows(), ALONE)  # type: ignore[arg-type]


def test_a_layer_more_keeps_a_layers_bytes_more() -> None:
    one, two, three = (kept(Engine(layers)) for layers in (1, 2, 3))
    assert three - two == pytest.approx(two - one, rel=0.01)
    # in and out of a layer, norms, q, k, v, attention, the inner width twice, at 4 bytes: between 8 and 40 times hidden
    assert 8 * 16 * 4 < two - one < 40 * 16 * 4


def test_checkpointed_layers_keep_little() -> None:
    engine = Engine(4)
    whole = kept(engine)
    checkpoint_layers(engine.module.encoder, True)
    assert kept(engine) < whole / 3


def test_a_setting_beats_the_probe_and_a_cpu_has_none() -> None:
    assert micro_batch_tokens(Training(micro_batch_tokens=77), None, {}, ALONE) == 77
    assert micro_batch_tokens(Training(), None, {}, ALONE) == CPU_TOKENS


def test_a_gpu_takes_what_fits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = SimpleNamespace(device=SimpleNamespace(type="cuda"), all_gather=ALONE.all_gather)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10_000_000_000, 20_000_000_000))
    monkeypatch.setattr(budget, "saved_bytes_per_token", lambda engine, task, rows, world: 400_000.0)
    rows = {"mnli": None}
    found = micro_batch_tokens(Training(), None, rows, fake)  # type: ignore[arg-type]
    assert found == 16384, "17,500 tokens fit; a power of two does not change with a few bytes"
