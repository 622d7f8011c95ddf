"""The expansion of a study: ids, needs, sets, settings and hashes."""

from __future__ import annotations

import dataclasses
import json

import pytest

from stilts.config import load_run
from stilts.study.plan import plan_row
from stilts.study.run_file import run_yaml
from stilts.study.write import Locked, study_lock, study_text, write


def ids(plan):
    return [run.run for run in plan.runs]


def by_id(plan, name):
    return next(run for run in plan.runs if run.run == name)


def test_ids_needs_and_order(make_plan):
    plan = make_plan()
    assert ids(plan) == [
        "target-none-xnli-t1",
        "target-none-mlqa-t1",
        "evaluation-none-tatoeba",
        "intermediate-squad-s1",
        "target-squad-s1-xnli-t1",
        "target-squad-s1-mlqa-t1",
        "evaluation-squad-s1-tatoeba",
    ]
    assert [run.needs for run in plan.runs[:4]] == [[], [], [], []]
    assert {tuple(run.needs) for run in plan.runs[4:]} == {("intermediate-squad-s1",)}
    assert by_id(plan, "target-none-xnli-t1").init_run is None
    assert by_id(plan, "target-squad-s1-xnli-t1").init_run == "intermediate-squad-s1"
    assert by_id(plan, "target-squad-s1-xnli-t1").trains_on == ["mnli"]
    assert by_id(plan, "evaluation-squad-s1-tatoeba").trains_on == []


def test_rows_have_exactly_the_contracts_keys(make_plan):
    row = plan_row(make_plan().runs[4])
    assert list(row) == ["run", "kind", "recipe", "trains_on", "evaluates", "needs", "seeds", "settings_hash"]
    assert row["seeds"] == {"intermediate": 1, "target": 1}
    assert json.loads(json.dumps(row)) == row


def test_seeds_are_crossed(make_plan, settings):
    plan = make_plan(seeds=[1, 2], target={**settings["target"], "seeds": [5, 6, 7]})
    pairs = [tuple(r.seeds.values()) for r in plan.runs if r.recipe == "squad" and r.evaluates == ["xnli"]]
    assert pairs == [(1, 5), (1, 6), (1, 7), (2, 5), (2, 6), (2, 7)]
    assert [tuple(r.seeds.values()) for r in plan.runs if r.run.startswith("target-none-xnli")] == [
        (None, 5), (None, 6), (None, 7)
    ]  # fmt: skip
    assert [r.seeds for r in plan.runs if r.run == "evaluation-squad-s2-tatoeba"] == [
        {"intermediate": 2, "target": None}
    ]
    assert len(plan.runs) == 3 * 2 + 1 + 2 * (1 + 3 * 2 + 1)


def test_a_recipes_own_seeds(make_plan):
    plan = make_plan(intermediate=[{"name": "squad", "tasks": ["squad_v1"], "seeds": [8, 9]}])
    assert [run for run in ids(plan) if run.startswith("intermediate")] == [
        "intermediate-squad-s8",
        "intermediate-squad-s9",
    ]


def test_no_recipe_is_the_baseline(make_plan):
    plan = make_plan(intermediate=[])
    assert plan.baseline == "none"
    assert ids(plan) == ["target-none-xnli-t1", "target-none-mlqa-t1", "evaluation-none-tatoeba"]


@pytest.mark.parametrize(
    ("per_task", "runs"),
    [({}, ["xquad+mlqa"]), ({"mlqa": {"learning_rate": 1e-3}}, ["xquad", "mlqa"])],
)
def test_equal_fine_tunes_are_shared(make_plan, per_task, runs):
    plan = make_plan(intermediate=[], target={"tasks": ["xquad", "mlqa"], "per_task": per_task})
    assert ids(plan) == [f"target-none-{name}-t1" for name in runs]
    assert len(plan.cells) == (11 + 7) * 2


def test_cells(make_plan):
    plan = make_plan()
    assert len(plan.cells) == 2 * (2 + 2 * 1 + 1)
    assert {(c.target, c.split) for c in plan.cells} == {("xnli", "dev"), ("mlqa", "dev"), ("tatoeba", "test")}
    assert {c.metric for c in plan.cells if c.target == "mlqa"} == {"f1", "exact_match"}


