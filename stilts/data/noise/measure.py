"""How much of a text a tokenizer sees changed: equal shares of characters are not equal shares of subwords."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stilts.formats.tokens import token_ids

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def changed_subwords(tokenizer: PreTrainedTokenizerBase, texts: Sequence[tuple[str, str]]) -> tuple[int, int]:
    """(changed, all) subwords of the texts before the noise.

    A subword is changed where it is not in the longest common subsequence of the subwords before and after.

    Args:
        texts: (before, after) of each text.
    """
    different = [pair for pair in texts if pair[0] != pair[1]]
    before = token_ids(tokenizer, [one for one, _ in texts])
    after = iter(token_ids(tokenizer, [one for _, one in different]))
    changed = 0
    for ids, (old, new) in zip(before, texts, strict=True):
        if old != new:
            changed += len(ids) - common(ids, next(after))
    return changed, sum(map(len, before))


def common(one: Sequence[int], other: Sequence[int]) -> int:
    """Length of the longest common subsequence, with a bit a place of `one` (Hyyrö 2004, bit-parallel LCS)."""
    places: dict[int, int] = {}
    for place, token in enumerate(one):
        places[token] = places.get(token, 0) | 1 << place
    whole = (1 << len(one)) - 1
    row = whole
    for token in other:
        hit = row & places.get(token, 0)
        row = ((row + hit) | (row - hit)) & whole
    return len(one) - row.bit_count()
