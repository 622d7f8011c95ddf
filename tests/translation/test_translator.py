"""Real tokenizers of translation models, tiny and random: which language they are told to read and to write."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from transformers import (
    M2M100Config,
    M2M100ForConditionalGeneration,
    MBart50Tokenizer,
    MBartConfig,
    MBartForConditionalGeneration,
    NllbTokenizer,
    PreTrainedConfig,
)

from stilts.errors import InputError
from stilts.translation.codes import MBART, NLLB
from stilts.translation.settings import TranslationSettings
from stilts.translation.translator import Translator

sys.path.append(str(Path(__file__).parents[1] / "distributed"))
from tiny_translator import make_translator

PIECES = ["▁", *"abcdefghijklmnopqrstuvwxyz", "▁the", "▁cat"]
SIZES = {
    "d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
    "encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "max_position_embeddings": 40, "init_std": 0.5,
}  # fmt: skip


def save(folder: Path, tokenizer: object, kind: type, config: PreTrainedConfig) -> Path:
    torch.manual_seed(0)
    kind(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)  # type: ignore[attr-defined]
    return folder


def made(name: str, folder: Path) -> Path:
    """A random model of a family, in a folder."""
    if name == "M2M-100":
        return make_translator(folder)
    if name == "NLLB":
        vocabulary = {piece: number for number, piece in enumerate(["<s>", "<pad>", "</s>", "<unk>", *PIECES])}
        tokenizer = NllbTokenizer(vocab=vocabulary, merges=[])
        return save(folder, tokenizer, M2M100ForConditionalGeneration, M2M100Config(vocab_size=len(tokenizer), **SIZES))
    special = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    other = MBart50Tokenizer(vocab=[*special, *((piece, -1.0) for piece in PIECES)])
    return save(folder, other, MBartForConditionalGeneration, MBartConfig(vocab_size=len(other), **SIZES))


def translator(folder: Path, **settings: object) -> Translator:
    return Translator(str(folder), None, "en", TranslationSettings(**settings), torch.device("cpu"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "english", "swahili"),
    [("M2M-100", "__en__", "__sw__"), ("NLLB", NLLB["en"], NLLB["sw"]), ("mBART", MBART["en"], MBART["sw"])],
)
def test_source_and_target_are_told(name: str, english: str, swahili: str, tmp_path: Path) -> None:
    found = translator(made(name, tmp_path / "model"), growth=1.0)
    found.into("sw")
    assert found.naming is not None
    assert (found.naming.name, found.one_pair) == (name, False)
    tokenizer = found.tokenizer
    first = tokenizer.convert_tokens_to_ids(swahili)
    assert found._first == first != tokenizer.unk_token_id
    assert tokenizer.convert_tokens_to_ids(english) in tokenizer("the cat")["input_ids"]
    seen = []
    generate = found.model.generate
    found.model.generate = lambda **given: seen.append(generate(**given)) or seen[-1]
    texts = ["the cat", "a cat sat the cat", "the"]
    done = found.translate(texts)
    assert set(done) == set(texts)
    assert all(row[1] == first for batch in seen for row in batch.tolist())
    assert not any(swahili in piece.text for piece in done.values())
    found.into("de")
    assert found.translate(texts) != done
    again = translator(tmp_path / "model", growth=1.0)
    again.into("sw")
    assert again.translate(list(reversed(texts))) == done, "a function of the set of texts"


def test_pieces_are_cut_at_what_the_model_takes(tmp_path: Path) -> None:
    folder = make_translator(tmp_path / "model")
    assert translator(folder).longest == 64, "its positions"
    short = translator(folder, max_tokens=12)
    short.into("de")
    assert short.longest == 12
    assert short.fits("ka")
    assert not short.fits("ka ro " * 12)


def test_beams_and_greedy_search_differ(tmp_path: Path) -> None:
    folder, texts = make_translator(tmp_path / "model"), ["karo molin", "suga pane telvud ritos"]
    found = []
    for beams in (1, 4):
        one = translator(folder, beams=beams, growth=1.0)
        one.into("sw")
        found.append(one.translate(texts))
    assert found[0] != found[1]


def test_no_such_model(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no translation model at"):
        translator(tmp_path / "nothing")
