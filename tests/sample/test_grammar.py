"""Sentences, languages and the items that tasks are derived from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stilts.sample.choices import causes, common_sense, endings, reading, social
from stilts.sample.corpus import corpus
from stilts.sample.design import Design
from stilts.sample.draw import Grammar
from stilts.sample.grammar import NounPhrase, Sentence, spans, text, words
from stilts.sample.inference import inference
from stilts.sample.items import Pair, paragraphs, paraphrases, sentences
from stilts.sample.language import BASE, Language, base_language, invented_languages
from stilts.sample.lexicon import LEXICON, VERBS

SENTENCE = Sentence(
    NounPhrase("cat", "the", "big"), "follow", NounPhrase("dog", "two"), "in", NounPhrase("garden", "the"), "yesterday"
)
PLAIN = Design("qaa", 1.0, "SVO", False, "latin", 100, 1.0)


def language(**values: object) -> Language:
    return replace(base_language(), design=replace(PLAIN, **values))


def word(sentence: Sentence, target: Language) -> str:
    return text(words(sentence, target))


def test_base_language_reads_as_english() -> None:
    base = base_language()
    assert word(SENTENCE, base) == "The big cat followed two dogs in the garden yesterday."
    negated = Sentence(SENTENCE.subject, "buy", SENTENCE.object, negated=True)
    assert word(negated, base) == "The big cat did not buy two dogs."
    asked = Sentence(SENTENCE.subject, "buy", SENTENCE.object, "in", SENTENCE.place, asked="object")
    assert word(asked, base) == "What did the big cat buy in the garden?"
    assert word(Sentence(SENTENCE.subject, "buy", SENTENCE.object, asked="subject"), base) == "Who bought two dogs?"
    is_ = Sentence(NounPhrase("dog", "a"), "is", NounPhrase("creature", "a"))
    assert word(is_, base) == "A dog is a creature."
    assert word(replace(is_, object=NounPhrase("big"), negated=True), base) == "A dog is not big."
    assert word(replace(is_, asked="subject"), base) == "What is a creature?"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"word_order": "SOV"}, "The big cat yesterday the garden in two dog followed."),
        ({"word_order": "VSO"}, "Followed the big cat two dog in the garden yesterday."),
        ({"adjective_after": True}, "The cat big followed two dog in the garden yesterday."),
    ],
)
def test_parameters_of_a_language_shape_its_sentences(values: dict, expected: str) -> None:
    assert word(SENTENCE, language(**values)) == expected


def test_endings_mark_role_and_class_and_names_are_written_in_the_script() -> None:
    greek = replace(
        language(script="greek"), endings={"dog": 2, "garden": 1, "cat": 0}, name_endings=1,
        role_ending={"object": "um", "place": "ib", "subject": "a"}, class_ending={"NOUN": "ok", "PROPN": "e"},
    )  # fmt: skip
    assert word(SENTENCE, greek) == "The big cat followed two dogumok in the gardenib yesterday."
    named = replace(SENTENCE, subject=NounPhrase("tobela", is_name=True))
    assert word(named, greek).startswith("Τοβελαa followed")


def test_spans_point_at_the_words() -> None:
    tokens = words(SENTENCE, base_language())
    whole, places = spans(tokens)
    assert [whole[a:b] for a, b in places] == [token.form for token in tokens]


def test_no_two_words_of_an_invented_language_are_alike() -> None:
    for invented in invented_languages(16, seed=3):
        plain = [forms[0] for forms in invented.forms.values()]
        assert len(set(plain)) == len(plain) == len(LEXICON) - 1  # all but "did"


def test_verbs_have_opposites_and_follow_one_another() -> None:
    assert {LEXICON[verb].next for verb in VERBS} == set(VERBS)
    assert all(LEXICON[LEXICON[verb].opposite].opposite == verb for verb in VERBS)
    assert not any(LEXICON[verb].next == LEXICON[verb].opposite for verb in VERBS)


def test_inference_labels_follow_from_the_structure() -> None:
    for pair in inference(Grammar(5), 300):
        assert relation(pair) == pair.label, pair


def relation(pair: Pair) -> str:
    """The label, worked out from the two structures alone."""
    (first,), (second,) = pair.first, pair.second
    if first.negated != second.negated or first.verb != second.verb:
        return "contradiction"
    for part in ("subject", "object"):
        noun = getattr(first, part).noun
        if getattr(second, part).noun not in (noun, LEXICON[noun].kind):
            return "neutral"
    said = [
        [s.subject.adjective, s.object.adjective, s.adverb, f"{s.preposition} {s.place.noun}" if s.place else ""]
        for s in (first, second)
    ]
    told = [(a, b) for a, b in zip(*said, strict=True) if b]
    assert len(told) <= 1
    if not told:
        return "entailment"
    before, after = told[0]
    if not before:
        return "neutral"
    if before == after:
        return "entailment"
    assert LEXICON[before.split()[0]].opposite == after.split()[0]
    return "contradiction"


def test_a_premise_in_a_context_stays_there() -> None:
    for pair in inference(Grammar(5), 30, context=2):
        assert len(pair.first) == 3
        assert any(relation(replace(pair, first=(sentence,))) == pair.label for sentence in pair.first)


def test_paraphrases_use_the_same_words_and_only_non_paraphrases_swap_the_roles() -> None:
    base = base_language()
    for pair in paraphrases(Grammar(6), 60):
        (first,), (second,) = pair.first, pair.second
        one, other = (sorted(word(s, base).lower().rstrip(".").split()) for s in (first, second))
        assert one == other
        assert first.fronted != second.fronted
        assert (first.subject == second.subject) == (pair.label == "1")


def test_every_question_is_asked_once() -> None:
    grammar, base = Grammar(7), base_language()
    asked = [word(q.sentence, base) for p in paragraphs(grammar, 400, unanswerable=0.3) for q in p.questions]
    assert len(set(asked)) == len(asked)


def test_an_unanswerable_question_names_nobody_of_the_paragraph() -> None:
    base = base_language()
    for paragraph in paragraphs(Grammar(8), 100, unanswerable=0.5):
        context = " ".join(word(sentence, base) for sentence in paragraph.sentences)
        for question in paragraph.questions:
            names = [t.form for t in words(question.sentence, base) if t.upos == "PROPN"]
            assert names
            assert all((name in context) == (question.answer is not None) for name in names)


def test_choices_are_right_once() -> None:
    grammar = Grammar(9)
    for item in [*endings(grammar, 50), *social(grammar, 50), *causes(grammar, 50)]:
        (first,), asked = item.context, item.question
        right = [
            i for i, c in enumerate(item.choices)
            if first.object.noun == c.object.noun
            and (LEXICON[c.verb].next == first.verb if asked == "cause" else LEXICON[first.verb].next == c.verb)
        ]  # fmt: skip
        assert right == [item.label], item
    for item in common_sense(grammar, 50):
        wanted, nouns = item.question.object.noun, [LEXICON[choice.noun] for choice in item.choices]
        right = [i for i, noun in enumerate(nouns) if wanted in (noun.kind, noun.opposite)]
        assert right == [item.label], item
    for item in reading(grammar, 50):
        told = next(s for s in item.context if s.subject == item.question.subject and s.verb == item.question.verb)
        assert getattr(told, item.question.asked).noun == item.choices[item.label].noun
        assert len(set(item.choices)) == 4


def test_the_lines_of_the_text_are_in_no_later_set() -> None:
    grammar = Grammar(10)
    lines = {sentence for line in corpus(grammar.stream("text"), 300, translated=True) for sentence in line}
    assert not lines & set(sentences(grammar.stream("tags"), 300))


def test_the_same_seed_draws_the_same_and_a_stream_does_not_depend_on_the_one_before() -> None:
    assert sentences(Grammar(1), 50) == sentences(Grammar(1), 50)
    assert sentences(Grammar(1), 50) != sentences(Grammar(2), 50)
    one, other = Grammar(1), Grammar(1)
    sentences(other.stream("first"), 7)
    assert sentences(one.stream("second"), 20) == sentences(other.stream("second"), 20)
    assert base_language().code == BASE
