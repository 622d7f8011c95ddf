"""Items of every task, as structures that are worded in each language later.

Entailment drops or generalises, contradiction negates or takes the opposite, neutral adds; a paraphrase moves the
place to the front, a non-paraphrase swaps who does what to whom; questions ask for one part of a statement.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from stilts.sample.grammar import Grammar, NounPhrase, Sentence
from stilts.sample.lexicon import ADVERBS, LEXICON, PLACES, POLAR_ADJECTIVES, PREPOSITIONS

NLI_LABELS = ("entailment", "neutral", "contradiction")


@dataclass(frozen=True)
class Pair:
    """Two sentences and their label ("entailment", "neutral", "contradiction"; "1" or "0" for a paraphrase)."""

    first: Sentence
    second: Sentence
    label: str


@dataclass(frozen=True)
class Question:
    """Asks for the part `asked` of the paragraph's sentence number `answer_in`; None: the paragraph does not say."""

    sentence: Sentence
    answer_in: int | None

    @property
    def asked(self) -> str:
        """The part of the sentence that is the answer: "subject", "object" or "place"."""
        return self.sentence.asked


@dataclass(frozen=True)
class Paragraph:
    """Sentences that are read together, and questions about them."""

    sentences: tuple[Sentence, ...]
    questions: tuple[Question, ...]


def inference(grammar: Grammar, premises: int) -> list[Pair]:
    """Three pairs a premise, one of each label."""
    out = []
    for _ in range(premises):
        premise = grammar.statement(modified=0.6)
        makers = zip(NLI_LABELS, (_entailed, _neutral, _contradicting), strict=True)
        out += [Pair(premise, make(grammar, premise), label) for label, make in makers]
    return out


def paraphrases(grammar: Grammar, count: int) -> list[Pair]:
    """Half of the pairs mean the same; all pairs use the same words twice."""
    out: list[Pair] = []
    while len(out) < count:
        first = grammar.statement(modified=0.4)
        if first.place is None:
            first = replace(first, preposition=grammar.rng.choice(PREPOSITIONS), place=_some_place(grammar))
        if grammar.chance(0.5):
            first = replace(first, subject=grammar.person(), object=grammar.person())
        swapped = replace(first, subject=first.object, object=first.subject)
        if not grammar.claim(replace(first, fronted=True), replace(swapped, fronted=True)):
            continue
        if len(out) % 2 == 0:
            out.append(Pair(first, replace(first, fronted=True), "1"))
        else:
            out.append(Pair(first, replace(swapped, fronted=grammar.chance(0.4)), "0"))
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
    """Paragraphs of two to four sentences with two questions each.

    Every question names a person or town that occurs in no other paragraph, so no question text comes twice.

    Args:
        grammar: draws the sentences and names.
        count: number of paragraphs.
        unanswerable: share of the questions that ask about a person the paragraph does not mention.
    """
    return [_paragraph(grammar, unanswerable) for _ in range(count)]


def _paragraph(grammar: Grammar, unanswerable: float) -> Paragraph:
    facts = [_fact(grammar) for _ in range(grammar.rng.choice((1, 2)))]
    lines = facts + [grammar.statement(modified=0.3) for _ in range(grammar.rng.choice((1, 2)))]
    grammar.rng.shuffle(lines)
    questions: list[Question] = []
    while len(questions) < 2:
        fact = grammar.rng.choice(facts)
        asked = grammar.rng.choice(("subject", "object", "place"))
        sentence = replace(fact, asked=asked, adverb="", object=replace(fact.object, adjective=""))
        if any(sentence == question.sentence for question in questions):
            continue
        if grammar.chance(unanswerable):
            sentence = replace(sentence, subject=grammar.person(), place=grammar.town())
            questions.append(Question(sentence, None))
        else:
            questions.append(Question(sentence, lines.index(fact)))
    return Paragraph(tuple(lines), tuple(questions))


def _fact(grammar: Grammar) -> Sentence:
    """A person does something in a town; both names are new."""
    statement = grammar.statement(modified=0.3, adverb=0.1)
    return replace(statement, subject=grammar.person(), preposition="in", place=grammar.town())


def _some_place(grammar: Grammar) -> NounPhrase:
    return NounPhrase(grammar.rng.choice(PLACES), "the")


def _shortened(grammar: Grammar, sentence: Sentence) -> Sentence:
    """Some of the modifiers dropped; what remains is still true."""
    if grammar.chance(0.5):
        sentence = replace(sentence, adverb="")
    if grammar.chance(0.5):
        sentence = replace(sentence, preposition="", place=None)
    for part in ("subject", "object"):
        if grammar.chance(0.5):
            sentence = _change(sentence, part, adjective="")
    return sentence


def _entailed(grammar: Grammar, premise: Sentence) -> Sentence:
    shorter = _shortened(grammar, premise)
    part = grammar.rng.choice(("subject", "object"))
    if shorter == premise or grammar.chance(0.5):
        return _change(shorter, part, noun=LEXICON[getattr(premise, part).noun].kind)
    return shorter


def _neutral(grammar: Grammar, premise: Sentence) -> Sentence:
    shorter = _shortened(grammar, premise)
    if not premise.adverb and grammar.chance(0.7):
        return replace(shorter, adverb=grammar.rng.choice(ADVERBS))
    if premise.place is None:
        return replace(shorter, preposition=grammar.rng.choice(PREPOSITIONS), place=_some_place(grammar))
    for part in ("subject", "object"):
        if not getattr(premise, part).adjective:
            return _change(shorter, part, adjective=grammar.rng.choice(POLAR_ADJECTIVES))
    others = [adverb for adverb in ADVERBS if adverb != premise.adverb]
    return replace(shorter, adverb=grammar.rng.choice(others))


def _contradicting(grammar: Grammar, premise: Sentence) -> Sentence:
    shorter = _shortened(grammar, premise)
    polar = [part for part in ("subject", "object") if LEXICON.get(getattr(premise, part).adjective, _NONE).opposite]
    if polar and grammar.chance(0.3):
        part = grammar.rng.choice(polar)
        return _change(shorter, part, adjective=LEXICON[getattr(premise, part).adjective].opposite)
    opposite = LEXICON[premise.verb].opposite
    if opposite and grammar.chance(0.3):
        return replace(shorter, verb=opposite)
    return replace(shorter, negated=True)


_NONE = LEXICON["the"]


def _change(sentence: Sentence, part: str, **values: str) -> Sentence:
    phrase = replace(getattr(sentence, part), **values)
    return replace(sentence, subject=phrase) if part == "subject" else replace(sentence, object=phrase)
