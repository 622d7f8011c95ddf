"""Recipes that keep steps: which runs the plan has for each design, what they share, what is refused."""

from __future__ import annotations

import json

import pytest

from stilts.config import load_run
from stilts.drift import DecisiveTexts, decisive
from stilts.errors import InputError
from stilts.kept_step import DESIGNS, SEPARATE, SNAPSHOTS, TRUNK, KeptStep, kept_step
from stilts.slurm.jobs import Standing, jobs_of
from stilts.study.collect import collect
from stilts.study.cost import cost_of
from stilts.study.deviations import deviations
from stilts.study.disk import _checkpoints
from stilts.study.kept_axis import axis, kept_step_lines
from stilts.study.show import plan_text
from stilts.study.started import accept_drift
from stilts.study.volume import Volumes
from stilts.study.write import write

NONE = {"name": "none"}
TRUNK_RUN = "intermediate-squad@trunk-s1"


def recipe(*steps, **settings):
    return {"name": "squad", "tasks": ["squad_v1"], "keep_steps": list(steps), **settings}


@pytest.fixture
def runs(make_plan):
    """The runs of a plan with this recipe and a baseline: run id -> settings."""
    return lambda *steps, **settings: {
        run.run: run for run in make_plan(intermediate=[NONE, recipe(*steps, **settings)]).runs
    }


def test_names_say_recipe_step_and_design():
    for design in DESIGNS:
        one = KeptStep("a+b--c", 40, design)
        assert kept_step(one.name) == one
    assert KeptStep("snli", 40, TRUNK).name == "snli@40@trunk_cooldown"
    assert [kept_step(name) for name in ("snli", "snli@40", "snli@x@snapshots", "snli@40@other")] == [None] * 4


def test_one_trunk_and_a_branch_for_each_step(runs):
    found = runs(40, 0, 10, 20)
    trunk = found[TRUNK_RUN]
    assert [name for name in found if "trunk-" in name] == [TRUNK_RUN], "trained once"
    assert (trunk.recipe, trunk.training.max_steps, trunk.decay_from) == ("squad", 40, 40)
    assert trunk.branch_steps == [10, 20, 40]
    for step, end in ((10, 11), (20, 22), (40, 44)):
        branch = found[f"intermediate-squad@{step}@trunk_cooldown-s1"]
        assert (branch.needs, branch.branch_run, branch.branch_step) == ([TRUNK_RUN], TRUNK_RUN, step)
        assert (branch.training.max_steps, branch.decay_from, branch.init_run) == (end, step, None)
        assert branch.init_hash == trunk.settings_hash
        target = found[f"target-squad@{step}@trunk_cooldown-s1-xnli-t1"]
        assert (target.needs, target.init_run, target.init_step) == ([branch.run], branch.run, None)
        assert (target.kept_step, target.init_hash) == (step, branch.settings_hash)
        assert target.recipe == branch.recipe == f"squad@{step}@trunk_cooldown"
    assert found["target-none-xnli-t1"].kept_step == 0


def test_a_share_of_warm_up_is_of_the_first_kept_step_and_the_same_in_trunk_and_branches(runs):
    found = [run for run in runs(20, 40).values() if run.kind == "intermediate"]
    assert {run.training.warmup for run in found} == {2.0}
    assert len(found) == 3


def test_the_cool_down_is_a_setting_and_never_nothing(runs):
    ends = [run.training.max_steps for run in runs(2, 8, cooldown=0.25).values() if run.branch_run]
    assert ends == [3, 10]


def test_snapshots_of_one_run(runs):
    found = runs(10, 20, 40, design=SNAPSHOTS)
    name = "intermediate-squad@snapshots-s1"
    assert [run.run for run in found.values() if run.kind == "intermediate"] == [name]
    whole = found[name]
    assert (whole.training.max_steps, whole.decay_from, whole.snapshot_steps) == (40, None, [10, 20])
    assert not whole.branch_steps
    for step, snapshot in ((10, 10), (20, 20), (40, None)):
        target = found[f"target-squad@{step}@snapshots-s1-xnli-t1"]
        assert (target.needs, target.init_run, target.init_step, target.kept_step) == ([name], name, snapshot, step)
    longer = runs(10, 20, design=SNAPSHOTS, budget={"steps": 50})
    assert (longer[name].training.max_steps, longer[name].snapshot_steps) == (50, [10, 20])