def test_the_test_split(make_plan):
    plan = make_plan(evaluation={"split": "test"})
    assert {cell.split for cell in plan.cells} == {"test"}


def test_precedence_of_settings(make_plan, settings):
    target = {**settings["target"], "per_task": {"mlqa": {"learning_rate": 1e-4, "epochs": 3}}}
    training = {"select": "last", "max_steps": 4, "batch_size": 8}
    plan = make_plan(target=target, training=training)
    mlqa, xnli = (by_id(plan, f"target-none-{name}-t1").training for name in ("mlqa", "xnli"))
    assert (mlqa.learning_rate, mlqa.batch_size, mlqa.max_steps, mlqa.epochs) == (1e-4, 8, None, 3)
    assert (xnli.learning_rate, xnli.batch_size, xnli.max_steps, xnli.epochs) == (1e-5, 8, 4, None)
    assert (mlqa.max_length, xnli.max_length) == (384, 256)
    assert None not in (xnli.warmup, xnli.weight_decay, xnli.select)


def test_presets_lengths_without_max_steps(make_plan):
    plan = make_plan(training={"select": "last"})
    assert by_id(plan, "target-none-xnli-t1").training.epochs == 2
    assert by_id(make_plan(training={"preset": "xtreme"}), "target-none-xnli-t1").training.epochs == 5


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ({"steps": 7}, (7, None)),
        ({"examples": 100}, (7, None)),  # 100 rows at 16 a step
        ({"epochs": 0.5}, (None, 0.5)),
        ({}, (4, None)),
    ],
)
def test_budget(make_plan, budget, expected):
    plan = make_plan(intermediate=[{"name": "squad", "tasks": ["squad_v1"], "budget": budget}])
    training = plan.runs[0].training
    assert (training.max_steps, training.epochs) == expected


def test_multi_task_settings(make_plan):
    sampling = {"strategy": "given", "weights": {"mnli": 1, "squad_v1": 2}}
    run = make_plan(intermediate=[{"name": "m", "tasks": ["mnli", "squad_v1"], "sampling": sampling}]).runs[0]
    assert run.trains_on == ["mnli", "squad_v1"]
    assert (run.training.batch_size, run.training.max_length) == (16, 384)
    assert run.sampling.weights == {"mnli": 1, "squad_v1": 2}
    assert [ref.task for ref in run.train_sets] == ["mnli", "squad_v1"]


def test_selection_sets(make_plan, settings):
    best = make_plan(training={"select": "best", "validation_examples": 50})
    specs = {(s.task, s.split, s.language, s.purpose, s.part, s.limit) for s in best.specs}
    assert ("xnli", "dev", "en", "select", "all", 50) in specs
    assert ("squad_v1", "train", "en", "train", "rest", None) in specs
    assert ("squad_v1", "train", "en", "select", "heldout", 50) in specs
    last = make_plan()
    assert {s.part for s in last.specs} == {"all"}
    assert not any(s.purpose == "select" or r.selection_sets for s in last.specs for r in last.runs)
    every = make_plan(training={"select": "best"}, evaluation={"selection": "all_language_dev"})
    sets = by_id(every, "target-none-xnli-t1").selection_sets
    assert [(ref.split, ref.language) for ref in sets] == [("dev", "en"), ("dev", "de")]


def test_intermediate_selection(make_plan):
    recipe = {"name": "m", "tasks": ["mnli", "squad_v1"], "select": "best"}
    run = make_plan(intermediate=[recipe], training={}).runs[0]
    assert run.training.select == "best"
    assert [(ref.task, ref.split) for ref in run.selection_sets] == [("mnli", "dev"), ("squad_v1", "train")]


def test_limits_reach_the_specs(make_plan):
    plan = make_plan(data={"limit": {"xnli": {"dev": 5}, "mnli": {"train": 6}, "tatoeba": {"dev": 7}}})
    limits = {(s.task, s.purpose): s.limit for s in plan.specs}
    assert limits[("xnli", "evaluate")] == 5
    assert limits[("mnli", "train")] == 6
    assert limits[("tatoeba", "evaluate")] == 7  # its one set, by either name


