"""Masked LM: what is masked, how often, and that it depends on the generator alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerBase

from stilts.data.batches import collate
from stilts.errors import InputError, StiltsError
from stilts.formats import get_format, mlm
from stilts.formats.layers import IGNORE
from stilts.tasks import get_task
from stilts.tasks.examples import TextExample

FORM = get_format("mlm")
TASK = get_task("mlm")
TEXTS = [
    "The old bridge over the river was closed for the winter because of the ice .",
    "Die alte Brücke über den Fluss war im Winter geschlossen",
    "旧桥冬天关闭",
    "a",
]


def rows(tokenizer: PreTrainedTokenizerBase, length: int = 64, training: bool = True, texts: Any = TEXTS) -> Any:
    examples = [TextExample(f"t{i}", text) for i, text in enumerate(texts)]
    return FORM.features(TASK, examples, tokenizer, length, training)


def draw(row: dict[str, Any], *seed: int) -> dict[str, Any]:
    return FORM.fresh(row, np.random.default_rng(seed))


def long_row(tokens: int, words: int = 30000) -> dict[str, Any]:
    """No tokenizer needed: tokens 10 and above, special ones at both ends."""
    ids = np.r_[0, 10 + np.arange(tokens) % (words - 10), 2]
    return {"input_ids": ids, "maskable": np.arange(1, tokens + 1), "mask_token": 4, "vocabulary": words, "example": 0}


def test_a_row_is_what_the_tokenizer_makes_of_the_line(tokenizer: PreTrainedTokenizerBase) -> None:
    for row, text in zip(rows(tokenizer), TEXTS, strict=True):
        assert row["input_ids"] == tokenizer(text)["input_ids"]
        special = tokenizer.get_special_tokens_mask(row["input_ids"], already_has_special_tokens=True)
        assert row["maskable"] == [place for place, flag in enumerate(special) if not flag]
        assert (row["mask_token"], row["vocabulary"]) == (tokenizer.mask_token_id, len(tokenizer))


def test_long_lines_are_cut_as_the_tokenizer_cuts_them(tokenizer: PreTrainedTokenizerBase) -> None:
    for row, text in zip(rows(tokenizer, 8), TEXTS, strict=True):
        assert row["input_ids"] == tokenizer(text, truncation=True, max_length=8)["input_ids"]
        assert max(row["maskable"]) < len(row["input_ids"]) - 1


def test_a_line_without_a_token_gives_no_row(wordpiece: PreTrainedTokenizerBase) -> None:
    found = rows(wordpiece, texts=["\u200b\u200d", wordpiece.mask_token, "a word"])
    assert [row["example"] for row in found] == [2]


def test_a_model_without_a_mask_token_is_refused(wordpiece: PreTrainedTokenizerBase) -> None:
    token, wordpiece.mask_token = wordpiece.mask_token, None
    try:
        with pytest.raises(InputError, match="has no mask token"):
            rows(wordpiece)
    finally:
        wordpiece.mask_token = token


def test_rates_are_those_of_transformers(wordpiece: PreTrainedTokenizerBase) -> None:
    """Over 200,000 tokens each rate is within four standard deviations, and so is the collator's."""
    tokens, vocabulary = 200_000, len(wordpiece)
    row = long_row(tokens, vocabulary)
    ours = draw(row, 1)
    collator = DataCollatorForLanguageModeling(wordpiece, mlm_probability=0.15, seed=3)
    special = torch.zeros(1, tokens + 2, dtype=torch.long)
    special[0, [0, -1]] = 1
    ids, labels = collator.torch_mask_tokens(torch.from_numpy(row["input_ids"])[None].clone(), special.clone())
    for found, gold, mask in (
        (ours["input_ids"], ours["labels"], row["mask_token"]),
        (ids[0].numpy(), labels[0].numpy(), wordpiece.mask_token_id),
    ):
        chosen = gold != IGNORE
        np.testing.assert_array_equal(gold[chosen], row["input_ids"][chosen])
        np.testing.assert_array_equal(found[~chosen], row["input_ids"][~chosen])
        assert not chosen[[0, -1]].any()
        masked, kept = found[chosen] == mask, found[chosen] == gold[chosen]
        for rate, wanted, of in (
            (chosen.sum() / tokens, 0.15, tokens),
            (masked.mean(), 0.8, chosen.sum()),
            (kept.mean(), 0.1, chosen.sum()),
            ((~masked & ~kept).mean(), 0.1, chosen.sum()),
        ):
            assert abs(rate - wanted) < 4 * np.sqrt(wanted * (1 - wanted) / of)
        swapped = found[chosen][~masked & ~kept]
        assert abs(swapped.mean() / vocabulary - 0.5) < 4 * np.sqrt(1 / 12 / len(swapped)), "from the whole vocabulary"


