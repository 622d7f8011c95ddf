"""Signals to `stilts run`, with a stand-in for the trainer: runs save, nothing is left behind."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import yaml

from stilts.errors import Stopped
from stilts.status import Status, recorded_status, this_rank, write_status
from stilts.study import local, stopping
from stilts.study.processes import RunProcess, ask_to_stop, ranks_here, start
from stilts.study.progress import Progress
from stilts.study.write import write

FAKE = Path(__file__).with_name("fake_trainer.py")
NAMES = ["target-none-xnli-t1", "target-none-udpos-t1"]
WAITING = "stopping: waiting for 2 runs to save (a second signal ends them at once)\n"

DRIVER = """
import os, sys
from pathlib import Path
from stilts.config import load_study
from stilts.errors import StiltsError
from stilts.study import local
from stilts.study.plan import expand
local.TERM_TO_KILL = 1.0
local.prepare_data = lambda *_: None
local.command = lambda program, file, processes, devices: [sys.executable, str(program), str(file)]
local.trainer_path = lambda: Path(sys.argv[2])
from stilts.report.finish import finish
try:
    given = [f"training.save_grace={os.environ['GRACE']}"] if "GRACE" in os.environ else []
    plan = expand(load_study(sys.argv[1], given))
    finish(plan, local.run_study(plan, ""))
except StiltsError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(reached, seconds=60.0):
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def words(tmp_path, settings, monkeypatch):
    """The command that runs a study of two runs at the same time."""
    settings["target"] = {"tasks": ["xnli", "udpos"], "languages": ["en"]}
    settings["intermediate"] = [{"name": "none"}]
    settings["launch"] = {"parallel_runs": 2}
    path, script = tmp_path / "study.yaml", tmp_path / "driver.py"
    path.write_text(yaml.safe_dump(settings))
    script.write_text(DRIVER)
    monkeypatch.setenv("PYTHONPATH", str(FAKE.parents[2]))
    return [sys.executable, str(script), str(path), str(FAKE)]


@pytest.fixture
def study(words, settings, events, monkeypatch):
    """Start the study, wait until both stand-ins wait, and signal it: output, seconds, and the statuses."""
    folder = Path(settings["output_dir"]) / "small" / "runs"

    def go(behaviour, *signals):
        monkeypatch.setenv("FAKE", json.dumps(dict.fromkeys(NAMES, behaviour)))
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        wait_until(lambda: process.poll() is not None or len([e for e in events() if e["event"] == "waits"]) == 2)
        pids = [e["pid"] for e in events() if e["event"] == "start"]
        pids += [int(path.read_text()) for path in folder.glob("*/child")]
        assert all(alive(pid) for pid in pids)
        began = time.monotonic()
        for number, pause in signals:
            process.send_signal(number)
            time.sleep(pause)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 75
        assert said.endswith(f"stopped by {signals[0][0].name}: run the same command again to go on\n")
        assert not any(alive(pid) for pid in pids)
        return said, time.monotonic() - began, [recorded_status(folder / name) for name in NAMES]

    return go


TERM, INT = signal.SIGTERM, signal.SIGINT


@pytest.mark.slow
@pytest.mark.parametrize("signals", [[(signal.SIGUSR1, 0)], [(TERM, 0.3), (TERM, 0), (INT, 0)]], ids=["one", "as one"])
def test_runs_save_before_they_end(study, words, events, monkeypatch, signals):
    """Signals that come together are one, as `timeout` sends them."""
    said, _, statuses = study("save", *signals)
    assert WAITING in said
    assert len([e for e in events() if e["event"] == "saved"]) == 2
    for status in statuses:
        assert (status.state, status.step, status.error) == ("stopped", 2, "stopped by SIGTERM after step 2")
    assert f"{NAMES[0]}: stopped after" in said
    monkeypatch.setenv("FAKE", "{}")
    again = subprocess.run(words, capture_output=True, text=True)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "results:" in again.stdout


@pytest.mark.slow
def test_a_second_signal_ends_them_at_once(study):
    said, seconds, statuses = study("stubborn", (INT, 2.0), (INT, 0))
    assert WAITING in said
    assert seconds < 10
    assert [status.state for status in statuses] == ["stopped"] * 2
    assert all("SIGINT ended the study" in status.error for status in statuses)


@pytest.mark.slow
def test_the_grace_ends(study, monkeypatch):
    monkeypatch.setenv("GRACE", "2")
    _, seconds, statuses = study("stubborn", (TERM, 0))
    assert 3 < seconds < 15
    assert [status.state for status in statuses] == ["stopped"] * 2


