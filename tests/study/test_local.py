"""The local execution of a plan, with a stand-in for the trainer."""

from __future__ import annotations

import io
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stilts.config import Launch
from stilts.errors import InputError, StiltsError, Stopped
from stilts.status import Status, recorded_status, this_rank, write_status
from stilts.study import launcher, local
from stilts.study.collect import collect
from stilts.study.plan import expand
from stilts.study.write import study_lock, write

FAKE = Path(__file__).with_name("fake_trainer.py")


@pytest.fixture
def run(monkeypatch, events):
    """Execute a plan with behaviours by run id; the lines of progress."""

    def execute(plan, behaviours=None, slots=1):
        monkeypatch.setenv("FAKE", json.dumps(behaviours or {}))
        write(plan, "")
        out = io.StringIO()
        with local.stop_signals() as stop:
            stop.deferred = True
            try:
                local.execute(plan, lambda run, file, devices: [sys.executable, str(FAKE), str(file)], stop,
                              [[] for _ in range(slots)], out)  # fmt: skip
            except Stopped as error:
                out.write(f"raised: {error}\n")
        return out.getvalue()

    return execute


@pytest.fixture
def short(make_plan):
    """A plan of four runs."""
    target = {"tasks": ["xnli"], "languages": ["en"]}
    recipes = [{"name": "none"}, {"name": "a", "tasks": ["mnli"]}, {"name": "b", "tasks": ["snli"]}]
    return make_plan(target=target, intermediate=recipes)


def states(plan):
    return {run.run: recorded_status(plan.run_folder(run.run)).state for run in plan.runs}


@pytest.mark.slow
def test_everything_is_done_once(short, run, events):
    said = run(short)
    assert set(states(short).values()) == {"done"}
    started = [e["run"] for e in events() if e["event"] == "start"]
    assert started == [r.run for r in short.runs]
    assert "[5/5] target-b-s1-xnli-t1: done in" in said
    assert collect(short).missing == []
    assert "5 of 5 runs are done already" in run(short)
    assert len(events()) == 2 * 5


@pytest.mark.slow
def test_a_failed_run_stops_only_what_needs_it(short, run, events):
    said = run(short, {"intermediate-a-s1": "fail", "target-none-xnli-t1": "crash"})
    assert states(short) == {
        "target-none-xnli-t1": "failed",
        "intermediate-a-s1": "failed",
        "target-a-s1-xnli-t1": "pending",
        "intermediate-b-s1": "done",
        "target-b-s1-xnli-t1": "done",
    }
    assert "target-a-s1-xnli-t1: left out: needs intermediate-a-s1" in said
    error = recorded_status(short.run_folder("target-none-xnli-t1")).error
    assert "code 3" in error
    assert "segmentation fault" in error
    reasons = {m["recipe"]: m["reason"] for m in collect(short).missing}
    assert set(reasons) == {"none", "a"}
    assert "the loss is not finite" in reasons["a"]
    before = len(events())
    run(short)  # the second call does what is missing
    assert set(states(short).values()) == {"done"}
    again = [e["run"] for e in events()[before:] if e["event"] == "start"]
    assert again == ["target-none-xnli-t1", "intermediate-a-s1", "target-a-s1-xnli-t1"]
    assert recorded_status(short.run_folder("intermediate-a-s1")).attempt == 2


@pytest.mark.slow
def test_status_is_the_authority(short, run):
    """And a run that stops by itself, as by a deadline, is no failure: the others go on, then the command says so."""
    said = run(short, {"target-none-xnli-t1": "done with a wrong code", "intermediate-a-s1": "stop"})
    assert states(short) == {
        "target-none-xnli-t1": "done",
        "intermediate-a-s1": "stopped",
        "target-a-s1-xnli-t1": "pending",
        "intermediate-b-s1": "done",
        "target-b-s1-xnli-t1": "done",
    }
    assert "intermediate-a-s1: stopped after" in said
    assert "target-a-s1-xnli-t1: left out: needs intermediate-a-s1, which stopped" in said
    last = said.splitlines()[-1]
    assert last == "raised: run intermediate-a-s1 stopped before the end: run the same command again to go on"
    assert "raised" not in run(short)
    assert set(states(short).values()) == {"done"}


@pytest.mark.slow
def test_an_old_failure_is_not_taken_for_a_new_one(short, run):
    name = "target-none-xnli-t1"
    write(short, "")
    write_status(short.run_folder(name), Status("failed", 3, error="an old error"))
    run(short, {name: "crash"})
    status = recorded_status(short.run_folder(name))
    assert (status.state, status.attempt) == ("failed", 3)
    assert "an old error" not in status.error


@pytest.mark.slow
@pytest.mark.parametrize("slots", [1, 2])
def test_parallel_runs(short, run, events, monkeypatch, slots):
    monkeypatch.setenv("FAKE_SECONDS", "1")
    run(short, slots=slots)
    most = now = 0
    for event in events():
        now += 1 if event["event"] == "start" else -1
        most = max(most, now)
    assert most == slots


