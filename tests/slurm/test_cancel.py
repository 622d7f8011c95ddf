"""`stilts cancel`, `retry` and `logs`: what is sent to a stand-in for the cluster, and what is left in run folders."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from stilts.config import Study
from stilts.errors import InputError
from stilts.settings import read
from stilts.slurm.cancel import cancel_study
from stilts.slurm.client import QueueRow
from stilts.slurm.logs import log_of, show_log
from stilts.slurm.retry import retry_study
from stilts.slurm.starts import Start, add_start, read_starts
from stilts.slurm.submitted import SubmittedJob, record
from stilts.slurm.whole import look
from stilts.status import Status, recorded_status, this_rank, write_status
from stilts.study.launcher import PARENT
from stilts.study.plan import Plan, expand
from stilts.study.write import write

FIRST, SECOND, MIDDLE = "target-none-xnli-t1", "target-none-udpos-t1", "intermediate-a-s1"


@dataclass
class Cluster:
    """Holds rows; what is cancelled is gone, after `stubborn` more looks for those that run."""

    rows: dict[str, QueueRow] = field(default_factory=dict)
    said: list[tuple[str | None, bool, tuple[str, ...]]] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    back: set[str] = field(default_factory=set)  # what its script brings back once, when it is cancelled
    on_signal: Callable[[], None] = lambda: None

    def available(self) -> bool:
        return True

    def require(self) -> None:
        pass

    def max_array_size(self) -> int:
        return 1001

    def queue(self, ids: Iterable[int]) -> dict[str, QueueRow]:
        return dict(self.rows)

    def accounting(self, ids: Iterable[int]) -> dict[str, QueueRow]:
        return {}

    def submitted_from(self, folder: Path) -> dict[int, Path]:
        return {}

    def sbatch(self, script: Path, options: Iterable[str] = ()) -> int:
        self.sent.append(script.stem)
        return 200 + len(self.sent)

    def cancel(self, jobs: Iterable[str], signal: str | None = None, batch: bool = False) -> None:
        if not jobs:
            return
        self.said.append((signal, batch, tuple(jobs)))
        if signal:
            self.on_signal()
            return
        for place in [place for place in self.rows if place in jobs or place.partition("_")[0] in jobs]:
            self.put(place, "PENDING" if place in self.back else "CANCELLED")
            self.back.discard(place)

    def put(self, place: str, state: str) -> None:
        self.rows[place] = QueueRow(place, state)


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Plan]:
    """A plan whose runs are written; keys replaced."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site.yaml").write_text("partition: gpu\n")

    def make(**changes: Any) -> Plan:
        settings = {
            "name": "small",
            "output_dir": str(tmp_path / "out"),
            "intermediate": [{"name": "none"}, {"name": "a", "tasks": ["snli"]}],
            "target": {"tasks": ["xnli", "udpos"], "languages": ["en"]},
            "training": {"select": "last", "max_steps": 4, "save_grace": 5},
            "launch": {"profile": "site.yaml"},
            **changes,
        }
        plan = expand(read(Study, settings, ""))
        write(plan, "")
        return plan

    return make


@pytest.fixture
def submitted(make, cluster: Cluster) -> Plan:
    """A study of which one run waits, two run, and the collector waits."""
    plan = make()
    record(plan.folder, SubmittedJob(101, "target", "small.target-none", [FIRST, SECOND], True, log="slurm/%A_%a.log"))
    record(plan.folder, SubmittedJob(102, "intermediate", "small.intermediate-a-s1", [MIDDLE], log="slurm/%j.log"))
    record(plan.folder, SubmittedJob(104, "collect", "small.collect", log="slurm/%x-%j.log"))
    for run, place in ((FIRST, "101_0"), (MIDDLE, "102")):
        write_status(plan.run_folder(run), Status("running", 1, 0, 2, 4, slurm={"job": place, "id": 1}))
    for place, state in (("101_0", "RUNNING"), ("101_1", "PENDING"), ("102", "RUNNING"), ("104", "PENDING")):
        cluster.put(place, state)
    return plan


def no_sleep(seconds: float) -> None:
    pass


def saves(plan: Plan, *runs: str) -> Callable[[], None]:
    """The ranks of these runs save when they are signalled."""

    def save() -> None:
        for run in runs:
            write_status(plan.run_folder(run), Status("stopped", 1, 0, 2, 4, error="stopped by SIGUSR1"))

    return save