def test_a_chain_of_training_tasks(make_plan):
    target = {"tasks": ["xnli"], "per_task": {"xnli": {"train": ["snli", "mnli"]}}}
    plan = make_plan(target=target, training={"select": "best"})
    first, second = (by_id(plan, f"target-none-xnli-t1{end}") for end in ("-1of2", ""))
    assert (first.trains_on, second.trains_on) == (["snli"], ["mnli"])
    assert (first.evaluates, second.evaluates) == ([], ["xnli"])
    assert (first.training.select, second.training.select) == ("last", "best")
    assert second.needs == ["target-none-xnli-t1-1of2"]
    assert (second.init_run, second.init_head) == ("target-none-xnli-t1-1of2", "reuse")
    assert by_id(plan, "target-squad-s1-xnli-t1-1of2").needs == ["intermediate-squad-s1"]


def test_xcopa_trains_on_socialiqa_then_copa_and_the_head_goes_on(make_plan):
    plan = make_plan(target={"benchmark": "xtreme_r", "tasks": ["xcopa"]}, training={"preset": "xtreme"})
    first, second = (by_id(plan, f"target-none-xcopa-t1{end}") for end in ("-1of2", ""))
    assert (first.trains_on, first.init_head) == (["socialiqa"], "fresh")
    assert (second.trains_on, second.init_head) == (["copa"], "reuse")
    for run in (first, second):
        training = run.training
        assert (training.epochs, training.learning_rate, training.batch_size) == (5, 3e-5, 32)
        assert (training.max_length, training.select) == (128, "last")
    assert len(second.evaluation_sets) == 11


def test_a_chain_over_formats_starts_a_fresh_head_where_none_fits(make_plan):
    chain = ["hellaswag", "squad_v1", "snli", "mnli"]
    plan = make_plan(target={"tasks": ["xnli"], "per_task": {"xnli": {"train": chain}}})
    runs = [by_id(plan, f"target-none-xnli-t1{end}") for end in ("-1of4", "-2of4", "-3of4", "")]
    assert [run.init_head for run in runs] == ["fresh", "fresh", "fresh", "reuse"]


def test_invented_languages_are_accepted(make_plan):
    plan = make_plan(target={"tasks": ["xnli", "udpos"], "languages": ["en", "qaa"]})
    assert {(c.target, c.language) for c in plan.cells} == {
        (task, code) for task in ("xnli", "udpos") for code in ("en", "qaa")
    }


def test_a_language_list_is_cut_to_each_task(make_plan):
    plan = make_plan(target={"tasks": ["xnli", "tatoeba"], "languages": ["en", "de"]})
    assert {(c.target, c.language) for c in plan.cells} == {("xnli", "en"), ("xnli", "de"), ("tatoeba", "de")}


def hashes(plan):
    return {run.run: run.settings_hash for run in plan.runs}


def test_hashes_are_stable(make_plan):
    assert hashes(make_plan()) == hashes(make_plan())
    assert len(set(hashes(make_plan()).values())) == len(make_plan().runs)


@pytest.mark.parametrize(
    "change",
    [
        {"launch": {"processes": 4, "parallel_runs": 2}},
        {"output_dir": "elsewhere"},
        {"name": "other"},
        {"data": {"cache_dir": "cache"}},
        {"training": {"select": "last", "max_steps": 4, "log_every": 3, "save_every": 9}},
    ],
)
def test_hashes_ignore_what_changes_no_result(make_plan, change):
    assert hashes(make_plan(**change)) == hashes(make_plan())


@pytest.mark.parametrize(
    "change",
    [
        {"training": {"select": "last", "max_steps": 5}},
        {"training": {"select": "last", "max_steps": 4, "precision": "fp32"}},
        {"model": {"name": "other"}},
        {"model": {"revision": "abc"}},
        {"deepspeed": {"config": "zero3"}},
        {"data": {"root": "elsewhere"}},
    ],
)
def test_hashes_see_what_changes_results(make_plan, change):
    before, after = hashes(make_plan()), hashes(make_plan(**change))
    assert all(before[run] != after[run] for run in before)


