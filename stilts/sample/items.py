"""Items of the paraphrase, tagging, question and retrieval tasks, as structures that are worded later.

A paraphrase moves the place; a non-paraphrase also swaps who does what to whom. Of two questions one has its place
moved; they ask the same unless one word differs as well. A question asks for a part of a statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from stilts.sample.draw import Grammar
from stilts.sample.grammar import NounPhrase, Sentence
from stilts.sample.lexicon import ACTORS, THINGS, opposite


@dataclass(frozen=True)
class Pair:
    """Two texts of one or more sentences, and their label."""

    first: tuple[Sentence, ...]
    second: tuple[Sentence, ...]
    label: str


@dataclass(frozen=True)
class Question:
    """Asks for a part of a paragraph.

    Attributes:
        sentence: the question.
        answer: the paragraph's sentence and the part of it that is the answer; None: the paragraph does not say.
    """

    sentence: Sentence
    answer: tuple[int, str] | None


@dataclass(frozen=True)
class Paragraph:
    """Sentences that are read together, and questions about them."""

    sentences: tuple[Sentence, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Entities:
    """A sentence with names: persons, towns where something happens, and clubs, which are called after towns.

    Attributes:
        sentence: a name in the place is a town's; elsewhere a name with a town's ending is a club's.
        second: part of the sentence -> the second word of its name, in lower-case Latin, where it has two.
    """

    sentence: Sentence
    second: tuple[tuple[str, str], ...]


PARTS = ("subject", "object", "place")


def paraphrases(grammar: Grammar, count: int) -> list[Pair]:
    """Half of the pairs mean the same; the two sentences of any pair have the same words in another order."""
    out: list[Pair] = []
    while len(out) < count:
        first = replace(grammar.statement(modified=0.4, objects=ACTORS), **grammar.place())  # type: ignore[arg-type]
        if grammar.chance(0.5):
            first = replace(first, subject=grammar.person(), object=grammar.person())
        swapped = replace(first, subject=first.object, object=first.subject)
        if first.subject == first.object or not grammar.claim(*(replace(s, fronted=True) for s in (first, swapped))):
            continue
        second, front = first if len(out) % 2 == 0 else swapped, grammar.chance(0.5)
        out.append(Pair((replace(first, fronted=front),), (replace(second, fronted=not front),), str(1 - len(out) % 2)))
    return out


def sentences(grammar: Grammar, count: int) -> list[Sentence]:
    """Statements and questions with every part of speech, for tagging."""
    out: list[Sentence] = []
    while len(out) < count:
        sentence = grammar.statement(modified=0.5, adverb=0.4)
        kind = grammar.rng.choice(("plain", "plain", "name", "pronoun", "negated", "question"))
        if kind == "name":
            town = {"preposition": "in", "place": grammar.town()} if grammar.chance(0.5) else {}
            sentence = replace(sentence, subject=grammar.person(), **town)  # type: ignore[arg-type]
        elif kind == "pronoun":
            sentence = replace(sentence, subject=grammar.pronoun())
        elif kind == "negated":
            sentence = replace(sentence, negated=True)
        elif kind == "question":
            sentence = replace(sentence, asked=grammar.rng.choice(("subject", "object")))
        if kind == "plain" or grammar.claim(sentence):
            out.append(sentence)
    return out


def duplicates(grammar: Grammar, count: int) -> list[Pair]:
    """Pairs of questions, of which half ask the same; the other half differ in the verb, the object or the town."""
    out: list[Pair] = []
    while len(out) < count:
        asked = grammar.rng.choice(("subject", "object"))
        first = question_about(fact(grammar), asked)
        changes: dict[str, Any] = {"verb": opposite(first.verb), "place": grammar.town()}
        if asked == "subject":
            changes["object"] = replace(first.object, noun=grammar.rng.choice((*ACTORS, *THINGS)))
        part = grammar.rng.choice(list(changes))
        second = first if len(out) % 2 == 0 else replace(first, **{part: changes[part]})
        front = grammar.chance(0.5)
        pair = replace(first, fronted=front), replace(second, fronted=not front)
        if (len(out) % 2 == 0 or first != second) and grammar.claim(*pair):
            out.append(Pair((pair[0],), (pair[1],), str(1 - len(out) % 2)))
    return out


def entities(grammar: Grammar, count: int) -> list[Entities]:
    """Statements with one to three names, some of two words."""
    out: list[Entities] = []
    while len(out) < count:
        sentence = grammar.statement(modified=0.3, adverb=0.2)
        named: dict[str, tuple[NounPhrase, NounPhrase]] = {}
        for part, chance in (("subject", 0.6), ("object", 0.4)):
            if grammar.chance(chance):
                draw = grammar.person if grammar.chance(0.5) else grammar.town
                named[part] = draw(), draw()
        if not named or grammar.chance(0.5):
            named["place"] = grammar.town(), grammar.town()
            sentence = replace(sentence, preposition="in")
        sentence = replace(sentence, **{part: names[0] for part, names in named.items()})  # type: ignore[arg-type]
        second = tuple((part, names[1].noun) for part, names in named.items() if grammar.chance(0.35))
        if grammar.claim(sentence):
            out.append(Entities(sentence, second))
    return out


def supertagged(grammar: Grammar, count: int) -> list[Sentence]:
    """Sentences as for tagging, some with the place first, where its preposition has another category."""
    out: list[Sentence] = []
    while len(out) < count:
        (sentence,) = sentences(grammar, 1)
        sentence = replace(sentence, fronted=bool(sentence.place) and grammar.chance(0.3))
        if not sentence.asked or grammar.claim(wording(sentence)):
            out.append(sentence)
    return out


def translations(grammar: Grammar, count: int) -> list[Sentence]:
    """Statements to be found among their translations; one in four has a name."""
    out = []
    for _ in range(count):
        sentence = grammar.statement(modified=0.5, adverb=0.3)
        if grammar.chance(0.25):
            sentence = replace(sentence, subject=grammar.person())
        out.append(sentence)
    return out


def paragraphs(grammar: Grammar, count: int, unanswerable: float = 0.0) -> list[Paragraph]:
    """Paragraphs of two to four sentences with two questions each; no question comes twice.

    Args:
        unanswerable: share of the questions that ask about a person the paragraph does not mention.
    """
    return [_paragraph(grammar, unanswerable) for _ in range(count)]


def fact(grammar: Grammar) -> Sentence:
    """A person does something in a town."""
    while True:
        statement = grammar.statement(modified=0.3, adverb=0.1)
        named = replace(statement, subject=grammar.person(), preposition="in", place=grammar.town())
        if grammar.claim(named):
            return named


def question_about(statement: Sentence, asked: str) -> Sentence:
    """The statement as a question about one of its parts, without the details that nobody needs."""
    return replace(statement, asked=asked, adverb="", fronted=False, object=replace(statement.object, adjective=""))


def _paragraph(grammar: Grammar, unanswerable: float) -> Paragraph:
    facts = [fact(grammar) for _ in range(grammar.rng.choice((1, 2)))]
    lines = facts + [grammar.statement(modified=0.3) for _ in range(grammar.rng.choice((1, 2)))]
    grammar.rng.shuffle(lines)
    questions: list[Question] = []
    while len(questions) < 2:
        about, asked = grammar.rng.choice(facts), grammar.rng.choice(PARTS)
        sentence, answer = question_about(about, asked), (lines.index(about), asked)
        if grammar.chance(unanswerable):
            sentence = replace(sentence, subject=grammar.person(), place=grammar.town())
            known = _names(facts) & _names([sentence])
            if not known and grammar.claim(wording(sentence)):
                questions.append(Question(sentence, None))
        elif grammar.claim(wording(sentence)):
            questions.append(Question(sentence, answer))
    return Paragraph(tuple(lines), tuple(questions))


def wording(question: Sentence) -> Sentence:
    """The question without what it asks for: two questions with the same words are equal."""
    return replace(question, **{question.asked: NounPhrase("")})  # type: ignore[arg-type]


def _names(statements: Sequence[Sentence]) -> set[str]:
    phrases = [phrase for s in statements for phrase in (s.subject, s.place) if phrase is not None]
    return {phrase.noun for phrase in phrases if phrase.is_name}
