"""Cuts contexts into the overlapping windows of span tasks, with character offsets in the original text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stilts.errors import InputError
from stilts.formats.base import TRUNCATED, Feature
from stilts.formats.tokens import Layout, encode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

QUESTION_TOKENS = 64
"""Longest question, in tokens (BERT's SQuAD code, XTREME, jiant)."""
STRIDE = 128
"""Tokens from the start of one window to the start of the next (same sources)."""


@dataclass(frozen=True)
class Text:
    """A tokenized context: token ids and, a token, the first and the end character; both int64 (tokens,)."""

    ids: list[int]
    starts: np.ndarray
    ends: np.ndarray

    def tokens_of(self, first: int, end: int) -> tuple[int, int] | None:
        """First and last token that hold characters [first, end); None if no token holds any."""
        inside = np.flatnonzero((self.ends > first) & (self.starts < end))
        return (int(inside[0]), int(inside[-1])) if len(inside) else None


@dataclass(frozen=True)
class Window:
    """Tokens [first, end) of a context; [own_first, own_end) have their best surroundings in this window."""

    first: int
    end: int
    own_first: int
    own_end: int


def tokenize_contexts(tokenizer: PreTrainedTokenizerBase, contexts: Sequence[str]) -> dict[str, Text]:
    """Every distinct context once."""
    distinct = list(dict.fromkeys(contexts))
    texts: dict[str, Text] = {}
    for batch in encode(tokenizer, distinct, offsets=True):
        for ids, offsets in zip(batch["input_ids"], batch["offset_mapping"], strict=True):
            context = distinct[len(texts)]
            starts, ends = _trimmed(context, np.asarray(offsets, dtype=np.int64).reshape(-1, 2))
            texts[context] = Text(ids, starts, ends)
    return texts


def question_room(max_length: int, specials: int) -> int:
    """Tokens a question may have: 64, or half of what a short row holds. Raises InputError if a row holds nothing."""
    if max_length < specials + 2:
        raise InputError(f"max_length {max_length}", f"at least {specials + 2} for span tasks", "raise max_length")
    return min(QUESTION_TOKENS, (max_length - specials) // 2)


def windows(tokens: int, room: int) -> list[Window]:
    """Windows of at most `room` tokens, 128 apart (half a window where it is not longer than that).

    As in BERT's SQuAD code, a token that lies in several windows belongs to the one where the smaller of its left and
    right surroundings is largest (a hundredth of the window's length added, the earlier window at a tie). These are
    consecutive tokens, so two numbers say which.
    """
    step = STRIDE if room > STRIDE else (room + 1) // 2
    firsts = [0]
    while firsts[-1] + room < tokens:
        firsts.append(firsts[-1] + step)
    ends = [min(first + room, tokens) for first in firsts]
    if len(firsts) == 1:
        return [Window(0, tokens, 0, tokens)]
    position = np.arange(tokens)
    first, end = np.array(firsts)[:, None], np.array(ends)[:, None]
    score = np.minimum(position - first, end - 1 - position) + 0.01 * (end - first)
    owner = np.where((position >= first) & (position < end), score, -np.inf).argmax(axis=0)
    bounds = np.searchsorted(owner, np.arange(len(firsts) + 1))
    return [Window(firsts[i], ends[i], int(bounds[i]), int(bounds[i + 1])) for i in range(len(firsts))]


def rows_of(text: Text, question: list[int], pair: Layout, max_length: int) -> Iterator[tuple[Window, Feature]]:
    """Each window with its row: ids, character offsets, and the row's positions that have their best surroundings."""
    whole, question = len(question), question[: question_room(max_length, pair.specials)]
    head = len(pair.before) + len(question) + len(pair.between)
    for window in windows(len(text.ids), max_length - pair.specials - len(question)):
        row = pair.row(question, text.ids[window.first : window.end])
        before, after = [-1] * head, [-1] * len(pair.after)
        row["char_start"] = before + text.starts[window.first : window.end].tolist() + after
        row["char_end"] = before + text.ends[window.first : window.end].tolist() + after
        row["own_first"] = head + window.own_first - window.first
        row["own_end"] = head + window.own_end - window.first
        row[TRUNCATED] = len(question) < whole
        yield window, row


def _trimmed(context: str, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offsets without leading white space (SentencePiece joins it to the word), and with combining marks at the end.

    Uncased BERT drops accents and vowel signs, as in Thai and Hindi; a token then ends before a mark that belongs to
    its last character, and no span could end after it.
    """
    starts, ends = offsets[:, 0].copy(), offsets[:, 1].copy()
    size = len(context)
    space = np.fromiter((character.isspace() for character in context), dtype=bool, count=size)
    for token in np.flatnonzero((starts < ends) & np.append(space, False)[np.minimum(starts, size)]):
        while starts[token] < ends[token] and space[starts[token]]:
            starts[token] += 1
    mark = np.fromiter((_joins(character) for character in context), dtype=bool, count=size)
    limits = np.append(starts[1:], size)
    for token in np.flatnonzero((ends < limits) & np.append(mark, False)[np.minimum(ends, size)]):
        while ends[token] < limits[token] and mark[ends[token]]:
            ends[token] += 1
    return starts, ends


def _joins(character: str) -> bool:
    """Whether the character belongs to the one before: a combining mark or a zero-width joiner."""
    return character > "\u02ff" and (unicodedata.category(character)[0] == "M" or character in "\u200c\u200d")
