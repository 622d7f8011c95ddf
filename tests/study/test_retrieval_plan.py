"""Plans of retrieval targets: what is read beside the scored sets, and models fine-tuned before they search."""

from __future__ import annotations

from typing import Any

import pytest

from stilts.config import RunSettings
from stilts.study.cost import cost_of
from stilts.study.plan import Plan


def target(*tasks: str, languages: tuple[str, ...] = ("de",), **per_task: dict[str, Any]) -> dict[str, Any]:
    return {"tasks": list(tasks), "languages": list(languages), "per_task": per_task}


def scoring(plan: Plan, task: str) -> list[RunSettings]:
    return [run for run in plan.runs if task in run.evaluates]


@pytest.mark.parametrize("split", ["dev", "test"])
def test_bucc_reads_dev_beside_the_reported_set(make_plan, split: str) -> None:
    plan = make_plan(target=target("bucc2018", languages=("de", "fr")), evaluation={"split": split})
    for run in scoring(plan, "bucc2018"):
        assert run.kind == "evaluation"
        assert [(ref.split, ref.language) for ref in run.evaluation_sets] == [(split, "de"), (split, "fr")]
        assert [(ref.split, ref.language) for ref in run.support_sets] == [("dev", "de"), ("dev", "fr")]
        same = [ref.folder for ref in run.support_sets] == [ref.folder for ref in run.evaluation_sets]
        assert same == (split == "dev")  # prepared once
    assert {spec.purpose for spec in plan.specs if spec.task == "bucc2018"} == {"evaluate", "support"}


@pytest.mark.parametrize("setting", [{"train": ["squad_v1"]}, {"retrieval": {"tuned_on": "squad_v1"}}])
def test_tatoeba_from_a_squad_model_shares_the_fine_tune_of_xquad(make_plan, setting: dict[str, Any]) -> None:
    plan = make_plan(target=target("xquad", "tatoeba", tatoeba=setting), training={"preset": "xtreme"})
    runs = scoring(plan, "tatoeba")
    assert runs == scoring(plan, "xquad")
    for run in runs:
        assert (run.kind, run.trains_on, run.evaluates) == ("target", ["squad_v1"], ["xquad", "tatoeba"])
        assert run.retrieval.keys() == {"tatoeba"}
        assert run.training.max_length == 384
    lengths = {spec.max_length for spec in plan.specs if spec.task == "tatoeba"}
    assert lengths == {512}


def test_what_is_set_for_tatoeba_trains_its_model(make_plan) -> None:
    own = {"train": ["mnli", "squad_v1"], "epochs": 1, "learning_rate": 5e-6, "max_length": 64, "select": "best"}
    plan = make_plan(target=target("xquad", "tatoeba", tatoeba=own), training={"preset": "jiant"})
    first, last = [run for run in plan.runs if run.kind == "target" and run.recipe == "none" and "xquad" not in run.run]
    assert (first.trains_on, last.trains_on, last.init_run) == (["mnli"], ["squad_v1"], first.run)
    assert (last.training.epochs, last.training.learning_rate, last.training.max_length) == (1, 5e-6, 384)
    assert [(ref.task, ref.split) for ref in last.selection_sets] == [("squad_v1", "train")]  # held-out articles
    assert {spec.max_length for spec in plan.specs if spec.task == "tatoeba"} == {64}


@pytest.mark.parametrize(("tuned_on", "expected"), [("mnli", ["en"]), ("pawsx", ["de"]), ("xnli", ["de", "ru"])])
def test_the_languages_of_a_study_need_not_be_those_of_the_task_that_trains(
    make_plan, tuned_on: str, expected: list[str]
) -> None:
    chosen = target("tatoeba", languages=("de", "ru"), tatoeba={"train": [tuned_on]})
    plan = make_plan(target=chosen, evaluation={"selection": "all_language_dev"}, training={"select": "best"})
    for run in scoring(plan, "tatoeba"):
        assert [ref.language for ref in run.selection_sets] == expected


def test_mewslix_is_trained_and_searches_one_set_for_all_languages(make_plan) -> None:
    chosen = {**target("mewslix", languages=("de", "ta")), "benchmark": "xtreme_r"}
    files = {"mewslix": {"candidates": {"mul": "few.jsonl"}}}
    data = {"files": files, "limit": {"mewslix": {"candidates": 500}}}
    plan = make_plan(target=chosen, training={"preset": "xtreme"}, data=data)
    for run in scoring(plan, "mewslix"):
        assert (run.kind, run.trains_on) == ("target", ["mewslix"])
        assert [(ref.split, ref.language) for ref in run.support_sets] == [("candidates", "mul")]
        training = run.training
        assert (training.batch_size, training.learning_rate, training.epochs) == (32, 1e-5, 2)
        assert (training.max_length, training.select) == (64, "last")
    limits = {spec.split: spec.limit for spec in plan.specs}
    assert limits == {"train": None, "dev": None, "candidates": 500}
    best = make_plan(target=chosen, training={"preset": "jiant"})
    (run,) = [run for run in best.runs if run.recipe == "none" and run.evaluates]
    assert [(ref.task, ref.split, ref.language) for ref in run.selection_sets] == [("mewslix", "train", "en")]
    assert {spec.part for spec in best.specs if (spec.task, spec.split) == ("mewslix", "train")} == {"rest", "heldout"}


def test_a_limit_of_bucc_counts_sentences(make_plan) -> None:
    def scored(**data: Any) -> float:
        return cost_of(make_plan(intermediate=[], target=target("bucc2018"), data=data)).phases["evaluation"].scoring

    assert scored() == 1038 * 75 * 40  # declared are gold pairs
    assert scored(limit={"bucc2018": {"dev": 1000}}) == 1000 * 40


def test_a_scored_row_of_entity_linking_is_one_sequence(make_plan) -> None:
    chosen = {**target("mewslix", languages=("ta",)), "benchmark": "xtreme_r"}
    data = {"limit": {"mewslix": {"candidates": 500}}}
    phase = cost_of(make_plan(intermediate=[], target=chosen, data=data)).phases["target"]
    assert phase.scoring == (312 + 500) * 64
    assert phase.training == 4 * 32 * 100
