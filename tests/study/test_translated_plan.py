"""Recipes of machine-translated data: their sets, sizes and names, and that they change nothing for others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stilts.config import RunSettings
from stilts.study.cost import cost_of
from stilts.study.data_notes import data_notes
from stilts.study.marks import same_data
from stilts.study.plan import Plan
from stilts.study.show import plan_json, plan_text
from stilts.study.volume import Volumes

MNLI = {"name": "english", "tasks": ["mnli"], "budget": {"epochs": 2}}
TRANSLATED = {**MNLI, "name": "translated", "translated_from": "en", "languages": ["de", "ru", "sw"]}
MakePlan = Callable[..., Plan]


def planned(make_plan: MakePlan, *recipes: dict[str, Any], **changes: Any) -> Plan:
    return make_plan(**{"intermediate": [{"name": "none"}, *recipes], "training": {"select": "last"}, **changes})


def intermediate(plan: Plan, recipe: str) -> RunSettings:
    return next(run for run in plan.runs if run.run == f"intermediate-{recipe}-s1")


def test_a_set_a_language_that_take_turns_with_the_rows(make_plan: MakePlan) -> None:
    plan = planned(make_plan, TRANSLATED, {**TRANSLATED, "name": "one", "languages": ["sw"]},
                   {**TRANSLATED, "name": "both", "languages": ["en", "sw"]})  # fmt: skip
    assert not plan.later
    sets = {spec.ref(plan.study.model, plan.study.data): spec for spec in plan.specs}
    found = {
        name: [
            (s.language, s.translated_from, s.turn) for s in map(sets.__getitem__, intermediate(plan, name).train_sets)
        ]
        for name in ("translated", "one", "both")
    }
    assert found == {
        "translated": [("de", "en", "1/3"), ("ru", "en", "2/3"), ("sw", "en", "3/3")],
        "one": [("sw", "en", None)],
        "both": [("en", None, "1/2"), ("sw", "en", "2/2")],
    }
    folders = [ref.folder for name in found for ref in intermediate(plan, name).train_sets]
    assert len(set(folders)) == 6
    assert intermediate(plan, "translated").translated_from == "en"


def test_as_many_steps_as_in_english(make_plan: MakePlan) -> None:
    plan = planned(make_plan, MNLI, TRANSLATED)
    volumes = Volumes(plan)
    english, translated = (volumes.steps(intermediate(plan, name)) for name in ("english", "translated"))
    assert english == translated == -(-2 * 392702 // 32)
    limited = planned(make_plan, MNLI, TRANSLATED, data={"limit": {"mnli": {"train": 300}}})
    steps = {Volumes(limited).steps(intermediate(limited, name)) for name in ("english", "translated")}
    assert steps == {-(-600 // 32)}


def test_held_out_articles_stay_out_of_translations_too(make_plan: MakePlan) -> None:
    recipe = {**TRANSLATED, "tasks": ["squad_v1", "mnli"], "select": "best"}
    plan = planned(make_plan, recipe)
    parts = {(s.task, s.language): s.part for s in plan.specs if s.translated_from}
    assert {part for (task, _), part in parts.items() if task == "squad_v1"} == {"rest"}
    chosen = [(ref.task, ref.split, ref.language) for ref in intermediate(plan, "translated").selection_sets]
    assert chosen == [("squad_v1", "train", "en"), ("mnli", "dev", "en")]


def test_how_it_is_named(make_plan: MakePlan) -> None:
    plan = planned(make_plan, TRANSLATED, {**TRANSLATED, "name": "tydi", "tasks": ["tydiqa"]},
                   target={"tasks": ["xnli", "tydiqa"], "languages": {"xnli": ["en"], "tydiqa": ["en"]}})  # fmt: skip
    assert "mnli (en -> de, ru, sw)" in plan_text(plan)
    assert "trained on (machine-translated from en) | de ru sw" in data_notes(plan)
    assert same_data(plan) == {("translated", "xnli"), ("tydi", "tydiqa")}
    assert cost_of(plan).phases["intermediate"].unknown == set()


@pytest.mark.parametrize("change", [{"languages": ["de", "ru", "tr"]}, {"translated_from": None, "languages": []}])
def test_the_run_is_another_one(make_plan: MakePlan, change: dict[str, Any]) -> None:
    hashes = {intermediate(planned(make_plan, {**TRANSLATED, **extra}), "translated").settings_hash
              for extra in ({}, change)}  # fmt: skip
    assert len(hashes) == 2


def test_where_translations_are_read_from_decides_those_sets_only(make_plan: MakePlan) -> None:
    plans = [planned(make_plan, MNLI, TRANSLATED, data={"translations": folder}) for folder in (None, "a", "b")]
    for name, different in (("english", 1), ("translated", 3)):
        assert len({intermediate(plan, name).settings_hash for plan in plans}) == different
    assert plan_json(plans[0])["not_in_this_version"] == []
