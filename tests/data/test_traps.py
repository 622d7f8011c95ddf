"""Traps that real data hold, and the test of each.

| trap | test |
|---|---|
| XTREME's dev files of TyDiQA carry empty answers | `test_sets_without_labels_are_refused` |
| TyDiQA's training files of en, sw and ko at hand are labelled | `test_tydiqas_training_files_are_labelled_and_their_ids_repeat` |
| TyDiQA's training ids repeat | the same; `test_readers.py`: `test_repeated_ids_become_unique` |
| XTREME's test files of XNLI, PAWS-X and PANX carry no labels | `test_sets_without_labels_are_refused`; `test_readers.py`: `test_two_columns_are_unlabelled`; predicted for a submission: `test_unlabelled.py` |
| PAWS-X has "NS" rows | `test_pawsx_keeps_every_row`; `test_learned.py`: `test_placeholders_are_scored_and_not_trained_on` |
| CommonsenseQA holds two equal choices | `test_read_choice.py`: `test_commonsenseqa_holds_equal_choices` |
| the labels of English COPA's test set are placeholders | `test_english_copa_has_no_test_set_to_score` |
| CoNLL-U has multi-word ranges and empty nodes | `test_ranges_and_empty_nodes_are_no_words`; `test_readers.py`: `test_conllu_skips_ranges_...` |
| XTREME's files end lines in CRLF | `test_line_ends_make_no_difference` |
| words of PANX and UDPOS that are white space or that a tokenizer drops | `tests/formats/test_tagging.py`: `test_word_that_the_tokenizer_drops_...`, `test_words_of_panx_...` |
| fields of TSV hold unbalanced quotation marks | `test_unbalanced_quotation_marks_hide_no_row` |
| broken rows of QQP, empty words of PANX, WikiAnn's language before each word | `test_official_layouts.py` |
"""  # noqa: E501

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from stilts.config import DataSettings, Study, Target
from stilts.data.parts import check_usable
from stilts.data.sources import find_files, read_examples
from stilts.data.specs import SetSpec
from stilts.errors import InputError
from stilts.study.targets import planned_languages
from stilts.tasks import get_task


def check(root: Path, task: str, split: str, code: str) -> None:
    """What `prepare` does before it makes an evaluation set."""
    data = DataSettings(root=str(root))
    examples, paths = read_examples(get_task(task), split, code, data)
    check_usable(get_task(task), SetSpec(task, split, code, "evaluate", 128, 1), examples, paths)


def unlabelled(root: Path) -> Iterator[tuple[str, str, str]]:
    """XTREME's copies without labels: those at hand, and one of PANX."""
    (root / "panx").mkdir(exist_ok=True)
    (root / "panx/test-de.tsv").write_bytes(b"Rom\r\nist\r\n\r\nda\r\n")
    yield "panx", "test", "de"
    for name, codes in (("xnli", "de sw"), ("pawsx", "en fr")):
        yield from ((name, "test", code) for code in codes.split())
    yield from (("tydiqa", "dev", code) for code in get_task("tydiqa").languages)


def test_sets_without_labels_are_refused(real_data: Path, tmp_path: Path) -> None:
    for name in ("xnli", "pawsx", "tydiqa"):
        (tmp_path / name).symlink_to(real_data / name)
    for task, split, code in unlabelled(tmp_path):
        with pytest.raises(InputError) as caught:
            check(tmp_path, task, split, code)
        where = get_task(task).labels_at_hand[split]
        for words in (
            "has no labels for",
            "XTREME strips them",
            get_task(task).home_page,
            where,
            f"{task}.{split}.{code}",
        ):
            assert words in str(caught.value)
    check(tmp_path, "pawsx", "test", "de")  # the original file is beside XTREME's copy


@pytest.mark.parametrize(("code", "questions", "ids"), [("en", 1500, 65), ("sw", 1079, 46), ("ko", 705, 63)])
def test_tydiqas_training_files_are_labelled_and_their_ids_repeat(
    real_data: Path, code: str, questions: int, ids: int
) -> None:
    examples, _ = read_examples(get_task("tydiqa"), "train", code, DataSettings(root=str(real_data)))
    assert all(example.answers for example in examples)
    assert len({example.id for example in examples}) == len(examples) == questions
    assert len({example.id.split("#")[0] for example in examples}) == ids


def test_pawsx_keeps_every_row(real_data: Path) -> None:
    """One label a line is what the leaderboard counts, placeholders included."""
    data = DataSettings(root=str(real_data))
    found = {
        code: sum(e.text_a in ("NS", "") or e.text_b in ("NS", "") for e in rows)
        for code in get_task("pawsx").languages
        if len(rows := read_examples(get_task("pawsx"), "dev", code, data)[0]) == 600
    }
    assert found == {"de": 20, "en": 0, "es": 10, "fr": 3, "ja": 11, "ko": 14, "zh": 5}


def test_english_copa_has_no_test_set_to_score() -> None:
    assert set(get_task("copa").files) == {"train", "dev"}
    study = Study(name="s", target=Target(benchmark="xtreme_r", languages={"xcopa": ["en"]}))
    with pytest.raises(InputError, match=r"language 'en' of target\.languages\.xcopa; expected one of et, ht"):
        planned_languages(study, get_task("xcopa"))


def test_ranges_and_empty_nodes_are_no_words(real_data: Path) -> None:
    data, seen = DataSettings(root=str(real_data)), [0, 0]
    for split, code in (("train", "en"), ("dev", "fi"), ("test", "fi"), ("test", "de")):
        (path,) = find_files(get_task("udpos"), split, code, data)
        text = path.read_text(encoding="utf-8")
        examples, _ = read_examples(get_task("udpos"), split, code, data)
        plain = re.findall(r"^\d+\t([^\t]+)", text, re.MULTILINE)
        assert [word for example in examples for word in example.words] == plain
        seen[0] += len(re.findall(r"^\d+-\d+\t", text, re.MULTILINE))
        seen[1] += len(re.findall(r"^\d+\.\d+\t", text, re.MULTILINE))
    assert seen == [414 + 3 + 10 + 59, 4 + 2 + 3]


@pytest.mark.parametrize(
    ("task", "split", "code"),
    [("xnli", "dev", "th"), ("pawsx", "test", "fr"), ("udpos", "dev", "tr"), ("tatoeba", "test", "ja"),
     ("xcopa", "dev", "ta"), ("mnli", "train", "en"), ("snli", "dev", "en"), ("xquad", "test", "hi")],
)  # fmt: skip
def test_line_ends_make_no_difference(real_data: Path, tmp_path: Path, task: str, split: str, code: str) -> None:
    declared = get_task(task)
    examples, paths = read_examples(declared, split, code, DataSettings(root=str(real_data)))
    for path in paths:
        copy = tmp_path / path.relative_to(real_data)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    assert read_examples(declared, split, code, DataSettings(root=str(tmp_path)))[0] == examples


def test_unbalanced_quotation_marks_hide_no_row(real_data: Path) -> None:
    data, odd = DataSettings(root=str(real_data)), 0
    for split in ("train", "dev"):
        (path,) = find_files(get_task("mnli"), split, "en", data)
        examples, _ = read_examples(get_task("mnli"), split, "en", data)
        assert len(examples) == path.read_bytes().count(b"\n") - 1
        texts = [text for e in examples for text in (e.text_a, e.text_b)]
        odd += sum(text.count('"') % 2 for text in texts)
    assert odd > 0
