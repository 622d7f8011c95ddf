"""Starts of a run fence off earlier ones."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from stilts.distributed import World
from stilts.training.attempt import Attempt, Superseded

ALONE = World(0, 1, 0, torch.device("cpu"))


def staged(attempt: Attempt, text: str) -> Path:
    folder = attempt.stage("thing")
    (folder / "file").write_text(text)
    return folder


def test_what_is_staged_appears_by_one_rename(tmp_path: Path) -> None:
    attempt = Attempt.begin(tmp_path, ALONE)
    attempt.commit(staged(attempt, "one"), tmp_path / "thing")
    assert (tmp_path / "thing/file").read_text() == "one"
    attempt.commit(staged(attempt, "two"), tmp_path / "thing")
    assert (tmp_path / "thing/file").read_text() == "two"
    assert list(attempt.staging.iterdir()) == []
    attempt.discard(tmp_path / "thing")
    attempt.discard(tmp_path / "never there")
    assert not (tmp_path / "thing").exists()
    attempt.close()
    assert not attempt.staging.exists()


def test_an_older_start_can_do_nothing_any_more(tmp_path: Path) -> None:
    old = Attempt.begin(tmp_path, ALONE)
    old.commit(staged(old, "committed"), tmp_path / "first")
    ready = staged(old, "late")
    new = Attempt.begin(tmp_path, ALONE)
    assert new.current()
    assert not old.current()
    for act in (
        old.check,
        lambda: old.commit(ready, tmp_path / "second"),
        lambda: old.stage("other"),
        lambda: old.discard(tmp_path / "first"),
    ):
        with pytest.raises(Superseded, match="a later start of this run has taken over"):
            act()
    assert (tmp_path / "first/file").read_text() == "committed"
    assert not (tmp_path / "second").exists()
    new.commit(staged(new, "new"), tmp_path / "second")
    assert sorted(path.name for path in tmp_path.glob(".*") if path.is_dir()) == [new.staging.name]


def test_every_rank_can_be_told() -> None:
    error = Superseded(Path("runs/one"))
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (Superseded, str(error))


def test_leftovers_of_a_killed_sweep_go(tmp_path: Path) -> None:
    (tmp_path / ".swept-0123/engine").mkdir(parents=True)
    (tmp_path / ".attempt-dead/step").mkdir(parents=True)
    new = Attempt.begin(tmp_path, ALONE)
    assert [path for path in tmp_path.glob(".*") if path.is_dir()] == [new.staging]


def test_a_replacement_by_an_older_start_leaves_what_was_there(tmp_path: Path) -> None:
    """The older start loses its staging folder between its own look and the rename."""
    old = Attempt.begin(tmp_path, ALONE)
    old.commit(staged(old, "one"), tmp_path / "thing")
    ready = staged(old, "two")
    Attempt.begin(tmp_path, ALONE)
    with pytest.raises(Superseded):
        old.commit(ready, tmp_path / "thing")
    assert (tmp_path / "thing/file").read_text() == "one"
