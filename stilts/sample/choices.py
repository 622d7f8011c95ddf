"""Multiple-choice items. In each task the choices by themselves look alike: only the text before them decides.

What usually happens next is the lexicon's cycle of verbs; every verb follows exactly one other, so right and wrong
choices hold the same words equally often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stilts.sample.draw import Grammar
from stilts.sample.grammar import NounPhrase, Sentence
from stilts.sample.items import PARTS, fact, question_about
from stilts.sample.lexicon import ACTORS, KINDS, LEXICON, POLAR_ADJECTIVES, THINGS, VERBS, opposite

_PREVIOUS = {LEXICON[verb].next: verb for verb in VERBS}


@dataclass(frozen=True)
class Choice:
    """Sentences, a question or its name ("cause", "effect", "next", ""), the choices, and which one is right."""

    context: tuple[Sentence, ...]
    question: Sentence | str
    choices: tuple[Sentence | NounPhrase, ...]
    label: int


def endings(grammar: Grammar, count: int) -> list[Choice]:
    """HellaSwag: four endings, of two verbs and two objects; the right one is what happens next, to the same object."""
    out: list[Choice] = []
    for _ in range(count):
        first = grammar.statement(modified=0.2)
        subject, object_ = _known(first.subject), _known(first.object)
        then = LEXICON[first.verb].next
        other = grammar.rng.choice([verb for verb in VERBS if verb not in (then, first.verb)])
        noun = grammar.rng.choice([n for n in (*ACTORS, *THINGS) if n not in (object_.noun, subject.noun)])
        every = [
            Sentence(subject, verb, thing) for verb in (then, other) for thing in (object_, replace(object_, noun=noun))
        ]
        out.append(_choice(grammar, len(out), (first,), "", every))
    return out


def common_sense(grammar: Grammar, count: int) -> list[Choice]:
    """CommonsenseQA: which of five nouns is of a kind, or which of five qualities is not another."""
    out: list[Choice] = []
    while len(out) < count:
        if len(out) % 2:
            kind = grammar.rng.choice(list(KINDS))
            nouns = [grammar.rng.choice(KINDS[k]) for k in (kind, *(k for k in KINDS if k != kind))]
            question = Sentence(NounPhrase("what"), "is", NounPhrase(kind, "a"), asked="subject")
        else:
            quality = grammar.rng.choice(POLAR_ADJECTIVES)
            others = [word for word in POLAR_ADJECTIVES if word not in (quality, opposite(quality))]
            nouns = [opposite(quality), *_unrelated(grammar, others, 4)]
            question = Sentence(NounPhrase("what"), "is", NounPhrase(quality), negated=True, asked="subject")
        if grammar.claim((question, frozenset(nouns))):
            out.append(_choice(grammar, len(out), (), question, [NounPhrase(noun) for noun in nouns]))
    return out


def reading(grammar: Grammar, count: int) -> list[Choice]:
    """CosmosQA: who, what or where; the text also names another answer of the same sort."""
    out: list[Choice] = []
    while len(out) < count:
        told, other = fact(grammar), fact(grammar)
        asked = grammar.rng.choice(PARTS)
        lines = grammar.rng.sample([told, other, grammar.statement(modified=0.3)], 3)
        right = _phrase(told, asked)
        choices = [right, _phrase(other, asked)]
        while len(choices) < 4:
            new = _phrase(replace(told, subject=grammar.person(), place=grammar.town(),
                                  object=grammar.noun_phrase((*ACTORS, *THINGS))), asked)  # fmt: skip
            choices += [new] if new not in choices else []
        if choices[0] != choices[1] and told.subject != other.subject:
            out.append(_choice(grammar, len(out), tuple(lines), question_about(told, asked), choices))
    return out


def social(grammar: Grammar, count: int) -> list[Choice]:
    """SocialIQA: what a person does next, of three actions on the same object."""
    out: list[Choice] = []
    for _ in range(count):
        first = replace(fact(grammar), preposition="", place=None, adverb="")
        others = [verb for verb in VERBS if verb not in (LEXICON[first.verb].next, first.verb)]
        verbs = [LEXICON[first.verb].next, *grammar.rng.sample(others, 2)]
        actions = [Sentence(first.subject, verb, _known(first.object)) for verb in verbs]
        out.append(_choice(grammar, len(out), (first,), "next", actions))
    return out


def causes(grammar: Grammar, count: int) -> list[Choice]:
    """COPA: which of two events is the cause or the effect; half of the wrong ones are the other of the two."""
    out: list[Choice] = []
    for i in range(count):
        first, asked = grammar.statement(modified=0.1, adverb=0.0), ("cause", "effect")[i % 2]
        then, before = LEXICON[first.verb].next, _PREVIOUS[first.verb]
        right, turned = (before, then) if asked == "cause" else (then, before)
        others = [verb for verb in VERBS if verb not in (first.verb, right)]
        wrong = turned if grammar.chance(0.5) else grammar.rng.choice(others)
        events = [replace(first, verb=verb, object=_known(first.object)) for verb in (right, wrong)]
        out.append(_choice(grammar, len(out), (first,), asked, events))
    return out


def _choice(
    grammar: Grammar,
    number: int,
    context: tuple[Sentence, ...],
    question: Sentence | str,
    right_first: Sequence[Sentence | NounPhrase],
) -> Choice:
    """Item `number`: each place is right equally often, in even items and in odd ones."""
    wrong = grammar.rng.sample(right_first[1:], len(right_first) - 1)
    label = number // 2 % len(right_first)
    return Choice(context, question, (*wrong[:label], right_first[0], *wrong[label:]), label)


def _known(phrase: NounPhrase) -> NounPhrase:
    """The phrase as it is mentioned again."""
    return phrase if phrase.is_name else NounPhrase(phrase.noun, "the")


def _phrase(sentence: Sentence, part: str) -> NounPhrase:
    phrase = getattr(sentence, part)
    assert isinstance(phrase, NounPhrase)
    return replace(phrase, adjective="")


def _unrelated(grammar: Grammar, words: Sequence[str], count: int) -> list[str]:
    """Words of which no two are opposites."""
    while True:
        drawn = grammar.rng.sample(list(words), count)
        if not any(opposite(word) in drawn for word in drawn):
            return drawn
