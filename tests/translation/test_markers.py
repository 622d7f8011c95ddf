"""Markers: what is carried comes back, what is damaged counts as lost, and nothing in between."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stilts.translation.markers import KINDS, choose, mark, unmark

ALPHABET = string.ascii_letters + "  ,.?!'\"-()0123456789äßñ愛ここไทยसरअ\u0301\u200d"
texts = st.text(ALPHABET, min_size=1, max_size=60)
kinds = st.sampled_from(list(KINDS))


@st.composite
def spans(draw: st.DrawFn) -> tuple[str, int, int]:
    """A text and a part of it without white space around it."""
    text = draw(texts.filter(lambda value: value.strip()))
    start = draw(st.integers(0, len(text) - 1).filter(lambda at: not text[at].isspace()))
    end = draw(st.integers(start + 1, len(text)).filter(lambda at: not text[at - 1].isspace()))
    return text, start, end


@given(spans(), kinds)
def test_a_translator_that_copies_keeps_every_answer(span: tuple[str, int, int], kind: str) -> None:
    text, start, end = span
    assert unmark(mark(text, start, end, KINDS[kind]), KINDS[kind]) == (text, start, text[start:end])


@given(spans(), kinds, st.sampled_from(["", " ", "  "]), st.sampled_from(["", " "]))
def test_spaces_that_a_translator_adds_are_no_part_of_the_answer(
    span: tuple[str, int, int], kind: str, within: str, outside: str
) -> None:
    text, start, end = span
    markers = KINDS[kind]
    answer = text[start:end]
    made = f"{text[:start]}{outside}{markers.opening}{within}{answer}{within}{markers.closing}{outside}{text[end:]}"
    found = unmark(made, markers)
    assert found is not None
    clean, at, back = found
    assert back == answer
    assert clean[at : at + len(answer)] == answer
    assert not markers.in_text(clean)
    assert "".join(clean.split()) == "".join(text.split()), "nothing but white space differs"


@given(st.text(ALPHABET + "[]{}<>b/«»［］", max_size=50), kinds)
def test_whatever_a_translator_writes_an_answer_is_a_part_of_the_text_or_lost(made: str, kind: str) -> None:
    found = unmark(made, KINDS[kind])
    once = all(len(pattern.findall(made)) == 1 for pattern in (KINDS[kind].opened, KINDS[kind].closed))
    if found is None:
        return
    text, start, answer = found
    assert once
    assert answer
    assert answer == answer.strip()
    assert text[start : start + len(answer)] == answer
    assert not KINDS[kind].in_text(text)


@pytest.mark.parametrize(
    ("kind", "made", "wanted"),
    [
        ("brackets", "Er lebt in [ Köln ].", ("Er lebt in Köln.", 11, "Köln")),
        ("brackets", "他住在［科隆］。", ("他住在科隆。", 3, "科隆")),
        ("brackets", "Er[ lebt ]in Köln", ("Er lebt in Köln", 3, "lebt")),
        ("brackets", "[Köln] ist alt", ("Köln ist alt", 0, "Köln")),
        ("tags", "in < b >Köln</ B> alt", ("in Köln alt", 3, "Köln")),
        ("guillemets", "in 《科隆》", ("in 科隆", 3, "科隆")),
        ("brackets", "Er lebt in Köln.", None),
        ("brackets", "Er lebt in [Köln.", None),
        ("brackets", "Er lebt in ]Köln[.", None),
        ("brackets", "[Er] lebt in [Köln].", None),
        ("brackets", "Er lebt in [ ].", None),
        ("tags", "Er lebt in [Köln].", None),
    ],
)
def test_examples(kind: str, made: str, wanted: tuple[str, int, str] | None) -> None:
    assert unmark(made, KINDS[kind]) == wanted


def test_a_text_that_holds_a_kinds_characters_gets_another_kind() -> None:
    assert choose("no marks", "tags") is KINDS["tags"]
    assert choose("a footnote [1]", "brackets") is KINDS["tags"]
    assert choose("a [1] <b> }", "brackets") is KINDS["guillemets"]
    assert choose("[ <b> « {", "brackets") is None
