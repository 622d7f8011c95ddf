"""One raw example of each format, as read from a data set's official files.

All are plain data: no tensors, no tokenizer. `label`, `tags` and `answers` are None where the
file carries no labels (XTREME strips them from some of its copies).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PairExample:
    """Two texts and one of the task's labels."""

    id: str
    text_a: str
    text_b: str
    label: str | None


@dataclass(frozen=True)
class ChoiceExample:
    """A text, and texts of which one continues or answers it; `label` is its number, from 0."""

    id: str
    text: str
    choices: tuple[str, ...]
    label: int | None


@dataclass(frozen=True)
class SpanExample:
    """A question about a context, with gold answers as (text, first character in the context).

    `answers` is empty for a question that has no answer (SQuAD v2.0) and None where labels are missing.
    `article` groups the examples of one article or document.
    """

    id: str
    question: str
    context: str
    answers: tuple[tuple[str, int], ...] | None
    article: str


@dataclass(frozen=True)
class SentenceExample(SpanExample):
    """A question and the sentences of its context, of which number `right` (from 0) holds the answer's beginning."""

    sentences: tuple[str, ...]
    right: int


@dataclass(frozen=True)
class TaggingExample:
    """The words of one sentence and a tag for each."""

    id: str
    words: tuple[str, ...]
    tags: tuple[str, ...] | None


@dataclass(frozen=True)
class RetrievalExample:
    """A sentence and its English translation: row i of one side is the match of row i of the other."""

    id: str
    text: str
    english: str


@dataclass(frozen=True)
class BitextExample:
    """A sentence of one of two corpora, of which some sentences are translations of each other.

    `side` is 0 for the language, 1 for English; `matches` are the ids of its translations in the other corpus, None
    where gold pairs are not at hand.
    """

    id: str
    text: str
    side: int
    matches: tuple[str, ...] | None


@dataclass(frozen=True)
class EntityExample:
    """A mention of an entity in its sentence, and what describes the entity; one of the two texts may be empty.

    `text` is "" for an entity that is only searched (a candidate), `description` where only the entity's id is known.
    """

    id: str
    text: str
    entity: str
    description: str


@dataclass(frozen=True)
class TextExample:
    """A line of raw text, for masked LM."""

    id: str
    text: str


Example = (
    PairExample
    | ChoiceExample
    | SpanExample
    | SentenceExample
    | TaggingExample
    | RetrievalExample
    | BitextExample
    | EntityExample
    | TextExample
)
EXAMPLE_TYPES: dict[str, type] = {
    "pair": PairExample,
    "choice": ChoiceExample,
    "span": SpanExample,
    "tagging": TaggingExample,
    "retrieval": RetrievalExample,
    "mining": BitextExample,
    "dual": SentenceExample,
    "linking": EntityExample,
    "mlm": TextExample,
}
