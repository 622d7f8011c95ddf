"""Lexical categories for the base language's words, in the notation of CCGbank: a made-up grammar needs only a few."""

from __future__ import annotations

from collections.abc import Sequence

from stilts.sample.grammar import Sentence, Token

_VERB_PHRASE = "S\\NP"
_MODIFIER = f"({_VERB_PHRASE})\\({_VERB_PHRASE})"
_ASKING = {"subject": "S[wq]/(S[dcl]\\NP)", "object": "S[wq]/(S[q]/NP)"}
_WITHIN = {"DET": "NP/N", "NUM": "NP/N", "ADJ": "N/N"}


def categories(sentence: Sentence, tokens: Sequence[Token]) -> list[str]:
    """The category of each token of `sentence` in the base language; it asks for no place and has no link."""
    supported = any(token.lemma == "did" for token in tokens)
    return [_category(sentence, token, tokens[:number], supported) for number, token in enumerate(tokens)]


def _category(sentence: Sentence, token: Token, before: Sequence[Token], supported: bool) -> str:
    """`supported`: "did" carries the tense, so the verb is bare."""
    if token.part == "end":
        return "."
    if token.part == "verb":
        return _verb(sentence, token, supported)
    if token.part == "adverb":
        return _MODIFIER
    if token.upos == "ADP":
        return "(S/S)/NP" if not any(t.part in ("verb", "subject") for t in before) else f"({_MODIFIER})/NP"
    if token.lemma in ("who", "what"):
        return _ASKING[token.part]
    if token.upos in _WITHIN:
        return _WITHIN[token.upos]
    return "N" if any(t.part == token.part and t.upos in ("DET", "NUM") for t in before) else "NP"


def _verb(sentence: Sentence, token: Token, supported: bool) -> str:
    if token.lemma == "not":
        return _MODIFIER
    if token.lemma == "did":
        return "(S[q]/(S[b]\\NP))/NP" if sentence.asked == "object" else "(S[dcl]\\NP)/(S[b]\\NP)"
    return "(S[b]\\NP)/NP" if supported else "(S[dcl]\\NP)/NP"