def test_every_token_is_drawn_alike() -> None:
    row = long_row(20)
    counts = sum((draw(row, seed)["labels"] != IGNORE).astype(int) for seed in range(4000))
    assert counts[0] == counts[-1] == 0
    # a row without a drawn token gets one: (1 - 0.15)^20 / 20 more each
    rate = 0.15 + 0.85**20 / 20
    assert np.abs(counts[1:-1] / 4000 - rate).max() < 4.5 * np.sqrt(rate * (1 - rate) / 4000)


@pytest.mark.parametrize("tokens", [1, 2, 5])
def test_a_short_row_has_a_prediction(tokens: int) -> None:
    for seed in range(200):
        assert len(FORM.outputs(draw(long_row(tokens), seed))) >= 1


def test_masks_depend_on_the_generator_alone() -> None:
    row = long_row(100)
    before = {key: np.array(value) for key, value in row.items()}
    first, again, other = draw(row, 5, 1), draw(row, 5, 1), draw(row, 5, 2)
    np.testing.assert_array_equal(first["input_ids"], again["input_ids"])
    np.testing.assert_array_equal(first["labels"], again["labels"])
    assert (first["labels"] != other["labels"]).any()
    for key, value in before.items():
        np.testing.assert_array_equal(row[key], value, err_msg="the prepared row stays as it is")


def test_an_evaluation_set_has_its_masks_once(wordpiece: PreTrainedTokenizerBase) -> None:
    first, again = rows(wordpiece, training=False), rows(wordpiece, training=False)
    assert [row["labels"].tolist() for row in first] == [row["labels"].tolist() for row in again]
    assert "labels" not in rows(wordpiece)[0]


def test_only_predicted_tokens_are_outputs_and_units() -> None:
    drawn = [draw(long_row(n), n) for n in (3, 40, 7)]
    batch = collate(drawn, FORM)
    counts = [int((row["labels"] != IGNORE).sum()) for row in drawn]
    assert FORM.units(batch).tolist() == counts
    labels = np.concatenate([row["labels"] for row in drawn])
    np.testing.assert_array_equal(batch.outputs.numpy(), np.flatnonzero(labels != IGNORE))
    np.testing.assert_array_equal(batch.columns["labels"].numpy(), labels[labels != IGNORE])
    logits = torch.randn(sum(counts), 30000, generator=torch.Generator().manual_seed(1))
    each = F.cross_entropy(logits, batch.columns["labels"], reduction="none").split(counts)
    torch.testing.assert_close(FORM.loss(logits, batch), torch.stack([part.sum() for part in each]))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 1e-2)])
@pytest.mark.parametrize("at_once", [1, 130, 10**6])
def test_the_loss_is_cross_entropy_whatever_it_takes_at_once(
    dtype: torch.dtype, tolerance: float, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlm, "AT_ONCE", at_once)
    generator = torch.Generator().manual_seed(2)
    logits = (5 * torch.randn(11, 50, generator=generator)).to(dtype)
    labels, factors = torch.randint(50, (11,), generator=generator), torch.rand(11, generator=generator)
    mine, theirs = (logits.clone().requires_grad_() for _ in range(2))
    found = mlm.TokenLoss.apply(mine, labels)
    wanted = F.cross_entropy(theirs.float(), labels, reduction="none")
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    (found * factors).sum().backward()
    (wanted * factors).sum().backward()
    torch.testing.assert_close(mine.grad, theirs.grad, rtol=tolerance, atol=tolerance * 1e-1)


def test_it_is_not_scored() -> None:
    with pytest.raises(StiltsError, match="no fresh head"):
        FORM.head(TASK, 32, 0.1)
    with pytest.raises(StiltsError, match="not scored"):
        FORM.decode(TASK, TextExample("a", "b"), [], [])
    with pytest.raises(StiltsError, match="not scored"):
        FORM.grade(TASK, "en", [], [])
