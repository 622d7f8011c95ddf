"""BUCC's files: two corpora with ids, and gold pairs."""

from __future__ import annotations

from pathlib import Path

import pytest

from stilts.config import DataSettings
from stilts.data.parts import check_pairs, has_label
from stilts.data.sources import find_files, read_examples
from stilts.data.specs import SetSpec
from stilts.errors import InputError
from stilts.tasks import get_task

TASK = get_task("bucc2018")
GERMAN = {f"de-{i}": f'Satz "{i}' for i in range(12)}
ENGLISH = {f"en-{i}": f"sentence {i} " for i in range(8)}
GOLD = [("de-1", "en-7"), ("de-5", "en-2"), ("de-9", "en-0"), ("de-9", "en-1")]


def write(root: Path, split: str = "dev", gold: bool = True, ends: str = "\n") -> DataSettings:
    folder = root / "bucc2018"
    folder.mkdir(exist_ok=True)
    for end, rows in (("de", GERMAN.items()), ("en", ENGLISH.items()), ("gold", GOLD)):
        if end != "gold" or gold:
            text = "".join("\t".join(row) + ends for row in rows)
            (folder / f"de-en.{split}.{end}").write_bytes(text.encode())
    return DataSettings(root=str(root))


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_all_sentences_of_both_sides_with_their_matches(tmp_path: Path, ends: str) -> None:
    examples, paths = read_examples(TASK, "dev", "de", write(tmp_path, ends=ends))
    assert [path.suffix for path in paths] == [".de", ".en", ".gold"]
    assert {e.id: e.text for e in examples if e.side == 0} == GERMAN
    assert {e.id: e.text for e in examples if e.side == 1} == {name: text.strip() for name, text in ENGLISH.items()}
    matches = {example.id: example.matches for example in examples}
    assert (matches["de-1"], matches["de-9"], matches["de-0"]) == (("en-7",), ("en-0", "en-1"), ())
    assert (matches["en-7"], matches["en-1"], matches["en-5"]) == (("de-1",), ("de-9",), ())


def test_the_first_ones_are_a_fair_sample_with_whole_pairs(tmp_path: Path) -> None:
    examples, _ = read_examples(TASK, "dev", "de", write(tmp_path), limit=10)
    ids = {example.id for example in examples}
    assert {e.side for e in examples} == {0, 1}
    whole = [set(pair) <= ids for pair in GOLD]
    assert 1 <= sum(whole) < len(whole)


def test_without_gold_pairs_nothing_is_scored(tmp_path: Path) -> None:
    examples, paths = read_examples(TASK, "test", "de", write(tmp_path, "test", gold=False))
    assert len(paths) == 2
    assert not any(has_label(example) for example in examples)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("de", "de-1 no tab\n", "row 1: 'de-1 no tab' has no id and sentence"),
        ("de", "de-1\ta\nde-1\tb\n", "row 2: the id 'de-1' comes twice"),
        ("de", "en-1\ta\n", "both have the id 'en-1'"),
        ("gold", "de-1\ten-99\n", "row 1: the id 'en-99' is not in .*de-en.dev.en"),
        ("gold", "de-1 en-1\n", "row 1: 'de-1 en-1' is no pair of ids"),
    ],
)
def test_wrong_rows_are_named(tmp_path: Path, name: str, text: str, words: str) -> None:
    data = write(tmp_path)
    (tmp_path / f"bucc2018/de-en.dev.{name}").write_text(text)
    with pytest.raises(InputError, match=words):
        read_examples(TASK, "dev", "de", data)


def test_the_english_file_must_lie_beside_the_other(tmp_path: Path) -> None:
    data = write(tmp_path)
    with pytest.raises(InputError, match="is not the language's corpus"):
        find_files(
            TASK,
            "dev",
            "de",
            DataSettings(files={"bucc2018": {"dev": {"de": str(tmp_path / "bucc2018/de-en.dev.en")}}}),
        )
    (tmp_path / "bucc2018/de-en.dev.en").unlink()
    with pytest.raises(InputError, match=r"no file at .*de-en\.dev\.en"):
        find_files(TASK, "dev", "de", data)


def test_a_limit_that_leaves_no_pair_is_refused(tmp_path: Path) -> None:
    examples, _ = read_examples(TASK, "dev", "de", write(tmp_path))
    spec = SetSpec("bucc2018", "dev", "de", "support", 64, 1, limit=2)
    check_pairs(spec, examples)
    with pytest.raises(InputError, match=r"no gold pair.*data\.limit\.bucc2018\.dev"):
        check_pairs(spec, examples[:2])
