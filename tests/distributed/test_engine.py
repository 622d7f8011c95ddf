"""What an optimizer step does must not depend on ranks, ZeRO stage or micro-batch, and must equal plain PyTorch."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import cases
import numpy as np
import pytest
import tiny
from harness import RankFailed, run_ranks

# A softmax over positions does not see a shift of all of them: these gradients are rounding noise, scaled up by Adam.
NO_GRADIENT = ("key.bias", "heads.squad_v1.out.bias")
TASKS = {"mnli": 24, "squad_v1": 24, "udpos": 24}
ORDER = ["mnli", "mnli", "squad_v1", "squad_v1", "mnli", "udpos"]
CONFIGS = ("zero0", "zero1", "zero2", "zero3", "zero2_offload", "zero3_offload")
SMALL = 24  # tokens: several micro-batches a step
# one optimizer, rank count and micro-batch each where they are likeliest to go wrong together
COVERING = [
    ("zero0", 2, None, "adamw"),
    ("zero0", 3, SMALL, "sgd"),
    ("zero1", 1, SMALL, "adamw"),
    ("zero1", 2, None, "sgd"),
    ("zero2", 2, SMALL, "adamw"),
    ("zero2", 3, SMALL, "sgd"),
    ("zero2", 1, None, "sgd"),
    ("zero3", 1, SMALL, "sgd"),
    ("zero3", 2, SMALL, "adamw"),
    ("zero3", 3, None, "adamw"),
    ("zero2_offload", 2, SMALL, "adamw"),
    ("zero2_offload", 1, SMALL, "sgd"),
    ("zero2_offload", 3, None, "sgd"),
    ("zero3_offload", 2, SMALL, "adamw"),
    ("zero3_offload", 1, None, "adamw"),
]
WHOLE = list(itertools.product(CONFIGS, (1, 2), (None, SMALL), ("sgd", "adamw")))
REST = [case for case in WHOLE if case not in COVERING]
Case = tuple[str, int, int | None, str]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on three formats: six steps of eight rows, fp32, no dropout; seed 207 draws A, A, B, B, A, C."""
    folder = tmp_path_factory.mktemp("engine")
    model = tiny.make_model(folder / "model")
    tiny.make_run(folder, model, "run", TASKS, seed=207, training={"max_steps": 6})
    return folder


@pytest.fixture(scope="module")
def reference(study: Path) -> dict[str, dict[str, Any]]:
    """The same steps in plain PyTorch and transformers, the whole global batch at once, by optimizer."""
    path = str(study / "runs/run/run.yaml")
    return {
        name: run_ranks(cases.plain_pytorch, 1, study / f"logs-{name}", path, *_optimizer(name))[0]
        for name in ("adamw", "sgd")
    }


def _optimizer(name: str) -> list[str]:
    return [f"training.optimizer={name}", *(["training.learning_rate=0.1"] if name == "sgd" else [])]


def same_weights(found: dict[str, Any], wanted: dict[str, Any], skip: tuple[str, ...]) -> None:
    """Relative error of every parameter, by its norm; a parameter that is 0 by its own nature by its absolute value."""
    assert set(found) == set(wanted)
    for name, weight in wanted.items():
        if not name.endswith(skip):
            error = np.linalg.norm(found[name] - weight) / max(np.linalg.norm(weight), 1e-3)
            assert error <= 1e-5, f"{name}: {error:.2e}"


def check(study: Path, reference: dict[str, dict[str, Any]], logs: Path, case: Case) -> None:
    config, ranks, micro, optimizer = case
    overrides = [f"deepspeed.config={config}", f"training.micro_batch_tokens={micro or 'null'}", *_optimizer(optimizer)]
    result = run_ranks(cases.losses, ranks, logs, str(study / "runs/run/run.yaml"), *overrides)[0]
    wanted = reference[optimizer]
    assert result["task"] == wanted["task"] == ORDER
    assert (max(result["passes"]) > 1) == (micro is not None), "several micro-batches, or one"
    np.testing.assert_allclose(result["loss"], wanted["loss"], rtol=1e-5)
    same_weights(result["weights"], wanted["weights"], NO_GRADIENT if optimizer == "adamw" else ())


