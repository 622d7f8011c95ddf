"""Mewsli-X's files: mentions in news, Wikipedia pairs, candidates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stilts.config import DataSettings
from stilts.data.read_entities import marked
from stilts.data.sources import read_examples
from stilts.errors import InputError
from stilts.tasks import MULTIPLE, get_task
from stilts.tasks.examples import EntityExample

TASK = get_task("mewslix")
TEXT = "The verdict came back. It was for Smith, who {stepped} down.\nShe left."


def spans(text: str, *sentences: str) -> list[dict[str, int]]:
    return [{"start": text.index(one), "end": text.index(one) + len(one)} for one in sentences]


def context(language: str = "en", text: str = TEXT) -> dict[str, Any]:
    sentences = spans(TEXT, "The verdict came back.", "It was for Smith, who {stepped} down.", "She left.")
    return {"document_id": "d1", "document_url": "u", "document_title": "t", "language": language, "text": text,
            "section_title": "", "sentence_spans": sentences}  # fmt: skip


def mention(name: str = "m1", text: str = "Smith", entity: str = "Q7") -> dict[str, Any]:
    first = TEXT.index(text)
    span = {"start": first, "end": first + len(text), "text": text}
    return {"example_id": name, "entity_id": entity, "mention_span": span}


def entity(name: str = "Q7") -> dict[str, Any]:
    text = "Smith is a judge. \n He lives."
    return {"entity_id": name, "title": "Smith", "description": text, "description_url": "u",
            "description_language": "id", "sentence_spans": spans(text, "Smith is a judge.", "He lives.")}  # fmt: skip


def read(root: Path, split: str, language: str, *rows: dict[str, Any]) -> list[EntityExample]:
    path = root / TASK.files[split]
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return read_examples(TASK, split, language, DataSettings(root=str(root)))[0]


MARKED = "Smith: It was for { Smith } , who (stepped) down."


def test_mentions_of_one_language_with_their_sentence(tmp_path: Path) -> None:
    rows = [{"context": context("de"), "mentions": [mention("a")]},
            {"context": context(), "mentions": [mention("b"), mention("c", "verdict", "Q8")]}]  # fmt: skip
    assert read(tmp_path, "dev", "en", *rows) == [
        EntityExample("b", MARKED, "Q7", ""),
        EntityExample("c", "verdict: The { verdict } came back.", "Q8", ""),
    ]
    assert [one.id for one in read(tmp_path, "test", "de", *rows)] == ["a"]


def test_pairs_have_the_entity_and_candidates_only_that(tmp_path: Path) -> None:
    pair = {"contextual_mention": {"context": context(), "mention": mention()}, "entity": entity()}
    described = "Smith is a judge. He lives."
    assert read(tmp_path, "train", "en", pair) == [EntityExample("m1", MARKED, "Q7", described)]
    assert read(tmp_path, "candidates", MULTIPLE, entity("Q1"), entity("Q2")) == [
        EntityExample("Q1", "", "Q1", described),
        EntityExample("Q2", "", "Q2", described),
    ]


def test_a_mention_across_sentences_keeps_all_that_it_touches() -> None:
    across = mention(text="back. It")["mention_span"]
    shown = "back. It: The verdict came { back. It } was for Smith, who (stepped) down."
    assert marked(context(), across) == shown
    assert marked({**context(), "sentence_spans": []}, across).endswith("down. She left.")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"context": context(text=""), "mentions": [mention()]}, "row 1: the context has no text"),
        ({"context": context(text="Not this."), "mentions": [mention()]}, "row 1: the mention 'Smith' is not at"),
        ({"context": context(), "mentions": [{"example_id": "m"}]}, "row 1: no 'mention_span'"),
        ({**entity(), "sentence_spans": []}, "row 1: the entity Q7 has no description"),
        ({"title": "Smith"}, "row 1: no 'entity_id'"),
    ],
)
def test_wrong_rows_are_named(tmp_path: Path, row: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(tmp_path, "dev", "en", row)
