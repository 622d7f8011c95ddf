"""Kept steps in real runs: a trunk that is trained once, branches that go on from its state, snapshots, targets."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import cases
import pytest
import tiny
import torch
from harness import RankFailed, run_ranks
from safetensors.torch import load_file

from stilts.outcome import read_outcome

pytestmark = pytest.mark.slow
SIZES = {"mnli": 24, "udpos": 20}
KEPT = (3, 6)
STEP = re.compile(r"step (\d+)/(\d+)  \S+  loss (\S+)  lr (\S+)")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    tiny.make_model(tmp_path / "model")
    return tmp_path


def make(study: Path, run: str, **changes: Any) -> Path:
    """A run of the intermediate phase on two tasks, with dropout, so that also random numbers must go on."""
    training = {"dropout": 0.1, "warmup": 2.0, **changes.pop("training", {})}
    return tiny.make_run(
        study, study / "model", run, changes.pop("sizes", SIZES), kind="intermediate", training=training, **changes
    )


def trunk(study: Path, **changes: Any) -> Path:
    training = {"max_steps": KEPT[-1], **changes.pop("training", {})}
    return make(study, "trunk", training=training, decay_from=KEPT[-1], branch_steps=list(KEPT), **changes)


def branch(study: Path, step: int, end: int, name: str = "", decay_from: int | None = None, **changes: Any) -> Path:
    decay_from = step if decay_from is None else decay_from
    training = {"max_steps": end, **changes.pop("training", {})}
    return make(
        study, name or f"branch-{step}", training=training, decay_from=decay_from, branch_run="trunk",
        branch_step=step, **changes,
    )  # fmt: skip


def go(path: Path, ranks: int = 1, *overrides: str) -> None:
    run_ranks(cases.run_file, ranks, path.parent / "logs", str(path), *overrides)


def steps(path: Path) -> list[tuple[int, int]]:
    """The steps that the trainer's log has, and of how many."""
    return [(int(found[1]), int(found[2])) for found in STEP.finditer(path.with_name("log.txt").read_text())]


def rates(path: Path) -> list[float]:
    return [float(found[4]) for found in STEP.finditer(path.with_name("log.txt").read_text())]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(str(folder / "model.safetensors"))


def test_the_trunk_is_trained_once_and_each_branch_only_cools_down(study: Path) -> None:
    paths = [trunk(study), branch(study, 3, 5), branch(study, 6, 8)]
    for path in paths:
        go(path)
    assert [steps(path) for path in paths] == [
        [(number, 6) for number in range(1, 7)], [(4, 5), (5, 5)], [(7, 8), (8, 8)],
    ]  # fmt: skip
    assert rates(paths[0]) == pytest.approx([0.0, 5e-4, 1e-3, 1e-3, 1e-3, 1e-3])
    assert rates(paths[1]) == rates(paths[2]) == pytest.approx([1e-3, 5e-4])
    kept = sorted(path.name for path in (study / "runs/trunk/checkpoints").iterdir())
    assert kept == ["step-00000003", "step-00000006"], "they stay when the trunk is done"
    facts = json.loads((study / "runs/branch-3/model/stilts.json").read_text())
    assert facts["steps"] == 5
    assert facts["before"] == [{"run": "trunk", "tasks": list(SIZES), "steps": 3}]
    card = (study / "runs/branch-3/model/README.md").read_text()
    assert "3 optimizer steps on mnli + udpos (run trunk), then 2 optimizer steps on mnli + udpos (this run)" in card
    status = json.loads((study / "runs/branch-3/status.json").read_text())
    assert (status["state"], status["step"], status["restarts"]) == ("done", 5, 0)
    outcome, before = read_outcome(study / "runs/branch-6"), read_outcome(study / "runs/trunk")
    assert outcome is not None
    assert before is not None
    assert outcome.first_loss == before.first_loss, "what the loss has fallen from"
    target = tiny.make_run(study, study / "model", "target", {"xnli": 24}, init_run="branch-3")
    go(target)
    assert "every encoder weight verified" in target.with_name("log.txt").read_text()


