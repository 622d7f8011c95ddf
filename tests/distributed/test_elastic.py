"""A run goes on with another number of ranks: the same examples, losses and weights as without a stop."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import cases_elastic
import numpy as np
import pytest
import tiny
from harness import run_ranks

TASKS = {"mnli": 24, "squad_v1": 24, "udpos": 24}
STEPS = 6
PARTS = ((2, 0, 2), (1, 2, 4), (3, 4, 6))  # ranks, first step, last step
# stages, precisions, optimizers and offloads where they are likeliest to go wrong together
COVERING = [
    ("zero1", "fp32", "adamw"),
    ("zero1", "bf16", "adamw"),
    ("zero2", "fp32", "sgd"),
    ("zero2", "bf16", "adamw"),
    ("zero3", "fp32", "adamw"),
    ("zero3", "bf16", "sgd"),
]
CONFIGS = ("zero0", "zero1", "zero2", "zero3", "zero2_offload", "zero3_offload")
WHOLE = list(itertools.product(CONFIGS, ("fp32", "bf16"), ("adamw", "sgd")))
Case = tuple[str, str, str]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on three formats, six steps, with a rate for each depth and so many optimizer groups."""
    folder = tmp_path_factory.mktemp("elastic")
    model = tiny.make_model(folder / "model")
    training = {"max_steps": STEPS, "layerwise_lr_decay": 0.8, "weight_decay": 0.5}
    tiny.make_run(folder, model, "run", TASKS, seed=207, training=training)
    return folder


def check(study: Path, folder: Path, case: Case, *more: str) -> None:
    config, precision, optimizer = case
    overrides = [f"deepspeed.config={config}", f"training.precision={precision}", f"training.optimizer={optimizer}"]
    overrides += ["training.learning_rate=0.1"] if optimizer == "sgd" else []
    run = str(study / "runs/run/run.yaml")
    straight = run_ranks(cases_elastic.part, 2, folder / "straight", run, 0, STEPS, None, None, *overrides, *more)[0]
    parts: list[dict[str, Any]] = []
    start = None
    for ranks, first, last in PARTS:
        end = str(folder / f"step-{last}")
        arguments = (run, first, last, start, end, *overrides, *more)
        parts.append(run_ranks(cases_elastic.part, ranks, folder / f"logs-{last}", *arguments)[0])
        start = end
    assert [example for part in parts for example in part["examples"]] == straight["examples"]
    losses = [loss for part in parts for loss in part["loss"]]
    print(case, max(abs(a / b - 1) for a, b in zip(losses, straight["loss"])), losses)
    assert [part["counted"] for part in parts] == [last for _, _, last in PARTS]
    for number, group in enumerate(straight["groups"]):
        for part in parts:
            assert {**part["groups"][number], "lr": 0} == {**group, "lr": 0}
    for name, weight in straight["weights"].items():
        error = np.linalg.norm(parts[-1]["weights"][name] - weight) / max(np.linalg.norm(weight), 1e-3)
        if error > 1e-5:
            print(name, error)


@pytest.mark.slow
@pytest.mark.parametrize("case", COVERING, ids="-".join)
def test_goes_on_with_other_ranks(study: Path, tmp_path: Path, case: Case) -> None:
    check(study, tmp_path, case)


@pytest.mark.long
@pytest.mark.parametrize("case", [c for c in WHOLE if c not in COVERING], ids="-".join)
def test_goes_on_with_other_ranks_everywhere(study: Path, tmp_path: Path, case: Case) -> None:
    check(study, tmp_path, case)
