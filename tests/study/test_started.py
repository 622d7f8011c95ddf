"""A study whose settings changed after runs were started: what is refused, accepted and remembered."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from stilts.config import load_run
from stilts.errors import InputError
from stilts.settings import plain
from stilts.status import Status, this_rank, write_status
from stilts.study.run_file import run_yaml
from stilts.study.started import refuse_other_settings
from stilts.study.write import write

ALL = ["training.max_steps", "training.dropout"]
NOW = {"select": "last", "max_steps": 5, "dropout": 0.2}


@pytest.fixture
def started(make_plan):
    """The plan of a study of which one run was started and is in a state; default stopped after an attempt."""

    def start(index=0, **status):
        plan = make_plan()
        write(plan, "old")
        state = Status(**{"state": "stopped", "attempt": 1, **status})
        write_status(plan.run_folder(plan.runs[index].run), state)
        return plan

    return start


def on_disk(plan, index=0):
    return load_run(plan.run_folder(plan.runs[index].run) / "run.yaml")


@pytest.mark.parametrize("state", ["stopped", "failed", "running", "pending"])
def test_a_started_run_keeps_its_settings(make_plan, started, state):
    plan = started(state=state)
    write(plan, "old")  # the same settings: nothing happens
    other = make_plan(training=NOW)
    for keys in ([], ["training.dropout"], ["model"]):
        with pytest.raises(InputError) as error:
            write(other, "new", keys)
        assert f"run {plan.runs[0].run} in {plan.folder} did so far was made with other settings: " in str(error.value)
        assert "training.max_steps 4 -> 5" in str(error.value)
        assert ("training.dropout null -> 0.2" in str(error.value)) == (keys != ["training.dropout"])
        assert "--allow-drift training.max_steps" in str(error.value)
        assert f"{plan.folder}/study.yaml has them" in str(error.value)
    with pytest.raises(InputError, match=r"training\.max_steps 4 -> 5"):
        refuse_other_settings(other)
    assert on_disk(plan) == plan.runs[0]
    assert (plan.folder / "study.yaml").read_text() == "old"


@pytest.mark.parametrize("keys", [ALL, ["training"], ["training", "model"]])
def test_an_unfinished_run_goes_on_where_all_differences_are_allowed(make_plan, started, keys):
    plan = started()
    other = make_plan(training=NOW)
    assert write(other, "new", keys) == [
        f"{plan.runs[0].run} goes on with training.max_steps 4 -> 5, training.dropout null -> 0.2"
    ]
    used = [key for key in keys if key != "model"]
    assert on_disk(other) == replace(other.runs[0], allow_drift=used)
    assert on_disk(other, 1).allow_drift == []  # was not started: there is nothing to allow
    refuse_other_settings(other)


def test_what_was_allowed_is_remembered(make_plan, started):
    """The checkpoint may still be the old one when the same command is given again without the option."""
    started()
    other = make_plan(training=NOW)
    write(other, "new", ["training"])
    assert write(other, "new") == []
    assert on_disk(other).allow_drift == ["training"]
    third = make_plan(training=NOW, deepspeed={"config": "zero1"})
    with pytest.raises(InputError, match=r"deepspeed\.config zero2 -> zero1; .*drift deepspeed\.config$"):
        write(third, "new")
    write(third, "new", ["deepspeed.config"])
    assert on_disk(third).allow_drift == ["training", "deepspeed.config"]


def test_a_done_run_is_never_accepted(make_plan, started):
    plan = started(state="done")
    write(plan, "old")
    with pytest.raises(InputError) as error:
        write(make_plan(training=NOW), "new", ALL)
    folder = plan.run_folder(plan.runs[0].run)
    assert f"run {folder.name} in {plan.folder} was done with other settings: training.max_steps 4 -> 5, " in str(
        error.value
    )
    assert f"or remove {folder} to run again" in str(error.value)
    assert "--allow-drift" not in str(error.value)
    assert on_disk(plan) == plan.runs[0]


def test_many_done_runs_are_one_line(make_plan):
    plan = make_plan()
    write(plan, "")
    for run in plan.runs:
        write_status(plan.run_folder(run.run), Status(state="done", attempt=1))
    assert len(plan.runs) == 7
    with pytest.raises(InputError, match=r"and 2 more in .* 4 -> 5, .* and 2 more to run again$"):
        write(make_plan(training={"select": "last", "max_steps": 5}), "")


def test_a_run_that_still_works_is_not_changed(make_plan, started):
    plan = started(state="running", ranks=[this_rank()])
    with pytest.raises(InputError, match=f"still works with the old settings.*:{this_rank()['pid']}"):
        write(make_plan(training=NOW), "new", ["training"])
    assert on_disk(plan) == plan.runs[0]


@pytest.mark.parametrize("state", ["pending", "stopped", "failed"])
def test_a_run_that_did_nothing_takes_new_settings(make_plan, started, state):
    started(state=state, attempt=0)
    other = make_plan(training=NOW)
    assert write(other, "") == []
    assert on_disk(other) == other.runs[0]


def test_a_changed_start_is_a_difference_of_its_own(make_plan, started):
    """The intermediate run was removed, to be run again, and its target had stopped in the middle."""
    plan = make_plan()
    index = next(i for i, run in enumerate(plan.runs) if run.init_run)
    started(index)
    recipes = [{"name": "none"}, {"name": "squad", "tasks": ["squad_v1"], "budget": {"steps": 9}}]
    other = make_plan(intermediate=recipes)
    hashes = [next(r.settings_hash for r in p.runs if r.run == plan.runs[index].init_run) for p in (plan, other)]
    with pytest.raises(InputError, match=f": init_run {hashes[0]} -> {hashes[1]};"):
        write(other, "", ["training"])
    write(other, "", ["init_run"])
    assert on_disk(other, index).init_hash == hashes[1]


def test_run_files_of_another_version(make_plan, started):
    """Fields that are new here are absent there, and a setting that is no more is named."""
    plan = started()
    path = plan.run_folder(plan.runs[0].run) / "run.yaml"
    content = plain(plan.runs[0])
    del content["allow_drift"], content["init_hash"]
    path.write_text(yaml.safe_dump(content))
    assert on_disk(plan) == plan.runs[0]
    write(plan, "")
    content["training"]["old_setting"], content["settings_hash"] = 1, "0123456789ab"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match=r"training\.old_setting 1 -> null"):
        write(plan, "")
    del content["training"]["old_setting"]  # another hash of the same settings
    path.write_text(yaml.safe_dump(content))
    write(plan, "")
    assert on_disk(plan) == plan.runs[0]
    path.write_text(run_yaml(replace(plan.runs[0], settings_hash="0123456789ab")))
    write_status(path.parent, Status("done", 1))
    with pytest.raises(InputError, match="another version of stilts made them"):
        write(plan, "")


@pytest.mark.parametrize("text", [None, "", "[]", "a: 1", "training: 1\nsettings_hash: a", "{", "\udcff"])
def test_a_started_run_without_its_settings(started, text):
    plan = started()
    path = plan.run_folder(plan.runs[0].run) / "run.yaml"
    path.unlink()
    if text is not None:
        path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match=r"run\.yaml does not say with which settings"):
        write(plan, "")
