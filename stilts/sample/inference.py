"""Inference items: does the second text follow from the first, contradict it, or neither?

A premise says one of four things about an event (an adjective of the subject, one of the object, an adverb, a place),
and a hypothesis one or none. It follows if all it says is in the premise, where a noun may be replaced by its kind. It
contradicts by one word: an opposite, or a "not" more or less. It is neutral if it says a thing that the premise leaves
open, or names another noun. Whatever the label, a premise or a hypothesis by itself looks the same: every premise has
one hypothesis of each label, half of all sentences are negated, and words are drawn alike for all three.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from stilts.sample.draw import Grammar
from stilts.sample.grammar import NounPhrase, Sentence
from stilts.sample.items import Pair
from stilts.sample.lexicon import (
    ACTORS,
    ADVERBS,
    LEXICON,
    PLACES,
    POLAR_ADJECTIVES,
    PREPOSITIONS,
    THINGS,
    VERBS,
    opposite,
)

NLI_LABELS = ("entailment", "neutral", "contradiction")
_SAID = ("subject", "object", "adverb", "place")
GENERALISED = 0.2
"""Share of the nouns that a hypothesis replaces by their kind."""


def inference(grammar: Grammar, premises: int, context: int = 0) -> list[Pair]:
    """Three pairs a premise, one of each label, in random order; `context` further sentences stand around a premise."""
    out = []
    for _ in range(premises):
        core, said, thing, premise = _premise(grammar)
        around = [grammar.statement(modified=0.3) for _ in range(context)]
        around.insert(grammar.rng.randint(0, context), premise)
        labels = grammar.rng.sample(NLI_LABELS, 3)
        out += [Pair(tuple(around), (_hypothesis(grammar, core, said, thing, label),), label) for label in labels]
    return out


def _premise(grammar: Grammar) -> tuple[Sentence, dict[str, Any], str, Sentence]:
    """A new event without modifiers, a value for each thing that may be said, the one that is, and the premise."""
    rng = grammar.rng
    while True:
        subject, object_ = grammar.noun_phrase(ACTORS), grammar.noun_phrase((*ACTORS, *THINGS))
        core = Sentence(subject, rng.choice(VERBS), object_, negated=grammar.chance(0.5))
        said: dict[str, Any] = {
            "subject": rng.choice(POLAR_ADJECTIVES),
            "object": rng.choice(POLAR_ADJECTIVES),
            "adverb": rng.choice(ADVERBS),
            "place": (rng.choice(PREPOSITIONS), rng.choice(PLACES)),
        }
        thing = rng.choice(_SAID)
        premise = _with(core, thing, said[thing])
        if subject.noun != object_.noun and grammar.claim(premise):
            return core, said, thing, premise


def _with(sentence: Sentence, thing: str, value: Any) -> Sentence:
    if thing == "adverb":
        return replace(sentence, adverb=value)
    if thing == "place":
        return replace(sentence, preposition=value[0], place=NounPhrase(value[1], "the"))
    return _change(sentence, thing, adjective=value)


def _hypothesis(grammar: Grammar, core: Sentence, said: dict[str, Any], thing: str, label: str) -> Sentence:
    """The event and at most one thing about it; what does not decide the label is chosen alike for all labels."""
    rng = grammar.rng
    way = {
        "entailment": "",
        "contradiction": rng.choice(("thing", "thing", "verb", "polarity", "polarity")),
        "neutral": rng.choice(("other thing", "other thing", "other thing", "noun", "noun")),
    }[label]
    # 40 % of the hypotheses say nothing beyond the event, whatever the label
    bare = grammar.chance({"": 0.4, "verb": 2 / 3, "polarity": 2 / 3, "noun": 1.0}.get(way, 0.0))
    if way == "other thing":
        thing = rng.choice([other for other in _SAID if other != thing])
    value = said[thing]
    if way == "thing":
        value = (opposite(value[0]), value[1]) if thing == "place" else opposite(value)
    out = core if bare else _with(core, thing, value)
    if way == "verb":
        out = replace(out, verb=opposite(out.verb))
    if way == "polarity":
        out = replace(out, negated=not out.negated)
    if way == "noun":
        part = rng.choice(("subject", "object"))
        pool, kind = ACTORS if part == "subject" else (*ACTORS, *THINGS), LEXICON[getattr(core, part).noun].kind
        out = _change(out, part, noun=rng.choice([noun for noun in pool if LEXICON[noun].kind != kind]))
    for part in ("subject", "object"):
        if grammar.chance(GENERALISED):
            out = _change(out, part, noun=LEXICON[getattr(out, part).noun].kind)
    return out


def _change(sentence: Sentence, part: str, **values: str) -> Sentence:
    phrase = replace(getattr(sentence, part), **values)
    return replace(sentence, subject=phrase) if part == "subject" else replace(sentence, object=phrase)
