"""The readers of multiple choice: official layouts, and one clear line for everything that is wrong."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stilts.config import DataSettings
from stilts.data.sources import find_files, read_examples
from stilts.errors import InputError
from stilts.tasks import get_task
from stilts.tasks.examples import ChoiceExample

Read = Callable[..., list[Any]]
HELLASWAG = {"ind": 7, "ctx_a": "He sits.", "ctx_b": "then he", "endings": ["stands.", "flies."], "label": 1}
COMMONSENSEQA = {
    "id": "a",
    "answerKey": "B",
    "question": {"stem": "Where?", "choices": [{"label": "A", "text": "zoo"}, {"label": "B", "text": "zoo"}]},
}
COSMOSQA = "id,context,question,answer0,answer1,answer2,answer3,label\n"
SOCIALIQA = {"context": "Kai fell.", "question": "Why?", "answerA": "a", "answerB": "b", "answerC": "c", "correct": "C"}
COPA = {"premise": "It rained.", "choice1": "a", "choice2": "b", "question": "effect", "label": 0, "idx": 3}


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Writes a file and reads it as a task's split through data.files."""

    def function(task: str, content: Any, split: str = "dev", code: str = "en") -> list[Any]:
        path = tmp_path / "file"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return read_examples(get_task(task), split, code, DataSettings(files={task: {split: {code: str(path)}}}))[0]

    return function


def test_texts_are_put_together_as_in_the_reference(read: Read) -> None:
    assert read("hellaswag", HELLASWAG) == [ChoiceExample("7", "He sits.", ("then he stands.", "then he flies."), 1)]
    assert read("commonsenseqa", COMMONSENSEQA) == [ChoiceExample("a", "Where?", ("zoo", "zoo"), 1)]
    row = 'x,"He said ""no"".\nThen he left.",Why?,a,"b, c",d,e,2\n'
    assert read("cosmosqa", f"{COSMOSQA}{row}") == [
        ChoiceExample("x", 'He said "no".\nThen he left. Why?', ("a", "b, c", "d", "e"), 2)
    ]
    assert read("socialiqa", SOCIALIQA) == [ChoiceExample("1", "Kai fell. Why?", ("a", "b", "c"), 2)]
    assert read("copa", COPA) == [ChoiceExample("3", "It rained. What was the effect?", ("a", "b"), 0)]
    assert read("xcopa", {**COPA, "question": "cause"}, code="sw")[0].text == "It rained. What was the cause?"


def test_files_without_labels(read: Read) -> None:
    for task, row, field in (
        ("hellaswag", HELLASWAG, "label"), ("commonsenseqa", COMMONSENSEQA, "answerKey"),
        ("socialiqa", SOCIALIQA, "correct"), ("copa", COPA, "label"),
    ):  # fmt: skip
        bare = {key: value for key, value in row.items() if key != field}
        assert read(task, bare)[0].label is None
    assert read("copa", {**COPA, "label": -1})[0].label is None
    answers = {f"answer{number}": "x" for number in range(4)}
    assert read("cosmosqa", {"id": "1", "context": "A.", "question": "B?", **answers})[0].label is None


def test_socialiqas_first_release_has_its_labels_in_a_file_of_their_own(tmp_path: Path) -> None:
    folder = tmp_path / "socialiqa" / "socialiqa-train-dev"
    folder.mkdir(parents=True)
    rows = [{key: value for key, value in SOCIALIQA.items() if key != "correct"}] * 2
    (folder / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "train-labels.lst").write_text("3\n1\n")
    data = DataSettings(root=str(tmp_path))
    examples, paths = read_examples(get_task("socialiqa"), "train", "en", data)
    assert [example.label for example in examples] == [2, 0]
    assert [path.name for path in paths] == ["train.jsonl", "train-labels.lst"], "a change of the labels is noticed"
    (folder / "train-labels.lst").write_text("3\n")
    with pytest.raises(InputError, match=r"train-labels\.lst has 1 labels; expected 2, the rows of train\.jsonl"):
        read_examples(get_task("socialiqa"), "train", "en", data)
    (folder / "train-labels.lst").write_text("3\n4\n")
    with pytest.raises(InputError, match=r"train-labels\.lst, row 2: unknown label '4'; expected one of 1, 2, 3"):
        read_examples(get_task("socialiqa"), "train", "en", data)


