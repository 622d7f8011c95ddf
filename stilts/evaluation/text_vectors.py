"""Vectors of texts by a published encoder, pooled as for retrieval: for one process, outside of any run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from transformers.utils import logging

from stilts.config import ModelSettings
from stilts.data.balance import cut
from stilts.data.batches import collate
from stilts.data.build import load_tokenizer
from stilts.evaluation.predict import TOKENS_A_BATCH
from stilts.evaluation.scoring import default_layer
from stilts.evaluation.search import pool
from stilts.formats import get_format
from stilts.formats.tokens import layout, token_ids
from stilts.model.build import build_model


@torch.no_grad()
def text_vectors(texts: Sequence[str], model: ModelSettings, max_length: int = 128) -> np.ndarray:
    """Float32 (texts, hidden) of length 1: means over the tokens of hidden state round(14 L / 24).

    Args:
        max_length: tokens that are looked at, special ones included.
    """
    tokenizer = load_tokenizer(model, "", max_length)
    single, form = layout(tokenizer, pair=False), get_format("retrieval")
    room = max_length - single.specials
    rows = [{**single.row(ids[:room]), "example": i, "side": 0} for i, ids in enumerate(token_ids(tokenizer, texts))]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with _quietly():
        encoder = build_model(model.name, model.revision, [], 0, "fp32").to(device).eval()
    layer = default_layer(int(encoder.encoder.config.num_hidden_layers))
    lengths = np.array([len(row["input_ids"]) for row in rows], dtype=np.int32)
    order = np.argsort(-lengths, kind="stable").tolist()
    found: dict[int, np.ndarray] = {}
    for numbers in cut(order, lengths, encoder.cost(TOKENS_A_BATCH)):
        batch = collate([rows[i] for i in numbers], form).to(device)
        pooled = pool(encoder(batch, layer=layer), batch.packing, "mean").cpu().numpy()
        found |= dict(zip(numbers, pooled, strict=True))
    return np.stack([found[i] for i in range(len(rows))])


@contextmanager
def _quietly() -> Iterator[None]:
    """Without transformers' report of weights that an encoder alone has no use for."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)
