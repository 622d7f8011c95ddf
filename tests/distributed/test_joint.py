"""Multiple choice and trained retrieval: a softmax over all rows of the global batch, on any hardware."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import cases
import numpy as np
import pytest
import tiny
from harness import run_ranks
from test_engine import CONFIGS, NO_GRADIENT, Case, same_weights

from stilts.formats.dual import LOGIT_SCALE

ORDER = ["lareqa", "lareqa", "commonsenseqa", "commonsenseqa", "lareqa"]
SEED = 47  # draws ORDER
STD = 0.3  # first tokens that differ, so that gradients are no rounding noise
SMALL = 60  # tokens: several micro-batches a step
# tiny parameters would stay whole under ZeRO-3
FREED = "deepspeed.zero_optimization.stage3_param_persistence_threshold=0"
# A softmax over choices does not see a shift of all of them, and hardly one before the tanh of small numbers: what is
# left is near rounding noise, which Adam scales up. SGD compares them.
SKIPPED = (*NO_GRADIENT, "heads.commonsenseqa.out.bias", "heads.commonsenseqa.dense.bias")
COVERING = [
    ("zero0", 1, None, "adamw"),
    ("zero0", 1, SMALL, "sgd"),
    ("zero0", 3, SMALL, "adamw"),
    ("zero1", 2, None, "adamw"),
    ("zero1", 1, SMALL, "sgd"),
    ("zero2", 2, SMALL, "adamw"),
    ("zero2", 3, None, "sgd"),
    ("zero3", 1, SMALL, "adamw"),
    ("zero3", 2, SMALL, "sgd"),
    ("zero3", 3, SMALL, "adamw"),
    ("zero2_offload", 2, SMALL, "adamw"),
    ("zero3_offload", 2, SMALL, "adamw"),
    ("zero3_offload", 1, None, "sgd"),
]
REST = [c for c in itertools.product(CONFIGS, (1, 2), (None, SMALL), ("sgd", "adamw")) if c not in COVERING]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five steps of eight rows, fp32, no dropout; tasks A, A, B, B, A."""
    folder = tmp_path_factory.mktemp("joint")
    tasks = {"lareqa": 24, "commonsenseqa": 24}
    tiny.make_run(folder, tiny.make_model(folder / "model", std=STD), "run", tasks, seed=SEED)
    return folder


@pytest.fixture(scope="module")
def reference(study: Path) -> dict[str, dict[str, Any]]:
    """The same steps in plain PyTorch and transformers, the whole global batch at once, by optimizer."""
    return {
        name: run_ranks(cases.plain_pytorch, 1, study / f"logs-{name}", *settings(study, name))[0]
        for name in ("adamw", "sgd")
    }


def settings(study: Path, optimizer: str) -> list[str]:
    rate = ["training.learning_rate=0.1"] if optimizer == "sgd" else []
    return [str(study / "runs/run/run.yaml"), f"training.optimizer={optimizer}", *rate]


def check(study: Path, reference: dict[str, dict[str, Any]], logs: Path, case: Case) -> None:
    config, ranks, micro, optimizer = case
    overrides = [f"deepspeed.config={config}", f"training.micro_batch_tokens={micro or 'null'}"]
    overrides += [FREED] if config.startswith("zero3") else []
    result = run_ranks(cases.losses, ranks, logs, *settings(study, optimizer), *overrides)[0]
    wanted = reference[optimizer]
    assert result["task"] == wanted["task"] == ORDER
    assert (max(result["passes"]) > 1) == (micro is not None), "several micro-batches, or one"
    np.testing.assert_allclose(result["loss"], wanted["loss"], rtol=1e-5)
    same_weights(result["weights"], wanted["weights"], SKIPPED if optimizer == "adamw" else ())
    assert result["weights"]["heads.lareqa.scale"] != LOGIT_SCALE


@pytest.mark.slow
@pytest.mark.parametrize("case", COVERING, ids=str)
def test_equals_plain_pytorch(study: Path, reference: dict[str, Any], tmp_path: Path, case: Case) -> None:
    check(study, reference, tmp_path, case)


@pytest.mark.long
@pytest.mark.parametrize("case", REST, ids=str)
def test_equals_plain_pytorch_everywhere(study: Path, reference: dict[str, Any], tmp_path: Path, case: Case) -> None:
    check(study, reference, tmp_path, case)


@pytest.mark.slow
@pytest.mark.parametrize(("config", "ranks"), [("zero2", 2), ("zero3", 3)])
def test_thirty_steps_do_not_depend_on_hardware(study: Path, tmp_path: Path, config: str, ranks: int) -> None:
    path, thirty = settings(study, "adamw")[0], ["training.max_steps=30", "training.learning_rate=1e-4"]
    wanted = run_ranks(cases.steps_only, 1, tmp_path / "a", path, "deepspeed.config=zero0", *thirty)[0]
    small = [f"deepspeed.config={config}", f"training.micro_batch_tokens={SMALL}"]
    found = run_ranks(cases.steps_only, ranks, tmp_path / "b", path, *small, *thirty)
    assert all(result["examples"] == wanted["examples"] for result in found)
    np.testing.assert_allclose(found[0]["loss"], wanted["loss"], rtol=1e-4)


@pytest.mark.slow
def test_bf16(study: Path, reference: dict[str, Any], tmp_path: Path) -> None:
    for config in ("zero2", "zero3"):
        overrides = [f"deepspeed.config={config}", "training.precision=bf16", f"training.micro_batch_tokens={SMALL}"]
        result = run_ranks(cases.losses, 2, tmp_path / config, *settings(study, "adamw"), *overrides)[0]
        np.testing.assert_allclose(result["loss"], reference["adamw"]["loss"], rtol=5e-2)


@pytest.mark.slow
@pytest.mark.parametrize("config", ["zero2", "zero3"])
def test_three_ranks_score_as_one_does(tmp_path: Path, config: str) -> None:
    """Uneven shards of questions and of candidates, in one pool of two languages."""
    model = tiny.make_model(tmp_path / "model", std=STD)
    found = {}
    for ranks in (1, 3):
        sets = [tiny.make_set(tmp_path, model, "lareqa", count, "test", code) for count, code in ((9, "en"), (5, "de"))]
        path = tiny.make_run(
            tmp_path, model, f"run{ranks}", {"lareqa": 24}, evaluation_sets=sets, deepspeed={"config": config}
        )
        run_ranks(cases.run_file, ranks, tmp_path / f"logs{ranks}", str(path))
        folder = path.parent
        rows = [json.loads(line) for line in (folder / "scores.jsonl").read_text().splitlines()]
        found[ranks] = {(row["language"], row["metric"]): row["value"] for row in rows}
        assert {row["layer"] for row in rows} == {None}
        lines = (folder / "predictions/lareqa/test-de.jsonl").read_text().splitlines()
        first = json.loads(lines[0])
        assert len(lines) == 5
        assert len(set(first["prediction"])) == 20
        assert {name.split("_")[0] for name in first["prediction"]} == {"en", "de"}, "one pool"
        right = {code: tiny.examples_of("lareqa", 1, len("test") + ord(code[-1]))[0].right for code in ("en", "de")}
        assert first["gold"] == [f"en_1_{right['en']}", f"de_1_{right['de']}"]
    assert set(found[1]) == {("en", "map_at_20"), ("de", "map_at_20")}
    assert found[1] == pytest.approx(found[3])