MALFORMED = [
    ("hellaswag", {**HELLASWAG, "ctx_b": None}, "row 1: field 'ctx_b' is missing"),
    ("hellaswag", {**HELLASWAG, "endings": "stands"}, "row 1: field 'endings' is 'stands'; expected a list of texts"),
    ("hellaswag", {**HELLASWAG, "label": 2}, "row 1: field 'label' is 2; expected a whole number from 0 to 1"),
    ("hellaswag", {**HELLASWAG, "label": True}, "row 1: field 'label' is True"),
    ("hellaswag", {**HELLASWAG, "label": "one"}, "row 1: field 'label' is 'one'"),
    ("hellaswag", {**HELLASWAG, "ctx_a": " "}, "row 1: the first text is empty"),
    ("hellaswag", {**HELLASWAG, "endings": ["a"], "label": 0}, "expected two texts or more to choose from"),
    ("commonsenseqa", {"question": "Where?"}, "row 1: field 'question' is 'Where?'; expected an object"),
    ("commonsenseqa", {"question": {"stem": "a", "choices": ["b"]}}, "row 1: field 'question.choices' is ['b']"),
    ("commonsenseqa", {"question": {"choices": []}}, "row 1: field 'question.stem' is missing"),
    ("commonsenseqa", {**COMMONSENSEQA, "answerKey": "E"}, "field 'answerKey' is 'E'; expected one of A, B"),
    (
        "commonsenseqa",
        {"question": {"stem": "a", "choices": [{"label": "A", "text": "b"}, {"label": "A", "text": "c"}]}},
        "row 1: the choices are labelled A, A",
    ),
    ("cosmosqa", f"{COSMOSQA}x,a\n", "row 2: 2 fields separated by commas; expected 8 as in the header"),
    ("cosmosqa", f'{COSMOSQA}x,"a\nb",c,d,e,f,g,1\nx,"a\n', "row 4: broken CSV (unexpected end of data)"),
    ("cosmosqa", "id,context,question,label\nx,a,b,1\n", "row 2: field 'answer0' is missing"),
    ("cosmosqa", f"{COSMOSQA}x,a,b,c,d,e,f,4\n", "row 2: field 'label' is '4'; expected a whole number from 0 to 3"),
    ("socialiqa", {**SOCIALIQA, "correct": "AB"}, "row 1: field 'correct' is 'AB'; expected one of A, B, C"),
    ("socialiqa", {**SOCIALIQA, "answerB": 3}, "row 1: field 'answerB' is 3; expected text"),
    ("copa", {**COPA, "question": "why"}, "row 1: field 'question' is 'why'; expected one of cause, effect"),
    ("copa", f"{json.dumps(COPA)}\n[1]\n", "row 2: the row is no JSON object"),
    ("copa", f"{json.dumps(COPA)}\n{{\n", "row 2: broken JSON at column 2"),
]


