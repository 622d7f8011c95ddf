"""Questions with the sentences of their contexts: LAReQA's files, and SQuAD's, whose sentences are found by rule."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stilts.config import DataSettings
from stilts.data.overlap import EvaluationKeys, SetName
from stilts.data.rawfile import load_json
from stilts.data.read_sentences import read_sentences
from stilts.data.sentences import sentences
from stilts.data.sources import read_examples
from stilts.errors import InputError
from stilts.tasks import get_task

TASK = get_task("lareqa")


def write(path: Path, context: str, answer: str, **paragraph) -> Path:
    question = {"id": "q", "question": "Which?", "answers": [{"text": answer, "answer_start": context.index(answer)}]}
    data = [{"title": "T", "paragraphs": [{"context": context, "qas": [question], **paragraph}]}]
    path.write_text(json.dumps({"data": data}))
    return path


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("One here. Two there? Three!", ["One here.", "Two there?", "Three!"]),
        ("In the U.S. Army of Dr. Mary E. Walker. It was.", ["In the U.S. Army of Dr. Mary E. Walker.", "It was."]),
        ("He left the U.S. The rest stayed.", ["He left the U.S.", "The rest stayed."]),
        ('"Is it?" He said so.[note 1] (Then) 3.5 apples. ', ['"Is it?"', "He said so.[note 1]", "(Then) 3.5 apples."]),
        ("No. 5 of vol. 2, c. 1900, by Smith et al. 1999", ["No. 5 of vol. 2, c. 1900, by Smith et al. 1999"]),
        ("  spaces only at the edges  ", ["spaces only at the edges"]),
        ("", []),
    ],
)
def test_sentences(text: str, wanted: list[str]) -> None:
    assert [text[first:end] for first, end in sentences(text)] == wanted


def test_sentences_are_lareqas_own_on_its_english_file(real_data: Path) -> None:
    """All 271 of the slice of XQuAD-R, and so the right sentence of each of its 332 questions."""
    articles = load_json(real_data / "lareqa/xquad-r/en.json")["data"]
    paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"]]
    found = [sentences(paragraph["context"]) for paragraph in paragraphs]
    assert found == [[tuple(bounds) for bounds in paragraph["sentence_breaks"]] for paragraph in paragraphs]
    assert sum(map(len, found)) == 271


@pytest.mark.parametrize("language", TASK.languages)
def test_xquad_r(language: str, real_data: Path) -> None:
    examples, paths = read_examples(TASK, "test", language, DataSettings(root=str(real_data)))
    raw = [p for article in load_json(paths[0])["data"] for p in article["paragraphs"]]
    assert len(examples) == sum(len(paragraph["qas"]) for paragraph in raw) == 332, "no question is left out"
    assert {sentence for e in examples for sentence in e.sentences} == {s for p in raw for s in p["sentences"]}
    for example in examples:
        answer, start = example.answers[0]
        before = sum(start >= example.context.index(sentence) for sentence in example.sentences) - 1
        assert example.right == before
        # 11 of 3,652 answers go on in the next sentence
        assert answer in example.sentences[example.right] or answer.startswith(
            example.sentences[example.right][start - example.context.index(example.sentences[example.right]) :].strip()
        )


def test_ids_are_the_same_in_every_language(real_data: Path) -> None:
    data = DataSettings(root=str(real_data))
    ids = [[e.id for e in read_examples(TASK, "test", language, data)[0]] for language in TASK.languages]
    assert all(found == ids[0] for found in ids)


def test_squad_is_read_with_sentences_by_rule(real_data: Path) -> None:
    files = {"lareqa": {"train": {"en": "squad/dev-v1.1.json"}}}
    examples, _ = read_examples(TASK, "train", "en", DataSettings(root=str(real_data), files=files))
    plain, _ = read_examples(get_task("squad_v1"), "dev", "en", DataSettings(root=str(real_data)))
    assert [example.id for example in examples] == [example.id for example in plain]
    inside = sum(example.answers[0][0].strip() in example.sentences[example.right] for example in examples)
    assert inside / len(examples) > 0.995


def test_squad_dev_and_xquad_leak_into_lareqa(real_data: Path) -> None:
    data, keys = DataSettings(root=str(real_data)), EvaluationKeys()
    scored = read_examples(TASK, "test", "en", data)[0]
    keys.add(SetName(TASK, "test", "en", "evaluate", True), scored)
    squad = get_task("squad_v1")
    overlaps, _ = keys.check(SetName(squad, "dev", "en", "train", True), read_examples(squad, "dev", "en", data)[0])
    assert overlaps[0].counts["ids"] == len(scored)
    assert overlaps[0].counts["contexts"] == 60
    assert not overlaps[0].tolerated


def test_an_answer_after_white_space_or_in_no_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", "One here. Two there.", " Two")
    (example,) = read_sentences(TASK, [path], "en")
    assert (example.sentences, example.right) == (("One here.", "Two there."), 1)
    path = write(tmp_path / "b.json", "One here. Two there.", "Two", sentence_breaks=[[0, 9]])
    assert list(read_sentences(TASK, [path], "de")) == [], "left out, as in the benchmark"


@pytest.mark.parametrize(
    ("paragraph", "language", "message"),
    [
        ({}, "de", "has no sentence_breaks"),
        ({"sentence_breaks": [[0, 99]]}, "de", r"sentence_breaks is \[\[0, 99\]\]"),
        ({"sentence_breaks": [5]}, "en", "sentence_breaks is"),
        ({"sentence_breaks": "no"}, "en", "sentence_breaks is no"),
    ],
)
def test_wrong_boundaries_are_named(tmp_path: Path, paragraph: dict, language: str, message: str) -> None:
    path = write(tmp_path / "a.json", "One here. Two there.", "Two", **paragraph)
    with pytest.raises(InputError, match=message):
        list(read_sentences(TASK, [path], language))


def test_answers_are_needed(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    question = {"id": "q", "question": "Which?", "answers": []}
    path.write_text(json.dumps({"data": [{"paragraphs": [{"context": "One.", "qas": [question]}]}]}))
    with pytest.raises(InputError, match="question 'q' has no answer"):
        list(read_sentences(TASK, [path], "en"))