def test_a_run_for_each_step(runs):
    found = [run for run in runs(10, 40, design=SEPARATE).values() if run.kind == "intermediate"]
    assert [(run.run, run.training.max_steps, run.decay_from) for run in found] == [
        ("intermediate-squad@10@separate_runs-s1", 10, None), ("intermediate-squad@40@separate_runs-s1", 40, None),
    ]  # fmt: skip
    assert {run.training.warmup for run in found} == {0.1}


def test_step_0_is_the_baseline_which_is_planned_once(make_plan):
    plan = make_plan(intermediate=[recipe(0, 4), recipe(0, 4, name="b", design=SNAPSHOTS)])
    assert [one.name for one in plan.recipes] == ["none", "squad@4@trunk_cooldown", "b@4@snapshots"]
    assert plan.baseline == "none"
    assert [run.run for run in plan.runs if run.recipe == "none"] == [
        "target-none-xnli-t1", "target-none-mlqa-t1", "evaluation-none-tatoeba",
    ]  # fmt: skip
    assert make_plan(intermediate=[recipe(4)]).baseline is None


def test_every_run_comes_after_those_it_needs_and_reads_back(make_plan):
    plan = make_plan(intermediate=[NONE, recipe(2, 4), recipe(2, 4, name="b", design=SNAPSHOTS)], seeds=[1, 2])
    seen = set()
    for run in plan.runs:
        assert seen.issuperset(run.needs)
        seen.add(run.run)
    write(plan, "")
    for run in plan.runs:
        assert load_run(plan.run_folder(run.run) / "run.yaml") == run
        assert DecisiveTexts().of(run) == json.dumps(decisive(run), sort_keys=True)
    assert len({run.settings_hash for run in plan.runs}) == len(plan.runs)


def test_a_study_without_kept_steps_keeps_its_hashes(make_plan):
    plan = make_plan()
    for run in plan.runs:
        assert not {"init_step", "branch_step", "decay_from", "branch_steps", "snapshot_steps"} & set(decisive(run))
        assert run.kept_step is None
    kept = make_plan(intermediate=[NONE, {"name": "squad", "tasks": ["squad_v1"]}, recipe(4, name="more")])
    hashes = {run.run: run.settings_hash for run in kept.runs}
    assert all(hashes[run.run] == run.settings_hash for run in plan.runs)


def test_other_kept_steps_are_another_trunk_and_it_is_said(make_plan):
    plan = make_plan(intermediate=[recipe(2, 4)])
    write(plan, "")
    status = {"state": "done", "attempt": 1}
    (plan.run_folder(TRUNK_RUN) / "status.json").write_text(json.dumps(status))
    with pytest.raises(InputError, match=r"branch_steps \[2, 4\] -> \[2, 3, 4\]"):
        accept_drift(make_plan(intermediate=[recipe(2, 3, 4)]), ())


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (recipe(0), "no step above it"),
        (recipe(4, 4), "a step twice"),
        ({"name": "x", "keep_steps": [4]}, "a recipe without tasks"),
        (recipe(4, budget={"steps": 4}), "has a budget and keep_steps by trunk_cooldown"),
        (recipe(4, design=SEPARATE, budget={"epochs": 1}), "has a budget and keep_steps by separate_runs"),
        (recipe(4, design=SNAPSHOTS, budget={"steps": 3}), "4 at least"),
        (recipe(4, design=SNAPSHOTS, budget={"epochs": 1}), "4 at least"),
        (recipe(4, select="best"), "select is best"),
        (recipe(4, design="both"), "design"),
        (recipe(4, cooldown=0), "cooldown"),
    ],
)
def test_contradictions_are_refused(make_plan, one, words):
    with pytest.raises(InputError) as error:
        make_plan(intermediate=[one])
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_warm_up_in_steps_ends_before_the_first_branch(make_plan, settings):
    training = {**settings["training"], "warmup": 5}
    with pytest.raises(InputError, match=r"warmup is 5 steps .* keeps step 4"):
        make_plan(training=training, intermediate=[recipe(4, 8)])
    assert make_plan(training=training, intermediate=[recipe(5, 8)]).runs
    assert make_plan(training=training, intermediate=[recipe(4, design=SEPARATE)]).runs


