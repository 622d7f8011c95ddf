"""Sentences as structures, drawn at random, and their wording in any language of the sample."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from stilts.sample.language import Language
from stilts.sample.lexicon import (
    ADJECTIVES,
    ADVERBS,
    CREATURES,
    LEXICON,
    NUMERALS,
    PEOPLE,
    PLACES,
    PREPOSITIONS,
    PRONOUNS,
    THINGS,
    VERBS,
)


@dataclass(frozen=True)
class Token:
    """A word: its form, dictionary form, universal tag and the part of the sentence it belongs to."""

    form: str
    lemma: str
    upos: str
    part: str


@dataclass(frozen=True)
class NounPhrase:
    """A noun with its modifiers, a pronoun, or a proper name (`is_name`)."""

    noun: str
    determiner: str = ""
    adjective: str = ""
    is_name: bool = False


@dataclass(frozen=True)
class Sentence:
    """Who did what to whom, where and how; independent of any language.

    `asked` ("subject", "object" or "place") turns the statement into a question about that part.
    `fronted` puts the place first.
    """

    subject: NounPhrase
    verb: str
    object: NounPhrase
    preposition: str = ""
    place: NounPhrase | None = None
    adverb: str = ""
    negated: bool = False
    fronted: bool = False
    asked: str = ""


_QUESTION_WORD = {"subject": "who", "object": "what", "place": "where"}
_PARTS = {
    "SVO": ("subject", "verb", "object", "place", "adverb"),
    "SOV": ("subject", "adverb", "place", "object", "verb"),
    "VSO": ("verb", "subject", "object", "place", "adverb"),
}


def words(sentence: Sentence, language: Language) -> list[Token]:
    """The sentence in `language`, with final punctuation; the first word has a capital."""
    bare = language.is_base and (sentence.negated or sentence.asked in ("object", "place"))
    verb = [_token(language, sentence.verb, "verb", past=not bare)]
    if sentence.negated:
        verb.insert(0, _token(language, "not", "verb"))
    parts = {
        "subject": _noun_phrase(sentence.subject, "subject", language),
        "object": _noun_phrase(sentence.object, "object", language),
        "place": _place(sentence, language),
        "adverb": [_token(language, sentence.adverb, "adverb")] if sentence.adverb else [],
        "verb": verb,
    }
    order = list(_PARTS[language.word_order])
    out: list[Token] = []
    if sentence.asked:
        order.remove(sentence.asked)
        out.append(_token(language, _QUESTION_WORD[sentence.asked], sentence.asked))
    if sentence.fronted and parts["place"]:
        order.remove("place")
        out += parts["place"]
    support = [_token(language, "did", "verb")] if bare else []
    if support and sentence.asked:
        out += support
    elif support:
        parts["verb"] = support + verb
    for name in order:
        out += parts[name]
    end = "?" if sentence.asked else "."
    out.append(Token(end, end, "PUNCT", "end"))
    first = out[0]
    return [replace(first, form=first.form[0].upper() + first.form[1:]), *out[1:]]


def text(tokens: Sequence[Token]) -> str:
    """The words with spaces between them, none before punctuation."""
    return spans(tokens)[0]


def spans(tokens: Sequence[Token]) -> tuple[str, list[tuple[int, int]]]:
    """The text and each word's first character and end in it."""
    out, places = "", []
    for token in tokens:
        if out and token.upos != "PUNCT":
            out += " "
        places.append((len(out), len(out) + len(token.form)))
        out += token.form
    return out, places


def _token(language: Language, concept: str, part: str, past: bool = False) -> Token:
    plain, past_form = language.forms[concept]
    return Token(past_form if past else plain, plain, LEXICON[concept].upos, part)


def _noun_phrase(phrase: NounPhrase, part: str, language: Language) -> list[Token]:
    if phrase.is_name:
        return [Token(phrase.noun, phrase.noun, "PROPN", part)]
    noun = _token(language, phrase.noun, part)
    if noun.upos == "NOUN":
        plural = language.plural if phrase.determiner in NUMERALS else ""
        noun = replace(noun, form=noun.form + plural + (language.suffix if part == "object" else ""))
    out = [noun]
    if phrase.adjective:
        out.insert(1 if language.adjective_after else 0, _token(language, phrase.adjective, part))
    return [_token(language, phrase.determiner, part), *out] if phrase.determiner else out


def _place(sentence: Sentence, language: Language) -> list[Token]:
    if sentence.place is None:
        return []
    adposition = _token(language, sentence.preposition, "place")
    phrase = _noun_phrase(sentence.place, "place", language)
    return [*phrase, adposition] if language.word_order == "SOV" else [adposition, *phrase]


class Grammar:
    """Draws sentences and names; none comes twice, so sets drawn one after the other are disjoint.

    Args:
        seed: the same seed draws the same.
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(f"stilts sample {seed} grammar")
        self._used: set[Sentence] = set()
        self._names: set[str] = set()

    def chance(self, share: float) -> bool:
        """True in this share of the calls."""
        return self.rng.random() < share

    def statement(self, modified: float = 0.5, adverb: float = 0.15) -> Sentence:
        """A new statement; `modified` is the chance of an adjective or place, `adverb` that of an adverb."""
        while True:
            place = self.chance(modified)
            sentence = Sentence(
                subject=self.noun_phrase((*PEOPLE, *CREATURES), modified),
                verb=self.rng.choice(VERBS),
                object=self.noun_phrase((*PEOPLE, *CREATURES, *THINGS), modified),
                preposition=self.rng.choice(PREPOSITIONS) if place else "",
                place=NounPhrase(self.rng.choice(PLACES), "the") if place else None,
                adverb=self.rng.choice(ADVERBS) if self.chance(adverb) else "",
            )
            if sentence.subject.noun != sentence.object.noun and self.claim(sentence):
                return sentence

    def claim(self, *sentences: Sentence) -> bool:
        """Take these sentences for one item; False where one of them is already taken."""
        if any(sentence in self._used for sentence in sentences):
            return False
        self._used.update(sentences)
        return True

    def noun_phrase(self, nouns: Sequence[str], modified: float) -> NounPhrase:
        """A noun phrase with one of `nouns`."""
        determiner = self.rng.choice(("the", "a", "the", "a", self.rng.choice(NUMERALS)))
        adjective = self.rng.choice(ADJECTIVES) if self.chance(modified) else ""
        return NounPhrase(self.rng.choice(nouns), determiner, adjective)

    def pronoun(self) -> NounPhrase:
        """A personal pronoun."""
        return NounPhrase(self.rng.choice(PRONOUNS))

    def person(self) -> NounPhrase:
        """A person's name that was never drawn before."""
        return NounPhrase(self._name(("o", "a", "in", "el")), is_name=True)

    def town(self) -> NounPhrase:
        """A town's name that was never drawn before."""
        return NounPhrase(self._name(("burg", "ton", "stad", "ville")), is_name=True)

    def _name(self, endings: Sequence[str]) -> str:
        while True:
            letters = [self.rng.choice("bdfgklmnprstvz") + self.rng.choice("aeiou") for _ in range(3)]
            name = ("".join(letters)[:-1] + self.rng.choice(endings)).capitalize()
            if name not in self._names:
                self._names.add(name)
                return name
