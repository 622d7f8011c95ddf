"""Two real kinds of tokenizer for the formats: WordPiece as uncased BERT has it, and SentencePiece as XLM-R has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase, XLMRobertaTokenizerFast

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


@pytest.fixture(scope="session")
def wordpiece(wordpiece_folder: Path) -> PreTrainedTokenizerBase:
    """The uncased WordPiece tokenizer of MiniLM."""
    return AutoTokenizer.from_pretrained(wordpiece_folder)


@pytest.fixture(scope="session")
def sentencepiece(real_data: Path) -> PreTrainedTokenizerBase:
    """A Unigram tokenizer of 8,000 pieces in 15 languages, wrapped as XLM-R's (same template and white space rules)."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    files = sorted((real_data / "mlm_text" / "xnli_test").glob("*.txt"))
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()[:400]]
    core = Tokenizer(models.Unigram())
    core.normalizer = normalizers.NFKC()
    core.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    core.train_from_iterator(
        lines,
        trainers.UnigramTrainer(
            vocab_size=8000, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False, n_sub_iterations=1
        ),
    )
    pieces = [(piece, score) for piece, score in json.loads(core.to_str())["model"]["vocab"]]
    tokenizer = XLMRobertaTokenizerFast(vocab=pieces)
    tokenizer._tokenizer.normalizer = normalizers.NFKC()  # XLM-R's own table is NFKC with few exceptions
    return tokenizer


@pytest.fixture(params=["sentencepiece", "wordpiece"])
def tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerBase:
    """Each kind in turn."""
    return request.getfixturevalue(request.param)
