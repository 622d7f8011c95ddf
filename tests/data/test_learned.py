"""What `prepare` learns from the files: the labels of a task that declares none, and whether the sizes are official."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from test_prepare import WORDS, make_tokenizer, opened, squad

from stilts.config import DataSettings, ModelSettings, Study, Target
from stilts.data.prepare import prepare
from stilts.data.sizes import declared_size, size_note, size_of
from stilts.data.specs import SetSpec
from stilts.errors import InputError
from stilts.tasks import TASKS, get_task
from stilts.tasks.examples import BitextExample, PairExample

TRAIN = SetSpec("ccg", "train", "en", "train", 32, 1)
DEV = SetSpec("ccg", "dev", "en", "select", 32, 1)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    make_tokenizer(tmp_path / "model", WORDS)
    root = tmp_path / "raw"
    (root / "ccg").mkdir(parents=True)
    (root / "ccg/train.tsv").write_text("w1 w2 w3\tNP S\\NP .\nw4 w5\tN/N N\n")
    (root / "ccg/dev.tsv").write_text("w6 w7\tS/S N\n")
    return Study(name="s", model=ModelSettings(name=str(tmp_path / "model")), data=DataSettings(root=str(root)))


def test_labels_are_all_tags_of_the_training_file_also_for_other_splits(study: Study, tmp_path: Path) -> None:
    train, dev = opened(tmp_path / "f", study, replace(TRAIN, limit=1), DEV)
    assert train.labels == dev.labels == (".", "N", "N/N", "NP", "S\\NP")
    assert [label for label in train.rows[0]["labels"] if label >= 0] == [3, 4, 0]
    assert dev.examples[0].tags == ("S/S", "N")  # a tag that training never saw is scored as wrong, not refused


def test_a_changed_training_file_makes_the_other_splits_anew(study: Study, tmp_path: Path) -> None:
    opened(tmp_path / "f", study, TRAIN, DEV)
    (Path(study.data.root or "") / "ccg/train.tsv").write_text("w1 w2\tN S/S\n")
    assert opened(tmp_path / "f", study, DEV)[0].labels == ("N", "S/S")


def test_a_development_set_needs_the_training_file(study: Study, tmp_path: Path) -> None:
    (Path(study.data.root or "") / "ccg/train.tsv").unlink()
    with pytest.raises(InputError, match=r"no file at .*ccg/train\.tsv"):
        prepare(study, [DEV], tmp_path / "f", progress=False)


def test_declared_labels_are_not_learned(study: Study, tmp_path: Path) -> None:
    (Path(study.data.root or "") / "panx").mkdir()
    (Path(study.data.root or "") / "panx/train-en.tsv").write_text("en:w1\tB-LOC\n")
    (panx,) = opened(tmp_path / "f", study, SetSpec("panx", "train", "en", "train", 32, 1))
    assert (panx.labels, panx.rows[0]["labels"][1]) == ((), 0)


# --- placeholders

PAWSX = "id\tsentence1\tsentence2\tlabel\n1\tNS\tw1\t0\n2\tw1 w2\tw2 w1\t1\n3\tw3\t\t0\n"


def test_placeholders_are_scored_and_not_trained_on(study: Study, tmp_path: Path) -> None:
    folder = Path(study.data.root or "") / "pawsx/x-final/en"
    folder.mkdir(parents=True)
    for name in ("train", "dev_2k"):
        (folder / f"{name}.tsv").write_text(PAWSX)
    kinds = [SetSpec("pawsx", split, "en", kind, 32, 2) for split, kind in (("train", "train"), ("dev", "evaluate"))]
    study = replace(study, data=replace(study.data, exclude_overlap=False))
    train = opened(tmp_path / "a", study, kinds[0])[0]
    dev = opened(tmp_path / "b", study, kinds[1])[0]
    assert [e.id for e in train.examples] == ["2"]
    assert [e.id for e in dev.examples] == ["1", "2", "3"]
    assert len(dev.rows) == 3


def test_a_row_of_mnli_without_a_text_is_scored_and_not_trained_on(
    study: Study, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No row of a reported set is lost, and one empty text of a long file stops nothing."""
    folder = Path(study.data.root or "") / "xnli"
    folder.mkdir()
    for name in ("train-en", "dev-en", "test-en"):
        (folder / f"{name}.tsv").write_text("w1\tw2\tneutral\nw3\t \tneutral\nw4\tw5\tentailment\n")
    train, dev, test = (
        opened(tmp_path / split, study, SetSpec("xnli", split, "en", purpose, 32, 1))[0]
        for split, purpose in (("train", "train"), ("dev", "select"), ("test", "evaluate"))
    )
    assert [len(one.examples) for one in (train, dev, test)] == [2, 3, 3]
    assert [one.manifest["without_text"] for one in (train, dev, test)] == [1, 0, 0]
    assert len(test.rows) == 3
    assert [line for line in caplog.messages if "lack a text" in line] == [
        "xnli/train/en: left out 1 examples that lack a text"
    ]


