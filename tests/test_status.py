"""status.json: what is written is what is read, and silence is noticed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from stilts.errors import StiltsError
from stilts.files import write_text
from stilts.status import FOREIGN, Status, read_status, recorded_status, study_status, this_rank, write_status

JOB = {"job": "123_4", "id": 127, "restart_count": 0, "nodes": "node[1-2]"}


@pytest.fixture
def dead_rank():
    """A rank on this machine that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return {**this_rank(), "pid": process.pid}


def test_round_trip_has_the_contracts_keys(tmp_path):
    status = Status("running", 2, 1, 30, 100, 0.5, 1234.5, 17.0, [this_rank()], None, JOB)
    write_status(tmp_path, status)
    assert read_status(tmp_path, now=18.0) == status
    keys = ["state", "attempt", "restarts", "step", "steps", "loss", "tokens_per_second", "heartbeat", "ranks", "error"]
    keys += ["slurm", "device", "rank_seconds"]
    assert list(json.loads((tmp_path / "status.json").read_text())) == keys
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]


def test_missing_is_pending(tmp_path):
    assert read_status(tmp_path).state == "pending"
    assert {name: s.state for name, s in study_status(tmp_path, ["a", "b"]).items()} == {"a": "pending", "b": "pending"}


def test_a_silent_run_without_processes_is_stopped(tmp_path, dead_rank):
    write_status(tmp_path, Status("running", heartbeat=1000.0, ranks=[dead_rank]))
    assert read_status(tmp_path, now=1059.0).state == "running"
    assert read_status(tmp_path, now=1061.0).state == "stopped"
    assert recorded_status(tmp_path).state == "running"


def test_a_silent_run_with_a_living_process_runs(tmp_path, dead_rank):
    now = time.time()
    write_status(tmp_path, Status("running", heartbeat=now, ranks=[dead_rank, this_rank()]))
    assert read_status(tmp_path, now=now + 100).state == "running"


def test_a_later_process_with_the_same_id_does_not_count(tmp_path):
    write_status(tmp_path, Status("running", heartbeat=1000.0, ranks=[this_rank()]))  # before this process began
    assert read_status(tmp_path).state == "stopped"


def test_ranks_on_other_machines_are_taken_for_dead_when_they_are_silent_for_long(tmp_path):
    write_status(tmp_path, Status("running", heartbeat=1000.0, ranks=[{"host": "elsewhere", "pid": os.getpid()}]))
    assert read_status(tmp_path, now=1000.0 + FOREIGN - 1).state == "running"
    assert read_status(tmp_path, now=1000.0 + FOREIGN + 1).state == "stopped"


def test_other_states_are_taken_at_their_word(tmp_path):
    for state in ("done", "failed", "stopped", "pending"):
        write_status(tmp_path, Status(state, heartbeat=1.0))
        assert read_status(tmp_path).state == state


def test_wrong_states_and_files(tmp_path):
    with pytest.raises(StiltsError, match="sleeping"):
        write_status(tmp_path, Status("sleeping"))
    (tmp_path / "status.json").write_text("{")
    with pytest.raises(StiltsError, match=r"status\.json"):
        read_status(tmp_path)


def test_a_failed_write_leaves_the_old_text(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
