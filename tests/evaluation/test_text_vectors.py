"""Vectors of texts equal transformers' own hidden states, pooled by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stilts.config import ModelSettings

TEXTS = ["A dog sleeps.", "Where is the station, please?", "word " * 300]


@pytest.mark.slow
def test_they_are_means_of_a_hidden_state(wordpiece_folder: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    from stilts.evaluation.text_vectors import text_vectors

    found = text_vectors(TEXTS, ModelSettings(str(wordpiece_folder)))
    tokenizer, model = AutoTokenizer.from_pretrained(wordpiece_folder), AutoModel.from_pretrained(wordpiece_folder)
    for text, vector in zip(TEXTS, found, strict=True):
        rows = tokenizer(text, truncation=True, max_length=128, return_tensors="pt")
        with torch.no_grad():
            states = model(**rows, output_hidden_states=True).hidden_states
        mean = states[round(14 * (len(states) - 1) / 24)][0].mean(dim=0).numpy()
        assert vector == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)
