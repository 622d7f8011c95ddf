"""Sets on a node's own disk: whole or not there, current or not used."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
import yaml

from stilts.config import RunSettings, SetRef
from stilts.data import staged
from stilts.data.staged import LOCAL, copies_of, open_set
from stilts.data.store import write_set
from stilts.settings import plain
from stilts.slurm import stage
from stilts.tasks.examples import PairExample

MNLI, XNLI = SetRef("mnli", "train", "en", "mnli/train-en-1"), SetRef("xnli", "dev", "de", "xnli/dev-de-2")


def make(study: Path, ref: SetRef, text: str = "one") -> None:
    example = PairExample("1", text, "two", "neutral")
    row = {"input_ids": [0, 5, 2], "label": 1, "example": 0}
    write_set(study / "features" / ref.folder, "pair", [example], [row], {"made": text})


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study's folder with a run of two sets, and a node's disk beside it."""
    monkeypatch.setenv(LOCAL, str(tmp_path / "local"))
    folder = tmp_path / "study"
    for ref in (MNLI, XNLI):
        make(folder, ref)
    run = RunSettings(
        "s", "run", "target", "none", {"target": 1, "intermediate": None}, "0123456789ab",
        train_sets=[MNLI], selection_sets=[XNLI], evaluation_sets=[XNLI],
    )  # fmt: skip
    path = folder / "runs/run/run.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(plain(run)))
    return folder


def run_stage(study: Path) -> int:
    return stage.main([str(study), "run", str(study.parent / "local")])


def where(study: Path, ref: SetRef) -> Path:
    return open_set(study / "features", ref).folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_reads_the_copies(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    features = study / "features"
    assert where(study, MNLI) == features / MNLI.folder
    assert run_stage(study) == 0
    assert "2 of 2 sets" in capsys.readouterr().out
    local = copies_of(features, study.parent / "local")
    for ref in (MNLI, XNLI):
        assert where(study, ref) == local / ref.folder
        assert files(local / ref.folder) == files(features / ref.folder)
    assert len(open_set(features, MNLI).rows) == 1
    before = (local / MNLI.folder / "examples.jsonl").stat()
    assert run_stage(study) == 0
    assert "2 were there, 0.0 MiB copied" in capsys.readouterr().out
    assert (local / MNLI.folder / "examples.jsonl").stat() == before


def test_without_the_variable_nothing_local_is_read(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_stage(study)
    monkeypatch.delenv(LOCAL)
    assert where(study, MNLI) == study / "features" / MNLI.folder


def test_a_set_that_was_made_again_is_copied_again(study: Path) -> None:
    run_stage(study)
    make(study, MNLI, "longer than before")
    assert where(study, MNLI) == study / "features" / MNLI.folder
    run_stage(study)
    assert open_set(study / "features", MNLI).manifest["made"] == "longer than before"
    assert where(study, MNLI) != study / "features" / MNLI.folder


@pytest.mark.parametrize("damage", ["cut", "lost", "left over"])
def test_a_copy_that_is_not_whole_is_made_again(study: Path, damage: str) -> None:
    run_stage(study)
    copy = where(study, MNLI)
    assert copy != study / "features" / MNLI.folder
    if damage == "cut":
        (copy / "rows/00000.arrow").write_bytes(b"")
    elif damage == "lost":
        (copy / "examples.jsonl").unlink()
    else:
        (copy / "manifest.json").unlink()
        shutil.copytree(copy, copy.with_name(f".{copy.name}.tmp"))
        assert where(study, MNLI) == study / "features" / MNLI.folder
    run_stage(study)
    assert files(where(study, MNLI)) == files(study / "features" / MNLI.folder)
    assert where(study, MNLI) == copy
    assert not list(copy.parent.glob(".*.tmp"))


def test_no_room(study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run_stage(study)
    make(study, MNLI, "again")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(staged.shutil, "disk_usage", lambda path: usage(9, 9, 3))
    capsys.readouterr()
    assert run_stage(study) == 0
    out = capsys.readouterr().out
    assert "3 are free" in out
    assert "1 of 2 sets" in out
    assert where(study, MNLI) == study / "features" / MNLI.folder
    assert where(study, XNLI) != study / "features" / XNLI.folder


def test_a_disk_that_fails_while_it_is_copied(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(staged, "sync_file", full)
    assert run_stage(study) == 0
    assert where(study, MNLI) == study / "features" / MNLI.folder
    assert not [path for path in (study.parent / "local").rglob("*") if path.is_dir() and path.name.endswith(".tmp")]


def test_a_folder_that_cannot_be_made(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (study.parent / "local").write_text("a file")
    assert run_stage(study) == 0
    assert "0 of 2 sets" in capsys.readouterr().out
    assert where(study, XNLI) == study / "features" / XNLI.folder


def test_a_run_that_is_not_there(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert stage.main([str(study), "other", "/"]) == 2
    assert "other" in capsys.readouterr().err


def test_several_jobs_on_a_node_at_once(study: Path) -> None:
    words = [sys.executable, "-m", "stilts.slurm.stage", str(study), "run", str(study.parent / "local")]
    started = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) for _ in range(3)]
    said = [process.communicate(timeout=60)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0]
    copied = [line for line in said if "2 of 2 sets" in line and "0 were there" in line]
    assert all("2 of 2 sets" in line for line in said)
    assert len(copied) <= 1
    assert where(study, MNLI) != study / "features" / MNLI.folder
