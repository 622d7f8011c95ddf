"""The official layouts of qqp, ccg, panx, udpos and xnli below `data.root`, and which of several files is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stilts.config import DataSettings
from stilts.data.sources import find_files, read_examples
from stilts.errors import InputError
from stilts.tasks import get_task
from stilts.tasks.examples import PairExample, TaggingExample


class Root:
    """A `data.root` that a test fills."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, path: str, content: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_bytes(content.encode())

    def read(self, task: str, split: str = "train", code: str = "en") -> list[Any]:
        return read_examples(get_task(task), split, code, DataSettings(root=str(self.folder)))[0]

    def found(self, task: str, split: str = "train", code: str = "en") -> list[str]:
        paths = find_files(get_task(task), split, code, DataSettings(root=str(self.folder)))
        return [path.relative_to(self.folder).as_posix() for path in paths]


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path)


# --- qqp

QQP = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\r\n"


def test_qqp_without_its_broken_rows(root: Root) -> None:
    """A line end within a question leaves two rows with too few columns, and perhaps a blank one between them."""
    rows = '7\t1\t2\tHow "so?\tWhy?\t1\r\n8\t3\t4\tHow\n\nmany?\tHow much?\t0\r\n9\t5\t6\tWhat?\t\t0\r\n'
    root.put("qqp/glue_data/QQP/train.tsv", QQP + rows)
    assert root.read("qqp") == [PairExample("7", 'How "so?', "Why?", "1"), PairExample("9", "What?", "", "0")]


def test_qqp_with_a_wrong_label_is_refused(root: Root) -> None:
    root.put("qqp/glue_data/QQP/dev.tsv", QQP + "1\t1\t2\ta\tb\tyes\n")
    with pytest.raises(InputError, match=r"QQP/dev\.tsv, row 2: unknown label 'yes'; expected one of 0, 1"):
        root.read("qqp", "dev")


# --- xnli

XNLI = "language\tgold_label\tsentence1_binary_parse\tsentence1\tsentence2\tpairID\n"


def test_xnlis_own_file_of_all_languages_goes_before_xtremes_unlabelled_copy(root: Root) -> None:
    root.put("xnli/test-de.tsv", "A\tB\r\n")
    assert root.read("xnli", "test", "de") == [PairExample("1", "A", "B", None)]
    content = XNLI + 'ar\tneutral\t( \tx\ty\t1\r\nde\tentailment\t( \tA"\tB\t1\r\nde\tneutral\t( \tC\tD\t2\r\n'
    for path in ("xnli/xnli.test.tsv", "xnli/XNLI-1.0/xnli.test.tsv"):
        root.put(path, content)
        assert root.found("xnli", "test", "de") == [path]
        assert root.read("xnli", "test", "de") == [
            PairExample("1", 'A"', "B", "entailment"), PairExample("2", "C", "D", "neutral")
        ]  # fmt: skip
    assert [e.text_a for e in root.read("xnli", "test", "ar")] == ["x"]


def test_xnlis_machine_translated_training_files(root: Root) -> None:
    for code, text in (("en", "Yes"), ("sw", "Ndiyo")):
        path = f"xnli/XNLI-MT-1.0/multinli/multinli.train.{code}.tsv"
        root.put(path, f"premise\thypo\tlabel\n{text}\tb\tcontradictory\n")
    assert root.read("xnli") == [PairExample("2", "Yes", "b", "contradiction")]
    assert root.read("xnli", "train", "sw") == [PairExample("2", "Ndiyo", "b", "contradiction")]


def test_xtremes_translated_training_data_hold_both_languages(root: Root) -> None:
    root.put("translated.tsv", "Yes\tNo\tNdiyo\tHapana\tcontradiction\r\n")
    files = {"xnli": {"train": dict.fromkeys(("en", "sw"), "translated.tsv")}}
    data = DataSettings(root=str(root.folder), files=files)
    texts = [read_examples(get_task("xnli"), "train", code, data)[0] for code in ("en", "sw")]
    assert texts == [
        [PairExample("1", "Yes", "No", "contradiction")], [PairExample("1", "Ndiyo", "Hapana", "contradiction")]
    ]  # fmt: skip


def test_pawsxs_translated_training_data(root: Root) -> None:
    root.put("pawsx/x-final/de/translated_train.tsv", "id\tsentence1\tsentence2\tlabel\n1\tA\tB\t0\n")
    assert root.read("pawsx", "train", "de") == [PairExample("1", "A", "B", "0")]


# --- panx and udpos


def test_wikianns_language_before_each_word_is_cut_off(root: Root) -> None:
    root.put("panx/dev-de.tsv", "de:Rom\tB-LOC\r\nde:de:\tO\r\nde:\tO\r\nde:\u3000\tO\r\n\r\n\r\nde:#\tO\r\n")
    assert root.read("panx", "dev", "de") == [
        TaggingExample("row1", ("Rom", "de:", "", "\u3000"), ("B-LOC", "O", "O", "O")),
        TaggingExample("row7", ("#",), ("O",)),
    ]


def test_xtremes_lines_without_the_language(root: Root) -> None:
    """A word that happens to begin like a language keeps it; an empty word keeps its tag; test files have no tags."""
    root.put("panx/train-en.tsv", 'en:x\tB-ORG\n"\tI-ORG\n\tO\n\nRome\tB-LOC\n')
    assert root.read("panx") == [
        TaggingExample("row1", ("en:x", '"', ""), ("B-ORG", "I-ORG", "O")),
        TaggingExample("row5", ("Rome",), ("B-LOC",)),
    ]
    root.put("panx/test-en.tsv", "en:Rome\nen:x\n\nen:y\n")
    assert root.read("panx", "test") == [
        TaggingExample("row1", ("Rome", "x"), None), TaggingExample("row4", ("y",), None)
    ]  # fmt: skip