def test_all_is_cancelled_when_its_ranks_have_saved(submitted: Plan, cluster: Cluster) -> None:
    cluster.on_signal = saves(submitted, FIRST, MIDDLE)
    cluster.back = {"102"}  # its script was about to requeue it
    lines = cancel_study(submitted, slurm=cluster, sleep=no_sleep)
    assert cluster.said == [
        (None, False, ("101_1", "104")),  # what waits, first
        ("USR1", False, ("101_0", "102")),
        (None, False, ("101", "102")),  # nothing else of the array is left
        (None, False, ("102",)),
    ]
    assert not any(row.active for row in cluster.rows.values())
    assert lines == [
        "2 jobs or elements that waited are cancelled",
        "2 that ran are cancelled; 2 of their runs have saved their last step",
    ]
    assert cancel_study(submitted, slurm=cluster, sleep=no_sleep) == ["nothing waits or runs"]


def test_some_runs_are_cancelled_and_the_collector_stays(submitted: Plan, cluster: Cluster) -> None:
    lines = cancel_study(submitted, [FIRST], cluster, no_sleep)
    assert cluster.said == [("USR1", False, ("101_0",)), (None, False, ("101_0",))]  # 101_1 waits and stays
    assert lines == ["1 that ran are cancelled; 0 of their runs have saved their last step"]
    assert {place for place, row in cluster.rows.items() if row.active} == {"101_1", "102", "104"}


def test_scripts_that_hand_signals_on_hear_them(submitted: Plan, cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("launcher: mpirun\n")
    cancel_study(submitted, [FIRST], cluster, no_sleep)
    assert cluster.said[0] == ("USR1", True, ("101_0",))


def test_what_stays_in_the_queue_is_named(submitted: Plan, cluster: Cluster) -> None:
    cluster.put("101_0", "COMPLETING")
    assert cancel_study(submitted, [FIRST], cluster, no_sleep)[-1] == "still in the queue after 60 s: 101_0"


@pytest.mark.parametrize("runs", [(), (FIRST,)])
def test_ranks_of_a_study_on_this_machine_are_stopped(make, cluster: Cluster, runs: tuple[str, ...]) -> None:
    plan = make()
    sleeper = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]
    with subprocess.Popen(sleeper, stdout=subprocess.PIPE) as command:
        environment = {PARENT: str(command.pid), "PATH": ""}
        assert command.stdout is not None
        command.stdout.readline()
        with subprocess.Popen(sleeper, stdout=subprocess.PIPE, env=environment) as rank:
            assert rank.stdout is not None
            rank.stdout.readline()
            ranks = [{**this_rank(), "pid": rank.pid}]
            write_status(plan.run_folder(FIRST), Status("running", 1, ranks=ranks))
            lines = cancel_study(plan, runs, cluster, no_sleep)
            assert rank.wait(10) == -15
            assert psutil.pid_exists(command.pid)
            if runs:
                assert lines[1:] == ["their `stilts run` goes on with the other runs"]
                command.kill()
            else:
                assert lines[1:] == [f"`stilts run` (process {command.pid}) was asked to end"]
                assert command.wait(10) == -15
    assert lines[0] == f"run {FIRST}: 1 ranks on this machine were asked to save and stop"


# ---- retry


def failed(plan: Plan, run: str, error: str = "the loss is not finite") -> Path:
    folder = plan.run_folder(run)
    write_status(folder, Status("failed", 3, 2, 2, 4, error=error, slurm={"job": "101_0", "id": 1}))
    for restart in range(3):
        add_start(folder, Start("101_0", 1, restart, "n1", 1.0, 0))
    return folder


def test_failed_runs_are_submitted_again_with_a_new_budget(submitted: Plan, cluster: Cluster) -> None:
    folder = failed(submitted, FIRST)
    cluster.rows = {"101_1": QueueRow("101_1", "PENDING"), "102": QueueRow("102", "RUNNING")}
    retried = retry_study(submitted, "", slurm=cluster)
    assert retried.runs == [FIRST]
    assert retried.submission is not None
    assert next(job.runs for job in retried.submission.jobs if job.kind == "target") == (FIRST,)
    status = recorded_status(folder)
    assert (status.state, status.error, status.step, status.attempt, status.slurm) == ("pending", None, 2, 3, None)
    assert read_starts(folder) == []
    assert look(submitted, cluster).runs[0].state != "failed"


