"""A checkpoint exists or it does not: ranks killed within a save, damaged files, a full disk, an older start."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import cases
import faults
import pytest
import tiny
from faults import Fault, assert_fired
from harness import RankFailed, run_ranks

STEPS, SAVE = 6, 2
IN_SAVE = 3
"""The optimizer step (from 0) after which the second checkpoint is saved."""


def make(study: Path, kind: str = "target", **training: object) -> Path:
    """A run with checkpoints after steps 2 and 4."""
    settings = {"max_steps": STEPS, "save_every": SAVE, "dropout": 0.1, **training}
    sets = [tiny.make_set(study, study / "model", "xnli", 9, "dev", "de")]
    return tiny.make_run(
        study, study / "model", "run", {"mnli": 40}, kind=kind, training=settings, evaluation_sets=sets
    )  # fmt: skip


def start(study: Path, name: str, *injected: Fault) -> list[str]:
    """Run it, with faults, on two ranks; what each rank says."""
    report = study / f"{name}.jsonl"
    logs = study / f"logs-{name}"
    ended = run_ranks(cases.run_without_board, 2, logs, str(study / "runs/run/run.yaml"), list(injected), str(report))
    assert_fired(report, [fault for fault in injected if fault.kind != "record"])
    return list(ended)


def killed(study: Path, name: str, fault: Fault) -> None:
    """Run it until the fault kills a rank."""
    with pytest.raises(RankFailed, match=r"died with exit code -9|Connection"):
        start(study, name, fault)
    assert_fired(study / f"{name}.jsonl", [fault])


def weights(study: Path) -> bytes:
    return (study / "runs/run/model/model.safetensors").read_bytes()


def log_of(study: Path) -> str:
    return (study / "runs/run/log.txt").read_text()


def checkpoints(study: Path) -> list[str]:
    return sorted(path.name for path in (study / "runs/run/checkpoints").glob("step-*"))


@pytest.fixture
def study(tmp_path: Path) -> Path:
    tiny.make_model(tmp_path / "model")
    return tmp_path


@pytest.fixture
def straight(study: Path) -> bytes:
    """The weights of an undisturbed run; its folder is gone again."""
    make(study)
    assert start(study, "straight") == ["done"] * 2
    content = weights(study)
    shutil.rmtree(study / "runs")
    return content


# ---- killed within a save


def kill_within_the_save(study: Path, straight: bytes, choose: Callable[[list[faults.Operation]], list]) -> None:
    """Enumerate the file operations of the second save, then kill a rank at each chosen one and start again."""
    folder = make(study).parent
    recorded = [Fault("record", rank, "file", 0, IN_SAVE, folder=str(folder)) for rank in (0, 1)]
    stop = Fault("signal", 0, "step", 0, IN_SAVE)
    assert start(study, "before", stop) == ["stopped"] * 2, "saved after step 3"
    ready = study / "ready"
    shutil.copytree(folder, ready)
    assert start(study, "record", *recorded) == ["done"] * 2
    operations = faults.operations(study / "record.jsonl")
    assert {one.rank for one in operations} == {0, 1}
    assert any("manifest.json" in one.to for one in operations), "the save is in what was recorded"
    chosen = choose(operations)
    for one in chosen:
        shutil.rmtree(folder)
        shutil.copytree(ready, folder)
        name = f"kill-{one.rank}-{one.number}"
        killed(study, name, Fault("kill", one.rank, "file", one.number, IN_SAVE, folder=str(folder)))
        committed = checkpoints(study)
        assert start(study, f"{name}-again") == ["done"] * 2
        assert weights(study) == straight, one
        newest = int(committed[-1].split("-")[1])
        assert newest in (IN_SAVE, IN_SAVE + 1)
        assert f"resumes after step {newest}" in log_of(study), one
        assert "checkpoint not used" not in log_of(study), "nothing torn is found, let alone loaded"
        assert not list(folder.glob(".attempt-*")), one
        assert not list(folder.glob(".swept-*")), one


@pytest.mark.slow
def test_killed_in_the_middle_of_a_save(study: Path, straight: bytes) -> None:
    """Within a shard of one rank, and at the commit by the other."""

    def choose(operations: list[faults.Operation]) -> list[faults.Operation]:
        shard = next(one for one in operations if one.rank == 1 and one.event == "save half")
        return [shard, next(one for one in operations if one.to == "checkpoints/step-00000004")]

    kill_within_the_save(study, straight, choose)


@pytest.mark.slow
def test_killed_while_a_checkpoint_reaches_the_disk(study: Path, straight: bytes) -> None:
    """Training goes on meanwhile; what one rank has not on the disk yet is not committed."""
    folder = make(study).parent
    run = (cases.run_with_faults, 2)
    record = Fault("record", 1, "file", folder=str(folder))
    assert (
        run_ranks(*run, study / "logs1", str(folder / "run.yaml"), [record], str(study / "record.jsonl"))
        == ["done"] * 2
    )
    operations = faults.operations(study / "record.jsonl", rank=1)
    syncs = [one for one in operations if one.event == "fsync" and "step-00000004" in one.path]
    kill = Fault("kill", 1, "file", syncs[0].number, folder=str(folder))
    shutil.rmtree(folder)
    make(study)
    report = study / "kill.jsonl"
    with pytest.raises(RankFailed):
        run_ranks(*run, study / "logs2", str(folder / "run.yaml"), [kill], str(report))
    assert_fired(report, [kill])
    assert checkpoints(study) == ["step-00000002"]
    assert start(study, "again") == ["done"] * 2
    assert "resumes after step 2" in log_of(study)
    assert weights(study) == straight


@pytest.mark.long
def test_killed_at_every_file_operation_of_a_save(study: Path, straight: bytes) -> None:
    kill_within_the_save(study, straight, lambda operations: operations)


# ---- damaged


def flipped(folder: Path) -> str:
    faults.flip_bit(folder / "engine/mp_rank_00_model_states.pt")
    return "mp_rank_00_model_states.pt is damaged"


def truncated(folder: Path) -> str:
    path = next((folder / "engine").glob("*mp_rank_00_optim_states.pt"))
    faults.truncate(path)
    return f"{path.name} has "


def missing(folder: Path) -> str:
    path = next((folder / "engine").glob("*zero_pp_rank_1*"))
    path.unlink()
    return f"{path.name} is missing"


def foreign(folder: Path) -> str:
    (folder / "engine/other.pt").write_bytes(b"x")
    return "other.pt does not belong"


def bad_manifest(folder: Path) -> str:
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"size": 1', '"size": 2', 1))
    return "manifest.json is damaged"


def no_manifest(folder: Path) -> str:
    (folder / "manifest.json").unlink()
    return "has no manifest.json"


def bad_state(folder: Path) -> str:
    text = (folder / "state.json").read_text()
    (folder / "state.json").write_text(text.replace('"step": 4', '"step": 5'))
    return "state.json is damaged"


DAMAGES = [flipped, missing, truncated, foreign, bad_manifest, no_manifest, bad_state]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(one, marks=pytest.mark.slow if number < 1 else pytest.mark.long)
        for number, one in enumerate(DAMAGES)
    ],
)
def test_a_damaged_checkpoint_is_named_and_the_older_one_used(
    study: Path, straight: bytes, damage: Callable[[Path], str]
) -> None:
    make(study)
    stop = Fault("signal", 1, "step", 0, IN_SAVE + 1)
    assert start(study, "first", stop) == ["stopped"] * 2
    assert checkpoints(study) == ["step-00000002", "step-00000004"]
    named = damage(study / "runs/run/checkpoints/step-00000004")
    assert start(study, "again") == ["done"] * 2, "all ranks agree, or they would not meet"
    assert named in log_of(study)
    assert "resumes after step 2" in log_of(study)
    assert weights(study) == straight


@pytest.mark.long
def test_without_a_whole_checkpoint_a_run_does_not_start_anew_unasked(study: Path, straight: bytes) -> None:
    make(study)
    assert start(study, "first", Fault("signal", 1, "step", 0, IN_SAVE + 1)) == ["stopped"] * 2
    for name in checkpoints(study):
        flipped(study / "runs/run/checkpoints" / name)
    for turn in ("again", "and again"):
        assert all("is whole (the log names" in line for line in start(study, turn))
    shutil.rmtree(study / "runs/run/checkpoints")
    assert start(study, "anew") == ["done"] * 2
    assert weights(study) == straight


# ---- kept


@pytest.mark.long
def test_which_checkpoints_stay(study: Path) -> None:
    """The last ones, those for good, and the best model; of a finished intermediate run those for good."""
    make(study, "intermediate", keep_last=1, keep_every=3, save_every=1, max_steps=5)
    assert start(study, "first", Fault("signal", 1, "step", 0, 4)) == ["stopped"] * 2
    assert checkpoints(study) == ["step-00000003", "step-00000004"]
    assert start(study, "again") == ["done"] * 2
    assert checkpoints(study) == ["step-00000003"]
    assert sorted(p.name for p in (study / "runs/run/checkpoints").iterdir()) == ["step-00000003"]


# ---- a full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    if os.geteuid() != 0:
        if os.environ.get("CI"):
            pytest.fail("a small disk can be mounted as root only")
        pytest.skip("mounting a small disk needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("looks", [True, False], ids=["seen-before", "seen-by-the-writer"])
def test_a_full_disk(study: Path, straight: bytes, small_disk: Path, looks: bool) -> None:
    path = make(study)
    shutil.copytree(study / "runs", small_disk / "runs")
    shutil.copytree(study / "features", small_disk / "features")
    stop = Fault("signal", 0, "step", 0, IN_SAVE)
    report = study / "report.jsonl"
    moved = small_disk / "runs/run/run.yaml"
    assert path.read_bytes() == moved.read_bytes()
    assert run_ranks(cases.run_with_faults, 2, study / "logs1", str(moved), [stop], str(report)) == ["stopped"] * 2
    kept = sorted(p.name for p in (moved.parent / "checkpoints").iterdir())
    left = 100_000 if looks else 1_000_000
    (small_disk / "ballast").write_bytes(b"x" * (shutil.disk_usage(small_disk).free - left))
    full = run_ranks(cases.on_a_full_disk, 2, study / "logs2", str(moved), looks)
    assert len(set(full)) == 1, "every rank says the same"
    assert "cannot be written below" in full[0]
    assert str(moved.parent) in full[0]
    assert "bytes)" in full[0]
    assert "bytes are free" in full[0]
    assert ("could not be written" in full[0] or "No space left" in full[0]) != looks
    if looks:
        status = json.loads((moved.parent / "status.json").read_text())
        assert status["state"] == "failed"
    assert sorted(p.name for p in (moved.parent / "checkpoints").iterdir()) == kept
    (small_disk / "ballast").unlink()
    assert run_ranks(cases.run_with_faults, 2, study / "logs3", str(moved), [], str(report)) == ["done"] * 2
    assert "resumes after step 3" in (moved.parent / "log.txt").read_text()
    assert (moved.parent / "model/model.safetensors").read_bytes() == straight


@pytest.mark.slow
@pytest.mark.parametrize(("config", "precision"), [("zero0", "fp32"), ("zero2", "bf16"), ("zero3", "bf16")])
def test_the_bytes_of_a_checkpoint_are_foretold(study: Path, config: str, precision: str) -> None:
    path = make(study)
    overrides = [f"deepspeed.config={config}", f"training.precision={precision}"]
    ranks = run_ranks(cases.bytes_foretold_and_written, 2, study / "logs", str(path), *overrides)
    foretold, written = (sum(each) for each in zip(*ranks, strict=True))
    assert 0.6 * written < foretold < 1.02 * written, "names and headers are a third of so small a checkpoint"


# ---- an older start


@pytest.mark.slow
def test_an_older_start_cannot_commit(study: Path) -> None:
    """A later start takes over while the older one still trains: that ends at its next save, and changes nothing."""
    make(study)
    ended = run_ranks(cases.taken_over, 2, study / "logs", str(study / "runs/run/run.yaml"), IN_SAVE)
    assert all("a later start of this run has taken over" in line for line in ended)
    assert checkpoints(study) == ["step-00000002"]
    status = json.loads((study / "runs/run/status.json").read_text())
    assert status["state"] == "running", "it is not the older start's any more"
    assert not (study / "runs/run/model").exists()
