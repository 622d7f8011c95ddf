"""Masked LM with a tied head trains as transformers' own model does, under every ZeRO stage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cases
import cases_mlm
import numpy as np
import pytest
import tiny
import yaml
from harness import RankFailed, run_ranks
from safetensors.numpy import load_file
from test_engine import NO_GRADIENT, SMALL, same_weights

from stilts.config import Mlm
from stilts.settings import plain

ORDER = ["mlm", "mnli", "mlm", "mlm", "mnli"]
SEED = 3  # draws ORDER
# the embeddings must be gathered and freed: tiny ones would stay whole under ZeRO-3
FREED = "deepspeed.zero_optimization.stage3_param_persistence_threshold=0"
CASES = [
    ("zero0", 2, "adamw", False),
    ("zero1", 2, "sgd", False),
    ("zero2", 2, "adamw", False),
    ("zero2", 3, "sgd", False),
    ("zero3", 2, "adamw", False),
    ("zero3", 2, "sgd", False),
    ("zero3", 1, "adamw", False),
    ("zero2_offload", 2, "adamw", False),
    ("zero3_offload", 2, "adamw", False),
    ("zero0", 1, "adamw", True),
    ("zero2", 2, "adamw", True),
    ("zero3", 2, "adamw", True),
]


def make_study(folder: Path, **model: Any) -> Path:
    """Five steps of eight rows, fp32, no dropout: MNLI and masked LM in two languages of unequal size."""
    made = tiny.make_model(folder / "model", lm=True, **model)
    mlm = Mlm(share=0.5, languages=["en", "de"], learning_rate=2e-3, exponent=0.3)
    path = tiny.make_run(folder, made, "run", {"mnli": 24, "mlm": 24}, seed=SEED, mlm=mlm)
    content = yaml.safe_load(path.read_text())
    content["train_sets"].append(plain(tiny.make_set(folder, made, "mlm", 6, language="de")))
    path.write_text(yaml.safe_dump(content))
    return folder


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("mlm"))


@pytest.fixture(scope="module")
def reference(study: Path) -> dict[tuple[str, bool], dict[str, Any]]:
    """The same steps by transformers alone, by optimizer and with or without frozen embeddings."""
    kinds = dict.fromkeys((optimizer, frozen) for _, _, optimizer, frozen in CASES)
    return {kind: run_ranks(cases_mlm.plain_pytorch, 1, study / f"logs-{kind}", *settings(study, *kind))[0]
            for kind in kinds}  # fmt: skip


def settings(study: Path, optimizer: str, frozen: bool) -> list[str]:
    rates = ["training.learning_rate=0.1", "mlm.learning_rate=0.4"] if optimizer == "sgd" else []
    path = str(study / "runs/run/run.yaml")
    return [path, f"training.optimizer={optimizer}", f"training.freeze_embeddings={str(frozen).lower()}", *rates]


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_equals_transformers_masked_lm(
    study: Path, reference: dict[tuple[str, bool], dict[str, Any]], tmp_path: Path, case: tuple[str, int, str, bool]
) -> None:
    config, ranks, optimizer, frozen = case
    overrides = [f"deepspeed.config={config}", f"training.micro_batch_tokens={SMALL}"]
    overrides += [FREED] if config.startswith("zero3") else []
    result = run_ranks(cases.losses, ranks, tmp_path, *settings(study, optimizer, frozen), *overrides)[0]
    wanted = reference[optimizer, frozen]
    assert result["task"] == wanted["task"] == ORDER
    assert max(result["passes"]) > 1
    np.testing.assert_allclose(result["loss"], wanted["loss"], rtol=1e-5)
    same_weights(result["weights"], wanted["weights"], NO_GRADIENT if optimizer == "adamw" else ())


@pytest.mark.slow
@pytest.mark.parametrize("config", ["zero0", "zero2", "zero3"])
def test_bf16(study: Path, reference: dict[tuple[str, bool], dict[str, Any]], tmp_path: Path, config: str) -> None:
    overrides = [f"deepspeed.config={config}", "training.precision=bf16", *([FREED] if config == "zero3" else [])]
    result = run_ranks(cases.losses, 2, tmp_path, *settings(study, "adamw", False), *overrides)[0]
    np.testing.assert_allclose(result["loss"], reference["adamw", False]["loss"], rtol=2e-2)


@pytest.mark.slow
def test_xlm_r_xl_under_zero3(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", xl=True)
    path = str(study / "runs/run/run.yaml")
    wanted = run_ranks(cases_mlm.plain_pytorch, 1, tmp_path / "a", path)[0]
    found = run_ranks(cases.losses, 2, tmp_path / "b", path, "deepspeed.config=zero3", FREED)[0]
    np.testing.assert_allclose(found["loss"], wanted["loss"], rtol=1e-5)
    same_weights(found["weights"], wanted["weights"], NO_GRADIENT)


@pytest.mark.slow
def test_a_later_run_goes_on_with_the_exported_head(study: Path, tmp_path: Path) -> None:
    """A whole intermediate run, with its marks; then what the next run starts with, and a run without masked LM."""
    for set_folder in (study / "features/mlm").iterdir():
        manifest = json.loads((set_folder / "manifest.json").read_text())
        manifest["transductive"] = ["6 lines of mlm/train/de are texts of xnli/test/de"]
        (set_folder / "manifest.json").write_text(json.dumps(manifest))
    run_ranks(cases.run_file, 2, tmp_path / "1", str(study / "runs/run/run.yaml"), "deepspeed.config=zero3", FREED)
    exported = study / "runs/run/model"
    heads = load_file(str(exported / "heads.safetensors"))
    names = {name.removeprefix("mlm.") for name in heads if name.startswith("mlm.")}
    assert names == {"bias", "dense.weight", "dense.bias", "layer_norm.weight", "layer_norm.bias"}, "no decoder"
    started = run_ranks(cases.start_heads, 1, tmp_path / "2", str(exported), "mlm")[0]
    for name, value in started.items():
        np.testing.assert_array_equal(value, heads[name])
    assert json.loads((exported / "stilts.json").read_text())["transductive"] == manifest["transductive"]
    assert "Transductive: 6 lines" in (exported / "README.md").read_text()

    other = tiny.make_run(study, study / "model", "other", {"mnli": 24}, training={"max_steps": 1})
    run_ranks(cases.run_file, 1, tmp_path / "3", str(other))
    with pytest.raises(RankFailed, match="has no LM head"):
        run_ranks(cases.start_heads, 1, tmp_path / "4", str(study / "runs/other/model"), "mlm")
