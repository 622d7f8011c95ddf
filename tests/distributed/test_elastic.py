"""A run goes on with another number of ranks: the same examples, losses and weights as without a stop."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import Any

import cases_elastic
import numpy as np
import pytest
import tiny
from harness import RankFailed, run_ranks
from safetensors.numpy import load_file

TASKS = {"mnli": 24, "squad_v1": 24, "udpos": 24}
NO_GRADIENT = ("key.bias", "squad_v1.out.bias")  # rounding noise that Adam scales up
STEPS = 6
PARTS = ((2, 0, 2), (1, 2, 4), (3, 4, STEPS))  # ranks, first step, end
# stages, precisions and optimizers where they are likeliest to go wrong together
COVERING = [("zero1", "bf16", "adamw"), ("zero3", "bf16", "sgd")]
CONFIGS = ("zero0", "zero1", "zero2", "zero3", "zero2_offload", "zero3_offload")
REST = [case for case in itertools.product(CONFIGS, ("fp32", "bf16"), ("adamw", "sgd")) if case not in COVERING]
Case = tuple[str, str, str]


@pytest.fixture(scope="module")
def run_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run on three formats, six steps, with a rate for each depth: six optimizer groups, half of them decay."""
    folder = tmp_path_factory.mktemp("elastic")
    training = {"max_steps": STEPS, "layerwise_lr_decay": 0.8, "weight_decay": 0.5}
    return str(tiny.make_run(folder, tiny.make_model(folder / "model"), "run", TASKS, seed=207, training=training))


def overrides(case: Case) -> list[str]:
    config, precision, optimizer = case
    rate = ["training.learning_rate=0.01"] if optimizer == "sgd" else []
    return [f"deepspeed.config={config}", f"training.precision={precision}", f"training.optimizer={optimizer}", *rate]


def check(run_file: str, folder: Path, case: Case, *more: str, configs: tuple[str, ...] = ()) -> None:
    """Parts of a run on 2, 1 and 3 ranks against the whole run on 2, and each part's state against the one before.

    `configs` are the parts' DeepSpeed configurations where they differ.
    """
    settings = [*overrides(case), *more]
    straight = run_ranks(cases_elastic.part, 2, folder / "straight", run_file, 0, STEPS, None, None, *settings)[0]
    parts: list[dict[str, Any]] = []
    start = None
    for config, (ranks, first, last) in zip(configs or [case[0]] * 3, PARTS, strict=True):
        end = str(folder / f"step-{last}")
        arguments = (run_file, first, last, start, end, *settings, f"deepspeed.config={config}")
        parts.append(run_ranks(cases_elastic.part, ranks, folder / f"logs-{last}", *arguments)[0])
        start = end
    assert [loss for part in parts for loss in part["loss"]] == pytest.approx(straight["loss"], rel=1e-4)
    for before, after in itertools.pairwise(parts):
        same(after["before"], before["after"])
    found, wanted = parts[-1]["after"], straight["after"]
    assert bool(found["moments"]) == (case[2] == "adamw")
    assert found["steps"] == STEPS
    assert found["groups"] == wanted["groups"]
    assert len({tuple(map(str, group)) for group in wanted["groups"]}) == (4 if "embeddings" in "".join(more) else 6)
    assert found["optimizer_steps"] == wanted["optimizer_steps"]
    if case[1] == "fp32":  # the order of a sum shows in half precision
        same_weights(found["weights"], wanted["weights"])


