"""One generated sample without pretraining, for all tests of a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from stilts.sample import generate


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen languages, seed 1, with the random model only."""
    out = tmp_path_factory.mktemp("sample") / "one"
    generate(out, seed=1, pretrained=False)
    return out


@pytest.fixture(scope="session")
def tokenizer(sample: Path) -> object:
    """The sample's tokenizer."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(sample / "model_random")