def test_the_mean_of_models_and_kept_steps_exclude_each_other(make_plan, settings):
    training = {**settings["training"], "average_last": 2}
    with pytest.raises(InputError, match="average_last is above 1"):
        make_plan(training=training, intermediate=[recipe(4, 8)])


def test_jobs_of_branches_wait_for_the_trunk(make_plan):
    plan = make_plan(intermediate=[NONE, recipe(2, 4)])
    jobs = {job.name: job for job in jobs_of(plan, Standing([run.run for run in plan.runs]), 100)}
    branch = "intermediate-squad@4@trunk_cooldown-s1"
    assert jobs[branch].after == ((TRUNK_RUN, None),)
    assert jobs["target-squad@4@trunk_cooldown-s1"].after == ((branch, None),)
    left = Standing([branch], queued={TRUNK_RUN: "77"})
    assert jobs_of(plan, left, 100)[0].after_queued == ("77",)


def test_steps_are_counted_once(make_plan):
    plan = make_plan(intermediate=[recipe(20, 40)])
    volumes, runs = Volumes(plan), {run.run: run for run in plan.runs}
    branch = runs["intermediate-squad@40@trunk_cooldown-s1"]
    assert volumes.steps(branch) == 44
    trained = sum(part.count for run in (branch, runs[TRUNK_RUN]) for part in volumes._trained(run, set()))
    assert trained == (40 + 4) * branch.training.batch_size
    assert cost_of(plan).phases["intermediate"].runs == 3


def test_checkpoints_and_models_that_stay_are_on_the_disk(make_plan, settings):
    training = {**settings["training"], "save_every": 5, "keep_last": 1}
    plan = make_plan(intermediate=[recipe(20, 40)], training=training)
    runs = {run.run: run for run in plan.runs}
    assert _checkpoints(runs[TRUNK_RUN], 40) == (2, 2)
    assert _checkpoints(runs["intermediate-squad@40@trunk_cooldown-s1"], 44) == (0, 0)
    assert _checkpoints(runs["intermediate-squad@20@trunk_cooldown-s1"], 22) == (0, 0)


def test_the_plan_says_what_a_step_is_and_what_the_design_takes(make_plan):
    plan = make_plan(intermediate=[NONE, recipe(20, 40)], seeds=[1, 2])
    first, second = kept_step_lines(plan)
    assert first == (
        "kept steps of squad by trunk_cooldown: 92 optimizer steps (a trunk of 40, trained once, and 6 of cool-down, "
        "for each of 2 seeds); a whole run a step would take 120"
    )
    assert "20 (" in second
    assert first in plan_text(plan)
    row = list(axis(plan))[1]
    batch, rows = row["batch_size"], row["epoch_rows"]
    assert (row["name"], row["step"], row["trained_steps"]) == ("squad@40@trunk_cooldown", 40, 44)
    assert row["examples"] == 44 * batch
    assert row["epochs"] == pytest.approx(44 * batch / rows, abs=1e-4)
    assert not any("length" in one["setting"] and one["runs"] == 0 for one in deviations(plan))


def test_collect_says_what_the_steps_are_and_names_missing_cells(make_plan, scored, write_rows):
    plan = make_plan(intermediate=[NONE, recipe(2, 4)])
    rows = scored(plan, lambda cell: 50.0 + (kept_step(cell.recipe).step if kept_step(cell.recipe) else 0))
    write_rows(plan, [row for row in rows if row["run"] != "target-squad@4@trunk_cooldown-s1-xnli-t1"])
    collected = collect(plan)
    assert {(one["recipe"], one["target"]) for one in collected.missing} == {("squad@4@trunk_cooldown", "xnli")}
    lines = (collected.folder / "steps.csv").read_text().splitlines()
    assert lines[0].startswith("name,recipe,design,step,trained_steps,batch_size,examples")
    assert [line.split(",")[:5] for line in lines[1:]] == [
        ["squad@2@trunk_cooldown", "squad", "trunk_cooldown", "2", "3"],
        ["squad@4@trunk_cooldown", "squad", "trunk_cooldown", "4", "5"],
    ]
    table = json.loads((collected.folder / "xtreme.json").read_text())["recipes"]
    assert list(table) == ["none", "squad@2@trunk_cooldown", "squad@4@trunk_cooldown"]
