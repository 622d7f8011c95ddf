"""Two passes over micro-batches give the loss and the gradients of one large batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertModel, DebertaV2Config, DebertaV2Model

from stilts.data.batches import collate
from stilts.distributed import World
from stilts.formats.dual import DualFormat, DualHead
from stilts.formats.pair import PairFormat, PairHead
from stilts.model.encoder import load_encoder
from stilts.model.multitask import MultiTaskModel
from stilts.training.joint import pulls

SMALL = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
         "intermediate_size": 32, "initializer_range": 0.3}  # fmt: skip
ALONE = World(0, 1, 0, torch.device("cpu"))
PIECES = [[4, 0], [], [2, 1, 3]]
SEEDS = [11, 12, 13]


@pytest.fixture(params=["bert", "deberta"])
def encoder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of each kind: packed, and with padding."""
    torch.manual_seed(0)
    if request.param == "bert":
        BertModel(BertConfig(**SMALL)).save_pretrained(tmp_path)
    else:
        DebertaV2Model(DebertaV2Config(**SMALL)).save_pretrained(tmp_path)
    return str(tmp_path)


def model_of(encoder: str, dropout: float) -> MultiTaskModel:
    torch.manual_seed(1)
    heads = {"mnli": PairHead(16, 3, dropout), "lareqa": DualHead(16)}
    formats = {"mnli": PairFormat(), "lareqa": DualFormat()}
    return MultiTaskModel(load_encoder(encoder, None, torch.float32, dropout, False), heads, formats).train()


def rows() -> list[dict]:
    draw = torch.Generator().manual_seed(2)
    sizes = [[4, 9], [3, 5], [6, 6], [2, 11], [5, 7]]
    return [{"input_ids": torch.randint(5, 50, (sum(s),), generator=draw).tolist(), "sizes": s} for s in sizes]


def two_passes(model: MultiTaskModel) -> torch.Tensor:
    every = rows()
    batches = [collate([every[i] for i in piece or [0]], DualFormat(), float(bool(piece))) for piece in PIECES]
    asked = pulls(model, "lareqa", batches, PIECES, len(every), 5.0, SEEDS, ALONE)
    assert not any(p.grad is not None for p in model.parameters()), "the first pass leaves nothing behind"
    total = torch.zeros(())
    for batch, pull, seed in zip(batches, asked, SEEDS, strict=True):
        torch.manual_seed(seed)
        loss = model(batch, head="lareqa", pull=pull)
        loss.backward()
        total += loss.detach()
    return total


def gradients(model: MultiTaskModel) -> dict[str, torch.Tensor]:
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def test_without_dropout_it_is_one_large_batch(encoder: str) -> None:
    parts, whole = model_of(encoder, 0.0), model_of(encoder, 0.0)
    loss = whole(collate(rows(), DualFormat()), head="lareqa", normaliser=5.0)
    loss.backward()
    torch.testing.assert_close(two_passes(parts), loss.detach())
    found = gradients(parts)
    assert set(found) == set(gradients(whole)), "every head takes part"
    for name, wanted in gradients(whole).items():
        torch.testing.assert_close(found[name], wanted, rtol=1e-4, atol=1e-5, msg=name)
    assert found["heads.mnli.out.weight"].abs().max() == 0
    assert found["heads.lareqa.scale"].abs().max() > 0


def test_with_dropout_both_passes_drop_the_same(encoder: str) -> None:
    """The gradient is that of one graph over all micro-batches, each with its own masks."""
    parts, whole = model_of(encoder, 0.3), model_of(encoder, 0.3)
    every, outputs = rows(), {}
    for piece, seed in zip(PIECES, SEEDS, strict=True):
        if piece:
            torch.manual_seed(seed)
            batch = collate([every[i] for i in piece], DualFormat())
            outputs |= dict(zip(piece, whole(batch, head="lareqa").unflatten(0, (len(piece), 2)), strict=True))
    loss = DualFormat().joint_loss(torch.stack([outputs[i] for i in range(5)])).sum() / 5.0
    loss.backward()
    torch.testing.assert_close(two_passes(parts), loss.detach())
    found = gradients(parts)
    for name, wanted in gradients(whole).items():
        torch.testing.assert_close(found[name], wanted, rtol=1e-4, atol=1e-5, msg=name)