def test_hashes_follow_the_runs_they_need(make_plan):
    recipes = [{"name": "none"}, {"name": "squad", "tasks": ["squad_v1"], "budget": {"steps": 9}}]
    before, after = hashes(make_plan()), hashes(make_plan(intermediate=recipes))
    changed = {run for run in before if before[run] != after[run]}
    assert changed == {run for run in before if "squad" in run}


def test_written_runs_read_back(make_plan):
    plan = make_plan()
    write(plan, "name: small\n")
    for run in plan.runs:
        assert load_run(plan.run_folder(run.run) / "run.yaml") == run
    lines = (plan.folder / "plan.jsonl").read_text().splitlines()
    assert [json.loads(line)["run"] for line in lines] == ids(plan)
    assert (plan.folder / "study.yaml").read_text() == "name: small\n"


def test_feature_folder(make_plan, tmp_path):
    assert make_plan().features == make_plan().folder / "features"
    assert make_plan().runs[0].features == "../../features"
    plan = make_plan(data={"cache_dir": str(tmp_path / "cache")})
    assert plan.runs[0].features == str(tmp_path / "cache") == str(plan.features)


def test_the_study_is_locked_once(make_plan):
    folder = make_plan().folder
    with study_lock(folder), pytest.raises(Locked, match="already running"), study_lock(folder):
        pass
    with study_lock(folder):
        pass


def test_study_text_reproduces_the_study(tmp_path, monkeypatch):
    from stilts.config import load_study

    monkeypatch.setenv("WHERE", "somewhere")
    path = tmp_path / "s.yaml"
    path.write_text("# comment\nname: a\noutput_dir: ${oc.env:WHERE}\n")
    assert study_text(path, []) == path.read_text()
    copy = tmp_path / "copy.yaml"
    copy.write_text(study_text(path, ["training.max_steps=3", "name=b"]))
    assert load_study(copy) == load_study(path, ["training.max_steps=3", "name=b"])
    assert "${oc.env:WHERE}" in copy.read_text()
    assert copy.read_text().startswith("# s.yaml with training.max_steps=3 name=b\n")


def test_languages_without_a_dev_set_are_left_out_where_dev_is_reported(make_plan):
    def scored(**changes):
        plan = make_plan(target={"tasks": ["udpos"]}, **changes)
        return {cell.language for cell in plan.cells}

    assert scored(evaluation={"split": "test"}) - scored(evaluation={"split": "dev"}) == {"kk", "th", "tl", "yo"}
    files = {"udpos": {"dev": {"th": "mine.conllu"}}}
    assert "th" in scored(evaluation={"split": "dev"}, data={"files": files})


def test_a_set_cleaned_against_other_evaluation_sets_is_another_set(make_plan):
    def train(tasks, exclude):
        plan = make_plan(target={"tasks": tasks, "languages": ["de"]}, data={"exclude_overlap": exclude})
        return next(ref.folder for run in plan.runs for ref in run.train_sets if ref.task == "squad_v1")

    assert train(["mlqa"], True) != train(["mlqa", "xquad"], True)
    assert train(["mlqa"], False) == train(["mlqa", "xquad"], False)


def test_no_phase_trains_on_articles_that_choose_a_checkpoint(make_plan):
    recipe = {"name": "squad", "tasks": ["squad_v2"], "select": "last"}

    def part(select):
        target = {"tasks": ["mlqa"], "languages": ["de"], "per_task": {"mlqa": {"select": select}}}
        plan = make_plan(intermediate=[recipe], target=target)
        return {spec.part for spec in plan.specs if spec.task == "squad_v2"}

    assert (part("best"), part("last")) == ({"rest"}, {"all"})


@pytest.mark.parametrize("text", ["80277997e701", "123456789012", "0e1234567890", "1_000", ".5", "-3", "+7e2", "abc"])
def test_a_hash_that_looks_like_a_number_reads_back(make_plan, tmp_path, text):
    run = dataclasses.replace(make_plan().runs[0], settings_hash=text)
    path = tmp_path / "run.yaml"
    path.write_text(run_yaml(run), encoding="utf-8")
    assert load_run(path) == run
