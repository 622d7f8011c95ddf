"""Tokenizing in bulk, and where a tokenizer puts its special tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stilts.errors import InputError
from stilts.formats.base import Feature

if TYPE_CHECKING:
    from transformers import BatchEncoding, PreTrainedTokenizerBase

CHUNK = 4096
"""Texts handed to the tokenizer at once: large enough for its threads, small enough for memory."""


def need_fast(tokenizer: PreTrainedTokenizerBase) -> None:
    """Raise InputError unless the tokenizer knows character offsets."""
    if not tokenizer.is_fast:
        raise InputError(
            f"the tokenizer {type(tokenizer).__name__} gives no character offsets",
            "a fast tokenizer (a folder with tokenizer.json)",
            "save the model with its fast tokenizer",
        )


def encode(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], offsets: bool = False) -> Iterator[BatchEncoding]:
    """Encodings of chunks of `texts`, in order: no special tokens, nothing truncated."""
    for first in range(0, len(texts), CHUNK):
        yield tokenizer(
            list(texts[first : first + CHUNK]),
            add_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            return_offsets_mapping=offsets,
            truncation=False,
            verbose=False,
        )


def was_cut(encoded: BatchEncoding, index: int, max_length: int) -> bool:
    """Whether a text of the batch was longer than `max_length` with its special tokens, and so truncated.

    A tokenizer that is not a fast one does not say: False.
    """
    full = len(encoded["input_ids"][index]) >= max_length
    return full and encoded.encodings is not None and bool(encoded.encodings[index].overflowing)


def token_ids(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """The tokens of each text, without special tokens."""
    return [ids for batch in encode(tokenizer, texts) for ids in batch["input_ids"]]


@dataclass(frozen=True)
class Layout:
    """The special tokens around one or two texts, as the tokenizer's own template places them.

    Attributes:
        before, between, after: special tokens before the first text, between the texts, and at the end.
        types: token types of (before, first text, between, second text, after), or None where the model has none.
    """

    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]
    types: tuple[int, int, int, int, int] | None

    @property
    def specials(self) -> int:
        """Number of special tokens."""
        return len(self.before) + len(self.between) + len(self.after)

    def row(self, first: list[int], second: list[int] | None = None) -> Feature:
        """`input_ids` and, where the model has them, `token_type_ids` of one row."""
        parts = [list(self.before), first, list(self.between), second or [], list(self.after)]
        row: Feature = {"input_ids": [token for part in parts for token in part]}
        if self.types is not None:
            row["token_type_ids"] = [kind for part, kind in zip(parts, self.types, strict=True) for _ in part]
        return row


def layout(tokenizer: PreTrainedTokenizerBase, pair: bool) -> Layout:
    """Learn the layout from the tokenizer's answer to a probe text."""
    need_fast(tokenizer)
    probe = tokenizer("a", "a") if pair else tokenizer("a")
    ids, owner = probe["input_ids"], probe.sequence_ids(0)
    types = probe.get("token_type_ids") if "token_type_ids" in tokenizer.model_input_names else None
    last = 1 if pair else 0
    first_a, end_a = owner.index(0), len(owner) - owner[::-1].index(0)
    first_b, end_b = owner.index(last), len(owner) - owner[::-1].index(last)
    kinds = None
    if types is not None:
        edge = [types[0], types[first_a], types[end_a] if pair else 0, types[first_b], types[-1]]
        kinds = (edge[0], edge[1], edge[2], edge[3], edge[4])
    between = tuple(ids[end_a:first_b]) if pair else ()
    return Layout(tuple(ids[:first_a]), between, tuple(ids[end_b:]), kinds)