@pytest.mark.slow
@pytest.mark.parametrize("case", COVERING, ids=str)
def test_equals_plain_pytorch(study: Path, reference: dict[str, Any], tmp_path: Path, case: Case) -> None:
    check(study, reference, tmp_path, case)


@pytest.mark.long
@pytest.mark.parametrize("case", REST, ids=str)
def test_equals_plain_pytorch_everywhere(study: Path, reference: dict[str, Any], tmp_path: Path, case: Case) -> None:
    check(study, reference, tmp_path, case)


@pytest.mark.slow
def test_layerwise_rates_equal_plain_pytorch(study: Path, tmp_path: Path) -> None:
    path, setting = str(study / "runs/run/run.yaml"), "training.layerwise_lr_decay=0.5"
    wanted = run_ranks(cases.plain_pytorch, 1, tmp_path / "a", path, setting)[0]
    plain = run_ranks(cases.plain_pytorch, 1, tmp_path / "b", path)[0]
    for config in ("zero2", "zero3"):
        found = run_ranks(cases.losses, 2, tmp_path / config, path, setting, f"deepspeed.config={config}")[0]
        same_weights(found["weights"], wanted["weights"], NO_GRADIENT)
    name = "encoder.encoder.layer.0.output.dense.weight"
    assert not np.allclose(plain["weights"][name], wanted["weights"][name], rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("config", ["zero0", "zero2", "zero3"])
def test_frozen_embeddings_stay(study: Path, tmp_path: Path, config: str) -> None:
    path, setting = str(study / "runs/run/run.yaml"), "training.freeze_embeddings=true"
    before = run_ranks(cases.losses, 1, tmp_path / "a", path, "training.learning_rate=0")[0]["weights"]
    after = run_ranks(cases.losses, 2, tmp_path / "b", path, setting, f"deepspeed.config={config}")[0]["weights"]
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert not {name for name in changed if "embeddings" in name}
    assert {name for name in before if name.endswith("query.weight")} <= changed


@pytest.mark.slow
@pytest.mark.parametrize("layers", ["true", "1"])
def test_gradient_checkpointing_changes_nothing(
    study: Path, reference: dict[str, Any], tmp_path: Path, layers: str
) -> None:
    path = str(study / "runs/run/run.yaml")
    result = run_ranks(cases.losses, 1, tmp_path, path, f"training.gradient_checkpointing={layers}")[0]
    np.testing.assert_allclose(result["loss"], reference["adamw"]["loss"], rtol=1e-5)


@pytest.mark.slow
def test_bf16_trains_with_fp32_masters(study: Path, reference: dict[str, Any], tmp_path: Path) -> None:
    import torch

    path = str(study / "runs/run/run.yaml")
    result = run_ranks(cases.losses, 2, tmp_path, path, "training.precision=bf16")[0]
    np.testing.assert_allclose(result["loss"], reference["adamw"]["loss"], rtol=2e-2)
    weight = result["weights"]["encoder.encoder.layer.0.attention.self.query.weight"]
    rounded = torch.from_numpy(weight).bfloat16().float().numpy()
    assert (rounded != weight).any(), "masters should hold more than bf16 does"


HARDWARE = list(itertools.product(("zero0", "zero1", "zero2", "zero3"), (1, 2, 3)))
SOME_HARDWARE = [("zero1", 2), ("zero2", 3), ("zero3", 2), ("zero0", 3)]
THIRTY = ["training.max_steps=30", f"training.micro_batch_tokens={SMALL}"]


@pytest.fixture(scope="module")
def thirty_steps(study: Path) -> dict[str, Any]:
    path = str(study / "runs/run/run.yaml")
    return run_ranks(cases.steps_only, 1, study / "logs-30", path, "deepspeed.config=zero0", *THIRTY)[0]


def check_hardware(study: Path, thirty_steps: dict[str, Any], logs: Path, config: str, ranks: int) -> None:
    path = str(study / "runs/run/run.yaml")
    results = run_ranks(cases.steps_only, ranks, logs, path, f"deepspeed.config={config}", *THIRTY)
    for result in results:
        assert result["examples"] == thirty_steps["examples"]
    np.testing.assert_allclose(results[0]["loss"], thirty_steps["loss"], rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("config", "ranks"), SOME_HARDWARE)
def test_thirty_steps_do_not_depend_on_hardware(
    study: Path, thirty_steps: dict[str, Any], tmp_path: Path, config: str, ranks: int
) -> None:
    check_hardware(study, thirty_steps, tmp_path, config, ranks)


@pytest.mark.long
@pytest.mark.parametrize(("config", "ranks"), [case for case in HARDWARE if case not in SOME_HARDWARE])
def test_thirty_steps_do_not_depend_on_any_hardware(
    study: Path, thirty_steps: dict[str, Any], tmp_path: Path, config: str, ranks: int
) -> None:
    check_hardware(study, thirty_steps, tmp_path, config, ranks)


@pytest.mark.slow
def test_xl_width_trains_under_zero3_with_offload(tmp_path: Path) -> None:
    """XLM-R XL's width, 2 layers: 157 M parameters, the same losses as without ZeRO."""
    model = tiny.make_model(tmp_path / "model", hidden=2560, xl=True)
    path = str(tiny.make_run(tmp_path, model, "run", {"mnli": 24}, training={"max_steps": 2, "learning_rate": 1e-5}))
    plain = run_ranks(cases.steps_only, 1, tmp_path / "logs-1", path, "deepspeed.config=zero0")[0]
    offloaded = run_ranks(cases.steps_only, 2, tmp_path / "logs-2", path, "deepspeed.config=zero3_offload")[0]
    np.testing.assert_allclose(offloaded["loss"], plain["loss"], rtol=1e-4)
    assert offloaded["loss"][0] != offloaded["loss"][1]


@pytest.mark.slow
def test_with_dropout_two_runs_on_the_same_hardware_are_identical(study: Path, tmp_path: Path) -> None:
    path = str(study / "runs/run/run.yaml")
    settings = ["training.dropout=0.1", "training.deterministic=true", "deepspeed.config=zero2"]
    first, second = (run_ranks(cases.losses, 2, tmp_path / name, path, *settings)[0] for name in "ab")
    assert first["loss"] == second["loss"]
    for name, weight in first["weights"].items():
        np.testing.assert_array_equal(second["weights"][name], weight)
    without = run_ranks(cases.losses, 2, tmp_path / "c", path, "deepspeed.config=zero2")[0]
    assert without["loss"] != first["loss"]


@pytest.mark.slow
def test_ranks_with_different_rows_stop(study: Path, tmp_path: Path) -> None:
    with pytest.raises(RankFailed, match="ranks disagree about step 0"):
        run_ranks(cases.disagreeing, 2, tmp_path, str(study / "runs/run/run.yaml"))


@pytest.mark.slow
def test_fp16_on_the_cpu_is_refused(study: Path, tmp_path: Path) -> None:
    with pytest.raises(RankFailed, match="fp16 on a CPU"):
        run_ranks(cases.losses, 1, tmp_path, str(study / "runs/run/run.yaml"), "training.precision=fp16")


@pytest.mark.slow
def test_the_first_step_in_half_precision_is_a_whole_one(study: Path, tmp_path: Path) -> None:
    """Without ZeRO, DeepSpeed's optimizer for bf16 has counted a step before the first."""
    path = str(study / "runs/run/run.yaml")
    overrides = ("training.precision=bf16", "training.max_steps=1")
    first, second = (
        run_ranks(cases.losses, 1, tmp_path / config, path, f"deepspeed.config={config}", *overrides)[0]["weights"]
        for config in ("zero0", "zero1")
    )
    apart = np.concatenate([np.abs(first[name] - second[name]).ravel() for name in first])
    assert apart.mean() < 0.05e-3, "of a step that moves most weights by the rate, 1e-3"
