"""Set-up of DeepSpeed's operators: stale locks go, held ones stay, what cannot be built is said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stilts import setup_ops
from stilts.errors import StiltsError


class Builder:
    def __init__(self, name: str, works: bool = True, fits: bool = True) -> None:
        self.name, self.works, self.fits, self.loaded = name, works, fits, False

    def is_compatible(self, verbose: bool) -> bool:
        return self.fits

    def load(self, verbose: bool) -> None:
        if not self.works:
            raise RuntimeError("g++: not found")
        self.loaded = True


class Accelerator:
    def __init__(self, *builders: Builder) -> None:
        self.builders = {builder.name: builder for builder in builders}

    def create_op_builder(self, name: str) -> Builder | None:
        return self.builders.get(name)


def test_a_lock_that_nobody_holds_is_removed_and_a_held_one_stays(tmp_path: Path) -> None:
    stale, held = tmp_path / "py311_cpu/cpu_adam/lock", tmp_path / "shm/lock"
    for path in (stale, held):
        path.parent.mkdir(parents=True)
        path.touch()
    code = f"f = open({str(held)!r}); print('open', flush=True); input()"
    owner = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "open\n"
        assert setup_ops.remove_stale_locks(tmp_path) == [stale]
        assert held.exists()
    finally:
        owner.communicate("\n", timeout=20)
    assert setup_ops.remove_stale_locks(tmp_path) == [held]
    assert not stale.exists()


def test_a_run_on_several_machines_leaves_young_locks_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The folder may be shared, and processes of other machines are not seen."""
    lock = tmp_path / "cpu_adam/lock"
    lock.parent.mkdir()
    lock.touch()
    monkeypatch.setenv(setup_ops.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.delenv("SLURM_STEP_NUM_NODES", raising=False)
    for name, value in {"LOCAL_WORLD_SIZE": "2", "LOCAL_SIZE": "4", "SLURM_STEP_NUM_NODES": "2"}.items():
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            setup_ops.free_operators(4 if name != "LOCAL_SIZE" else 8)
        assert lock.exists(), name
    assert not caplog.messages
    os.utime(lock, (0, 0))
    monkeypatch.setenv("LOCAL_SIZE", "4")
    setup_ops.free_operators(8)
    assert not lock.exists()
    lock.touch()
    setup_ops.free_operators(4)
    assert not lock.exists()
    assert caplog.messages == [setup_ops.REMOVED % lock] * 2


def test_a_lock_that_was_made_anew_between_two_looks_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / "cpu_adam/lock"
    lock.parent.mkdir()
    lock.touch()

    def meanwhile(seconds: float) -> None:
        lock.rename(lock.with_name("old"))
        lock.touch()

    monkeypatch.setattr(setup_ops.time, "sleep", meanwhile)
    assert setup_ops.remove_stale_locks(tmp_path) == []
    assert lock.exists()


def test_every_operator_is_built_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    one, two = Builder("one"), Builder("two")
    setup_ops.build({"one": True, "two": False}, Accelerator(one, two))
    assert one.loaded
    assert two.loaded
    out = capsys.readouterr().out
    assert "one: compiling (about a minute)" in out
    assert "two: ready" in out


@pytest.mark.parametrize("builder", [Builder("one", works=False), Builder("one", fits=False), Builder("other")])
def test_a_required_operator_that_cannot_be_built_stops_and_another_is_left_out(
    builder: Builder, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(StiltsError, match="one"):
        setup_ops.build({"one": True}, Accelerator(builder))
    setup_ops.build({"one": False}, Accelerator(builder))
    assert "left out" in capsys.readouterr().out


def test_operators_lie_in_the_environment_unless_a_folder_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", "/tmp")
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.delenv(setup_ops.FOLDER_VARIABLE, raising=False)
    setup_ops.use_own_folder()
    assert os.environ[setup_ops.FOLDER_VARIABLE] == "/tmp/torch_extensions"
    assert os.environ["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    monkeypatch.setenv(setup_ops.FOLDER_VARIABLE, "/elsewhere")
    setup_ops.use_own_folder()
    assert setup_ops.extensions_folder() == Path("/elsewhere")