@pytest.mark.slow
@pytest.mark.parametrize("behaviour", ["wait", "import"])
def test_a_signal_leaves_no_orphan(study, behaviour):
    """Ranks that do not save, and processes that are not ranks yet."""
    _, seconds, statuses = study(behaviour, (TERM, 0))
    assert seconds < 10
    assert [status.state for status in statuses] == ["stopped"] * 2
    assert all("SIGTERM ended the study" in status.error for status in statuses)


@pytest.mark.slow
def test_ranks_save_whose_launcher_was_killed(make_plan, events, monkeypatch):
    """What is left of a launcher's group is ended when its ranks are done, not before."""
    plan = make_plan(target={"tasks": ["xnli"], "languages": ["en"]}, intermediate=[{"name": "none"}])
    monkeypatch.setenv("FAKE", json.dumps({NAMES[0]: "save"}))
    write(plan, "")
    script = f"{sys.executable} {FAKE} $0 & wait"
    stop, out, seen = stopping.Stop(), io.StringIO(), []

    def look(run, file, devices):
        return ["bash", "-c", script, str(file)]

    with Progress(out) as progress:
        loop = local._Loop(plan, look, stop, [[]], progress)
        while loop.waiting or loop.active:
            loop.step()
            time.sleep(0.1)
            if not seen and any(e["event"] == "waits" for e in events()):
                os.kill(loop.active[NAMES[0]].process.pid, signal.SIGKILL)
                os.kill(events()[0]["pid"], signal.SIGTERM)  # as the kernel does it, which tells ranks of the end
                seen.append(time.monotonic())
    assert time.monotonic() - seen[0] > 2
    assert loop.stopped == [NAMES[0]]
    assert recorded_status(plan.run_folder(NAMES[0])).error == "stopped by SIGTERM after step 2"


@pytest.fixture
def sleeper(tmp_path):
    """A started "launcher" that sleeps."""
    one = start("r", 0, tmp_path / "r", ["sleep", "60"], dict(os.environ))
    yield one
    one.process.kill()
    one.process.wait()
    one.log.close()


def test_only_processes_that_are_the_ranks_are_signalled(sleeper: RunProcess, tmp_path):
    other = subprocess.Popen(["sleep", "60"])
    try:
        rank = {**this_rank(), "pid": other.pid}
        late = Status("running", heartbeat=1000.0, ranks=[rank])  # it has the id of a rank that ended long ago
        elsewhere = Status("running", heartbeat=time.time(), ranks=[{**rank, "host": "elsewhere"}])
        assert ranks_here(late) == ranks_here(elsewhere) == []
        ask_to_stop(sleeper, Status("running", heartbeat=time.time() + 1, ranks=[rank, {**rank, "pid": None}]))
        assert other.wait(10) == -signal.SIGTERM
        assert sleeper.process.poll() is None
        ask_to_stop(sleeper, elsewhere)  # no rank of it is here: the launcher's group
        assert sleeper.process.wait(10) == -signal.SIGTERM
    finally:
        other.kill()
        other.wait()


def test_two_signals(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(stopping.time, "monotonic", lambda: now[0])
    stop = stopping.Stop()
    with pytest.raises(Stopped, match="by SIGTERM"):
        stop(signal.SIGTERM, None)
    stop.deferred = True
    now[0] += 0.9
    stop(signal.SIGINT, None)
    assert (stop.signal, stop.again) == ("SIGTERM", False)
    now[0] += 0.2
    stop(signal.SIGINT, None)
    assert (stop.signal, stop.again) == ("SIGTERM", True)


def test_an_error_in_the_loop_ends_all(make_plan, monkeypatch):
    """An error of `stilts run` itself: nothing is left running either."""
    plan = make_plan(target={"tasks": ["xnli"], "languages": ["en"]}, intermediate=[{"name": "none"}])
    write(plan, "")
    write_status(plan.run_folder(NAMES[0]), replace(recorded_status(plan.run_folder(NAMES[0])), steps=3))
    started = []

    def then_fail(*words):
        started.append(start(*words))
        return started[0]

    monkeypatch.setattr(local, "start", then_fail)
    monkeypatch.setattr(local._Loop, "_look", lambda loop: 1 / 0 if started else None)
    with stopping.stop_signals() as stop, pytest.raises(ZeroDivisionError):
        local.execute(plan, lambda *_: ["sleep", "60"], stop, [[]], io.StringIO())
    assert started[0].process.poll() == -signal.SIGTERM
    status = recorded_status(plan.run_folder(NAMES[0]))
    assert (status.state, status.error) == ("stopped", "an error ended the study: run the same command again to go on")
