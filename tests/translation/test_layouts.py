"""What is written is what the readers read: every translatable task, in its official layout and in XTREME's."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from fake_translators import swapped, translating

from stilts.config import DataSettings
from stilts.data.parts import take_part
from stilts.data.sources import read_examples
from stilts.errors import InputError
from stilts.tasks import TASKS, get_task
from stilts.tasks.examples import ChoiceExample, PairExample, SpanExample, TextExample
from stilts.tasks.translations import is_translatable
from stilts.translation.carry import Carrier
from stilts.translation.layouts import official_path, write_official, write_xtreme, xtreme_path
from stilts.translation.records import read_records
from stilts.translation.settings import TranslationSettings

NLI = "pairID\tsentence1\tsentence2\tgold_label\na\tOne. Two.\tThree\tneutral\nb\tFour\tFive\tentailment\n"
JSON_NLI = [{"gold_label": "neutral", "sentence1": "One", "sentence2": "Two", "pairID": "a"}]
SQUAD: dict[str, Any] = {
    "data": [
        {
            "title": "T",
            "paragraphs": [
                {
                    "context": "Alpha beta. Gamma [1] delta.",
                    "qas": [
                        {"id": "q1", "question": "Where?", "answers": [{"text": "Gamma", "answer_start": 12}]},
                        {"id": "q2", "question": "Who?", "answers": [{"text": "Alpha ", "answer_start": 0}]},
                    ],
                }
            ],
        }
    ]
}
SQUAD2: dict[str, Any] = json.loads(json.dumps(SQUAD))
SQUAD2["data"][0]["paragraphs"][0]["qas"].append({"id": "q3", "question": "Why?", "answers": [], "is_impossible": True})
CSQA = {"id": "c", "answerKey": "B", "question": {"stem": "Where?", "question_concept": "x", "choices": [
    {"label": "A", "text": "Here"}, {"label": "B", "text": "There"}]}}  # fmt: skip
COSMOS = 'id,context,question,answer0,answer1,answer2,answer3,label\nx,"Al, so",Why?,"A ""b""",C,D,E,2\n'
SOURCES = {
    "mnli": ("mnli/glue_data/MNLI/train.tsv", NLI),
    "snli": ("snli/snli_1.0/snli_1.0_train.jsonl", "\n".join(map(json.dumps, JSON_NLI))),
    "anli": ("anli/anli_v1.0/R2/train.jsonl", json.dumps(
        {"uid": "u", "context": "One", "hypothesis": "Two", "label": "c"})),
    "qqp": ("qqp/glue_data/QQP/train.tsv",
            "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n7\t1\t2\tHow?\tWhy?\t1\n"),
    "pawsx": ("pawsx/xtreme/train-en.tsv", "One\tTwo\t1\nThree\tNS\t0\n"),
    "squad_v1": ("squad/train-v1.1.json", json.dumps(SQUAD)),
    "squad_v2": ("squad/train-v2.0.json", json.dumps(SQUAD2)),
    "tydiqa": ("tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.en.train.json", json.dumps(SQUAD)),
    "hellaswag": ("hellaswag/hellaswag_train.jsonl", json.dumps(
        {"ind": 4, "ctx_a": "A man.", "ctx_b": "he", "endings": ["runs.", "sits."], "label": 1})),
    "commonsenseqa": ("commonsenseqa/train_rand_split.jsonl", json.dumps(CSQA)),
    "cosmosqa": ("cosmosqa/train.csv", COSMOS),
    "socialiqa": ("socialiqa/socialIQa_v1.4_trn.jsonl", json.dumps(
        {"context": "Al", "question": "Why?", "answerA": "A", "answerB": "B", "answerC": "C", "correct": "C"})),
    "copa": ("copa/train-en.jsonl", json.dumps(
        {"premise": "It fell.", "choice1": "Wind", "choice2": "Sun", "question": "cause", "label": 0, "idx": 3})),
    "mlm": ("mlm_text/en.txt", "One line.\n\n  Two  lines. \n"),
}  # fmt: skip


def of_task(name: str, root: Path) -> DataSettings:
    task, (path, content) = get_task(name), SOURCES[name]
    assert any(
        Path(path).match(one.format(language="en", iso3="eng", name="english"))
        for pattern in task.files["train"].split("|")
        for one in pattern.split(" + ")
    ), task.files
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(content, encoding="utf-8")
    return DataSettings(root=str(root))


def swapped_example(example: Any) -> Any:
    """What an example becomes in the other case."""
    if isinstance(example, PairExample):
        texts = [text if text == "NS" else swapped(text) for text in (example.text_a, example.text_b)]
        return PairExample(example.id, *texts, example.label)
    if isinstance(example, TextExample):
        return swapped(" ".join(example.text.split()))
    assert isinstance(example, SpanExample)
    gold = tuple((swapped(text.strip()), start) for text, start in example.answers or ())
    return SpanExample(example.id, swapped(example.question), swapped(example.context), gold, example.article)


