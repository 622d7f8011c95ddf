"""What an optimizer step does must not depend on ranks, ZeRO stage or micro-batch, and must equal plain PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cases
import numpy as np
import pytest
import tiny
from harness import run_ranks

pytestmark = pytest.mark.slow

# A softmax over positions does not see a shift of all of them: these gradients are rounding noise, scaled up by Adam.
NO_GRADIENT = ("key.bias", "heads.squad_v1.out.bias")
TASKS = {"mnli": 24, "squad_v1": 24, "udpos": 24}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on three formats: six steps of eight rows, fp32, no dropout; seed 207 draws A, A, B, B, A, C."""
    folder = tmp_path_factory.mktemp("engine")
    model = tiny.make_model(folder / "model")
    # seed 3 draws tasks A, B, B, C, A
    tiny.make_run(folder, model, "run", TASKS, seed=207, training={"max_steps": 6})
    return folder


@pytest.fixture(scope="module")
def reference(study: Path) -> dict[str, Any]:
    """The same steps in plain PyTorch, the whole global batch at once."""
    return run_ranks(cases.plain_pytorch, 1, study / "logs-reference", str(study / "runs/run/run.yaml"))[0]


@pytest.mark.parametrize(
    ("config", "ranks", "micro"),
    [("zero0", 2, None), ("zero1", 1, 3), ("zero1", 2, None), ("zero2", 1, None), ("zero2", 2, 3), ("zero3", 2, 2)],
)
def test_equals_plain_pytorch(
    study: Path, reference: dict[str, Any], tmp_path: Path, config: str, ranks: int, micro: int | None
) -> None:
    overrides = [f"deepspeed.config={config}", f"training.micro_batch_size={micro or 'null'}"]
    result = run_ranks(cases.losses, ranks, tmp_path, str(study / "runs/run/run.yaml"), *overrides)[0]
    assert result["task"] == reference["task"] == ["mnli", "mnli", "squad_v1", "squad_v1", "mnli", "udpos"]
    np.testing.assert_allclose(result["loss"], reference["loss"], rtol=1e-5)
    for name, weight in reference["weights"].items():
        if name.endswith(NO_GRADIENT):
            continue
        scale = np.abs(weight).max()
        np.testing.assert_allclose(result["weights"][name], weight, rtol=0, atol=1e-5 * scale, err_msg=name)


def test_gradient_checkpointing_changes_nothing(study: Path, reference: dict[str, Any], tmp_path: Path) -> None:
    path = str(study / "runs/run/run.yaml")
    result = run_ranks(cases.losses, 1, tmp_path, path, "training.gradient_checkpointing=true")[0]
    np.testing.assert_allclose(result["loss"], reference["loss"], rtol=1e-5)


def test_bf16_trains_with_fp32_masters(study: Path, reference: dict[str, Any], tmp_path: Path) -> None:
    path = str(study / "runs/run/run.yaml")
    result = run_ranks(cases.losses, 2, tmp_path, path, "training.precision=bf16")[0]
    np.testing.assert_allclose(result["loss"], reference["loss"], rtol=2e-2)
    weight = result["weights"]["encoder.encoder.layer.0.attention.self.query.weight"]
    import torch

    rounded = torch.from_numpy(weight).bfloat16().float().numpy()
    assert (rounded != weight).any(), "masters should hold more than bf16 does"


def test_ranks_with_different_rows_stop(study: Path, tmp_path: Path) -> None:
    from harness import RankFailed

    with pytest.raises(RankFailed, match="ranks disagree about step 0"):
        run_ranks(cases.disagreeing, 2, tmp_path, str(study / "runs/run/run.yaml"))


def test_fp16_on_the_cpu_is_refused(study: Path, tmp_path: Path) -> None:
    from harness import RankFailed

    with pytest.raises(RankFailed, match="fp16 on a CPU"):
        run_ranks(cases.losses, 1, tmp_path, str(study / "runs/run/run.yaml"), "training.precision=fp16")
