"""Every official file at hand is read, and gives as many examples as its manifest says."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from stilts.config import DataSettings
from stilts.data.sources import find_files, read_examples
from stilts.errors import InputError
from stilts.tasks import TASKS, get_task, languages_of
from stilts.tasks.base import Task
from stilts.tasks.examples import SpanExample

ABSENT = {"bucc2018", "mewslix", "qqp", "ccg", "panx", "copa"}  # English data sets and entities that are not at hand


def manifest(root: Path) -> dict[str, int]:
    """Path -> number of examples."""
    with open(root / "MANIFEST.tsv", encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["path"]: int(row["examples"]) for row in rows if row["examples"]}


def present(root: Path) -> Iterator[tuple[Task, str, str]]:
    """Every split and language of a declared task whose files are there."""
    for task in TASKS.values():
        for split in task.files:
            for language in languages_of(task, "xtreme_r"):
                try:
                    find_files(task, split, language, DataSettings(root=str(root)))
                except InputError:
                    continue
                yield task, split, language


def test_every_file_gives_the_number_of_examples_of_the_manifest(real_data: Path) -> None:
    expected, seen = manifest(real_data), set()
    for task, split, language in present(real_data):
        examples, paths = read_examples(task, split, language, DataSettings(root=str(real_data)))
        names = [path.relative_to(real_data).as_posix() for path in paths]
        seen.add(task.name)
        counted = expected[names[0]] if task.format == "retrieval" else sum(expected[name] for name in names)
        assert len(examples) == counted, names
        assert len({example.id for example in examples}) == len(examples)
    assert seen == set(TASKS) - ABSENT


@pytest.mark.parametrize(
    ("task", "path", "count"),
    [
        ("snli", "snli/glue_data/SNLI/train.tsv", 240),
        ("snli", "snli/glue_data/SNLI/dev.tsv", 240),
        ("mnli", "mnli/glue_data/MNLI/train.more.tsv", 3000),
        ("pawsx", "pawsx/x-final/zh/dev_2k.tsv", 600),
        ("squad_v1", "lareqa/xquad-r/en.json", 332),
    ],
)
def test_other_official_files_through_an_override(real_data: Path, task: str, path: str, count: int) -> None:
    data = DataSettings(root=str(real_data), files={task: {"train": {"en": path}}})
    assert len(read_examples(get_task(task), "train", "en", data)[0]) == count


def test_files_without_labels(real_data: Path) -> None:
    data = DataSettings(root=str(real_data))
    assert {e.answers for e in read_examples(get_task("tydiqa"), "dev", "sw", data)[0]} == {None}
    assert {e.label for e in read_examples(get_task("xnli"), "test", "de", data)[0]} == {None}
    assert {e.label for e in read_examples(get_task("pawsx"), "test", "de", data)[0]} == {"0", "1"}  # the official file
    assert {e.label for e in read_examples(get_task("pawsx"), "test", "en", data)[0]} == {None}


def test_every_answer_is_where_the_reader_says(real_data: Path) -> None:
    answers = 0
    for task, split, language in present(real_data):
        if task.format != "span":
            continue
        for example in read_examples(task, split, language, DataSettings(root=str(real_data)))[0]:
            assert isinstance(example, SpanExample)
            for text, start in example.answers or ():
                answers += 1
                assert example.context[start : start + len(text)] == text
    assert answers == 22325


def test_every_word_has_a_tag(real_data: Path) -> None:
    words = rows = 0
    for task, split, language in present(real_data):
        if task.format == "tagging":
            for path in find_files(task, split, language, DataSettings(root=str(real_data))):
                rows += len(re.findall(r"^[0-9]+\t", path.read_text("utf-8"), re.MULTILINE))  # no 1-2, no 8.1
            for example in read_examples(task, split, language, DataSettings(root=str(real_data)))[0]:
                assert example.tags is not None
                assert len(example.tags) == len(example.words)
                assert set(example.tags) <= set(task.labels)
                words += len(example.words)
    assert words == rows > 80_000


@pytest.mark.parametrize("task", ["panx", "udpos"])
def test_the_benchmarks_own_lines_of_tags(real_data: Path, tmp_path: Path, task: str) -> None:
    """The mock data hold a tag a line: with words before them, and WikiAnn's language before those, they are read."""
    for code in languages_of(task):
        tags = (real_data / f"xtreme_mock_test_data/labels/{task}/test-{code}.tsv").read_text("utf-8").splitlines()
        for prefix, end in (("", "\n"), (f"{code}:", "\r\n")):
            path = tmp_path / f"{task}/test-{code}.tsv"
            path.parent.mkdir(exist_ok=True)
            content = end.join(f"{prefix}w{row}\t{tag}" if tag else "" for row, tag in enumerate(tags, start=1)) + end
            path.write_bytes(content.encode())
            read, _ = read_examples(get_task(task), "test", code, DataSettings(root=str(tmp_path)))
            found = [pair for example in read for pair in zip(example.words, example.tags or (), strict=True)]
            assert found == [(f"w{row}", tag) for row, tag in enumerate(tags, start=1) if tag]


def test_squad_2_has_questions_without_an_answer(real_data: Path) -> None:
    examples, _ = read_examples(get_task("squad_v2"), "dev", "en", DataSettings(root=str(real_data)))
    assert sum(isinstance(e, SpanExample) and e.answers == () for e in examples) == 952
