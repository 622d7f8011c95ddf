"""`stilts status` of a study: run folders joined with what Slurm says; rows of the queue are given as data."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from stilts.config import Study
from stilts.errors import StiltsError
from stilts.settings import read
from stilts.slurm.client import QueueRow
from stilts.slurm.standing import standing, time_left, waits_for
from stilts.slurm.starts import Start
from stilts.slurm.status_text import MOST, duration, whole_json, whole_text
from stilts.slurm.submitted import SubmittedJob, record
from stilts.slurm.watching import watch
from stilts.slurm.whole import look
from stilts.status import SILENT, Status, write_status
from stilts.study.plan import Plan, expand

GOLDEN = Path(__file__).with_name("golden")
NOW = 1_700_000_000.0
HERE = {"job": "12_3", "id": 15, "restart_count": 1, "nodes": "n1"}
BEFORE = {"job": "7_3", "id": 9, "restart_count": 0, "nodes": "n1"}


def row(state: str, **facts: Any) -> QueueRow:
    return QueueRow("12_3", state, **facts)


RUNNING = Status("running", 1, step=4, steps=9, slurm=HERE)
STATES = {
    "done, whatever the queue says": (Status("done"), row("CANCELLED"), ("done", "")),
    "waits": (Status(), row("PENDING", reason="Priority"), ("queued", "Priority")),
    "waits to go on": (Status("stopped", 1, slurm=HERE), row("PENDING", reason="BeginTime"), ("queued", "BeginTime")),
    "held": (Status(), row("REQUEUE_HOLD", reason="launch failed"), ("queued", "launch failed")),
    "starts": (Status("pending", slurm=HERE), row("RUNNING"), ("starting", "")),
    "node boots": (Status(), row("CONFIGURING"), ("starting", "configuring")),
    "its status is of an earlier job": (Status("running", 1, slurm=BEFORE), row("RUNNING"), ("starting", "")),
    "failed in an earlier job": (Status("failed", 1, error="x", slurm=BEFORE), row("RUNNING"), ("starting", "")),
    "runs": (RUNNING, row("RUNNING"), ("running", "")),
    "runs, suspended": (RUNNING, row("SUSPENDED"), ("running", "suspended")),
    "runs and is silent": (
        Status("stopped", 1, step=4, error=SILENT, slurm=HERE), row("RUNNING"),
        ("running", "no sign of life for minutes"),
    ),
    "saved, not requeued": (Status("stopped", 1, error="USR1", slurm=HERE), row("COMPLETING"), ("stopping", "USR1")),
    "failed, the script still ends": (Status("failed", 1, error="no", slurm=HERE), row("RUNNING"), ("failed", "no")),
    "failed": (Status("failed", 1, error="no", slurm=HERE), row("FAILED", exit_code=1), ("failed", "no")),
    "failed long ago": (Status("failed", 1, error="no", slurm=HERE), None, ("failed", "no")),
    "stopped": (Status("stopped", 1, error="USR1", slurm=HERE), row("CANCELLED"), ("stopped", "USR1")),
    "time limit": (RUNNING, row("TIMEOUT"), ("failed", "job 12_3 ended after step 4: TIMEOUT (its time limit came)")),
    "memory": (
        Status(), row("OUT_OF_MEMORY"),
        ("failed", "job 12_3 ended before its first step: OUT_OF_MEMORY (it took more memory than the job has)"),
    ),
    "lost node": (RUNNING, row("NODE_FAIL"), ("failed", "job 12_3 ended after step 4: NODE_FAIL (its node was lost)")),
    "script failed": (
        Status(), row("FAILED", exit_code=127),
        ("failed", "job 12_3 ended before its first step: FAILED with code 127"),
    ),
    "cancelled": (RUNNING, row("CANCELLED"), ("cancelled", "job 12_3 was cancelled after step 4")),
    "forgotten": (RUNNING, None, ("failed", "job 12_3 ended after step 4 and is gone from the queue")),
    "silent and forgotten": (
        Status("stopped", 1, step=4, error=SILENT, slurm=HERE), None,
        ("failed", "job 12_3 ended after step 4 and is gone from the queue"),
    ),
    "by `stilts run` since": (Status("running", 2), row("CANCELLED"), ("running", "")),
}  # fmt: skip


@pytest.mark.parametrize(("status", "queued", "expected"), STATES.values(), ids=STATES)
def test_the_state_of_a_run(status: Status, queued: QueueRow | None, expected: tuple[str, str]) -> None:
    assert standing(status, "12_3", queued, True) == expected


@pytest.mark.parametrize("state", ["pending", "running", "stopped", "failed", "done"])
def test_without_slurm_the_folder_is_believed(state: str) -> None:
    assert standing(Status(state, error="why", slurm=HERE), "12_3", None, False) == (state, "why")
    assert standing(Status(state), None, None, True) == (state, "")


def test_why_a_job_waits() -> None:
    job = SubmittedJob(12, "target", "s.target-a", needs=[10, 11])
    names, dependent = {10: "prepare", 11: "intermediate-a"}, row("PENDING", reason="Dependency")
    others = {"10": QueueRow("10", "COMPLETED"), "11": QueueRow("11", "RUNNING")}
    assert waits_for(dependent, job, others, names) == "after intermediate-a"
    assert waits_for(dependent, job, {}, names) == "Dependency"
    assert waits_for(row("PENDING", reason="None"), job, others, names) == "after intermediate-a"
    assert waits_for(row("PENDING", reason="None"), job, {}, names) == ""
    assert waits_for(row("PENDING", reason="Resources"), job, others, names) == "Resources"
    assert waits_for(row("PENDING", reason="BeginTime", restarts=2), job, others, names) == "requeued"


def test_the_time_that_is_left() -> None:
    status = Status("running", 1, step=40, steps=100, heartbeat=NOW + 60)
    assert time_left(status, [], NOW) == 90  # 1.5 s a step
    start = Start("12_3", 15, 1, "n1", NOW, 10)
    assert time_left(status, [start], None) == 120  # it began at step 10
    resumed = Status("running", 2, 1, step=40, steps=100, heartbeat=NOW + 60)
    assert time_left(resumed, [], NOW) is None  # nobody knows from which step
    assert time_left(status, [Start("12_3", 15, 1, "n1", NOW, 40)], None) is None
    assert time_left(status, [], NOW, branch_step=10) == 120  # it goes on from another run
    assert time_left(status, [Start("12_3", 15, 0, "n1", NOW, 0)], None, branch_step=10) == 120


def test_durations() -> None:
    assert [duration(s) for s in (None, 45, 600, 11100, 187200)] == [None, "45 s", "10 min", "3:05 h", "2 d 4 h"]


# ---- a whole study


@dataclass
class Cluster:
    """Answers with the rows it is given."""

    rows: dict[str, QueueRow] = field(default_factory=dict)
    forgotten: dict[str, QueueRow] = field(default_factory=dict)
    here: bool = True
    broken: str = ""

    def available(self) -> bool:
        return self.here

    def queue(self, ids: Iterable[int]) -> dict[str, QueueRow]:
        if self.broken:
            raise StiltsError(self.broken)
        return _of(self.rows, ids)

    def accounting(self, ids: Iterable[int]) -> dict[str, QueueRow]:
        return _of(self.forgotten, ids)

    def put(self, place: str, state: str, **facts: Any) -> None:
        self.rows[place] = QueueRow(place, state, **facts)


def _of(rows: dict[str, QueueRow], ids: Iterable[int]) -> dict[str, QueueRow]:
    wanted = set(ids)
    return {name: one for name, one in rows.items() if int(name.partition("_")[0]) in wanted}


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Plan]:
    """A plan: baseline, one recipe, two targets; keys replaced."""

    def make(**changes: Any) -> Plan:
        settings = {
            "name": "small",
            "output_dir": str(tmp_path / "out"),
            "intermediate": [{"name": "none"}, {"name": "a", "tasks": ["snli"]}],
            "target": {"tasks": ["xnli", "udpos"], "languages": ["en", "de"]},
            "training": {"select": "last", "max_steps": 4},
            **changes,
        }
        return expand(read(Study, settings, ""))

    return make


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def submitted(plan: Plan) -> None:
    """The record of `stilts submit`."""
    base, other = ([f"target-{name}-{task}-t1" for task in ("xnli", "udpos")] for name in ("none", "a-s1"))
    logs = "slurm/logs/%x-%A_%a.log"
    for job in (
        SubmittedJob(100, "prepare", "small.prepare", log="slurm/logs/%x-%j.log"),
        SubmittedJob(101, "target", "small.target-none", base, True, needs=[100], log=logs),
        SubmittedJob(102, "intermediate", "small.intermediate-a-s1", ["intermediate-a-s1"], needs=[100],
                     log="slurm/logs/%x-%j.log"),
        SubmittedJob(103, "target", "small.target-a-s1", other, True, needs=[102], log=logs),
        SubmittedJob(104, "collect", "small.collect", needs=[101, 102, 103], log="slurm/logs/%x-%j.log"),
    ):  # fmt: skip
        record(plan.folder, job)


def slurm(place: str, restarts: int = 0) -> dict[str, Any]:
    return {"job": place, "id": 999, "restart_count": restarts, "nodes": "n1"}


def score(plan: Plan, name: str) -> None:
    """Write 50, 60, ... points for the cells of a run."""
    run = next(run for run in plan.runs if run.run == name)
    rows = []
    for index, cell in enumerate(cell for cell in plan.cells if cell.run == name):
        given = {**asdict(cell), "value": 50.0 + 10 * index, "n": 9, "study": "small", "condition": "clean"}
        given |= {"noise_seed": None, "step": 4, "layer": None, "selection": "last", "task_version": 1, "git": "x"}
        rows.append(json.dumps({**given, "config_hash": run.settings_hash}) + "\n")
    (plan.run_folder(name) / "scores.jsonl").write_text("".join(rows))


def write_log(plan: Plan, name: str, text: str) -> None:
    path = plan.folder / "slurm/logs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_table_of_a_submitted_study(make, cluster) -> None:
    plan = make()
    submitted(plan)
    first = "target-none-xnli-t1"
    write_status(plan.run_folder(first), Status("done", 1, 0, 4, 4, 0.25, slurm=slurm("101_0")))
    score(plan, first)
    facts = {"ranks": [{"host": "n1", "pid": 1}], "slurm": slurm("102", 2)}
    running = Status("running", 2, 1, 30, 90, 0.5, 1234.5, time.time(), **facts)
    write_status(plan.run_folder("intermediate-a-s1"), running)
    start = Start("102", 102, 2, "n1", time.time() - 60, 10)
    (plan.run_folder("intermediate-a-s1") / "slurm.jsonl").write_text(json.dumps(asdict(start)) + "\n")
    cluster.put("100", "COMPLETED", exit_code=0)
    cluster.put("101_0", "COMPLETED", exit_code=0)
    cluster.put("101_1", "TIMEOUT")
    cluster.put("102", "RUNNING", restarts=2, time_left=4000)
    for element in (0, 1):
        cluster.put(f"103_{element}", "PENDING", reason="Dependency")
    cluster.put("104", "PENDING", reason="Dependency")
    write_log(plan, "small.target-none-101_1.log", "loading\nslurmstepd: error: *** JOB 106 ON n1 CANCELLED\n")
    assert whole_text(look(plan, cluster)) + "\n" == (GOLDEN / "status.txt").read_text()
    content = json.loads(json.dumps(whole_json(look(plan, cluster))))
    assert content["states"] == {"pending": 3, "running": 1, "done": 1}
    assert content["counts"] == {"queued": 2, "running": 1, "failed": 1, "done": 1}
    one = next(one for one in content["runs"] if one["run"] == "intermediate-a-s1")
    assert (one["state"], one["step"], one["kind"], one["recipe"], one["job"]) == (
        "running",
        30,
        "intermediate",
        "a",
        "102",
    )
    assert (one["queue"]["state"], one["queue"]["time_left"], one["restarts_of_job"]) == ("RUNNING", 4000, 2)
    assert one["seconds_left"] == pytest.approx(180, abs=1)
    assert content["runs"][0]["scores"] == {"xnli": 55.0}
    assert look(plan, cluster, scores=False).runs[0].scores == {}
    assert [(job["kind"], job["shown"]) for job in content["jobs"]] == [("prepare", "done"), ("collect", "queued")]


def test_a_study_without_jobs(make, cluster) -> None:
    plan = make(intermediate=[], target={"tasks": ["xnli"], "languages": ["en"]})
    assert (
        whole_text(look(plan, cluster))
        == """\