@pytest.mark.parametrize(("task", "content", "message"), MALFORMED)
def test_malformed_choices(read: Read, tmp_path: Path, task: str, content: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(task, content)
    assert str(caught.value).startswith(f"{tmp_path / 'file'}, row")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


# --- official data

FIRST = {
    ("hellaswag", "dev"): (500, 4, "20022", 3, "Pole vault is a sport where", "a few women go down a rock and stop."),
    ("cosmosqa", "dev"): (1502, 4, "3BFF0DJK8XA7YNK4QYIGCOG1A95STE##3180JW2OT5AF02OISBX66RFOCTG5J7##A2LTOS0AZ3B28A##"
                          "Blog_56156##q1_a1##378G7J1SJNCDAAIN46FM2P7T6KZEW2", 1, "Do i need to go for a legal",
                          "If he gets married in the church he wo nt have to get a divorce ."),
    ("commonsenseqa", "train"): (2982, 5, "6b819727eb8a670df26a7ffad036c119", 3, '"There are 10 apples on an apple',
                                 "park"),
    ("commonsenseqa", "dev"): (600, 5, "080ef6941410139d6869e78122bc741e", 2, "A beaver is know for building prowess",
                               "british columbia"),
    ("socialiqa", "dev"): (1000, 3, "1", 2, "Tracy didn't go home that evening", "make a new plan"),
    ("socialiqa", "test"): (600, 3, "1", 2, "bailey was a nice person so she called", "talk to the family"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "split"), FIRST)
def test_english_data_sets(name: str, split: str, real_data: Path) -> None:
    count, choices, identity, label, text, choice = FIRST[name, split]
    examples, _ = read_examples(get_task(name), split, "en", DataSettings(root=str(real_data)))
    assert len(examples) == count
    assert {len(example.choices) for example in examples} == {choices}
    assert {example.label for example in examples} == set(range(choices))
    first = examples[0]
    assert (first.id, first.label, first.choices[0]) == (identity, label, choice)
    assert first.text.startswith(text)


def test_commonsenseqa_holds_equal_choices(real_data: Path) -> None:
    examples, _ = read_examples(get_task("commonsenseqa"), "train", "en", DataSettings(root=str(real_data)))
    assert sum(len(set(example.choices)) < 5 for example in examples) == 23


@pytest.mark.parametrize(("split", "count", "zeros"), [("dev", 60, 32), ("test", 100, 47)])
def test_xcopa_in_every_language(split: str, count: int, zeros: int, real_data: Path) -> None:
    task, data = get_task("xcopa"), DataSettings(root=str(real_data))
    gold = set()
    for language in task.languages:
        examples, _ = read_examples(task, split, language, data)
        assert (len(examples), examples[0].id) == (count, "0")
        gold.add(tuple(example.label for example in examples))
        asked = Counter(example.text.rsplit(" ", 1)[1] for example in examples)
        # The official files of Thai and Turkish ask for the effect in every row.
        assert set(asked) == ({"effect?"} if language in ("th", "tr") else {"cause?", "effect?"})
    assert [Counter(labels)[0] for labels in gold] == [zeros], "the languages are parallel"
    assert read_examples(task, "dev", "sw", data)[0][0] == ChoiceExample(
        "0",
        "Mwanaume alifungua bomba la maji. What was the effect?",
        ("Choo kilijaa maji.", "Maji yalitiririka kutoka kwenye bomba."),
        1,
    )


def test_what_xtremes_script_downloads_is_found(tmp_path: Path) -> None:
    (tmp_path / "xcopa").mkdir()
    for name in ("val.en", "train.en", "val.sw", "test.sw"):
        (tmp_path / f"xcopa/{name}.jsonl").write_text(json.dumps(COPA))
    found = [("copa", "train", "en"), ("copa", "dev", "en"), ("xcopa", "dev", "sw"), ("xcopa", "test", "sw")]
    names = [find_files(get_task(t), split, code, DataSettings(root=str(tmp_path)))[0].name for t, split, code in found]
    assert names == ["train.en.jsonl", "val.en.jsonl", "val.sw.jsonl", "test.sw.jsonl"]


@pytest.mark.parametrize("name", ["copa/val-en.jsonl", "xcopa/val.en.jsonl"])
def test_english_copa_stands_for_xcopa_in_english(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text(json.dumps(COPA))
    data = DataSettings(root=str(tmp_path))
    assert find_files(get_task("xcopa"), "dev", "en", data) == find_files(get_task("copa"), "dev", "en", data)
