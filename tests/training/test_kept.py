"""Which checkpoints and best models stay, and what a resume is offered: folders only, no engine."""

from __future__ import annotations

import errno
import json
import logging
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from stilts.config import Training
from stilts.distributed import World
from stilts.errors import StiltsError
from stilts.training import manifest
from stilts.training.attempt import Attempt
from stilts.training.checkpoint import STATE_FILE, Checkpoints, TrainingState, _Pending, due
from stilts.training.shard_writer import Syncing

ALONE = World(0, 1, 0, torch.device("cpu"))


def make(folder: Path, branch_steps: tuple[int, ...] = (), **training: int) -> Checkpoints:
    attempt = Attempt.begin(folder, ALONE)
    (folder / "checkpoints").mkdir(exist_ok=True)
    log = logging.getLogger("kept")
    return Checkpoints(folder / "checkpoints", attempt, Training(**training), ALONE, log, branch_steps)


def commit(kept: Checkpoints, step: int, best_step: int = 0) -> TrainingState:
    """A checkpoint with nothing but a state, committed as `save` does it."""
    state = TrainingState(step, 1, best_step=best_step)
    staged = kept._stage(state, 0, "failed")
    kept._commit(_Pending(staged, state, "failed", Syncing([])), {})
    return state


def names(kept: Checkpoints) -> list[str]:
    return sorted(path.name for path in kept.folder.iterdir())


def test_the_last_ones_and_those_for_good_stay(tmp_path: Path) -> None:
    kept = make(tmp_path, keep_last=2, keep_every=4)
    for step in range(1, 8):
        commit(kept, step)
    assert names(kept) == ["step-00000004", "step-00000006", "step-00000007"]
    kept.finish(keep=True)
    assert names(kept) == ["step-00000004"]
    kept.finish(keep=False)
    assert names(kept) == []


def test_those_that_branches_go_on_from_stay(tmp_path: Path) -> None:
    kept = make(tmp_path, branch_steps=(2, 5), keep_last=1)
    for step in range(1, 8):
        commit(kept, step)
    assert names(kept) == ["step-00000002", "step-00000005", "step-00000007"]
    kept.finish(keep=True)
    assert names(kept) == ["step-00000002", "step-00000005"]


def test_best_models_that_nothing_names_go(tmp_path: Path) -> None:
    kept = make(tmp_path, keep_last=2)
    for step, best in ((1, 1), (2, 1), (3, 3), (4, 4)):
        kept.best(best).mkdir(exist_ok=True)
        commit(kept, step, best)
    assert names(kept) == ["best-00000003", "best-00000004", "step-00000003", "step-00000004"]
    kept.best(5).mkdir()
    kept.forget_bests(TrainingState(5, 1, best_step=5))
    assert "best-00000003" in names(kept), "a resume from step 3 may still end with it"
    (kept.folder / "step-00000003" / STATE_FILE).write_text("{")
    kept.forget_bests(TrainingState(5, 1, best_step=5))
    assert names(kept) == ["best-00000004", "best-00000005", "step-00000003", "step-00000004"]


def test_without_checkpoints_one_best_model_stays(tmp_path: Path) -> None:
    kept = make(tmp_path)
    for step in (1, 2, 3):
        kept.best(step).mkdir()
        kept.forget_bests(TrainingState(step, 1, best_step=step))
    assert names(kept) == ["best-00000003"]


def test_the_newest_whole_one_is_offered_and_damaged_ones_are_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = make(tmp_path, keep_last=3)
    states = [commit(kept, step) for step in (1, 2, 3)]
    (kept.folder / "step-00000003" / "engine" / "foreign").touch()
    (kept.folder / "step-00000002" / manifest.MANIFEST).unlink()
    assert kept.newest() == (kept.folder / "step-00000001", states[0])
    assert "foreign does not belong" in caplog.text
    assert "has no manifest.json" in caplog.text
    assert names(kept) == ["broken-step-00000002", "broken-step-00000003", "step-00000001"]
    commit(kept, 2)
    commit(kept, 3)
    assert kept.newest() == (kept.folder / "step-00000003", states[2])
    kept.finish(keep=False)
    assert names(kept) == []


def test_a_file_that_cannot_be_read_now_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = make(tmp_path)
    commit(kept, 1)

    def stale(path: Path) -> manifest.Entry:
        raise OSError(errno.ESTALE, "Stale file handle", str(path))

    monkeypatch.setattr(manifest, "entry_of", stale)
    with pytest.raises(StiltsError, match=r"rank 0 cannot read .*step-00000001 now \(.*Stale file handle"):
        kept.newest()
    assert names(kept) == ["step-00000001"]


def test_without_a_whole_one_nothing_is_begun_anew(tmp_path: Path) -> None:
    kept = make(tmp_path)
    assert kept.newest() is None, "a run that has none yet"
    commit(kept, 1)
    (kept.folder / "step-00000001" / manifest.MANIFEST).unlink()
    for _ in range(2):
        with pytest.raises(StiltsError, match=r"no checkpoint in .* is whole"):
            kept.newest()


def test_a_state_of_another_version_is_read(tmp_path: Path) -> None:
    kept = make(tmp_path)
    state = commit(kept, 4)
    folder = kept.folder / "step-00000004"
    content = {**asdict(state), "a key of a later version": 1}
    (folder / STATE_FILE).write_text(json.dumps(content))
    manifest.write_manifest(folder, {STATE_FILE: manifest.entry_of(folder / STATE_FILE)})
    assert kept.newest() == (folder, state)


def test_when_a_checkpoint_is_due() -> None:
    training = Training(save_every=4, keep_every=6)
    assert [step for step in range(1, 13) if due(training, step)] == [4, 6, 8, 12]
    assert not any(due(Training(save_every=0), step) for step in range(1, 13))
