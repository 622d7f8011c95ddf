"""Draws every set of the sample benchmark, as structures; `stilts.sample.writer` words and writes them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stilts.sample import choices
from stilts.sample.choices import Choice
from stilts.sample.corpus import BASE_LINES, corpus
from stilts.sample.draw import Grammar
from stilts.sample.grammar import Sentence
from stilts.sample.inference import inference
from stilts.sample.items import (
    duplicates,
    entities,
    paragraphs,
    paraphrases,
    sentences,
    supertagged,
    translations,
    wording,
)
from stilts.sample.language import BASE, Language
from stilts.sample.retrieval import SIZES as RETRIEVAL_SIZES
from stilts.sample.retrieval import draw_retrieval
from stilts.sample.shuffle import shuffled_answers, shuffled_labels, shuffled_orders

SIZES: dict[str, dict[str, int]] = {
    "mnli": {"train": 4800, "dev": 150},
    "snli": {"train": 4800, "dev": 150, "test": 150},
    "anli": {"train": 1800, "dev": 135, "test": 135},
    "xnli": {"dev": 300, "test": 300},
    "pawsx": {"train": 2400, "dev": 200, "test": 200},
    "udpos": {"train": 600, "dev": 80, "test": 80},
    "squad_v1": {"train": 2000, "dev": 80},
    "squad_v2": {"train": 2000, "dev": 80},
    "mlqa": {"dev": 120, "test": 120},
    "xquad": {"test": 120},
    "tydiqa": {"train": 800, "dev": 120},
    "tatoeba": {"test": 100},
    "hellaswag": {"train": 1600, "dev": 160},
    "commonsenseqa": {"train": 1200, "dev": 120},
    "cosmosqa": {"train": 1200, "dev": 120},
    "socialiqa": {"train": 1600, "dev": 160, "test": 160},
    "copa": {"train": 400, "dev": 100},
    "xcopa": {"test": 200},
    "qqp": {"train": 2400, "dev": 200},
    "ccg": {"train": 800, "dev": 80, "test": 80},
    "panx": {"train": 800, "dev": 100, "test": 100},
    **RETRIEVAL_SIZES,
}
"""Task -> split -> examples a language; premises make three pairs each, paragraphs two questions each. XCOPA's dev set
is the translation of COPA's."""
ANLI_ROUNDS = ("1", "2", "3")
"""A premise of round n stands among n other sentences."""
UNANSWERABLE = 0.33
"""Share of SQuAD 2.0's questions."""
TEXT = "mlm"
_BY_LANGUAGE = ("udpos", "tydiqa", "panx")  # not parallel: every language has its own sentences and questions
_LATER = ("qqp", "ccg", "panx")  # drawn after all others, which are the same with and without them
_CHOICES: dict[str, Callable[[Grammar, int], list[Choice]]] = {
    "hellaswag": choices.endings,
    "commonsenseqa": choices.common_sense,
    "cosmosqa": choices.reading,
    "socialiqa": choices.social,
    "copa": choices.causes,
    "xcopa": choices.causes,
}
Key = tuple[str, str, str]
"""Task (or "mlm"), split, and the language or ANLI round where there are several ("" where one set serves all)."""


@dataclass
class Sets:
    """All sets of one sample.

    Attributes:
        items: what was drawn.
        orders: (task, split) -> for each sentence of a tagging set, the order its tags are put into (shuffled labels).
    """

    items: dict[Key, list[Any]] = field(default_factory=dict)
    orders: dict[tuple[str, str], list[list[int]]] = field(default_factory=dict)


