"""Rows through a translator: each once, answers where the translation has them, and every loss named."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_translators import forgetful, swapped, translating
from hypothesis import given
from hypothesis import strategies as st

from stilts.config import DataSettings
from stilts.data.sources import find_files
from stilts.tasks import get_task
from stilts.translation.carry import BY_FALLBACK, BY_MARKERS, EMPTY, MARKERS, Carrier, Piece, Translated
from stilts.translation.records import Record, read_records
from stilts.translation.settings import TranslationSettings

SQUAD = get_task("squad_v1")
WORDS = ["Alpha", "beta.", "Gamma", "delta?", "Epsilon", "zeta.", "Eta"]


def carrier(task: str = "squad_v1", language: str = "de", **settings: object) -> Carrier:
    return Carrier(get_task(task), language, TranslationSettings(**settings), lambda text: len(text) < 60)  # type: ignore[arg-type]


@st.composite
def questions(draw: st.DrawFn) -> Record:
    context = " ".join(draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=20)))
    start = draw(st.integers(0, len(context) - 1).filter(lambda at: not context[at].isspace()))
    end = draw(st.integers(start + 1, len(context)).filter(lambda at: not context[at - 1].isspace()))
    return Record(f"q{draw(st.integers(0, 10**6))}", (f"Where {start}?", context), (start, end))


def answers(records: list[Record], done: list[Translated]) -> None:
    """Every row that is not lost has its answer in its context, and it is the translation of the answer."""
    for record, made in zip(records, done, strict=True):
        if made.lost:
            continue
        assert made.answer is not None
        assert record.answer is not None
        start, text = made.answer
        assert made.texts[1][start : start + len(text)] == text
        assert text.split() == swapped(record.texts[1][slice(*record.answer)]).split()
        assert made.texts[1].split() == swapped(record.texts[1]).split()


@given(st.lists(questions(), max_size=8), st.sampled_from(["brackets", "tags", "braces", "guillemets"]), st.booleans())
def test_every_span_that_survives_is_kept(records: list[Record], markers: str, sentences: bool) -> None:
    done = carrier(markers=markers, sentences=sentences).carry(records, translating(swapped))
    assert [one.lost for one in done] == [""] * len(records)
    assert all(one.found == BY_MARKERS for one in done)
    answers(records, done)


@given(st.lists(questions(), max_size=8))
def test_what_does_not_survive_is_counted(records: list[Record]) -> None:
    done = carrier().carry(records, translating(forgetful))
    assert len(done) == len(records)
    assert {one.lost for one in done} <= {"", MARKERS}
    for one in done:
        assert (one.answer is None) == bool(one.lost)
    answers(records, done)


@given(st.lists(questions(), max_size=8))
def test_the_fallback_takes_exact_and_unique_answers_only(records: list[Record]) -> None:
    without, done = (carrier(fallback=fallback).carry(records, translating(forgetful)) for fallback in (False, True))
    answers(records, done)
    for record, before, after in zip(records, without, done, strict=True):
        assert record.answer is not None
        context, answer = record.texts[1], record.texts[1][slice(*record.answer)]
        if before.lost:
            found = context.count(answer) == 1
            assert (after.found == BY_FALLBACK) == found == (not after.lost)
        else:
            assert after == before


def test_a_fallback_is_of_the_answer_as_it_is_translated_alone() -> None:
    made = {"Where?": "Wo?", "In [Cologne].": "In Köln.", "In Cologne.": "In Köln.", "Cologne": "Kölln"}
    record = Record("q", ("Where?", "In Cologne."), (3, 10))
    for alone, lost in (("Kölln", MARKERS), ("Köln", "")):
        found = carrier(fallback=True).carry([record], translating({**made, "Cologne": alone}.__getitem__))
        assert found[0].lost == lost
    assert found[0].answer == (3, "Köln")
    assert found[0].texts == ("Wo?", "In Köln.")


def test_pairs_choices_and_questions_without_an_answer() -> None:
    records = [Record("1", ("One. Two.", "NS")), Record("2", ("", "Three"))]
    done = carrier("pawsx").carry(records, translating(swapped))
    assert [one.texts for one in done] == [("oNE. tWO.", "NS"), ("", "tHREE")]  # a placeholder stays
    done = carrier("squad_v2").carry([Record("3", ("Where?", "Nowhere."))], translating(swapped))
    assert done == [Translated(("wHERE?", "nOWHERE."))]


def test_a_text_that_becomes_nothing_loses_its_row() -> None:
    done = carrier("mnli").carry([Record("1", ("Yes", "No")), Record("2", ("Yes", "So"))],
                                 translating(lambda text: "" if text == "No" else text))  # fmt: skip
    assert [one.lost for one in done] == [EMPTY, ""]


def test_the_greatest_length_is_noted() -> None:
    made = {"One.": Piece("Eins.", True), "Two.": Piece("Zwei.")}
    done = carrier("mnli").carry([Record("1", ("One.", "Two.")), Record("2", ("Two.", "Two."))], lambda texts: made)
    assert [one.cut for one in done] == [True, False]


def test_real_questions(real_data: Path) -> None:
    """SQuAD's development set through a translator that forgets a third of the markers."""
    data = DataSettings(files={"squad_v1": {"train": {"en": str(real_data / "squad/dev-v1.1.json")}}})
    assert find_files(SQUAD, "train", "en", data)
    records = read_records(SQUAD, "en", data, 600)
    done = Carrier(SQUAD, "de", TranslationSettings(fallback=True), lambda text: True).carry(
        records, translating(forgetful)
    )
    answers(records, done)
    kinds = {kind: sum(one.found == kind for one in done) for kind in (BY_MARKERS, BY_FALLBACK, "")}
    assert sum(kinds.values()) == len(records) == 600
    assert kinds[""] == sum(one.lost == MARKERS for one in done)
    assert min(kinds.values()) > 0
    assert kinds[BY_MARKERS] > 350


@pytest.mark.parametrize("language", ["zh", "ja"])
def test_languages_without_spaces_between_sentences(language: str) -> None:
    done = carrier("mnli", language).carry([Record("1", ("One. Two.", "Three"))], translating(swapped))
    assert done[0].texts[0] == "oNE.tWO."
