"""The injector itself: each kind at each place fires there, once, and says so; a fault that did not fire is noticed."""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cases
import fault_places
import pytest
import tiny
import torch
from faults import Fault, Injector, assert_fired, environment, fired, flip_bit, from_environment, install, operations
from harness import RankFailed, run_ranks
from safetensors.torch import load_file, save_file

from stilts.files import write_text
from stilts.model.multitask import MultiTaskModel

Install = Callable[..., Injector]


class Stub:
    """Steps of two training forward passes, each followed by an evaluation pass, without an engine."""

    def __init__(self) -> None:
        self.model = MultiTaskModel.__new__(MultiTaskModel)
        torch.nn.Module.__init__(self.model)

    def run(self, steps: int, first: int = 0) -> list[float]:
        losses = []
        for number in range(first, steps):
            self.model.train()
            losses += fault_places.trainer_class().step(self, number)
            self.model.eval()
            self.model(None)
        return losses


@pytest.fixture
def armed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs faults with the report `tmp_path/report`, and takes them off again; steps and forwards are stubs."""
    monkeypatch.setattr(MultiTaskModel, "forward", lambda self, batch: torch.ones(()))
    monkeypatch.setattr(
        fault_places.trainer_class(), "step", lambda self, number: [float(self.model(None)) for _ in range(2)]
    )
    injectors: list[Injector] = []

    def arm(*faults: Fault, rank: int = 0) -> Injector:
        injectors.append(install(faults, tmp_path / "report", rank))
        return injectors[-1]

    yield arm
    for injector in reversed(injectors):
        injector.close()


def test_a_nan_is_in_the_named_micro_batch_of_the_named_step_and_only_once(armed: Install, tmp_path: Path) -> None:
    fault = Fault("nan", 0, "micro_batch", number=1, step=2)
    armed(fault).close()  # another attempt that never gets there
    armed(fault)
    assert [loss == loss for loss in Stub().run(4)] == [True] * 5 + [False] + [True] * 2
    assert_fired(tmp_path / "report", [fault])
    armed(fault)
    assert all(loss == loss for loss in Stub().run(4))
    assert fired(tmp_path / "report") == [fault]


def test_what_did_not_fire_and_what_is_another_ranks_is_noticed(armed: Install, tmp_path: Path) -> None:
    late, other = Fault("nan", 0, "micro_batch", step=9), Fault("nan", 1, "micro_batch", step=0)
    armed(late, other)
    assert all(loss == loss for loss in Stub().run(3))
    for fault in (late, other):
        with pytest.raises(AssertionError, match="did not fire"):
            assert_fired(tmp_path / "report", [fault])


@pytest.mark.parametrize(
    ("place", "number", "step", "passes"),
    [
        ("step", 0, 2, 6), ("after_step", 0, 1, 5), ("micro_batch", 1, 1, 4), ("forward", 0, 1, 5),
        ("forward", 1, None, 5),
    ],
)  # fmt: skip
def test_places_and_counts(armed: Install, place: str, number: int, step: int | None, passes: int) -> None:
    """A step is two training passes and one of evaluation; a signal tells how many passes there were before it."""
    count, seen = [0], []

    def forward(self: Any, batch: Any) -> torch.Tensor:
        count[0] += 1
        return torch.ones(())

    before = signal.signal(signal.SIGUSR1, lambda *_: seen.append(count[0]))
    try:
        MultiTaskModel.forward = forward  # type: ignore[method-assign]
        armed(Fault("signal", 0, place, number, step, signal="SIGUSR1"))
        Stub().run(3)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen == [passes]


def save_something(folder: Path) -> None:
    """What a save does: a folder, three kinds of files, a rename, the removal of the one before."""
    temporary = folder / ".new"
    temporary.mkdir()
    torch.save({"a": torch.ones(8)}, temporary / "a.pt")
    with open(temporary / "b.pt", "wb") as file:
        torch.save({"b": torch.ones(8)}, file)
    save_file({"c": torch.ones(8)}, temporary / "c.safetensors")
    write_text(temporary / "state.json", "{}")
    os.replace(temporary, folder / "new")
    shutil.rmtree(folder / "old")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "saves/old").mkdir(parents=True)
    (tmp_path / "saves/old/x").write_text("x")
    (tmp_path / "elsewhere").write_text("")
    return tmp_path / "saves"


EVENTS = [
    "os.mkdir .new", "save .new/a.pt", "save half .new/a.pt", "save end .new/a.pt", "open .new/b.pt", "save .new/b.pt",
    "save half .new/b.pt", "save end .new/b.pt", "safetensors .new/c.safetensors",
    "safetensors half .new/c.safetensors", "safetensors end .new/c.safetensors", "os.mkdir .new",
    "open .new/.state.json", "fsync .new/.state.json", "os.rename .new/.state.json",
    "os.rename .new", "os.remove old/x", "os.rmdir old",
]  # fmt: skip


def test_recording_lists_every_operation_below_the_folder_and_harms_none(
    armed: Install, folder: Path, tmp_path: Path
) -> None:
    armed(Fault("record", 0, "file", folder=str(folder)))
    save_something(folder)
    (tmp_path / "elsewhere").write_text("not below the folder")
    found = operations(tmp_path / "report", rank=0)
    assert [one.number for one in found] == list(range(len(EVENTS)))
    for one, event in zip(found, EVENTS, strict=True):
        assert f"{one.event} {one.path}".startswith(event)
    assert found[-3].to == "new"
    assert torch.equal(torch.load(folder / "new/a.pt")["a"], torch.ones(8))
    assert torch.equal(torch.load(folder / "new/b.pt")["b"], torch.ones(8))
    assert torch.equal(load_file(folder / "new/c.safetensors")["c"], torch.ones(8))
    assert fired(tmp_path / "report") == []


def test_operations_of_a_step_are_counted_from_its_start(armed: Install, folder: Path, tmp_path: Path) -> None:
    armed(Fault("record", 0, "file", step=1, folder=str(folder)))
    stub = Stub()
    for number in range(3):
        stub.run(number + 1, first=number)
        (folder / f"{number}").write_text("")
    assert [(one.number, one.path) for one in operations(tmp_path / "report")] == [(0, "1")]


def killed_at(folder: Path, report: Path, number: int) -> None:
    install([Fault("kill", 0, "file", number, folder=str(folder))], report, 0)
    save_something(folder)


@pytest.mark.parametrize(("number", "event"), list(enumerate(EVENTS)))
def test_a_process_can_be_killed_at_every_operation(folder: Path, tmp_path: Path, number: int, event: str) -> None:
    process = multiprocessing.get_context("fork").Process(target=killed_at, args=(folder, tmp_path / "report", number))
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    (fault,) = fired(tmp_path / "report")
    assert fault.number == number
    what, path = event.rsplit(" ", 1)
    if what.endswith("half"):
        half = (folder / path).stat().st_size
        assert half > 0
        with pytest.raises(Exception, match=r"."):
            load_file(folder / path) if path.endswith("safetensors") else torch.load(folder / path)
    if number == 0 or (what in ("save", "safetensors") and path != ".new/b.pt"):
        assert not (folder / path).exists(), "it was killed before"
    assert (folder / "new").exists() == (number > EVENTS.index("os.rename .new"))


def number_of(event: str) -> int:
    return EVENTS.index(event)


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ("save half .new/a.pt", RuntimeError), ("save half .new/b.pt", OSError), ("fsync .new/.state.json", OSError),
        ("os.mkdir .new", OSError), ("safetensors half .new/c.safetensors", RuntimeError),
    ],
)  # fmt: skip
def test_a_full_disk_shows_as_the_writer_would_show_it(
    armed: Install, folder: Path, event: str, error: type[Exception]
) -> None:
    armed(Fault("disk_full", 0, "file", number_of(event), folder=str(folder)))
    with pytest.raises(error) as found:
        save_something(folder)
    if isinstance(found.value, OSError):
        assert found.value.errno == errno.ENOSPC
    else:
        assert "iostream error" in str(found.value)
    assert not (folder / "new").exists()
    assert (folder / "old/x").exists()


def test_a_bit_is_flipped_and_a_file_cut_after_they_were_written(armed: Install, folder: Path, tmp_path: Path) -> None:
    save_something(folder)
    good = {path.name: path.read_bytes() for path in (folder / "new").iterdir()}
    shutil.rmtree(folder / "new")
    (folder / "old").mkdir()
    (folder / "old/x").write_text("x")
    faults = [
        Fault("flip", 0, "file", number_of("save end .new/a.pt"), folder=str(folder)),
        Fault("truncate", 0, "file", number_of("safetensors end .new/c.safetensors"), folder=str(folder)),
    ]
    armed(*faults)
    save_something(folder)
    bad = {path.name: path.read_bytes() for path in (folder / "new").iterdir()}
    assert_fired(tmp_path / "report", faults)
    assert bad["b.pt"] == good["b.pt"]
    assert bad["c.safetensors"] == good["c.safetensors"][: len(good["c.safetensors"]) // 2]
    assert sum((x ^ y).bit_count() for x, y in zip(bad["a.pt"], good["a.pt"], strict=True)) == 1


def test_a_flip_is_undone_by_another(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    flip_bit(path)
    assert path.read_bytes() == b"acc"
    flip_bit(path, 1)
    assert path.read_bytes() == b"abc"


def hanging(kind: str, report: Path, told: str) -> None:
    signal.signal(signal.SIGTERM, lambda *_: Path(told).write_text("served"))
    install([Fault(kind, 0, "file", folder=str(Path(told).parent / "watched"))], report, 0)
    (Path(told).parent / "watched").mkdir()


@pytest.mark.parametrize("kind", ["hang", "hang_hard"])
def test_a_hang_serves_signals_and_a_hard_one_does_not(tmp_path: Path, kind: str) -> None:
    told, report = tmp_path / "told", tmp_path / "report"
    process = multiprocessing.get_context("fork").Process(target=hanging, args=(kind, report, str(told)))
    process.start()
    end = time.monotonic() + 10
    while not fired(report) and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.1)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGTERM)
    time.sleep(0.3)
    assert process.is_alive()
    assert told.exists() == (kind == "hang")
    process.kill()
    process.join()


def test_faults_travel_through_the_environment(armed: Install, tmp_path: Path) -> None:
    mine, other = Fault("nan", 1, "micro_batch", step=0), Fault("delay", 0, "step", step=0, seconds=0.5)
    variables = environment([mine, other], tmp_path / "report")
    injector = from_environment({**variables, "OMPI_COMM_WORLD_RANK": "1"})
    assert injector is not None
    assert injector.armed == [mine]
    injector.close()
    assert from_environment({}) is None


@pytest.mark.slow
def test_faults_fire_in_a_real_run(tmp_path: Path) -> None:
    """A record of what the save after step 1 does, and rank 1 killed in its second step after that."""
    model, report = tiny.make_model(tmp_path / "model"), tmp_path / "report"
    path = tiny.make_run(tmp_path, model, "run", {"mnli": 24}, training={"save_every": 2, "max_steps": 6})
    faults = [Fault("record", rank, "file", step=1, folder=str(path.parent)) for rank in (0, 1)]
    faults += [Fault("kill", 1, "micro_batch", step=3), Fault("delay", 0, "after_step", step=2, seconds=0.1)]
    with pytest.raises(RankFailed, match="exit code -9"):
        run_ranks(cases.run_without_board, 2, tmp_path / "logs", str(path), faults, str(report))
    assert_fired(report, faults[2:])
    events = {one.event for one in operations(report, rank=0)}
    assert {"os.mkdir", "save", "save half", "save end", "os.rename"} <= events
    assert {one.event for one in operations(report, rank=1)} >= {"save", "save half", "save end"}


@pytest.mark.slow
def test_the_faulty_trainer_is_the_real_one(tmp_path: Path) -> None:
    program, report = Path(__file__).with_name("faulty_train.py"), tmp_path / "report"
    model = tiny.make_model(tmp_path / "model")
    path = tiny.make_run(tmp_path, model, "run", {"mnli": 24}, training={"max_steps": 2})
    fault = Fault("kill", 0, "step", step=1)
    variables = {**os.environ, **environment([fault], report)}
    words = [sys.executable, str(program)]
    wrong = subprocess.run([*words, "no-such.yaml"], env=variables, capture_output=True, text=True, timeout=60)
    assert (wrong.returncode, "no file at no-such.yaml" in wrong.stderr) == (2, True)
    killed = subprocess.run([*words, str(path)], env=variables, capture_output=True, text=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    assert_fired(report, [fault])
    again = subprocess.run([*words, str(path)], env=variables, capture_output=True, text=True, timeout=120)
    assert again.returncode == 0, again.stderr[-2000:]
