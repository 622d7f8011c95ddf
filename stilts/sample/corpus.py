"""The text for masked LM.

Lines of two sentences that mean something to each other: a model that fills gaps in them learns what the tasks need,
that words recur, which words are opposites or kinds of each other, what happens after what, what a question asks for,
and whether a sentence follows from another (a small word between them says so, in every language: "so", "but", "also").
Every second line of an invented language is one sentence and its English translation: there a gap can only be filled
from the other language.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from stilts.sample.draw import Grammar
from stilts.sample.grammar import NounPhrase, Sentence
from stilts.sample.inference import inference
from stilts.sample.items import PARTS, fact, paraphrases, question_about
from stilts.sample.lexicon import ACTORS, ADJECTIVES, LEXICON, POLAR_ADJECTIVES, THINGS, opposite

Line = tuple[Sentence, ...]
BASE_LINES = 4000


def corpus(grammar: Grammar, lines: int, translated: bool) -> list[Line]:
    """So many lines, of all kinds in turn; no sentence of them comes into a set that is drawn later.

    Args:
        translated: lines of odd number (from 0) are one sentence, to be followed by its translation.
    """
    out = []
    for i in range(lines):
        alone = translated and is_translated(i)
        out.append((_single(grammar),) if alone else _KINDS[(i // 2 if translated else i) % len(_KINDS)](grammar))
    grammar.take(*(replace(sentence, link="") for line in out for sentence in line))
    return out


def is_translated(number: int) -> bool:
    """Whether line `number` (from 0) of an invented language has a translation."""
    return number % 2 == 1


def _single(grammar: Grammar) -> Sentence:
    """Any sentence."""
    kind = grammar.rng.choice(("plain", "plain", "negated", "general", "named", "question", "is"))
    if kind == "is":
        thing, quality = grammar.rng.choice((*ACTORS, *THINGS)), grammar.rng.choice(ADJECTIVES)
        what = NounPhrase(LEXICON[thing].kind, "a") if grammar.chance(0.5) else NounPhrase(quality)
        return Sentence(NounPhrase(thing, "the"), "is", what, negated=grammar.chance(0.3))
    if kind in ("named", "question"):
        statement = fact(grammar)
        return question_about(statement, grammar.rng.choice(PARTS)) if kind == "question" else statement
    out = grammar.statement(modified=0.5, adverb=0.4)
    if kind == "general":
        part = grammar.rng.choice(("subject", "object"))
        return _change(out, part, noun=LEXICON[getattr(out, part).noun].kind)
    return replace(out, negated=kind == "negated")


def _linked(grammar: Grammar) -> Line:
    """Two sentences and the word that says how the second goes with the first."""
    pairs = inference(grammar, 1) if grammar.chance(0.7) else paraphrases(grammar, 2)
    pair = grammar.rng.choice(pairs)
    return (*pair.first, replace(pair.second[0], link=_LINKS[pair.label]))


def _restated(grammar: Grammar) -> Line:
    """Said twice: the second time shorter, more general, or in another order."""
    first = grammar.statement(modified=0.5, adverb=0.3)
    if grammar.chance(0.3):
        first = replace(first, negated=True)
    second = first
    for part in ("subject", "object"):
        if grammar.chance(0.3):
            second = _change(second, part, noun=LEXICON[getattr(second, part).noun].kind)
        if grammar.chance(0.3):
            second = _change(second, part, adjective="")
    if grammar.chance(0.3):
        second = replace(second, adverb="")
    if second.place is not None and grammar.chance(0.5):
        second = replace(second, fronted=True)
    return (first, second)


def _opposite(grammar: Grammar) -> Line:
    """Not so, but the opposite."""
    if grammar.chance(0.5):
        first = replace(grammar.statement(modified=0.2), negated=True)
        return (first, replace(first, negated=False, verb=opposite(first.verb)))
    thing, quality = NounPhrase(grammar.rng.choice((*ACTORS, *THINGS)), "the"), grammar.rng.choice(POLAR_ADJECTIVES)
    first = Sentence(thing, "is", NounPhrase(quality), negated=True)
    return (first, Sentence(thing, "is", NounPhrase(opposite(quality))))


def _kind(grammar: Grammar) -> Line:
    """What a thing is, and something that happens to it."""
    statement = grammar.statement(modified=0.2)
    noun = statement.object.noun
    definition = Sentence(NounPhrase(noun, "a"), "is", NounPhrase(LEXICON[noun].kind, "a"))
    return (definition, statement)


def _next(grammar: Grammar) -> Line:
    """What somebody does, and what they do then."""
    first = replace(grammar.statement(modified=0.0), subject=grammar.person())
    then = replace(first, verb=LEXICON[first.verb].next)
    return (first, _change(then, "object", determiner="the"))


def _asked(grammar: Grammar) -> Line:
    """A question and the whole answer, in either order."""
    statement = fact(grammar)
    question = question_about(statement, grammar.rng.choice(PARTS))
    return (question, statement) if grammar.chance(0.5) else (statement, question)


_LINKS = {"entailment": "so", "neutral": "also", "contradiction": "but", "1": "so", "0": "also"}
_KINDS: tuple[Callable[[Grammar], Line], ...] = (
    _linked, _restated, _next, _linked, _opposite, _asked, _linked, _kind,
)  # fmt: skip


def _change(sentence: Sentence, part: str, **values: str) -> Sentence:
    phrase = replace(getattr(sentence, part), **values)
    return replace(sentence, subject=phrase) if part == "subject" else replace(sentence, object=phrase)
