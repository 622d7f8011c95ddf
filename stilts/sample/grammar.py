"""Sentences as structures that belong to no language, and their wording in any language of the sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stilts.sample.language import Language
from stilts.sample.lexicon import LEXICON, NUMERALS
from stilts.sample.scripts import capital


@dataclass(frozen=True)
class Token:
    """A word: its form, dictionary form, universal tag and the part of the sentence it belongs to."""

    form: str
    lemma: str
    upos: str
    part: str


@dataclass(frozen=True)
class NounPhrase:
    """A noun with its modifiers, an adjective or pronoun by itself, or a name (`is_name`, in lower-case Latin)."""

    noun: str
    determiner: str = ""
    adjective: str = ""
    is_name: bool = False


@dataclass(frozen=True)
class Sentence:
    """Who did what to whom, where and how; with the verb "is", what the subject is (`object`).

    `asked` ("subject", "object" or "place") turns the statement into a question about that part.
    `fronted` puts the place first; `link` ("so", "but" or "also") goes before all and ties it to the sentence before.
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
    link: str = ""


_QUESTION_WORD = {"subject": "who", "object": "what", "place": "where"}
_PARTS = {
    "SVO": ("subject", "verb", "object", "place", "adverb"),
    "SOV": ("subject", "adverb", "place", "object", "verb"),
    "VSO": ("verb", "subject", "object", "place", "adverb"),
}


def words(sentence: Sentence, language: Language) -> list[Token]:
    """The sentence in `language`, with final punctuation; the first word has a capital."""
    verb, support = _verb(sentence, language)
    parts = {
        "subject": _noun_phrase(sentence.subject, "subject", language),
        "object": _noun_phrase(sentence.object, "object", language),
        "place": _place(sentence, language),
        "adverb": [_token(language, sentence.adverb, "adverb")] if sentence.adverb else [],
        "verb": verb,
    }
    order = list(_PARTS[language.word_order])
    out = [_token(language, sentence.link, "adverb")] if sentence.link else []
    if sentence.asked:
        order.remove(sentence.asked)
        out.append(_token(language, question_word(sentence), sentence.asked))
    if sentence.fronted and parts["place"]:
        order.remove("place")
        out += parts["place"]
    if sentence.asked:
        out += support
    else:
        parts["verb"] = support + verb
    for name in order:
        out += parts[name]
    end = "?" if sentence.asked else "."
    out.append(Token(end, end, "PUNCT", "end"))
    return [replace(out[0], form=capital(out[0].form)), *out[1:]]


def question_word(sentence: Sentence) -> str:
    """The word that asks for the part `sentence.asked`."""
    return "what" if sentence.verb == "is" else _QUESTION_WORD[sentence.asked]


def text(tokens: Sequence[Token]) -> str:
    """The words with spaces between them, none before punctuation."""
    return spans(tokens)[0]


def worded(language: Language, *sentences: Sentence) -> str:
    """The sentences as text."""
    return " ".join(text(words(sentence, language)) for sentence in sentences)


def phrase_text(phrase: NounPhrase, language: Language) -> str:
    """A noun phrase by itself, in the form an object has."""
    return text(_noun_phrase(phrase, "object", language))


def spans(tokens: Sequence[Token]) -> tuple[str, list[tuple[int, int]]]:
    """The text and each word's first character and end in it."""
    out, places = "", []
    for token in tokens:
        if out and token.upos != "PUNCT":
            out += " "
        places.append((len(out), len(out) + len(token.form)))
        out += token.form
    return out, places


def _verb(sentence: Sentence, language: Language) -> tuple[list[Token], list[Token]]:
    """The verb with its negation, and the base language's "did", which goes before the subject of a question."""
    copula = sentence.verb == "is"
    bare = language.is_base and not copula and (sentence.negated or sentence.asked in ("object", "place"))
    verb = [_token(language, sentence.verb, "verb", past=not bare)]
    if sentence.negated:
        verb.insert(int(copula), _token(language, "not", "verb"))
    return verb, [_token(language, "did", "verb")] if bare else []


def _token(language: Language, concept: str, part: str, past: bool = False) -> Token:
    plain, past_form = language.forms[concept]
    upos = LEXICON[concept].upos
    ending = language.ending(language.endings.get(concept, 0), part, upos)
    return Token((past_form if past else plain) + ending, plain, upos, part)


def _noun_phrase(phrase: NounPhrase, part: str, language: Language) -> list[Token]:
    if phrase.is_name:
        lemma = language.name(phrase.noun)
        return [Token(lemma + language.ending(language.name_endings, part, "PROPN"), lemma, "PROPN", part)]
    noun = _token(language, phrase.noun, part)
    if language.is_base and noun.upos == "NOUN" and phrase.determiner in NUMERALS:
        noun = replace(noun, form=noun.form + "s")
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
