"""The study files that come with the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from stilts.analysis.domain_factorial import recipes_of
from stilts.analysis.questions import QUESTIONS
from stilts.analysis.task_sets import SINGLE, Names, all_of, matched, one_less, task_sets
from stilts.analysis.typology import RANKS_ONLY
from stilts.config import Study, TwoByTwo
from stilts.kept_step import SEPARATE, TRUNK
from stilts.sample.writer import TRANSLATED
from stilts.settings import load_yaml, read
from stilts.study.plan import Plan, expand
from stilts.study.told import told
from stilts.study.translated import trained_on
from stilts.tasks import BENCHMARKS, target_tasks
from stilts.two_by_two import cell_of

STUDIES = Path(__file__).parents[2] / "studies"


def plan_of(name: str) -> Plan:
    return expand(read(Study, load_yaml(STUDIES / f"{name}.yaml"), ""))


def test_small_choice_is_small_with_more_recipes_and_xcopa() -> None:
    plan, small = plan_of("small_choice"), plan_of("small")
    added = ["anli_plus", "hellaswag", "commonsenseqa", "cosmosqa"]
    assert [recipe.name for recipe in plan.recipes] == [*(recipe.name for recipe in small.recipes), *added]
    assert set(plan.targets) == {*small.targets, "xcopa"}
    assert not plan.later
    runs = {run.run: run for run in plan.runs}
    assert runs["target-none-xcopa-t1"].trains_on == ["socialiqa"]
    assert len([cell for cell in plan.cells if (cell.recipe, cell.target) == ("none", "xcopa")]) == 11


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_sample_all_has_every_target_and_a_whole_submission(benchmark: str) -> None:
    content = load_yaml(STUDIES / "sample_all.yaml")
    content["target"]["benchmark"] = benchmark
    plan = expand(read(Study, content, ""))
    assert set(plan.targets) == set(target_tasks(benchmark))
    assert not plan.later
    assert (plan.study.evaluation.split, plan.study.data.limit) == ("test", {})
    assert plan.study.target.per_task["tatoeba"].retrieval.query_side == "english"
    assert {recipe.name for recipe in plan.recipes} == {"none", "snli+squad_v1"}


@pytest.mark.parametrize("name", ["multitask", "multitask_full"])
def test_the_multitask_studies_name_their_recipes_as_the_analysis_reads_them(name: str) -> None:
    plan = plan_of(name)
    assert not plan.later
    sets = task_sets([recipe.name for recipe in plan.recipes], Names("none", "all", "leave-one-out", {}))
    steps = {recipe.budget.steps for recipe in plan.recipes if len(recipe.tasks) == 1}
    assert len(steps) == 1
    for recipe, read_as in zip(plan.recipes, sets, strict=True):
        assert set(read_as.tasks) == set(recipe.tasks)
        if recipe.tasks:
            times = len(recipe.tasks) if read_as.arm == "examples" else 1
            assert recipe.budget.steps == times * max(steps)
    whole = all_of(sets, "")
    assert whole is not None
    single = {one.tasks[0] for one in sets if one.kind == SINGLE}
    assert set(whole.tasks) == single
    left_out = set(one_less(sets, whole))
    assert left_out == (single if name == "multitask_full" else {"snli", "hellaswag"})
    assert {one.arm for one, other in matched(sets) if other is whole} >= {"examples"}
    assert all(len(seeds) > 1 for seeds in (plan.study.seeds, plan.study.target.seeds))


@pytest.mark.parametrize("name", ["steps", "steps_full"])
def test_the_studies_of_steps_keep_step_0_and_compare_two_designs(name: str) -> None:
    plan = plan_of(name)
    assert not plan.later
    assert plan.baseline == "none"
    steps = {one.name: set(one.keep_steps) for one in plan.study.intermediate if one.keep_steps}
    designs = {one.name: one.design for one in plan.study.intermediate if one.keep_steps}
    assert set(designs.values()) == {TRUNK, SEPARATE}
    whole, trunk = next(key for key in designs if designs[key] == SEPARATE), next(iter(steps))
    assert steps[whole] <= steps[trunk], "at equal steps"
    trunks = [run.run for run in plan.runs if run.branch_steps]
    assert len(trunks) == len([design for design in designs.values() if design == TRUNK]) * len(plan.study.seeds)
    assert all(len(seeds) > 1 for seeds in (plan.study.seeds, plan.study.target.seeds))


def test_the_full_multitask_study_has_the_recipes_and_targets_of_the_paper() -> None:
    full, paper = plan_of("multitask_full"), plan_of("phang2020")
    assert full.targets == paper.targets
    alone = {recipe.name: recipe.tasks for recipe in paper.recipes if len(recipe.tasks) == 1}
    assert {recipe.name: recipe.tasks for recipe in full.recipes if len(recipe.tasks) == 1} == alone
    assert len(alone) == 9


@pytest.mark.parametrize("name", ["small", "small_choice"])
def test_files_of_the_small_studies_are_at_hand(name: str, real_data: Path) -> None:
    for task, splits in plan_of(name).study.data.files.items():
        for languages in splits.values():
            for path in languages.values():
                assert list(real_data.glob(path)), (task, path)


@pytest.mark.parametrize("name", ["domain", "domain_full"])
def test_the_domain_studies_have_measures_and_a_matrix_of_single_tasks(name: str) -> None:
    plan = plan_of(name)
    assert plan.study.evaluation.domain
    sets = task_sets([recipe.name for recipe in plan.recipes], Names("none", "all", "leave-one-out", {}))
    single = [one for one in sets if one.kind == SINGLE]
    for recipe, read_as in zip(plan.recipes, sets, strict=True):
        if cell_of(recipe.name) is None:
            assert list(read_as.tasks) == recipe.tasks
    four = recipes_of([recipe.name for recipe in plan.recipes], {})
    assert len(single) - len(four) >= 5
    assert len(four) == 4
    tasks = {recipe.name: recipe for recipe in plan.recipes}
    for (domain, language), recipe in four.items():
        other = tasks[four[domain, "near" if language == "english" else "english"]]
        assert (tasks[recipe].tasks, tasks[recipe].budget) == (other.tasks, other.budget)
        assert bool(tasks[recipe].translated_from) == (language == "near")
        assert len(tasks[recipe].seeds or plan.study.seeds) > 1
    where = plan.study.evaluation.domain
    assert isinstance(where, TwoByTwo)
    assert {cell.language for cell in plan.cells if cell.target in where.targets} >= set(where.near)
    trained = {code for name in four.values() for code in tasks[name].languages}
    assert not trained & set(where.near), "near it, not the language itself"
    assert trained == {TRANSLATED if name == "domain" else "et"}


def test_the_study_of_noise_has_english_and_multilingual_recipes_that_match() -> None:
    plan = plan_of("noise")
    found = told(plan, "noise", QUESTIONS["noise"], {recipe.name for recipe in plan.recipes})
    assert found["pairs"] == {"english+mlm": "english", "english+translated": "english"}
    assert set(found["pairs"]) == set(found["multilingual"])
    runs = {run.recipe: run for run in plan.runs if run.kind == "intermediate"}
    assert {(run.training.max_steps, run.training.batch_size) for run in runs.values()} == {(80, 32)}
    assert len(plan.study.seeds) > 1
    assert trained_on(runs["english+translated"]) == f"squad_v1 (en -> en, {TRANSLATED})"


@pytest.mark.parametrize("name", ["typology", "typology_full"])
def test_the_typology_studies_have_languages_for_more_than_ranks(name: str) -> None:
    plan = plan_of(name)
    assert not plan.later
    assert len({cell.language for cell in plan.cells} - {"en"}) > RANKS_ONLY
    assert len(plan.study.target.seeds) > 1  # the covariate comes from other seeds than the gain
    assert "udpos" in plan.targets