@pytest.mark.parametrize(
    ("config", "ranks"), [("zero2", 1), ("zero3", 2), pytest.param("zero1", 2, marks=pytest.mark.long)]
)
def test_a_branch_that_does_not_cool_down_is_the_trunk_itself(study: Path, config: str, ranks: int) -> None:
    """Weights, optimizer state, rows, dropout: with the same rate it ends with the trunk's bytes."""
    path = trunk(study, deepspeed={"config": config})
    go(path, ranks)
    same = branch(study, 3, 6, "same", decay_from=6, deepspeed={"config": config})
    go(same, ranks)
    assert (study / "runs/same/model/model.safetensors").read_bytes() == (
        study / "runs/trunk/model/model.safetensors"
    ).read_bytes()
    assert (study / "runs/same/model/heads.safetensors").read_bytes() == (
        study / "runs/trunk/model/heads.safetensors"
    ).read_bytes()


def test_a_branch_takes_another_number_of_ranks(study: Path) -> None:
    same_rows = {"dropout": 0.0}
    go(trunk(study, training=same_rows), 2)
    go(branch(study, 3, 6, "same", decay_from=6, training=same_rows))
    assert "was written by 2 ranks and is dealt out to 1" in (study / "runs/same/log.txt").read_text()
    mine, trunks = weights(study / "runs/same/model"), weights(study / "runs/trunk/model")
    for name, value in trunks.items():
        torch.testing.assert_close(mine[name], value, rtol=1e-4, atol=1e-5)


def test_a_branch_that_is_cut_off_goes_on_from_its_own_checkpoint(study: Path) -> None:
    saving = {"save_every": 2}
    go(trunk(study, training=saving))
    go(branch(study, 3, 8, "straight", training=saving))
    cut = branch(study, 3, 8, "cut", training=saving)
    with pytest.raises(RankFailed, match="cut off here"):
        run_ranks(cases.cut_off, 1, study / "logs-cut", str(cut), 7)
    assert sorted(p.name for p in (cut.parent / "checkpoints").iterdir()) == ["step-00000004", "step-00000006"]
    shutil.rmtree(study / "runs/trunk/checkpoints")  # it needs the trunk no more
    go(cut)
    assert (cut.parent / "model/model.safetensors").read_bytes() == (
        study / "runs/straight/model/model.safetensors"
    ).read_bytes()
    assert json.loads((cut.parent / "status.json").read_text())["restarts"] == 1
    assert (cut.parent / "outcome.json").read_bytes() == (study / "runs/straight/outcome.json").read_bytes()


def test_a_damaged_trunk_is_named_and_left_as_it_is(study: Path) -> None:
    go(trunk(study))
    folder = study / "runs/trunk/checkpoints/step-00000003"
    state = folder / "state.json"
    state.write_text(state.read_text().replace('"step": 3', '"step": 4'))
    path = branch(study, 3, 5)
    with pytest.raises(RankFailed, match=r"trunk has no whole checkpoint of step 3 \(.*state.json is damaged"):
        go(path)
    assert folder.is_dir()
    shutil.rmtree(folder)
    with pytest.raises(RankFailed, match="trunk has no whole checkpoint of step 3"):
        go(path)
    assert json.loads(path.with_name("status.json").read_text())["state"] == "failed"


def test_targets_start_from_snapshots_of_one_decayed_run(study: Path) -> None:
    path = make(study, "whole", training={"max_steps": 6, "dropout": 0.0}, snapshot_steps=[2, 4])
    go(path)
    run = study / "runs/whole"
    assert sorted(found.name for found in (run / "snapshots").iterdir()) == ["step-00000002", "step-00000004"]
    saved = make(study, "saved", training={"max_steps": 6, "dropout": 0.0, "save_every": 0}, branch_steps=[4])
    go(saved)
    same = weights(run / "model")
    assert all(torch.equal(value, same[name]) for name, value in weights(study / "runs/saved/model").items())
    assert any(not torch.equal(value, same[name]) for name, value in weights(run / "snapshots/step-00000004").items())
    sets = [tiny.make_set(study, study / "model", "xnli", 9, "dev", "de")]
    target = tiny.make_run(
        study, study / "model", "target", {"mnli": 24}, init_run="whole", init_step=4, kept_step=4,
        evaluation_sets=sets, training={"max_steps": 3},
    )  # fmt: skip
    go(target)
    assert "whole/snapshots/step-00000004: every encoder weight verified" in target.with_name("log.txt").read_text()
    rows = [json.loads(line) for line in target.with_name("scores.jsonl").read_text().splitlines()]
    assert {row["step"] for row in rows} == {4}
    facts = json.loads((target.parent / "model/stilts.json").read_text())
    assert [(one["run"], one["steps"]) for one in facts["before"]] == [("whole", 4)]
    assert facts["steps"] == 3
