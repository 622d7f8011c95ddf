"""Texts are cut into pieces that fit, and no word of them is lost or said twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stilts.translation.markers import KINDS, unmark
from stilts.translation.pieces import join, pieces

TEXT = "Mr. Smith came. He saw 3.5 cats? Yes! They left."


def words(text: str) -> list[str]:
    return text.split()


def test_sentences() -> None:
    assert pieces(TEXT, True, lambda text: True) == ["Mr. Smith came.", "He saw 3.5 cats?", "Yes!", "They left."]
    assert pieces(TEXT, False, lambda text: True) == [TEXT]
    assert pieces(" \t\n", True, lambda text: True) == []


@given(st.text("ab. ?A\n", max_size=80), st.integers(1, 30), st.booleans())
def test_every_word_once_and_no_piece_too_long(text: str, longest: int, by_sentence: bool) -> None:
    made = pieces(text, by_sentence, lambda piece: len(piece) <= longest)
    assert "".join("".join(made).split()) == "".join(text.split())
    assert all(0 < len(piece) <= longest and piece == piece.strip() for piece in made)


@given(st.data())
def test_no_sentence_ends_within_the_answer(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(TEXT) - 1).filter(lambda at: not TEXT[at].isspace()))
    end = data.draw(st.integers(start + 1, len(TEXT)).filter(lambda at: not TEXT[at - 1].isspace()))
    markers = KINDS["brackets"]
    made = pieces(TEXT, True, lambda text: True, (start, end), markers)
    assert sum("[" in piece for piece in made) == 1
    assert unmark(join(made, "de"), markers) == (TEXT, start, TEXT[start:end])


def test_languages_without_spaces() -> None:
    assert join(["我来了。", " 他走了。"], "zh") == "我来了。他走了。"
    assert join(["Ich kam. ", "", "Er ging."], "de") == "Ich kam. Er ging."


def test_real_contexts_come_back_with_their_answers(real_data: Path) -> None:
    """Every question of SQuAD's development set: what a translator that copies would give."""
    content = json.loads((real_data / "squad/dev-v1.1.json").read_text(encoding="utf-8"))
    count = lost = 0
    for paragraph in (p for article in content["data"] for p in article["paragraphs"]):
        context = paragraph["context"]
        if KINDS["tags"].in_text(context):
            continue
        for question in paragraph["qas"]:
            answer = question["answers"][0]
            start, text = answer["answer_start"], answer["text"].strip()
            made = pieces(context, True, lambda piece: len(piece) < 400, (start, start + len(text)), KINDS["tags"])
            found = unmark(join(made, "de"), KINDS["tags"])
            count += 1
            lost += found is None
            if found is not None:
                assert "".join(found[2].split()) == "".join(text.split())
                assert words(found[0]) == words(context)
    assert count > 1000
    assert lost == 0


@pytest.mark.parametrize("longest", [1, 2, 5])
def test_a_word_that_is_too_long_is_cut(longest: int) -> None:
    assert "".join(pieces("Donaudampfschiff", True, lambda text: len(text) <= longest)) == "Donaudampfschiff"