# --- sizes


def note(study: Study, tmp_path: Path, caplog: pytest.LogCaptureFixture, *specs: SetSpec) -> str:
    caplog.clear()
    with caplog.at_level(logging.WARNING, "stilts.data.prepare"):
        prepare(study, specs, tmp_path / "f", progress=False)
    found = [r.getMessage() for r in caplog.records if "official release" in r.getMessage()]
    assert len(found) <= 1
    return found[0] if found else ""


def test_sizes_that_differ_are_said_each_time(study: Study, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = Path(study.data.root or "")
    (root / "xquad").mkdir()
    for code in ("ar", "de", "el", "es"):
        (root / f"xquad/xquad.{code}.json").write_text(squad(range(4)))
    specs = [TRAIN, *(SetSpec("xquad", "test", code, "evaluate", 32, 1) for code in ("ar", "de", "el", "es"))]
    expected = (
        "examples that differ from the official release: ccg/train/en has 2 of 38,015 (unverified); "
        "xquad/test/ar,de,el and 1 more has 4 of 1,190"
    )
    assert note(study, tmp_path, caplog, *specs) == expected
    assert note(study, tmp_path, caplog, *specs) == expected  # also where all sets are there


def test_sizes_are_not_compared_where_another_set_is_meant(
    study: Study, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert "38,015" in note(study, tmp_path, caplog, TRAIN)
    limited = replace(study, data=replace(study.data, limit={"ccg": {"train": 1}}))
    assert note(limited, tmp_path, caplog, replace(TRAIN, limit=1)) == ""
    other = replace(study, data=replace(study.data, files={"ccg": {"train": {"en": "ccg/train.tsv"}}}))
    assert note(other, tmp_path, caplog, TRAIN) == ""


def test_official_sizes_are_no_news() -> None:
    data = DataSettings(root="x")
    whole = [(spec, declared_size(get_task(spec.task), spec.split, spec.language)) for spec in every_declared_set()]
    assert len(whole) > 200
    assert size_note([(spec, size) for spec, size in whole if size is not None], data) == ""
    assert size_note([(SetSpec("ccg", "dev", "en", "select", 8, 1), 5)], data) == ""  # nothing is declared
    assert declared_size(get_task("xnli"), "dev", "qaa") is None  # an invented language has no official release
    assert declared_size(get_task("xquad"), "test", "ro") == 1190


def test_the_size_of_two_corpora_is_their_gold_pairs() -> None:
    corpora = [BitextExample("d1", "eins", 0, ("e1", "e2")), BitextExample("e1", "one", 1, ("d1",))]
    corpora += [BitextExample("e2", "a one", 1, ("d1",)), BitextExample("d2", "zwei", 0, ())]
    assert size_of(corpora) == 2
    assert size_of([BitextExample("d1", "eins", 0, None)]) is None
    assert size_of([PairExample("1", "a", "b", None)] * 3) == 3


def every_declared_set() -> list[SetSpec]:
    return [
        SetSpec(task.name, split, language, "evaluate", 8, task.version)
        for task in TASKS.values()
        for split, sizes in task.sizes.items()
        for language in (task.languages if "*" in sizes else sizes)
    ]


def test_a_part_is_compared_as_the_whole_it_is_taken_from(
    study: Study, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = Path(study.data.root or "")
    (root / "squad").mkdir()
    (root / "squad/train-v1.1.json").write_text(squad(range(40)))
    study = replace(study, target=Target(tasks=["xquad"]))
    heldout = SetSpec("squad_v1", "train", "en", "select", 64, 1, "heldout")
    assert "squad_v1/train/en has 40 of 87,599" in note(study, tmp_path, caplog, heldout)
