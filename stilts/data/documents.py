"""The texts of prepared sets as documents, to be compared as texts: English words, windows of words, whole examples."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from stilts.data.read_entities import unmarked
from stilts.data.store import PreparedSet
from stilts.tasks.examples import (
    BitextExample,
    ChoiceExample,
    EntityExample,
    Example,
    PairExample,
    RetrievalExample,
    SpanExample,
    TaggingExample,
    TextExample,
)

BLOCK = 50  # examples that lie together in a file are read together: so an article's are
WINDOW = 32
"""Words of a window."""
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+")


@dataclass(frozen=True)
class Documents:
    """The texts of a data set.

    Attributes:
        documents: the different texts of each document (an article, a premise with its hypotheses, a sentence).
        examples: an example as one text, each.
    """

    documents: tuple[tuple[str, ...], ...]
    examples: tuple[str, ...]

    def words(self) -> Counter[str]:
        """How often each word occurs."""
        return Counter(word for texts in self.documents for text in texts for word in words_of(text))

    def windows(self) -> tuple[list[Counter[str]], list[Counter[str]]]:
        """The counted words of windows, of one half of the documents and of the other, without what is left over."""
        halves: tuple[list[list[str]], list[list[str]]] = ([], [])
        sizes = [0, 0]
        for texts in self.documents:
            own = [word for text in texts for word in words_of(text)]
            side = int(sizes[1] < sizes[0])
            halves[side].append(own)
            sizes[side] += len(own)
        return _cut(halves[0]), _cut(halves[1])


def documents_of(sets: Iterable[PreparedSet], seed: int, most: int = 20_000) -> Documents:
    """The English texts of prepared sets, shuffled.

    Args:
        most: examples of a set; of a larger one blocks are drawn.
    """
    documents: dict[tuple[str, str], dict[str, None]] = {}
    whole: dict[str, None] = {}
    for one in sets:
        examples = one.some(_chosen(int(one.manifest["examples"]), most, seed))
        # TyDiQA's files in SQuAD's layout name no articles: there each paragraph is a document
        unnamed = len({example.article for example in examples if isinstance(example, SpanExample)}) < 2
        for example in examples:
            name, texts = _english(example)
            if not texts:
                continue
            if unnamed and isinstance(example, SpanExample):
                name = example.context
            # sets of several languages repeat their English side
            documents.setdefault((one.manifest["format"], name), {}).update(dict.fromkeys(texts))
            whole[" ".join(texts)] = None
    random = np.random.default_rng(seed)
    each, every = list(documents.values()), list(whole)
    order, other = random.permutation(len(each)), random.permutation(len(every))
    return Documents(tuple(tuple(each[i]) for i in order), tuple(every[i] for i in other))


def words_of(text: str) -> list[str]:
    """The words of a text, without case: letters with their apostrophes, or digits."""
    return _WORD.findall(text.casefold())


def _chosen(count: int, most: int, seed: int) -> list[int]:
    if count <= most:
        return list(range(count))
    blocks = np.random.default_rng(seed).permutation(count // BLOCK)[: most // BLOCK]
    return [int(place) for block in np.sort(blocks) for place in range(block * BLOCK, (block + 1) * BLOCK)]


def _cut(documents: Sequence[Sequence[str]]) -> list[Counter[str]]:
    words = iter([word for own in documents for word in own])
    windows = iter(lambda: list(islice(words, WINDOW)), [])
    return [Counter(window) for window in windows if len(window) == WINDOW]


def _english(example: Example) -> tuple[str, tuple[str, ...]]:
    """The document that an example of an English set is of, and its texts; of sets of pairs with English that side."""
    match example:
        case PairExample():
            return example.text_a, (example.text_a, example.text_b)
        case ChoiceExample():
            return " ".join((example.text, *example.choices)), (example.text, *example.choices)
        case SpanExample():
            return example.article, (example.context, example.question)
        case TaggingExample():
            return " ".join(example.words), (" ".join(example.words),)
        case RetrievalExample():
            return example.english, (example.english,)
        case BitextExample():
            return example.text, (example.text,) if example.side else ()
        case EntityExample():
            return example.entity, tuple(filter(None, (unmarked(example.text), example.description)))
        case TextExample():
            return example.text, (example.text,)
