"""Recipes with masked LM: what is planned, what their runs are told, and what a reader of the plan hears."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stilts.config import Sampling, load_run
from stilts.data import mixture
from stilts.errors import InputError
from stilts.settings import plain
from stilts.study import volume
from stilts.study.cost import cost_of
from stilts.study.scores import read_scores
from stilts.study.show import plan_json, plan_text
from stilts.study.tables import xtreme
from stilts.study.tables_text import xtreme_markdown
from stilts.study.text_notes import transductive_notes
from stilts.study.write import write

MIXED = {"name": "m", "tasks": ["squad_v1"], "mlm": {"share": 0.2, "languages": ["sw", "de"]}}
ALONE = {"name": "text", "mlm": {"languages": ["sw"], "learning_rate": 3e-6}}


def first(plan):
    return plan.runs[0]


def test_text_is_trained_on_beside_the_tasks(make_plan):
    plan = make_plan(intermediate=[MIXED])
    run = first(plan)
    assert run.trains_on == ["squad_v1", "mlm"]
    assert [(ref.task, ref.language) for ref in run.train_sets] == [("squad_v1", "en"), ("mlm", "sw"), ("mlm", "de")]
    assert (run.mlm.share, run.mlm.languages, run.mlm.exponent) == (0.2, ["sw", "de"], 0.3)
    assert (run.training.batch_size, run.training.learning_rate, run.training.max_length) == (16, 1e-5, 384)
    assert {s.max_length for s in plan.specs if s.task == "mlm"} == {256}
    assert not plan.later
    plan.refuse_unfinished()
    assert {run.mlm for run in plan.runs[1:]} == {None}


def test_a_recipe_of_masked_lm_alone_is_no_baseline(make_plan):
    plan = make_plan(intermediate=[{"name": "none"}, ALONE], training={})
    assert plan.baseline == "none"
    run = next(run for run in plan.runs if run.kind == "intermediate")
    assert (run.trains_on, run.mlm.share, run.selection_sets) == (["mlm"], 1.0, [])
    assert (run.training.learning_rate, run.training.batch_size, run.training.select) == (3e-6, 32, "last")
    assert run.training.epochs == 2
    assert {r.init_run for r in plan.runs if r.recipe == "text" and r is not run} == {run.run}


def test_languages_are_by_default_those_of_the_targets(make_plan, settings):
    recipe = {**MIXED, "mlm": {}}
    target = {**settings["target"], "languages": {"xnli": ["en", "sw"], "mlqa": ["de", "en"], "tatoeba": ["qaa"]}}
    assert first(make_plan(intermediate=[recipe], target=target)).mlm.languages == ["en", "sw", "de", "qaa"]
    whole = make_plan(intermediate=[recipe], target={"tasks": ["xnli"]})
    assert len(first(whole).mlm.languages) == 15


def test_written_runs_read_back(make_plan):
    plan = make_plan(intermediate=[MIXED])
    write(plan, "")
    assert load_run(plan.run_folder(first(plan).run) / "run.yaml") == first(plan)


def test_limits_and_files_reach_the_sets(make_plan):
    plain_sets = {s.language: s.ref(p.study.model, p.study.data) for p in [make_plan(intermediate=[MIXED])]
                  for s in p.specs if s.task == "mlm"}  # fmt: skip
    plan = make_plan(
        intermediate=[MIXED], data={"limit": {"mlm": {"train": 9}}, "files": {"mlm": {"train": {"de": "x"}}}}
    )
    sets = [s for s in plan.specs if s.task == "mlm"]
    assert {s.limit for s in sets} == {9}
    assert all(s.ref(plan.study.model, plan.study.data) != plain_sets[s.language] for s in sets)


@pytest.mark.parametrize(
    "change", [{"share": 0.3}, {"languages": ["sw"]}, {"learning_rate": 1e-6}, {"exponent": 0.5}], ids=str
)
def test_the_hash_sees_every_setting(make_plan, change):
    before = first(make_plan(intermediate=[MIXED]))
    after = first(make_plan(intermediate=[{**MIXED, "mlm": {**MIXED["mlm"], **change}}]))
    assert before.settings_hash != after.settings_hash
    assert before.settings_hash != first(make_plan(intermediate=[{**MIXED, "mlm": None}])).settings_hash


def test_a_share_of_everything_means_nothing_alone(make_plan):
    """The share beside tasks is 0.1 by default; alone there is nothing to share with."""
    assert first(make_plan(intermediate=[{**ALONE, "mlm": {"languages": ["sw"], "share": 0.5}}])).mlm.share == 1.0


WRONG = {
    "as a task": ({**MIXED, "tasks": ["mlm"]}, "mlm: {languages"),
    "no share": ({**MIXED, "mlm": {"share": 0}}, "mlm.share is 0 beside squad_v1"),
    "whole share": ({**MIXED, "mlm": {"share": 1}}, "mlm.share is 1"),
    "best": ({**ALONE, "select": "best"}, "select: last"),
    "language twice": ({**ALONE, "mlm": {"languages": ["sw", "sw"]}}, "the language 'sw' twice"),
    "unknown language": ({**ALONE, "mlm": {"languages": ["xx"]}}, "unknown language 'xx'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_recipes(make_plan, name):
    recipe, words = WRONG[name]
    with pytest.raises(InputError) as error:
        make_plan(intermediate=[recipe])
    assert words in str(error.value)


def test_masked_lm_is_no_stage_of_a_target(make_plan):
    target = {"tasks": ["xnli"], "per_task": {"xnli": {"train": ["mlm", "mnli"]}}}
    with pytest.raises(InputError, match="put masked LM into a recipe"):
        make_plan(target=target)


def test_the_plans_shares_are_those_of_the_run(make_plan):
    run, sizes = first(make_plan(intermediate=[MIXED])), {"squad_v1": 300, "mlm": 70}
    assert volume.task_shares(run.sampling, sizes, run.mlm) == pytest.approx(
        mixture.task_shares(run.sampling, sizes, run.mlm)
    )
    sizes["mnli"] = 100
    sampling = Sampling("temperature", temperature=3.0)
    assert volume.task_shares(sampling, sizes, run.mlm) == pytest.approx(mixture.task_shares(sampling, sizes, run.mlm))


def test_text_of_unknown_size_does_not_hide_the_cost(make_plan):
    plan = make_plan(intermediate=[{**MIXED, "budget": {"epochs": 1}}], training={})
    volumes = volume.Volumes(plan)
    assert volumes.steps(first(plan)) == -(-87599 // 16), "an epoch is the labelled rows"
    phase = volumes.phases([first(plan)], None)["intermediate"]
    assert phase.training == pytest.approx(87599 * (0.8 * 330 + 0.2 * 40), rel=1e-3)
    assert not phase.unknown


def test_the_decoder_of_masked_lm_is_counted(make_plan):
    """XLM-R Large: 0.15 x 250,002 logits a token, in 16 bits once more as gradient; 6 operations a weight and token."""
    plan = make_plan(intermediate=[ALONE])
    with_text, without = cost_of(plan), cost_of(make_plan(intermediate=[]))
    assert with_text.memory[0].token - without.memory[0].token == round(0.15 * 250002 * 4)
    volumes = volume.Volumes(plan)
    (rows,) = volumes._trained(first(plan), set())
    size = with_text.size
    extra = volume.flops_a_token(size, 40, rows.predicted) - volume.flops_a_token(size, 40)
    assert extra == pytest.approx(6 * 0.15 * 250002 * 1024)


def test_the_plan_says_what_is_transductive(make_plan, tmp_path: Path):
    for name in ("xnli_test/de.txt", "bible/sw.txt"):
        (tmp_path / "raw/mlm_text" / name).parent.mkdir(parents=True)
        (tmp_path / "raw/mlm_text" / name).write_text("Ein Satz.\n")
    plan = make_plan(intermediate=[{"name": "none"}, MIXED], data={"root": str(tmp_path / "raw")})
    by_name = "mlm/train/de reads xnli_test/de.txt, named like an evaluation set"
    assert transductive_notes(plan) == {"m": [by_name]}
    text = plan_text(plan)
    assert "masked LM in m: 20% of the steps, peak rate 5e-06, languages sw de drawn by rows^0.3" in text
    assert f"m is transductive: {by_name}" in text
    run = next(run for run in plan.runs if run.mlm)
    for ref, notes in zip(run.train_sets[1:], (["4 lines of mlm/train/sw are texts of xnli/dev/sw"], []), strict=True):
        folder = plan.features / ref.folder
        folder.mkdir(parents=True)
        content = {"lengths": [4], "transductive": notes}
        (folder / "manifest.json").write_text(json.dumps(content))
    prepared = {"m": ["4 lines of mlm/train/sw are texts of xnli/dev/sw"]}
    assert plan_json(plan)["transductive"] == transductive_notes(plan) == prepared
    content = xtreme(plan, read_scores(plan))
    assert "\n\nm is transductive: 4 lines" in xtreme_markdown(content, plan)


def test_a_plan_without_text_says_nothing(make_plan):
    plan = make_plan()
    assert plan_json(plan)["transductive"] == {}
    assert "masked LM" not in plan_text(plan)
    assert plain(first(plan))["mlm"] is None
