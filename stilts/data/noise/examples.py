"""Makes the inputs of examples noisy. Labels never change: gold spans stay substrings, tags stay on their words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stilts.data.noise.edit import BREAK, Dictionary, Edited, edit
from stilts.data.noise.kinds import KINDS, Noise
from stilts.data.read_entities import MARK
from stilts.tasks.examples import (
    BitextExample,
    ChoiceExample,
    EntityExample,
    Example,
    PairExample,
    RetrievalExample,
    SentenceExample,
    SpanExample,
    TaggingExample,
)


@dataclass
class Tally:
    """What was done to a set.

    Attributes:
        units: what the level is a share of.
        edits: edited units.
        changed: examples with another text than before.
        texts: (before, after) of each field.
    """

    units: int = 0
    edits: int = 0
    changed: int = 0
    texts: list[tuple[str, str]] = field(default_factory=list)


class NoisyExamples:
    """Makes examples noisy, one by one, and counts.

    Args:
        noise: what is done, and to which fields.
        language: of the set.
        dictionary: for a code switch.
    """

    def __init__(self, noise: Noise, language: str, dictionary: Dictionary | None = None) -> None:
        self.noise, self.language, self.dictionary = noise, language, dictionary
        self.tally = Tally()

    def of(self, examples: Sequence[Example]) -> list[Example]:
        """The examples with noisy inputs, in order."""
        self._gold: dict[str, set[tuple[int, int]]] = {}
        self._paragraphs: dict[str, Edited] = {}
        for example in examples:
            if isinstance(example, SentenceExample):
                self._gold.setdefault(example.context, set()).update(_spans(example))
        noisy = [replace(example, **self._changes(example)) for example in examples]
        self.tally.changed += sum(before != after for before, after in zip(examples, noisy, strict=True))
        return noisy

    def _changes(self, example: Any) -> dict[str, Any]:
        """The noisy fields of an example."""
        fields, name = self.noise.fields.split("+"), example.id
        if isinstance(example, PairExample):
            return {key: self._text(name, key, getattr(example, key)) for key in ("text_a", "text_b")}
        if isinstance(example, ChoiceExample):
            choices = [self._text(name, f"choices.{i}", text) for i, text in enumerate(example.choices)]
            return {"text": self._text(name, "text", example.text), "choices": tuple(choices)}
        if isinstance(example, TaggingExample):
            words = self._text(name, "words", BREAK.join(example.words)).split(BREAK)
            return {"words": tuple(words)}
        if isinstance(example, RetrievalExample):
            return {key: self._text(name, key, getattr(example, key), key == "english") for key in fields}
        if isinstance(example, BitextExample):
            side = ("text", "english")[example.side]
            return {"text": self._text(name, side, example.text, side == "english")} if side in fields else {}
        if isinstance(example, EntityExample):
            return {"text": self._mention(name, example.text)}
        assert isinstance(example, SpanExample)
        changes: dict[str, Any] = {}
        if "question" in fields:
            changes["question"] = self._text(name, "question", example.question)
        return changes | (self._context(example) if "context" in fields else {})

    def _text(self, name: str, key: str, text: str, english: bool = False) -> str:
        return self._edit(name, key, text, (), english).text

    def _edit(
        self, name: str, key: str, text: str, protected: Sequence[tuple[int, int]], english: bool = False
    ) -> Edited:
        how, tally = self.noise, self.tally
        language = "en" if english else self.language
        edited = edit(text, how.kind, how.level, how.seed, name, key, language, protected, self.dictionary)
        tally.units += edited.units
        tally.edits += len(edited.edits)
        tally.texts.append((text.replace(BREAK, " "), edited.text.replace(BREAK, " ")))
        return edited

    def _context(self, example: SpanExample) -> dict[str, Any]:
        """The context outside the gold spans; one that questions share as candidates stays the same for all of them."""
        context, changes = example.context, dict[str, Any]()
        if isinstance(example, SentenceExample):
            if context not in self._paragraphs:
                self._paragraphs[context] = self._edit(context, "context", context, sorted(self._gold[context]))
            edited, sentences, end = self._paragraphs[context], [], 0
            for sentence in example.sentences:
                begin = context.index(sentence, end)
                end = begin + len(sentence)
                sentences.append(edited.part(begin, end) or sentence)
            changes["sentences"] = tuple(sentences)
        else:
            edited = self._edit(example.id, "context", context, _spans(example))
        if example.answers is not None:
            changes["answers"] = tuple((text, edited.moved(start)) for text, start in example.answers)
        return {"context": edited.text, **changes}

    def _mention(self, name: str, text: str) -> str:
        """A sentence with its mention between braces, and the mention before it: both are the same afterwards."""
        found = MARK.search(text)
        if not found:
            return self._text(name, "text", text)
        sentence = text[len(found[1]) + 2 :]
        shift = len(text) - len(sentence)
        first, end = found.start() - shift, found.end() - shift
        whole = KINDS[self.noise.kind].moves_words
        edited = self._edit(name, "text", sentence, [(first, end)] if whole else [(first, first + 1), (end - 1, end)])
        inside = edited.text[edited.moved(first) + 1 : edited.moved(end - 1)].strip()
        return f"{inside}: {edited.text}"


def _spans(example: SpanExample) -> list[tuple[int, int]]:
    return [(start, start + len(text)) for text, start in example.answers or ()]
