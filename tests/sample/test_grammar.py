"""Sentences, languages and the items that tasks are derived from."""

from __future__ import annotations

import pytest

from stilts.errors import InputError
from stilts.sample.grammar import Grammar, NounPhrase, Sentence, spans, text, words
from stilts.sample.items import inference, paragraphs, paraphrases, sentences
from stilts.sample.language import BASE, Language, base_language, invented_languages
from stilts.sample.lexicon import LEXICON

SENTENCE = Sentence(
    NounPhrase("cat", "the", "big"), "chase", NounPhrase("dog", "two"), "in", NounPhrase("garden", "the"), "yesterday"
)


def language(**values: object) -> Language:
    forms = {name: (name, concept.past) for name, concept in LEXICON.items()}
    return Language("qaa", forms=forms, **values)  # type: ignore[arg-type]


def word(sentence: Sentence, target: Language) -> str:
    return text(words(sentence, target))


def test_base_language_reads_as_english() -> None:
    base = base_language()
    assert word(SENTENCE, base) == "The big cat chased two dogs in the garden yesterday."
    negated = Sentence(SENTENCE.subject, "buy", SENTENCE.object, negated=True)
    assert word(negated, base) == "The big cat did not buy two dogs."
    asked = Sentence(SENTENCE.subject, "buy", SENTENCE.object, "in", SENTENCE.place, asked="object")
    assert word(asked, base) == "What did the big cat buy in the garden?"
    assert word(Sentence(SENTENCE.subject, "buy", SENTENCE.object, asked="subject"), base) == "Who bought two dogs?"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"word_order": "SOV"}, "The big cat yesterday the garden in two dogs chased."),
        ({"word_order": "VSO"}, "Chased the big cat two dogs in the garden yesterday."),
        ({"adjective_after": True}, "The cat big chased two dogs in the garden yesterday."),
        ({"suffix": "um", "plural": "ik"}, "The big cat chased two dogikum in the garden yesterday."),
    ],
)
def test_parameters_of_a_language_shape_its_sentences(values: dict, expected: str) -> None:
    assert word(SENTENCE, language(**values)) == expected


def test_spans_point_at_the_words() -> None:
    tokens = words(SENTENCE, base_language())
    whole, places = spans(tokens)
    assert [whole[a:b] for a, b in places] == [token.form for token in tokens]


def test_invented_languages_share_as_many_words_as_they_say_and_have_no_two_words_alike() -> None:
    for invented in invented_languages(6, seed=3):
        same = sum(invented.forms[name] == (name, concept.past) for name, concept in LEXICON.items())
        assert same == round(invented.shared_words * len(LEXICON))
        plain = [forms[0] for forms in invented.forms.values()]
        assert len(set(plain)) == len(plain)
    codes = [invented.code for invented in invented_languages(26, seed=1)]
    assert codes[0] == "qaa"
    assert codes[-1] == "qaz"
    assert len({tuple(map(str, i.parameters().values())) for i in invented_languages(16, seed=1)}) == 16


@pytest.mark.parametrize("count", [0, 27])
def test_a_number_of_languages_out_of_range_is_refused(count: int) -> None:
    with pytest.raises(InputError, match="--languages"):
        invented_languages(count, seed=1)


def test_inference_labels_follow_from_the_structure() -> None:
    for pair in inference(Grammar(5), 200):
        first, second = pair.first, pair.second
        assert first != second
        kinds = {LEXICON[first.subject.noun].kind, first.subject.noun}
        assert second.subject.noun in kinds
        adds = (second.adverb and second.adverb != first.adverb) or (second.place and not first.place)
        adds = adds or any(
            getattr(second, part).adjective and not getattr(first, part).adjective for part in ("subject", "object")
        )
        opposite = second.negated or second.verb != first.verb
        for part in ("subject", "object"):
            before, after = getattr(first, part).adjective, getattr(second, part).adjective
            opposite = opposite or bool(before and after and after == LEXICON[before].opposite)
        assert {"entailment": (False, False), "neutral": (True, False), "contradiction": (False, True)}[pair.label] == (
            bool(adds),
            bool(opposite),
        )


def test_paraphrases_use_the_same_words_and_only_non_paraphrases_swap_the_roles() -> None:
    base = base_language()
    for pair in paraphrases(Grammar(6), 60):
        assert sorted(word(pair.first, base).lower().rstrip(".").split()) == sorted(
            word(pair.second, base).lower().rstrip(".").split()
        )
        assert (pair.first.subject == pair.second.subject) == (pair.label == "1")


def test_question_words_and_names_make_every_question_unique() -> None:
    grammar, base = Grammar(7), base_language()
    asked = [word(q.sentence, base) for p in paragraphs(grammar, 200, unanswerable=0.3) for q in p.questions]
    assert len(set(asked)) == len(asked)


def test_an_unanswerable_question_names_nobody_of_the_paragraph() -> None:
    base = base_language()
    for paragraph in paragraphs(Grammar(8), 100, unanswerable=0.5):
        context = " ".join(word(sentence, base) for sentence in paragraph.sentences)
        for question in paragraph.questions:
            names = [t.form for t in words(question.sentence, base) if t.upos == "PROPN"]
            assert names
            assert all((name in context) == (question.answer_in is not None) for name in names)


def test_the_same_seed_draws_the_same() -> None:
    assert sentences(Grammar(1), 50) == sentences(Grammar(1), 50)
    assert sentences(Grammar(1), 50) != sentences(Grammar(2), 50)
    assert base_language().code == BASE