def same_weights(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert set(found) == set(wanted)
    for name, weight in wanted.items():
        error = np.linalg.norm(found[name] - weight) / max(np.linalg.norm(weight), 1e-3)
        assert error <= 1e-5 or name.endswith(NO_GRADIENT), f"{name}: {error:.2e}"


def same(loaded: dict[str, Any], saved: dict[str, Any]) -> None:
    """What another number of ranks loaded is what was saved, bit for bit."""
    for what in ("groups", "steps", "optimizer_steps"):
        assert loaded[what] == saved[what]
    for what in ("weights", "rounded", "moments"):
        assert set(loaded[what]) == set(saved[what])
        for name, value in saved[what].items():
            assert np.array_equal(loaded[what][name], value), f"{what} {name}"


@pytest.fixture(scope="module")
def straight(run_file: str) -> tuple[list[Any], dict[str, Any]]:
    """What each step of the run did on two ranks, and the weights it exported."""
    return whole_run(Path(run_file).parents[2], "straight", [(2, None)], "zero2")


def whole_run(study: Path, name: str, parts: list[tuple[int, int | None]], config: str) -> tuple[list[Any], Any]:
    """A run in parts, each on its number of ranks and stopped in a step: what the steps did, the exported weights."""
    folder = study / "runs" / name
    folder.mkdir()
    shutil.copy(study / "runs/run/run.yaml", folder)
    done = []
    for index, (ranks, stop) in enumerate(parts):
        arguments = (str(folder / "run.yaml"), stop, f"deepspeed.config={config}")
        done += run_ranks(cases_elastic.run_until, ranks, study / f"logs-{name}-{index}", *arguments)[0]
    exported = [load_file(folder / f"model/{name}.safetensors") for name in ("model", "heads")]
    return done, exported[0] | exported[1]


@pytest.mark.slow
@pytest.mark.parametrize("config", [pytest.param("zero1", marks=pytest.mark.long), "zero2", "zero3"])
def test_a_run_stopped_twice_goes_on_with_other_ranks(run_file: str, straight: Any, config: str) -> None:
    done, weights = whole_run(Path(run_file).parents[2], config, [(2, 2), (1, 4), (3, None)], config)
    assert [step[:2] for step in done] == [step[:2] for step in straight[0]]  # task and examples
    assert [loss for *_, loss in done] == pytest.approx([loss for *_, loss in straight[0]], rel=1e-4)
    same_weights(weights, straight[1])


@pytest.mark.slow
@pytest.mark.parametrize("case", COVERING, ids="-".join)
def test_goes_on_with_other_ranks(run_file: str, tmp_path: Path, case: Case) -> None:
    check(run_file, tmp_path, case)


@pytest.mark.slow
def test_frozen_embeddings(run_file: str, tmp_path: Path) -> None:
    """Parameters without optimizer state stay as they are."""
    check(run_file, tmp_path, ("zero2", "bf16", "adamw"), "training.freeze_embeddings=true")


@pytest.mark.long
@pytest.mark.parametrize("case", REST, ids="-".join)
def test_goes_on_with_other_ranks_everywhere(run_file: str, tmp_path: Path, case: Case) -> None:
    check(run_file, tmp_path, case)


@pytest.mark.long
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_another_stage(run_file: str, tmp_path: Path, precision: str) -> None:
    check(run_file, tmp_path, ("zero2", precision, "adamw"), configs=("zero3", "zero2_offload", "zero1"))


@pytest.mark.long
@pytest.mark.parametrize("config", ["zero1", "zero3"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_frozen_embeddings_everywhere(run_file: str, tmp_path: Path, config: str, precision: str) -> None:
    check(run_file, tmp_path, (config, precision, "adamw"), "training.freeze_embeddings=true")


@pytest.mark.slow
def test_a_missing_shard_is_named_by_all_ranks(run_file: str, tmp_path: Path) -> None:
    settings = overrides(("zero2", "fp32", "adamw"))
    run_ranks(cases_elastic.part, 2, tmp_path / "two", run_file, 0, 1, None, str(tmp_path / "saved"), *settings)
    (tmp_path / "saved/engine/zero_pp_rank_1_mp_rank_00_optim_states.pt").unlink()
    arguments = (run_file, 1, 2, str(tmp_path / "saved"), None, *settings)
    with pytest.raises(RankFailed) as failed:
        run_ranks(cases_elastic.part, 3, tmp_path / "three", *arguments)
    for rank in range(3):
        said = str(failed.value).split(f"rank {rank}:")[1]
        assert "StiltsError" in said
        assert "written by 2 ranks but has no optimizer shard of rank 1" in said
