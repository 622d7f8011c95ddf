"""What the names of recipes, a mapping or a file say about their tasks."""

from __future__ import annotations

import pandas as pd
import pytest

from stilts.analysis.task_sets import (
    Names,
    all_of,
    labelled,
    matched,
    one_less,
    read_task_sets,
    singles_for,
    task_sets,
)
from stilts.errors import InputError

NAMES = Names("none", "all", "leave-one-out", {})


def sets_of(recipes, given=None, **changed):
    names = Names(**{**vars(NAMES), "given": given or {}, **changed})
    return task_sets(recipes, names)


def test_names_are_read():
    found = sets_of(["none", "a", "b", "c", "a+b", "all", "all+mlm", "leave-one-out:b", "leave-one-out-c--steps"])
    assert [(one.kind, "".join(task[0] for task in one.tasks), one.arm) for one in found] == [
        ("baseline", "", ""), ("single", "a", ""), ("single", "b", ""), ("single", "c", ""), ("several", "ab", ""),
        ("several", "abc", ""), ("several", "abcm", ""), ("several", "ac", ""), ("several", "ab", "steps"),
    ]  # fmt: skip
    assert all_of(found, "").recipe == "all"
    assert all_of(found, "steps") is None
    assert {task: one.recipe for task, one in one_less(found, all_of(found, "")).items()} == {
        "b": "leave-one-out:b",
        "c": "a+b",  # of three tasks, these are all but c
    }
    assert [(one.recipe, other.recipe) for one, other in matched(found)] == [("leave-one-out-c--steps", "a+b")]


def test_a_mapping_goes_before_names_also_for_arms():
    found = sets_of(["zero", "x", "y", "both", "both--steps", "lm"],
                    {"x": ("a",), "both": ("a", "y"), "lm": ()}, baseline="zero")  # fmt: skip
    assert [(one.kind, one.tasks) for one in found] == [
        ("baseline", ()), ("single", ("a",)), ("single", ("y",)),
        ("several", ("a", "y")), ("several", ("a", "y")), ("other", ()),
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"unknown recipe 'bth'.*did you mean 'both'"):
        sets_of(["zero", "both"], {"bth": ("a",)}, baseline="zero")


def test_single_tasks_of_an_arm_go_before_those_of_none():
    found = sets_of(["none", "a", "b", "a--steps", "all", "all--steps", "b--examples"])
    assert [one.recipe for one in singles_for(found, "")] == ["a", "b"]
    assert [one.recipe for one in singles_for(found, "steps")] == ["a--steps", "b"]
    assert [one.recipe for one in singles_for(found, "examples")] == ["a", "b--examples"]


def test_of_two_recipes_of_one_task_and_arm_the_first_is_held_against():
    given = {"x": ("a",), "again": ("a",), "again--steps": ("a",), "once more--steps": ("a",)}
    found = sets_of(["none", "x", "again", "again--steps", "once more--steps"], given)
    assert [one.recipe for one in singles_for(found, "")] == ["x"]
    assert [one.recipe for one in singles_for(found, "steps")] == ["again--steps"]


def test_the_column_arm_and_a_file_s_arms_name_recipes():
    rows = pd.DataFrame({"recipe": ["a", "b", "c", "d--x"], "arm": ["x", "", "", "x"]})
    assert labelled(rows, {"a": "y", "b": "y"})["recipe"].tolist() == ["a--x", "b--y", "c", "d--x"]


def test_files_of_recipes(tmp_path):
    path = tmp_path / "recipes.csv"
    path.write_text("recipe,tasks,arm\nr1,a + b,\nr2,,steps\n")
    assert read_task_sets(path) == ({"r1": ("a", "b"), "r2": ()}, {"r1": "", "r2": "steps"})
    for text, message in (
        ("recipe,task\nr1,a\n", "lacks tasks"),
        ("recipe,tasks\nr1,a\nr1,b\n", "has r1 twice"),
        ("", "No columns"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            read_task_sets(path)
    with pytest.raises(InputError, match="no file at"):
        read_task_sets(tmp_path / "none.csv")
