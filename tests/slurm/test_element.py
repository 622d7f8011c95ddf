"""Before and after the ranks of a job: what is noted, what is refused, what is requeued."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stilts.slurm import element
from stilts.slurm.starts import STARTS, add_retry, read_starts
from stilts.status import Status, recorded_status, this_rank, write_status

RUN = "sq-1"


@pytest.fixture(autouse=True)
def job(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test is in element 4 of array 123."""
    variables = {"JOB_ID": "127", "ARRAY_JOB_ID": "123", "ARRAY_TASK_ID": "4", "JOB_NODELIST": "node[1-2]"}
    for name, value in variables.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.delenv("SLURM_RESTART_COUNT", raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run's folder, below that of its study."""
    path = tmp_path / "runs" / RUN
    path.mkdir(parents=True)
    (path / "run.yaml").write_text("run: sq-1\n")
    return path


def begin(folder: Path, restarts: int = 20, idle: int = 3) -> int:
    words = ["begin", str(folder.parents[1]), folder.name, "--restarts", str(restarts), "--idle", str(idle)]
    return element.main(words)


def end(folder: Path, code: int) -> int:
    return element.main(["end", str(folder.parents[1]), folder.name, str(code)])


def checkpoint(folder: Path, step: int) -> None:
    (folder / f"checkpoints/step-{step:08d}").mkdir(parents=True)


def running(folder: Path, **changes: object) -> None:
    """What the ranks write when they have found each other."""
    write_status(folder, Status(**{"state": "running", "attempt": 1, "step": 7, "steps": 9, **changes}))


def test_a_start_is_noted(folder: Path) -> None:
    checkpoint(folder, 5)
    checkpoint(folder, 10)
    (folder / "checkpoints/broken-step-00000015").mkdir()
    write_status(folder, Status("failed", 2, step=12, steps=30, error="the loss is not finite"))
    assert begin(folder) == 0
    (line,) = (folder / STARTS).read_text().splitlines()
    content = json.loads(line)
    assert list(content) == ["job", "id", "restart", "nodes", "began", "step", "results"]
    assert abs(content.pop("began") - time.time()) < 60
    assert content == {"job": "123_4", "id": 127, "restart": 0, "nodes": "node[1-2]", "step": 10, "results": 0}
    status = recorded_status(folder)
    assert (status.state, status.attempt, status.step, status.error) == ("pending", 2, 12, None)
    assert status.slurm == {"job": "123_4", "id": 127, "restart_count": 0, "nodes": "node[1-2]"}


def test_a_run_that_is_done_is_not_started(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_status(folder, Status("done", 1))
    assert begin(folder) == 3
    assert "done already" in capsys.readouterr().out
    assert not (folder / STARTS).exists()
    assert recorded_status(folder).state == "done"


def test_no_run_no_job(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "run.yaml").rename(folder / "other.yaml")
    assert begin(folder) == 2
    assert str(folder) in capsys.readouterr().err
    (folder / "other.yaml").rename(folder / "run.yaml")
    monkeypatch.delenv("SLURM_JOB_ID")
    assert begin(folder) == 2
    assert "SLURM_JOB_ID" in capsys.readouterr().err


def test_more_requeues_than_allowed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_RESTART_COUNT", "2")
    assert begin(folder, restarts=2) == 0
    monkeypatch.setenv("SLURM_RESTART_COUNT", "3")
    assert begin(folder, restarts=2) == 1
    status = recorded_status(folder)
    assert status.state == "failed"
    assert status.error is not None
    assert "job 123_4 was requeued 3 times" in status.error
    assert "stilts retry" in status.error
    assert len(read_starts(folder)) == 1


def test_starts_without_progress_end(folder: Path) -> None:
    for _ in range(3):
        assert begin(folder) == 0
    (folder / "launcher.txt").write_text("srun: error: node1: task 0: Out Of Memory\n")
    assert begin(folder) == 1
    error = recorded_status(folder).error
    assert error is not None
    assert "3 starts in a row (job 123_4) came no further than step 0" in error
    assert "Out Of Memory" in error


@pytest.mark.parametrize("moved", ["checkpoint", "model", "scores"])
def test_progress_is_a_checkpoint_the_model_or_a_score(folder: Path, moved: str) -> None:
    for _ in range(3):
        assert begin(folder) == 0
    if moved == "checkpoint":
        checkpoint(folder, 1)
    elif moved == "model":
        (folder / "model").mkdir()
        (folder / "model/stilts.json").write_text('{"steps": 9}')
    else:
        (folder / "scores.jsonl").write_text("{}\n")
    assert [begin(folder) for _ in range(4)] == [0, 0, 0, 1]


def test_the_status_alone_is_no_progress(folder: Path) -> None:
    for step in range(3):
        assert begin(folder) == 0
        running(folder, step=step + 4)
    assert begin(folder) == 1


def test_a_retry_begins_to_count_anew(folder: Path) -> None:
    assert [begin(folder, idle=2) for _ in range(3)] == [0, 0, 1]
    add_retry(folder)
    assert [begin(folder, idle=2) for _ in range(3)] == [0, 0, 1]


def test_a_torn_line_stays_alone(folder: Path) -> None:
    assert begin(folder) == 0
    with open(folder / STARTS, "a") as out:
        out.write('{"job": "123_4", "id": 12')
    assert begin(folder) == 0
    with open(folder / STARTS, "a") as out:
        out.write("[]\n7\n\x00\x00\n")
    assert begin(folder) == 0
    assert [start.id for start in read_starts(folder)] == [127, 127, 127]
    assert begin(folder) == 1


@pytest.mark.parametrize(("state", "code", "ends"), [("done", 9, 0), ("stopped", 1, 75), ("failed", 0, 1)])
def test_the_status_decides(folder: Path, state: str, code: int, ends: int) -> None:
    begin(folder)
    running(folder, state=state, error="as the ranks say")
    assert end(folder, code) == ends
    status = recorded_status(folder)
    assert (status.state, status.error) == (state, "as the ranks say")


@pytest.mark.parametrize("code", [75, 137, 143, 138, 247, 241, 0])
def test_ended_from_outside_while_it_ran(folder: Path, code: int) -> None:
    begin(folder)
    running(folder)
    assert end(folder, code) == 75
    assert recorded_status(folder).state == "stopped"


@pytest.mark.parametrize("code", [1, 2, 134, 139])
def test_a_crash_while_it_ran(folder: Path, code: int) -> None:
    begin(folder)
    running(folder)
    assert end(folder, code) == 1
    status = recorded_status(folder)
    assert status.state == "failed"
    assert status.error is not None
    assert f"code {code}" in status.error
    assert "after step 7" in status.error


@pytest.mark.parametrize(
    ("code", "ends"),
    [(1, 1), (2, 1), (127, 1), (137, 1), (254, 1), (255, 1), (0, 75), (143, 75), (138, 75), (241, 75), (75, 75)],
)
def test_ended_before_the_first_word(folder: Path, code: int, ends: int) -> None:
    running(folder, state="failed", error="of an earlier start")
    begin(folder)
    assert end(folder, code) == ends
    assert recorded_status(folder).state == ("failed" if ends == 1 else "stopped")


def test_the_last_words_of_the_ranks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begin(folder)
    (folder / "ranks").mkdir()
    (folder / "ranks/10.txt").write_text("of rank 10\n")
    (folder / "ranks/2.txt").write_text("Traceback\nModuleNotFoundError: No module named 'torch'\n")
    (folder / "ranks/1.txt").write_text("")
    (folder / "launcher.txt").write_text("srun: error: node1: task 2: Exited with exit code 1\n")
    old = time.time() - 900
    (folder / "ranks/0.txt").write_text("of an earlier start\n")
    os.utime(folder / "ranks/0.txt", (old, old))
    assert end(folder, 1) == 1
    error = recorded_status(folder).error
    assert error is not None
    assert "ranks/2.txt ends with: ModuleNotFoundError: No module named 'torch'" in error
    assert "task 2: Exited" in error
    assert "earlier" not in error
    assert error in capsys.readouterr().err


def test_a_rank_that_was_ended_does_not_speak_for_the_one_that_failed(folder: Path) -> None:
    begin(folder)
    (folder / "ranks").mkdir()
    (folder / "ranks/0.txt").write_text("slurmstepd-node1: error: *** STEP 61.0 ON node1 CANCELLED AT 02:35:17 ***\n")
    (folder / "ranks/1.txt").write_text("STILTS_RANKS says 2 ranks but this rank's world has 1\n")
    assert end(folder, 1) == 1
    error = recorded_status(folder).error
    assert error is not None
    assert "ranks/1.txt ends with: STILTS_RANKS says 2" in error


def test_a_killed_rank_is_named_beside_what_the_others_say(folder: Path) -> None:
    begin(folder)
    running(folder, state="failed", error="RuntimeError: Connection reset by peer")
    lines = ["node2: task 1: Killed", "launch/slurm: _step_signal: x", "error: node1: task 0: Exited with exit code 1"]
    (folder / "launcher.txt").write_text("".join(f"srun: {line}\n" for line in lines))
    assert end(folder, 137) == 1
    error = recorded_status(folder).error
    assert error is not None
    assert error.startswith("RuntimeError: Connection reset by peer; ")
    assert "SIGKILL (too little memory?)" in error
    assert error.endswith("node2: task 1: Killed")


def test_a_script_that_outlived_its_requeue_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(folder)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    begin(folder)
    running(folder)
    monkeypatch.delenv("SLURM_RESTART_COUNT")
    assert end(folder, 143) == 1
    assert recorded_status(folder).state == "running"


def test_a_stop_goes_to_the_ranks_of_this_node(folder: Path) -> None:
    begin(folder)
    words = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]
    here, other = (subprocess.Popen(words, stdout=subprocess.PIPE) for _ in range(2))
    for process in (here, other):
        assert process.stdout is not None
        process.stdout.readline()
    ranks = [{**this_rank(), "pid": here.pid}, {"host": "elsewhere", "pid": other.pid}]
    running(folder, ranks=ranks)
    try:
        assert element.main(["stop", str(folder.parents[1]), folder.name]) == 0
        assert here.wait(20) == -signal.SIGUSR1
        assert other.poll() is None
    finally:
        here.kill()
        other.kill()
        here.wait()
        other.wait()


def test_ports_of_jobs_differ_and_are_free(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def port(job: int, restart: int = 0) -> int:
        monkeypatch.setenv("SLURM_JOB_ID", str(job))
        monkeypatch.setenv("SLURM_RESTART_COUNT", str(restart))
        assert element.main(["port"]) == 0
        return int(capsys.readouterr().out)

    ports = {port(job) for job in range(500, 540)} | {port(500, restart) for restart in (1, 2, 3)}
    assert len(ports) == 43
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(20000 <= one < max(first, 21000) for one in ports)
    with socket.socket() as taken:
        one = port(77)
        taken.bind(("", one))
        taken.listen()
        assert port(77) != one


def test_it_starts_in_no_time() -> None:
    heavy = "import sys, stilts.slurm.element; print([m for m in ('numpy', 'torch', 'omegaconf') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
