"""Span F1 over tag strings, as seqeval 0.0.12 computes it: the version behind XTREME's udpos and panx scores.

The rules, from that version's behaviour (later versions give other numbers on tags without a prefix):

- A tag's prefix is its first character and its type is what follows its last hyphen, or all of it. So `NOUN` is
  prefix N and type NOUN, and `SYM` has the prefix S of a span of one word.
- The sentences of a language are one sequence with an `O` after each.
- A span ends between two tags if the former's prefix is E or S, if it is B or I and the latter's is B, S or O, or if
  their types differ and the former's prefix is neither O nor a full stop.
- A span starts at a tag whose prefix is B or S, whose prefix is E or I after E, S or O, or whose type differs from the
  former's, unless its own prefix is O or a full stop.
- A span is (type, first word, last word); it is right if the gold has the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from stilts.errors import StiltsError
from stilts.metrics.accuracy import f1

GOLD, PREDICTED, CORRECT = 0, 1, 2
"""Columns of `entity_counts`."""


def entity_counts(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> np.ndarray:
    """Spans a sentence: int64 (sentences, 3) with the numbers of gold, predicted and correct ones.

    Raises StiltsError where a sentence has another number of predicted than of gold tags.
    """
    if len(gold) != len(predicted):
        raise StiltsError(f"{len(predicted)} predicted sentences for {len(gold)}")
    for number, (right, given) in enumerate(zip(gold, predicted, strict=True)):
        if len(right) != len(given):
            raise StiltsError(f"sentence {number + 1} has {len(given)} predicted tags for {len(right)} words")
    sentence = np.repeat(np.arange(len(gold)), [len(tags) + 1 for tags in gold])
    names: dict[str, int] = {"": 0}
    gold_ends, gold_type, gold_start = _spans(gold, names)
    ends, kind, start = _spans(predicted, names)
    both = gold_ends & ends & (gold_type == kind) & (gold_start == start)
    # an end is noted at the position after the last word, which is at the latest its sentence's own "O"
    columns = [np.bincount(sentence[at], minlength=len(gold)) for at in (gold_ends, ends, both)]
    return np.stack(columns, axis=1).astype(np.int64)


def f1_of_counts(counts: np.ndarray) -> float:
    """F1 in points over all rows of (gold, predicted, correct) counts; 0 where nothing was found."""
    gold, predicted, correct = (int(total) for total in counts.reshape(-1, 3).sum(axis=0))
    return f1(correct, predicted, gold)


def entity_f1(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> float:
    """F1 in points over all sentences together."""
    return f1_of_counts(entity_counts(gold, predicted))


def _spans(sentences: Sequence[Sequence[str]], names: dict[str, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For every position (one before the first tag, then all tags with an `O` after each sentence):
    whether a span ends before it, that span's type and its first position."""
    tags = list(chain.from_iterable((*sentence, "O") for sentence in sentences))
    codes = {tag: (ord(tag[0]), names.setdefault(tag.split("-")[-1], len(names))) for tag in set(tags)}
    table = np.array([(ord("O"), names[""]), *(codes[tag] for tag in tags)], dtype=np.int64)
    prefix, kind = table[1:, 0], table[1:, 1]
    last_prefix, last_kind = table[:-1, 0], table[:-1, 1]
    changed = kind != last_kind
    ends = (
        _among(last_prefix, "ES")
        | (_among(last_prefix, "BI") & _among(prefix, "BSO"))
        | (changed & ~_among(last_prefix, "O."))
    )
    starts = (
        _among(prefix, "BS") | (_among(last_prefix, "ESO") & _among(prefix, "EI")) | (changed & ~_among(prefix, "O."))
    )
    first = np.maximum.accumulate(np.where(starts, np.arange(len(starts)), 0))
    former = np.concatenate([[0], first[:-1]])
    return ends, last_kind, former


def _among(prefixes: np.ndarray, characters: str) -> np.ndarray:
    return np.isin(prefixes, [ord(character) for character in characters])
