"""Long sets in shards, worker processes, their errors and their number."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stilts.config import DataSettings, ModelSettings, Study
from stilts.data import build
from stilts.data import workers as workers_module
from stilts.data.prepare import prepare
from stilts.data.shown import prepared_facts, prepared_table
from stilts.data.specs import SetSpec
from stilts.data.store import PreparedSet
from stilts.data.workers import carry_out, worker_count, workers
from stilts.errors import InputError, StiltsError

TRAIN = SetSpec("snli", "train", "en", "train", 16, 1)


@pytest.fixture
def study(tmp_path: Path, wordpiece_folder: Path) -> Study:
    path = tmp_path / "raw/snli/glue_data/SNLI/train.tsv"
    path.parent.mkdir(parents=True)
    rows = "".join(f"{'a man sleeps ' * (n % 6 + 1)}\the is awake {n}\tneutral\n" for n in range(100))
    path.write_text(rows)
    return Study("s", model=ModelSettings(str(wordpiece_folder)), data=DataSettings(root=str(tmp_path / "raw")))


def made(study: Study, folder: Path, spec: SetSpec = TRAIN) -> PreparedSet:
    return PreparedSet(folder / prepare(study, [spec], folder, progress=False)[0].folder)


def test_a_long_set_is_the_same_in_shards(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = made(study, tmp_path / "whole")
    monkeypatch.setattr(build, "SHARD", 40)
    monkeypatch.setattr(build, "BATCH", 16)
    cut = made(study, tmp_path / "cut")
    assert [len(list((one.folder / "rows").iterdir())) for one in (whole, cut)] == [1, 3]
    assert cut.rows[:] == whole.rows[:]
    assert cut.examples == whole.examples
    assert cut.example_of_row.tolist() == list(range(100))
    assert cut.manifest == whole.manifest


def test_what_was_truncated(study: Study, tmp_path: Path) -> None:
    found = made(study, tmp_path / "f")
    real = [len(f"{e.text_a} {e.text_b}".split()) + 3 > 16 for e in found.examples]
    assert found.manifest["truncated"] == sum(real) == 49
    assert found.manifest["tokens"]["longest"] == 16
    limited = replace(TRAIN, limit=5)
    refs = prepare(study, [limited, limited], tmp_path / "f", progress=False)
    (facts,) = prepared_facts(tmp_path / "f", refs)
    assert (facts["examples"], facts["rows"], facts["truncated_share"], facts["dropped"]["examples"]) == (5, 5, 0.4, 0)
    (shown,) = prepared_table([facts])
    assert shown[:4] == ("snli/train/en", "first 5", "5", "5")
    assert shown[9] == "40.0%"


def test_how_many_processes() -> None:
    assert worker_count(None, 1000) == 1
    assert worker_count(7, 0) == 7
    assert worker_count(None, 10**12) == len(os.sched_getaffinity(0))


def test_a_long_temporary_folder_does_without_a_socket_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, method in (("/tmp", "forkserver"), (f"/{'x' * 90}", "spawn")):
        monkeypatch.setattr(tempfile, "tempdir", folder)
        assert workers_module._context().get_start_method() == method


class _Broken(Executor):
    """Does its first call; afterwards a worker has died."""

    calls = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.calls += 1
        if self.calls > 1:
            raise BrokenProcessPool
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def test_a_worker_that_died_between_two_calls_is_said_so() -> None:
    with pytest.raises(StiltsError, match=r"fewer data\.processes"):
        list(carry_out(_Broken(), 1, [("a", (os.getpid, ())), ("b", (os.getpid, ()))]))


@pytest.mark.slow
def test_processes_give_the_same_bytes_and_the_same_errors(study: Study, tmp_path: Path) -> None:
    several = replace(study, data=replace(study.data, processes=2))
    one, two = made(study, tmp_path / "one"), made(several, tmp_path / "two")
    names = sorted(path.relative_to(one.folder) for path in one.folder.rglob("*") if path.is_file())
    assert len(names) == 3
    assert all((one.folder / name).read_bytes() == (two.folder / name).read_bytes() for name in names)
    with pytest.raises(InputError, match="max_length 600 of the study") as caught:
        made(several, tmp_path / "three", replace(TRAIN, max_length=600))
    assert caught.value.exit_code == 2


def _end_oneself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_worker_that_dies_is_said_so() -> None:
    with pytest.raises(StiltsError, match=r"fewer data\.processes"), workers(2) as pool:
        list(carry_out(pool, 2, [("a", (_end_oneself, ()))]))