small: 1 runs: 1 pending

| run                 | state   | step | loss | tokens/s | left | attempt | note |
|---------------------|---------|------|------|----------|------|---------|------|
| target-none-xnli-t1 | pending | –    | –    | –        | –    | –       | –    |"""
    )
    write_status(plan.run_folder("target-none-xnli-t1"), Status("stopped", 1, 0, 2, 4, error="SIGTERM"))
    assert whole_text(look(plan, cluster)).endswith("stopped runs go on with `stilts run`")


def test_the_controller_has_forgotten_the_jobs(make, cluster) -> None:
    plan = make()
    submitted(plan)
    write_status(plan.run_folder("intermediate-a-s1"), Status("running", 1, 0, 3, 4, slurm=slurm("102")))
    write_log(plan, "small.target-none-101_0.log", "no such module\n")
    cluster.forgotten = {"101_1": QueueRow("101_1", "OUT_OF_MEMORY")}
    shown = {one.run.run: (one.state, one.note) for one in look(plan, cluster).runs}
    assert shown == {
        "target-none-xnli-t1": (
            "failed",
            "job 101_0 ended before its first step and is gone from the queue; its log ends with: no such module",
        ),
        "target-none-udpos-t1": (
            "failed",
            "job 101_1 ended before its first step: OUT_OF_MEMORY (it took more memory than the job has)",
        ),
        "intermediate-a-s1": ("failed", "job 102 ended after step 3 and is gone from the queue"),
        "target-a-s1-xnli-t1": ("failed", "needs intermediate-a-s1, which failed"),
        "target-a-s1-udpos-t1": ("failed", "needs intermediate-a-s1, which failed"),
    }
    write_status(plan.run_folder("intermediate-a-s1"), Status("done", 1, 0, 4, 4, slurm=slurm("102")))
    states = {one.run.run: (one.state, one.note) for one in look(plan, cluster).runs}
    assert states["target-a-s1-xnli-t1"] == ("cancelled", "job 103_0 left the queue before it began")


def test_a_job_that_was_submitted_by_hand(make, cluster) -> None:
    plan = make()
    submitted(plan)
    write_status(plan.run_folder("intermediate-a-s1"), Status("running", 1, 0, 3, 4, slurm=slurm("200")))
    cluster.put("200", "RUNNING")
    cluster.put("102", "CANCELLED")
    one = next(one for one in look(plan, cluster).runs if one.run.run == "intermediate-a-s1")
    assert (one.state, one.place) == ("running", "200")


@pytest.mark.parametrize(("here", "broken"), [(False, ""), (True, "squeue gave no answer for 60 s")])
def test_without_an_answer_of_slurm(make, cluster, here: bool, broken: str) -> None:
    plan = make()
    submitted(plan)
    cluster.here, cluster.broken = here, broken
    write_status(plan.run_folder("intermediate-a-s1"), Status("stopped", 1, error="USR1", slurm=slurm("102")))
    whole = look(plan, cluster)
    assert [one.state for one in whole.runs] == ["pending", "pending", "stopped", "pending", "pending"]
    assert ("gives no answer (squeue" in whole_text(whole)) == bool(broken)
    assert "stopped runs go on with `stilts submit`" in whole_text(whole)


def test_a_large_study_is_summed_up(make, cluster) -> None:
    plan = make(seeds=list(range(1, 9)))  # (2 targets x 8 seeds) x (1 + 8) + 8
    assert len(plan.runs) == 152 > MOST
    for seed, state in ((1, "done"), (2, "running"), (3, "failed"), (4, "stopped")):
        write_status(plan.run_folder(f"target-none-xnli-t{seed}"), Status(state, 1, error="no space"))
    text = whole_text(look(plan, cluster))
    assert text.startswith("small: 152 runs: 1 running, 148 pending, 1 stopped, 1 failed, 1 done\n")
    assert "| none   | 1/8 1r 1s 1f | 0/8   | –            |" in text
    assert "| a      | 0/64         | 0/64  | 0/8          |" in text
    listed = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| target-")]
    assert listed == [f"target-none-xnli-t{seed}" for seed in (2, 3, 4)]
    assert whole_text(look(plan, cluster), every=True).count("\n| target-") == 144
    for run in plan.runs:
        write_status(plan.run_folder(run.run), Status("failed", 1, error="no space"))
    text = whole_text(look(plan, cluster))
    assert text.count("no space") == MOST
    assert "92 more are stopped or failed or cancelled: --all shows them" in text


def test_watching_ends_on_ctrl_c() -> None:
    out, naps, texts = io.StringIO(), [], iter(("first", "second"))

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 2:
            raise KeyboardInterrupt

    watch(lambda: next(texts), 7, out, sleep)
    assert naps == [7, 7]
    assert "first" in out.getvalue()
    assert "second" in out.getvalue()


def test_watching_on_a_terminal(monkeypatch) -> None:
    out, naps = io.StringIO(), []
    monkeypatch.setattr(out, "isatty", lambda: True)

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            raise KeyboardInterrupt

    watch(lambda: f"look {len(naps)}", 1, out, sleep)
    assert "look 0" in out.getvalue()
    assert "look 2" in out.getvalue()
