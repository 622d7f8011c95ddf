"""Mewsli-X's sets as `prepare` makes them: candidates under a limit, and text that holds scored mentions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_prepare import WORDS, make_tokenizer, opened
from test_read_entities import TEXT, context, entity, mention

from stilts.config import DataSettings, Mlm, ModelSettings, Recipe, Study
from stilts.data.parts import limited
from stilts.data.read_entities import marked, unmarked
from stilts.data.specs import SetSpec
from stilts.tasks.examples import EntityExample

CANDIDATES = SetSpec("mewslix", "candidates", "mul", "support", 64, 1, limit=3)
DEV = SetSpec("mewslix", "dev", "en", "evaluate", 64, 1)
TEXTS = SetSpec("mlm", "train", "en", "train", 64, 1)
LINES = [
    "Nothing of this kind was ever heard.",
    f"Yesterday. {TEXT.splitlines()[0]} And more.",  # with the sentence of a mention
    TEXT.replace("\n", " "),
]


def write(path: Path, rows: Sequence[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Ten candidates, of which the last two are asked for in English and number 5 in German."""
    root = tmp_path / "raw"
    write(root / "mewslix/candidate_set_entities.jsonl", [entity(f"Q{n}") for n in range(10)])
    write(root / "mewslix/wikinews_mentions-dev.jsonl", [
        {"context": context(), "mentions": [mention("a", entity="Q8"), mention("b", "verdict", "Q9")]},
        {"context": context("de"), "mentions": [mention("c", entity="Q5")]},
    ])  # fmt: skip
    write(root / "mlm_text/news/en.txt", LINES)
    return Study(
        name="s",
        model=ModelSettings(name=str(make_tokenizer(tmp_path / "model", [*WORDS, "the", "The", "was", "of"]))),
        data=DataSettings(root=str(root)),
        intermediate=[Recipe("text", mlm=Mlm(languages=["en"]))],
    )


def entities(study: Study, folder: Path, *specs: SetSpec) -> list[str]:
    return [example.entity for example in opened(folder, study, *specs)[0].examples]


def test_what_is_asked_for_stays_under_a_limit(study: Study, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "f"
    assert entities(study, folder, CANDIDATES, DEV) == ["Q0", "Q8", "Q9"]
    german = replace(DEV, language="de")
    assert entities(study, folder, CANDIDATES, DEV, german) == ["Q5", "Q8", "Q9"]
    assert entities(study, folder, CANDIDATES, replace(DEV, limit=1)) == ["Q0", "Q1", "Q8"]
    assert "entities that are asked for" not in caplog.text
    assert entities(study, folder, replace(CANDIDATES, limit=1), DEV) == ["Q8", "Q9"]
    assert "mewslix/candidates/mul: kept all 2 entities that are asked for, beyond its limit" in caplog.messages
    assert len(entities(study, folder, replace(CANDIDATES, limit=None), DEV)) == 10


def test_other_mentions_make_the_candidates_anew(study: Study, tmp_path: Path) -> None:
    assert entities(study, tmp_path / "f", CANDIDATES, DEV)[0] == "Q0"
    rows = [{"context": context(), "mentions": [mention("a", entity="Q2")]}]
    write(Path(study.data.root or "") / "mewslix/wikinews_mentions-dev.jsonl", rows)
    assert entities(study, tmp_path / "f", CANDIDATES, DEV) == ["Q0", "Q1", "Q2"]


def test_limited_without_gold_is_the_first_ones() -> None:
    found = [EntityExample(name, "", name, "d") for name in "abcd"]
    assert limited(found, 2, frozenset()) == found[:2]
    assert limited(found, None, frozenset("d")) == found
    assert limited(found, 9, frozenset("d")) == found


def test_text_with_scored_mentions_is_transductive(study: Study, tmp_path: Path) -> None:
    texts, _ = opened(tmp_path / "f", study, TEXTS, DEV)
    assert texts.manifest["transductive"] == ["2 lines of mlm/train/en are texts of mewslix/dev/en"]
    dropped = replace(study, data=replace(study.data, exclude_overlap=True))
    texts, _ = opened(tmp_path / "f", dropped, TEXTS, DEV)
    assert [example.text for example in texts.examples] == LINES[:1]


@pytest.mark.parametrize(("text", "sentence"), [("Smith", "It was for Smith , who (stepped) down."),
                                                ("verdict", "The verdict came back.")])  # fmt: skip
def test_the_mark_can_be_taken_off(text: str, sentence: str) -> None:
    assert unmarked(marked(context(), mention(text=text)["mention_span"])) == sentence
    assert unmarked(sentence) == sentence
    assert unmarked("") == ""