def test_a_job_that_died_without_a_word_is_retried(submitted: Plan, cluster: Cluster) -> None:
    cluster.rows = {"101_0": QueueRow("101_0", "TIMEOUT"), "101_1": QueueRow("101_1", "PENDING"),
                    "102": QueueRow("102", "RUNNING")}  # fmt: skip
    assert retry_study(submitted, "", slurm=cluster).runs == [FIRST]


def test_only_failed_runs_are_retried(submitted: Plan, cluster: Cluster) -> None:
    with pytest.raises(InputError, match="no run has failed"):
        retry_study(submitted, "", slurm=cluster)
    failed(submitted, FIRST)
    with pytest.raises(InputError, match=f"run {MIDDLE} is running"):
        retry_study(submitted, "", [FIRST, MIDDLE], cluster)
    assert recorded_status(submitted.run_folder(FIRST)).state == "failed"


def test_a_job_that_has_not_ended_is_waited_for(submitted: Plan, cluster: Cluster) -> None:
    folder = failed(submitted, FIRST)
    with pytest.raises(InputError, match=f"job 101_0 of run {FIRST} has not ended yet"):
        retry_study(submitted, "", slurm=cluster)
    assert recorded_status(folder).state == "failed"


def test_a_refused_submission_leaves_the_runs_as_they_are(submitted: Plan, cluster: Cluster, tmp_path: Path) -> None:
    folder = failed(submitted, FIRST)
    cluster.put("101_0", "FAILED")
    (tmp_path / "site.yaml").write_text("partitoin: gpu\n")
    with pytest.raises(InputError, match="partitoin"):
        retry_study(submitted, "", slurm=cluster)
    assert (recorded_status(folder).state, recorded_status(folder).error) == ("failed", "the loss is not finite")


def test_a_study_on_this_machine_is_run_again(make, cluster: Cluster) -> None:
    plan = make()
    write_status(plan.run_folder(FIRST), Status("failed", 1, error="no"))
    assert retry_study(plan, "", slurm=cluster).submission is None
    assert recorded_status(plan.run_folder(FIRST)).state == "pending"
    assert cluster.sent == []


# ---- logs


def test_where_a_log_is(submitted: Plan) -> None:
    folder = submitted.run_folder(FIRST)
    with pytest.raises(InputError, match=f"{FIRST} has no log"):
        log_of(submitted, FIRST)
    files = ["slurm/101_0.log", f"runs/{FIRST}/launcher.txt", f"runs/{FIRST}/ranks/1.txt", f"runs/{FIRST}/log.txt"]
    for name in files:  # each is better than those before
        path = submitted.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        assert log_of(submitted, FIRST) == path
    assert log_of(submitted, FIRST, rank=1) == folder / "ranks/1.txt"
    with pytest.raises(InputError, match="no log of rank 2; expected one of these ranks: 1"):
        log_of(submitted, FIRST, rank=2)
    (submitted.folder / "slurm/small.collect-104.log").write_text("cells")
    assert log_of(submitted, "collect").read_text() == "cells"


def test_a_log_is_followed(tmp_path: Path) -> None:
    path, out, naps = tmp_path / "log.txt", io.StringIO(), []
    path.write_text("one\n")

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 1:
            path.write_text("one\ntwo\n")
        elif len(naps) == 2:
            path.write_text("new\n")  # written anew
        elif len(naps) == 4:
            raise KeyboardInterrupt

    show_log(path, out, True, sleep)
    assert out.getvalue() == "one\ntwo\nnew\n"
    out = io.StringIO()
    show_log(path, out)
    assert out.getvalue() == "new\n"


def test_the_commands(submitted: Plan, call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # without Slurm
    study = tmp_path / "study.yaml"
    study.write_text(json.dumps({
        "name": "small", "output_dir": str(tmp_path / "out"), "intermediate": [{"name": "none"}],
        "target": {"tasks": ["xnli", "udpos"], "languages": ["en"]}, "training": {"select": "last", "max_steps": 4},
    }))  # fmt: skip
    assert call("cancel", study)[:2] == (0, "nothing waits or runs\n")
    code, _, err = call("cancel", study, "target-none-xnli-t9")
    assert (code, "unknown run" in err) == (2, True)
    code, _, err = call("retry", study, FIRST, "seeds=[1]")
    assert (code, f"run {FIRST} is running" in err) == (2, True)
