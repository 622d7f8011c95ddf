"""Hyper-parameters of the literature."""

from __future__ import annotations

import dataclasses

import pytest

from stilts.config import Training
from stilts.errors import InputError
from stilts.tasks import TASKS, get_task, preset_values, training_chain

KEYS = {"batch_size", "learning_rate", "warmup", "weight_decay", "epochs", "max_length", "select"}


@pytest.mark.parametrize("preset", ["jiant", "xtreme"])
@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_preset_sets_every_value(preset: str, name: str) -> None:
    values = preset_values(preset, get_task(name))
    assert set(values) == KEYS
    assert set(values) <= {field.name for field in dataclasses.fields(Training)}
    assert values["select"] in ("best", "last")


@pytest.mark.parametrize(
    ("preset", "name", "expected"),
    [
        ("jiant", "pawsx", {"learning_rate": 1e-5, "epochs": 5, "batch_size": 32, "max_length": 256, "warmup": 0.1}),
        ("jiant", "udpos", {"epochs": 10, "weight_decay": 0.01, "select": "best"}),
        ("jiant", "panx", {"epochs": 10, "max_length": 256, "learning_rate": 1e-5}),
        ("jiant", "mlqa", {"epochs": 2, "batch_size": 16, "max_length": 384}),
        ("jiant", "hellaswag", {"learning_rate": 1e-5, "batch_size": 32, "max_length": 256, "warmup": 0.1}),
        (
            "xtreme",
            "xcopa",
            {"learning_rate": 3e-5, "epochs": 5, "max_length": 128, "batch_size": 32, "warmup": 0, "select": "last"},
        ),
        ("xtreme", "socialiqa", {"learning_rate": 3e-5, "epochs": 5, "max_length": 128, "batch_size": 32}),
        ("xtreme", "xnli", {"learning_rate": 3e-5, "epochs": 5, "max_length": 128, "batch_size": 32, "select": "best"}),
        ("xtreme", "pawsx", {"learning_rate": 2e-5, "epochs": 5}),
        ("xtreme", "udpos", {"learning_rate": 2e-5, "epochs": 10, "max_length": 128}),
        ("xtreme", "panx", {"learning_rate": 2e-5, "epochs": 10, "max_length": 128, "batch_size": 32}),
        ("xtreme", "lareqa", {"learning_rate": 2e-5, "epochs": 3, "max_length": 256, "batch_size": 16, "warmup": 0}),
        (
            "xtreme",
            "tydiqa",
            {"learning_rate": 3e-5, "epochs": 3, "warmup": 500, "weight_decay": 1e-4, "select": "last"},
        ),
    ],
)
def test_values_of_the_facts(preset: str, name: str, expected: dict[str, object]) -> None:
    values = preset_values(preset, get_task(name))
    assert {key: values[key] for key in expected} == expected


def test_xnli_is_trained_on_mnli_by_jiant_and_on_xnlis_english_half_by_xtreme() -> None:
    assert training_chain("jiant", get_task("xnli")) == ("mnli",)
    assert training_chain("xtreme", get_task("xnli")) == ("xnli",)
    for preset in ("jiant", "xtreme"):
        assert training_chain(preset, get_task("xcopa")) == ("socialiqa", "copa")
        assert training_chain(preset, get_task("panx")) == ("panx",)


def test_xquad_and_mlqa_share_their_settings() -> None:
    for preset in ("jiant", "xtreme"):
        assert preset_values(preset, get_task("xquad")) == preset_values(preset, get_task("mlqa"))
    assert get_task("xquad").selection == get_task("mlqa").selection


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'jiant'"):
        preset_values("jaint", get_task("xnli"))
