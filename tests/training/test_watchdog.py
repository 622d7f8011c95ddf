"""A step that hangs ends the process with its stacks in the log, in Python or in C; usual steps never do."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from stilts.errors import StiltsError
from stilts.training import watchdog
from stilts.training.watchdog import Watchdog

FAULTS = Path(__file__).parents[1] / "distributed"
PROGRAM = """
import sys, threading, time
from pathlib import Path
sys.path.insert(0, {faults!r})
from faults import hang_hard
from stilts.training import watchdog
watchdog.LAST_WORDS = 1.0
folder, rank = Path({folder!r}), {rank}
dog = watchdog.Watchdog(folder / "log.txt", rank, {timeout}, folder / "alarm", lambda why: print("told:", why))
def stuck_here():
    {body}
def another_thread():
    time.sleep(100)
threading.Thread(target=another_thread, daemon=True).start()
for step in range(3):
    with dog.step():
        time.sleep(0.05)
{place}
    stuck_here()
"""


def run(folder: Path, body: str, rank: int = 0, timeout: float = 1.0, step: bool = True) -> subprocess.Popen[str]:
    """A process that does three usual steps and then `body`, within a step or (`step=False`) outside."""
    place = "with dog.step():" if step else "if True:"
    words = PROGRAM.format(
        faults=str(FAULTS), folder=str(folder), rank=rank, timeout=timeout, body=body, place=place
    )  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-u", "-c", words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.mark.slow
def test_a_step_that_hangs_in_python_ends_with_its_stacks(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("what was there\n")
    began = time.monotonic()
    process = run(tmp_path, "time.sleep(100)", rank=3)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 1, out
    assert time.monotonic() - began < 1 + 1 + 3, "limit, last words, and the start of a process"
    text = (tmp_path / "log.txt").read_text()
    assert text.startswith("what was there\n")
    assert "longer than 1 s (training.step_timeout); the threads of rank 3 on" in text
    assert f"pid {process.pid}" in text
    assert "in stuck_here" in text
    assert "in another_thread" in text
    assert "told: a training step took longer than 1 s" in out


@pytest.mark.slow
def test_a_step_that_keeps_the_gil_ends_with_its_stacks_and_its_rank(tmp_path: Path) -> None:
    began = time.monotonic()
    process = run(tmp_path, "hang_hard()", rank=3)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 1, out
    assert time.monotonic() - began < 1 + watchdog.BACKSTOP + 3
    text = (tmp_path / "log.txt").read_text()
    assert "in hang_hard" in text
    assert "in stuck_here" in text
    assert f"in rank 3 on {watchdog.socket.gethostname()}, pid {process.pid}" in text


@pytest.mark.slow
def test_a_rank_outside_of_a_step_writes_its_stacks_when_another_hangs(tmp_path: Path) -> None:
    hung = run(tmp_path, "time.sleep(100)", rank=0)
    outside = run(tmp_path, "time.sleep(100)", rank=1, timeout=1000, step=False)
    for process in (hung, outside):
        out, _ = process.communicate(timeout=30)
        assert process.returncode == 1, out
    text = (tmp_path / "log.txt").read_text()
    for rank in (0, 1):
        assert f"the threads of rank {rank} on" in text
    assert text.count("in stuck_here") == 2


@pytest.mark.slow
def test_a_rank_that_fails_ends_one_that_hangs_outside_of_a_step(tmp_path: Path) -> None:
    """As where its collective has timed out. What every rank raises, and a failure before, ends nobody."""
    hung = run(tmp_path, "time.sleep(100)", rank=1, timeout=1000, step=False)
    log = tmp_path / "log.txt"
    end = time.monotonic() + 20
    while not (tmp_path / "alarm").exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    with pytest.raises(StiltsError), Watchdog(log, 0, alarm=tmp_path / "alarm"):
        raise StiltsError("all ranks say so")
    time.sleep(watchdog.LOOK_EVERY + 0.3)
    assert hung.poll() is None
    with pytest.raises(RuntimeError), Watchdog(log, 0, alarm=tmp_path / "alarm"):
        raise RuntimeError("timed out\nfor long")
    out, _ = hung.communicate(timeout=20)
    assert hung.returncode == 1
    assert "RuntimeError: timed out" in out
    text = log.read_text()
    assert f"pid {hung.pid}" in text
    assert "in stuck_here" in text
    assert text.count("the threads of rank 0 on") == 1, "its own alarm is nothing new to it"


def test_usual_steps_and_long_times_between_them_never_end_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(watchdog.os, "_exit", lambda code: pytest.fail("it ended the process"))
    dog = Watchdog(tmp_path / "log.txt", 0, 0.3, tmp_path / "alarm")
    for seconds in (0.05, 0.2, 0.01):
        with dog.step():
            time.sleep(seconds)
    time.sleep(0.5)  # validation, say
    with dog.step():
        time.sleep(0.1)
    assert dog._thread.is_alive()
    dog.close()
    assert (tmp_path / "log.txt").read_text() == ""
    assert not any(thread.name == "watchdog" for thread in threading.enumerate())


def test_the_limit_follows_the_slowest_step_but_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dog = Watchdog(tmp_path / "log.txt", 0)
    clock = [100.0]
    monkeypatch.setattr(watchdog, "time", type("Clock", (), {"monotonic": lambda: clock[0], "strftime": time.strftime}))
    limits = []
    for seconds in (500.0, 1.0, 40.0, 2.0):
        with dog.step():
            clock[0] += seconds
        limits.append(dog.limit)
    dog.close()
    assert limits == [600.0, 600.0, 800.0, 800.0]


def test_a_step_costs_less_than_a_tenth_of_a_millisecond(tmp_path: Path) -> None:
    dog = Watchdog(tmp_path / "log.txt", 0)
    best = 1.0
    for _ in range(5):  # the best of some: the machine may be busy
        began = time.perf_counter()
        for _ in range(1000):
            with dog.step():
                pass
        best = min(best, (time.perf_counter() - began) / 1000)
    dog.close()
    assert best < 1e-4


def test_the_alarm_of_a_folder_that_is_gone_is_silence(tmp_path: Path) -> None:
    (tmp_path / "attempt").mkdir()
    dog = Watchdog(tmp_path / "log.txt", 0, alarm=tmp_path / "attempt/alarm")
    (tmp_path / "attempt/alarm").unlink()
    (tmp_path / "attempt").rmdir()
    dog.look()
    dog.sound("only the log hears it")
    dog.close()
    assert "only the log hears it; the threads of rank 0" in (tmp_path / "log.txt").read_text()
