"""Drift: what decides a result, how two runs differ in it, and which differences are accepted."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from stilts.config import ModelSettings, RunSettings, SetRef, Training
from stilts.drift import Difference, allowed, decisive, describe, differences, listed, refuse
from stilts.errors import InputError
from stilts.settings import plain
from stilts.study.plan import settings_hash

RUN = RunSettings(
    study="s", run="r", kind="target", recipe="a", seeds={"intermediate": 1, "target": 1}, settings_hash="",
    trains_on=["mnli"], needs=["m"], init_run="m", init_hash="0123456789ab",
    deepspeed={"config": "zero2", "x": {"y": 1}},
    train_sets=[SetRef("mnli", "train", "en", "mnli/train-en-1")], training=Training(learning_rate=1e-3, max_steps=4),
)  # fmt: skip


def changed(**training):
    return replace(RUN, training=replace(RUN.training, **training))


def between(old, new):
    return differences(decisive(old), decisive(new))


def test_the_hash_is_that_of_the_decisive_settings():
    text = json.dumps(decisive(RUN), sort_keys=True).encode()
    assert settings_hash(RUN) == hashlib.sha256(text).hexdigest()[:12]


@pytest.mark.parametrize(
    "other",
    [
        changed(save_every=9, log_every=3, micro_batch_tokens=99, gradient_checkpointing=True),
        replace(RUN, study="t", run="q", recipe="b", needs=[], init_run="n", features="f", allow_drift=["model"]),
    ],
)
def test_what_decides_nothing_is_no_difference(other):
    assert between(RUN, other) == []
    assert settings_hash(other) == settings_hash(RUN)


def test_differences_name_the_key_and_both_values():
    found = between(RUN, replace(changed(learning_rate=2e-3, dropout=0.0), model=ModelSettings("m", revision="abc")))
    assert found == [
        Difference("model.name", "FacebookAI/xlm-roberta-large", "m"),
        Difference("model.revision", None, "abc"),
        Difference("training.learning_rate", 1e-3, 2e-3),
        Difference("training.dropout", None, 0.0),
    ]
    assert describe(found)[1:] == [
        "model.revision null -> abc",
        "training.learning_rate 0.001 -> 0.002",
        "training.dropout null -> 0.0",
    ]


def test_nested_and_removed_keys():
    found = between(RUN, replace(RUN, deepspeed={"config": "zero3", "z": 2}, init_hash="ba9876543210"))
    assert describe(found) == [
        "deepspeed.config zero2 -> zero3",
        "deepspeed.z null -> 2",
        'deepspeed.x {"y": 1} -> null',
        "init_run 0123456789ab -> ba9876543210",
    ]


def test_lists_are_values_and_long_ones_show_what_changed():
    def sets(*numbers):
        return replace(RUN, train_sets=[SetRef("mnli", "train", "en", f"mnli/train-en-{n}") for n in numbers])

    (short,) = describe(between(sets(1), sets(1, 2)))
    assert short == "train_sets [mnli/train-en-1] -> [mnli/train-en-1, mnli/train-en-2]"
    (long,) = describe(between(sets(*range(40)), sets(*range(2, 39), 50)))
    assert long == (
        "train_sets 40 -> 38 items, without [mnli/train-en-0, mnli/train-en-1, mnli/train-en-39], "
        "with [mnli/train-en-50]"
    )
    (turned,) = describe(between(sets(1, 2, 3, 4), sets(4, 3, 2, 1)))
    assert turned == "train_sets 4 -> 4 items, in another order"


def test_a_run_file_of_another_version(tmp_path):
    """Settings that it did not have yet count as null, settings that it had are named."""
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(plain(RUN)))
    content = yaml.safe_load(path.read_text())
    assert differences(decisive(content), decisive(RUN)) == []
    del content["retrieval"], content["training"]["dropout"], content["training"]["optimizer"]
    content["training"]["warm"] = 0.1
    assert describe(differences(decisive(content), decisive(RUN))) == [
        "training.optimizer null -> adamw",
        "training.warm 0.1 -> null",
    ]


@pytest.mark.parametrize(
    ("key", "expected"),
    [("training", True), ("training.learning_rate", True), ("training.learning", False), ("train", False),
     ("training.learning_rate.x", False), ("model", False)],
)  # fmt: skip
def test_a_key_allows_itself_and_what_is_below(key, expected):
    assert allowed(Difference("training.learning_rate", 1, 2), [key]) is expected


def test_refuse_names_what_is_not_allowed():
    found = between(RUN, replace(changed(learning_rate=2e-3), init_head="reuse"))
    refuse(found, ["init_head", "training"], "it")
    refuse([], [], "it")
    with pytest.raises(InputError) as error:
        refuse(found, ["init_head"], "the checkpoint c/step-4")
    assert str(error.value) == (
        "the checkpoint c/step-4 was made with other settings: training.learning_rate 0.001 -> 0.002; expected the "
        "settings of its start; give the old values back, use another study name, or accept the change with "
        "--allow-drift training.learning_rate"
    )


def test_many_differences_are_counted():
    found = [Difference(f"training.k{n}", n, "x" * 200) for n in range(8)]
    line = listed(found)
    assert "training.k4 4 -> xxx" in line
    assert line.endswith(", and 3 more")
    assert "training.k5" not in line
    assert len(line) < 500
    with pytest.raises(InputError, match=r"training\.k4$"):
        refuse(found, [], "it")


def test_the_command_line_of_a_run():
    spec = importlib.util.spec_from_file_location("train", Path(__file__).parents[1] / "train.py")
    train = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(train)
    words = ["run.yaml", "--allow-drift", "model", "a=1", "--local_rank=0", "--allow-drift=training.max_steps", "b=2"]
    assert train.parse(words) == (Path("run.yaml"), ["a=1", "b=2"], ["model", "training.max_steps"])
    assert train.parse(["run.yaml"]) == (Path("run.yaml"), [], [])