def test_panx_with_an_unknown_tag_is_refused(root: Root) -> None:
    root.put("panx/dev-en.tsv", "en:Rome\tLOC\n")
    with pytest.raises(InputError, match=r"dev-en\.tsv, row 1: unknown tag 'LOC'; expected one of B-LOC"):
        root.read("panx", "dev")


def test_xtremes_udpos_goes_before_the_treebanks(root: Root) -> None:
    root.put("udpos/dev-de.tsv", "a\tX\n")
    root.put("ud/UD_German-GSD/de_gsd-ud-dev.conllu", "1\tzu\t_\tADP\t_\t_\t2\tcase\t_\t_\n\n")
    root.put("ud/UD_German-HDT/de_hdt-ud-dev.conllu", "1\tdem\t_\tDET\t_\t_\t2\tdet\t_\t_\n\n")
    assert [e.words for e in root.read("udpos", "dev", "de")] == [("zu",), ("dem",)]
    root.put("udpos_xtreme/dev-de.tsv", "zum\tADP\r\n\r\n")
    assert root.read("udpos", "dev", "de") == [TaggingExample("row1", ("zum",), ("ADP",))]


# --- ccg

LEAVES = (
    "(<T S[dcl] 0 2> (<L NP NNP NNP Vinken NP>) (<T S[dcl]\\NP 0 2> (<L (S[dcl]\\NP)/NP VBZ VBZ reads "
    "(S[dcl]\\NP_1)/NP_2>) (<L NP NNS NNS -LRB- NP>) ) )"
)
AUTO = f"ID=wsj_0001.1 PARSER=GOLD NUMPARSE=1\n{LEAVES}\n"


def test_ccg_lines(root: Root) -> None:
    root.put("ccg/train.tsv", "Vinken reads .\tNP (S[dcl]\\NP)/NP .\r\nYes\tN \r\n")
    assert root.read("ccg") == [
        TaggingExample("1", ("Vinken", "reads", "."), ("NP", "(S[dcl]\\NP)/NP", ".")),
        TaggingExample("2", ("Yes",), ("N",)),
    ]
    root.put("ccg/test.tsv", "Vinken reads .\n")
    assert root.read("ccg", "test") == [TaggingExample("1", ("Vinken", "reads", "."), None)]


def test_ccgbanks_folders_by_the_usual_sections(root: Root) -> None:
    for section in ("00", "01", "02", "09", "10", "19", "20", "21", "22", "23", "24"):
        root.put(f"ccg/AUTO/{section}/wsj_{section}01.auto", AUTO)
    sections = {split: [path.split("/")[2] for path in root.found("ccg", split)] for split in ("train", "dev", "test")}
    assert sections == {"train": ["02", "09", "10", "19", "20", "21"], "dev": ["00"], "test": ["23"]}
    words, tags = ("Vinken", "reads", "-LRB-"), ("NP", "(S[dcl]\\NP)/NP", "NP")
    assert root.read("ccg", "dev") == [TaggingExample("wsj_0001.1", words, tags)]
    assert [e.id for e in root.read("ccg")][:2] == ["wsj_0001.1", "wsj_0001.1#2"]


def test_a_folder_of_ones_own_and_an_override(root: Root) -> None:
    root.put("ccg/dev/a.auto", AUTO)
    assert root.found("ccg", "dev") == ["ccg/dev/a.auto"]
    root.put("mine/02/b.auto", AUTO)
    data = DataSettings(root=str(root.folder), files={"ccg": {"train": {"en": "mine"}}})
    assert len(read_examples(get_task("ccg"), "train", "en", data)[0]) == 1


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("ccg/train.tsv", "a b\tN\n", "row 1: 2 words and 1 tags; expected a tag for every word"),
        ("ccg/train.tsv", "a b\tN  N\n", "row 1: 2 words and 2 tags"),
        ("ccg/train.tsv", "a\tN\na b\n", "row 2: 1 columns separated by tabs; expected 2 as in row 1"),
        ("ccg/train.tsv", "1\ta\tN\n", "row 1: 3 columns separated by tabs; expected a text, a tab and its tags"),
        ("ccg/train/x.auto", LEAVES + "\n", "row 1: the row begins with '(<T S[dcl] 0 2> (<L '; expected ID="),
        ("ccg/train/x.auto", "ID=1\nID=2\n", "row 2: the row begins with 'ID=2'; expected the derivation"),
        ("ccg/train/x.auto", "ID=1\n(<T S 0 1> )\n", "row 2: the derivation has no leaf"),
    ],
)
def test_malformed_ccg(root: Root, path: str, content: str, message: str) -> None:
    root.put(path, content)
    with pytest.raises(InputError) as caught:
        root.read("ccg")
    assert f"{root.folder / path}, {message}" in str(caught.value)


def test_a_root_with_brackets_in_its_name_is_no_pattern(tmp_path: Path) -> None:
    root = Root(tmp_path / "data [v1]")
    root.put("ccg/AUTO/02/a.auto", AUTO)
    assert len(root.read("ccg")) == 1


def test_every_place_that_was_tried_is_named(root: Root) -> None:
    with pytest.raises(InputError) as caught:
        root.read("ccg")
    for name in ("ccg/train.tsv", "ccg/train", "ccg/AUTO/0[2-9] + ccg/AUTO/1[0-9] + ccg/AUTO/2[01]"):
        assert str(root.folder / name) in str(caught.value)