def test_ranks_of_an_earlier_start_are_waited_for(short, monkeypatch):
    write(short, "")
    name = short.runs[0].run
    write_status(short.run_folder(name), Status("running", ranks=[this_rank()]))  # this process lives
    monkeypatch.setattr(local, "OLD_RANKS", -60.0)  # the grace that a save has is not waited for, either
    out = io.StringIO()
    only = replace(short, runs=short.runs[:1])
    with local.stop_signals() as stop:
        local.execute(only, lambda *_: ["false"], stop, [[]], out)
    assert out.getvalue().count(f"{name}: waits for processes of an earlier start ({this_rank()['host']}:") == 1
    assert "processes of an earlier start may still run" in out.getvalue()
    assert recorded_status(short.run_folder(name)).state == "running"


@pytest.mark.slow
def test_the_deepspeed_launcher_starts_ranks(short, events, monkeypatch):
    """The real launcher, as `stilts run` uses it, with two ranks of the stand-in."""
    monkeypatch.setattr(local, "prepare_data", lambda *_: None)
    monkeypatch.setenv("RANK", "5")  # as if stilts were itself started by a launcher
    monkeypatch.setenv("SLURM_PROCID", "5")
    study = replace(short.study, intermediate=[], launch=Launch(processes=2))
    out = io.StringIO()
    collected = local.run_study(expand(study), "name: small\n", trainer=FAKE, out=out)
    assert collected.missing == []
    text = (short.folder / "runs" / "target-none-xnli-t1" / "launcher.txt").read_text()
    assert "dist_world_size=2" in text
    assert text.count("exits successfully") == 2


def test_a_locked_study_is_not_run(short, monkeypatch):
    monkeypatch.setattr(local, "prepare_data", lambda *_: pytest.fail("must not get there"))
    monkeypatch.setattr(local, "BRIEFLY", 0.1)
    with study_lock(short.folder), pytest.raises(InputError, match="already running"):
        local.run_study(short, "")


def test_an_unfinished_study_is_not_run(make_plan):
    plan = make_plan(intermediate=[{"name": "squad", "tasks": ["squad_v1"], "select": "none"}])
    with pytest.raises(InputError, match="not in this version"):
        local.run_study(plan, "")
    assert not plan.folder.exists()


def test_runs_of_several_nodes_are_for_submit(make_plan):
    plan = make_plan(launch={"nodes": 2})
    with pytest.raises(InputError, match=r"launch\.nodes is 2.*stilts submit"):
        local.run_study(plan, "")
    assert not plan.folder.exists()


def test_the_environment_of_a_run(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(12)))
    given = {"RANK": "1", "MASTER_ADDR": "x", "OMPI_COMM_WORLD_RANK": "1", "PMIX_RANK": "0", "SLURM_JOB_ID": "1",
             "PATH": "/bin", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "RANKING": "kept"}  # fmt: skip
    got = launcher.environment(Launch(processes=2, parallel_runs=3), 99, given)
    assert got.pop("PYTHONPATH")
    assert got == {"PATH": "/bin", "RANKING": "kept", "STILTS_PARENT": "99", "OMP_NUM_THREADS": "2"}
    assert launcher.environment(Launch(processes=24), 99, {})["OMP_NUM_THREADS"] == "1"
    assert launcher.environment(Launch(), 99, {"OMP_NUM_THREADS": "7"})["OMP_NUM_THREADS"] == "7"


def test_devices_are_shared_between_runs(monkeypatch):
    monkeypatch.setattr(launcher, "visible_devices", lambda: [0, 1, 2, 3])
    assert launcher.device_slots(Launch(processes=2, parallel_runs=2)) == [[0, 1], [2, 3]]
    with pytest.raises(InputError, match="need 6 GPUs"):
        launcher.device_slots(Launch(processes=3, parallel_runs=2))
    monkeypatch.setattr(launcher, "visible_devices", lambda: [])
    assert launcher.device_slots(Launch(processes=3, parallel_runs=2)) == [[], []]


def test_the_command_line(tmp_path):
    on_cpu = launcher.command(Path("train.py"), Path("run.yaml"), 2, [])
    assert on_cpu[1:3] == ["-m", "deepspeed.launcher.runner"]
    assert "--num_gpus" in on_cpu
    assert on_cpu[-2:] == ["train.py", "run.yaml"]
    assert "localhost:2,3" in launcher.command(Path("train.py"), Path("run.yaml"), 2, [2, 3])


def test_a_package_without_train_py(tmp_path, monkeypatch):
    monkeypatch.setattr(launcher.stilts, "__file__", str(tmp_path / "stilts" / "__init__.py"))
    with pytest.raises(StiltsError, match=r"no train\.py at"):
        launcher.trainer_path()


def test_finding_a_run(short):
    write(short, "")
    assert local.find_run(short, short.runs[0].run).name == short.runs[0].run
    with pytest.raises(InputError, match="did you mean 'target-a-s1-xnli-t1'"):
        local.find_run(short, "target-a-s1-xnli")