def test_all_are_tested() -> None:
    joined = {name for name, task in TASKS.items() if task.parts}
    assert set(SOURCES) == {name for name, task in TASKS.items() if is_translatable(task)} - joined


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_written_is_read(name: str, tmp_path: Path) -> None:
    data, task, out = of_task(name, tmp_path / "raw"), get_task(name), tmp_path / "out"
    source, paths = read_examples(task, "train", "en", data)
    records = read_records(task, "en", data, None)
    done = Carrier(task, "sw", TranslationSettings(), lambda text: True).carry(records, translating(swapped))
    rows = list(zip(records, done, strict=True))
    assert not any(made.lost for made in done)
    path = official_path(task, "en", "sw", paths, data.root)
    named = {
        "pawsx": "pawsx/xtreme/train-sw.tsv", "mlm": "mlm_text/sw.txt", "anli": "anli/anli_v1.0/R/train.jsonl",
        "tydiqa": "tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.sw.train.json",
    }  # fmt: skip
    assert path == f"translated/en-sw/{named.get(name, SOURCES[name][0])}"
    write_official(task, out / path, rows)
    if task.format == "mlm":
        files = {"mlm": {"train": {"sw": str(out / path)}}}
        assert [e.text for e in read_examples(task, "train", "sw", DataSettings(files=files))[0]] == [
            "oNE LINE.", "tWO  LINES."]  # fmt: skip
        return
    read, found = read_examples(task, "train", "sw", DataSettings(translations=str(out)), translated_from="en")
    assert found == [out / path]
    assert len(read) == len(source)
    for given, made in zip(source, read, strict=True):
        if isinstance(given, ChoiceExample):
            assert (made.id, made.label) == (given.id, given.label)
            kept = given.text.split(" What was the ")  # COPA's question is no field, it stays English
            assert made.text == " What was the ".join([swapped(kept[0]), *kept[1:]])
            assert [choice.strip() for choice in made.choices] == [swapped(choice) for choice in given.choices]
        else:
            assert made == swapped_example(given)
    theirs = xtreme_path(task, "sw")
    assert (theirs is not None) == (name in ("mnli", "pawsx", "squad_v1", "tydiqa"))
    if theirs is not None:
        write_xtreme(task, tmp_path / "xtreme" / theirs, rows)
        again = read_examples(task, "train", "sw", DataSettings(root=str(tmp_path / "xtreme")), translated_from="en")[0]
        ids = [str(number) for number in range(1, len(read) + 1)] if task.format == "pair" else [e.id for e in read]
        assert [vars(e) for e in again] == [{**vars(e), "id": own} for e, own in zip(read, ids, strict=True)]


def test_xtremes_pairs_hold_the_english_texts(tmp_path: Path) -> None:
    task, data = get_task("mnli"), of_task("mnli", tmp_path / "raw")
    records = read_records(task, "en", data, 1)
    done = Carrier(task, "sw", TranslationSettings(), lambda text: True).carry(records, translating(swapped))
    write_xtreme(task, tmp_path / "a.tsv", zip(records, done, strict=True))
    assert (tmp_path / "a.tsv").read_text() == "One. Two.\tThree\toNE. tWO.\ttHREE\tneutral\n"


def test_fields_that_are_not_translated_stay(tmp_path: Path) -> None:
    for name in ("commonsenseqa", "cosmosqa"):
        task, data = get_task(name), of_task(name, tmp_path)
        records = read_records(task, "en", data, None)
        done = Carrier(task, "sw", TranslationSettings(), lambda text: True).carry(records, translating(swapped))
        write_official(task, tmp_path / "out" / Path(SOURCES[name][0]).name, zip(records, done, strict=True))
    row = json.loads((tmp_path / "out/train_rand_split.jsonl").read_text())
    assert row["question"] == {"stem": "wHERE?", "question_concept": "x", "choices": [
        {"label": "A", "text": "hERE"}, {"label": "B", "text": "tHERE"}]}  # fmt: skip
    with open(tmp_path / "out/train.csv", newline="") as file:
        [row] = csv.DictReader(file)
    assert row == {"id": "x", "context": "aL, SO", "question": "wHY?", "answer0": 'a "B"', "answer1": "c",
                   "answer2": "d", "answer3": "e", "label": "2"}  # fmt: skip


def test_a_training_set_without_labels_is_refused(tmp_path: Path) -> None:
    data = of_task("mnli", tmp_path)
    (tmp_path / SOURCES["mnli"][0]).write_text("premise\thypothesis\na\tb\n")
    with pytest.raises(InputError, match=r"train\.tsv: the row '2' has no label"):
        read_records(get_task("mnli"), "en", data, None)
    data = of_task("copa", tmp_path)
    (tmp_path / SOURCES["copa"][0]).write_text(SOURCES["copa"][1].replace('"label": 0, ', ""))
    with pytest.raises(InputError, match=r"train-en\.jsonl, row 1: the row has no label"):
        read_records(get_task("copa"), "en", data, None)


def test_articles_without_titles_are_held_out_alike(tmp_path: Path) -> None:
    """As in TyDiQA's files."""
    task, data = get_task("tydiqa"), of_task("tydiqa", tmp_path / "raw")
    content = {"data": [{"paragraphs": [
        {"context": f"Alpha {number}.", "qas": [{"id": f"q{number}", "question": "Who?",
                                                 "answers": [{"text": "Alpha", "answer_start": 0}]}]}
    ]} for number in range(60)]}  # fmt: skip
    (tmp_path / "raw" / SOURCES["tydiqa"][0]).write_text(json.dumps(content))
    records = read_records(task, "en", data, None)
    done = Carrier(task, "sw", TranslationSettings(), lambda text: True).carry(records, translating(swapped))
    write_xtreme(task, tmp_path / "raw" / (xtreme_path(task, "sw") or ""), zip(records, done, strict=True))
    parts = [
        [example.id for example in take_part(read_examples(task, "train", code, data, translated_from=source)[0], part)]
        for part in ("heldout", "rest")
        for code, source in (("en", None), ("sw", "en"))
    ]
    assert parts[0] == parts[1] != []
    assert parts[2] == parts[3]