def draw_sets(seed: int, languages: Sequence[Language], shuffled: Sequence[str] = ()) -> Sets:
    """Draw everything: first what all languages share, then what each has for itself. No two sets share an item.

    Args:
        languages: the base language first; only their codes and the lines of their text matter.
        shuffled: tasks whose training labels are shuffled.
    """
    grammar, out = Grammar(seed), Sets()
    _shared(out, grammar, [task for task in SIZES if task not in _LATER])
    for language in languages:
        code, lines = language.code, language.design.lines if language.design else BASE_LINES
        out.items[TEXT, "train", code] = corpus(grammar.stream(TEXT, code), lines, translated=not language.is_base)
        if not language.is_base:
            _own(out, grammar, [task for task in _BY_LANGUAGE if task not in _LATER], code)
    told = _sentences(out, BASE)
    grammar.stream("later").take(*told, *(wording(sentence) for sentence in told if sentence.asked))
    _shared(out, grammar, _LATER)
    for language in languages:
        if not language.is_base:
            _own(out, grammar, [task for task in _BY_LANGUAGE if task in _LATER], language.code)
    draw_retrieval(grammar, out.items, languages)
    for task in shuffled:
        _shuffle(out, task, random.Random(f"stilts sample {seed} shuffle {task}"))
    return out


def _shared(sets: Sets, grammar: Grammar, tasks: Sequence[str]) -> None:
    """Draw what all languages share, or the base language has alone."""
    for task in tasks:
        for split in SIZES[task]:
            for part in _parts(task):
                stream = grammar.stream(f"{task} {split} {part}")
                sets.items[task, split, part] = _drawn(stream, task, split, part)


def _own(sets: Sets, grammar: Grammar, tasks: Sequence[str], code: str) -> None:
    """Draw the development and test sets that an invented language has for itself; none has a sentence of its text."""
    for task in tasks:
        for split in SIZES[task]:
            if split != "train":
                stream = grammar.stream(f"{task} {split}", code)
                if task in _LATER:
                    stream.take(*_sentences(sets, code))
                sets.items[task, split, code] = _drawn(stream, task, split, code)


def _sentences(sets: Sets, code: str) -> list[Sentence]:
    """The sentences of a language's text and of its tagging sets."""
    out = [replace(sentence, link="") for line in sets.items[TEXT, "train", code] for sentence in line]
    for (_, _, part), items in sets.items.items():
        out += [item for item in items if part == code and isinstance(item, Sentence)]
    return out


def _parts(task: str) -> tuple[str, ...]:
    """The parts of a task's sets that all languages share, or that the base language has alone."""
    if task in RETRIEVAL_SIZES:  # drawn last, by `draw_retrieval`
        return ()
    if task == "anli":
        return ANLI_ROUNDS
    return (BASE,) if task in _BY_LANGUAGE else ("",)


def _drawn(grammar: Grammar, task: str, split: str, part: str) -> list[Any]:
    count = SIZES[task][split]
    if task in _CHOICES:
        return _CHOICES[task](grammar, count)
    if task == "anli":
        return inference(grammar, count // 3 // len(ANLI_ROUNDS), context=int(part))
    if task in ("snli", "mnli", "xnli"):
        return inference(grammar, count // 3)
    if task == "pawsx":
        return paraphrases(grammar, count)
    if task == "udpos":
        return sentences(grammar, count)
    if task == "tatoeba":
        return translations(grammar, count)
    if task == "qqp":
        return duplicates(grammar, count)
    if task == "ccg":
        return supertagged(grammar, count)
    if task == "panx":
        return entities(grammar, count)
    return paragraphs(grammar, count // 2, UNANSWERABLE if task == "squad_v2" else 0.0)


def _shuffle(sets: Sets, task: str, rng: random.Random) -> None:
    for key in [key for key in sets.items if key[:2] == (task, "train")]:
        items = sets.items[key]
        if task in ("udpos", "ccg", "panx"):
            sets.orders[task, "train"] = shuffled_orders(items, rng)
        elif task in ("squad_v1", "squad_v2", "tydiqa"):
            sets.items[key] = shuffled_answers(items, rng)
        else:
            sets.items[key] = shuffled_labels(items, rng)
