"""Runs that are stopped by a signal to one rank, anywhere and again at once: they end as if nothing had happened."""

from __future__ import annotations

import json
import random
from pathlib import Path

import cases
import pytest
import tiny
from faults import Fault, assert_fired
from harness import run_ranks

STEPS, VALIDATE, SAVE = 12, 3, 4
WHOLE = {"mnli": 40, "udpos": 40}


def make(study: Path, name: str, config: str, precision: str) -> Path:
    """A run of two tasks with several micro-batches a step, validations, saves and ten sets to score."""
    languages = ("ar", "bg", "de", "el", "es", "fr", "hi", "ru", "sw", "th")
    sets = [tiny.make_set(study, study / "model", "xnli", 9, "dev", language) for language in languages]
    selection = [tiny.make_set(study, study / "model", "xnli", 20, "dev", "en")]
    training = {
        "max_steps": STEPS, "save_every": SAVE, "validate_every": VALIDATE, "select": "best", "dropout": 0.1,
        "precision": precision, "micro_batch_tokens": 30, "learning_rate": 3e-3,
    }  # fmt: skip
    return tiny.make_run(
        study, study / "model", name, WHOLE, training=training, deepspeed={"config": config},
        selection_sets=selection, evaluation_sets=sets,
    )  # fmt: skip


def places(seed: int, count: int, run: Path) -> list[Fault]:
    """`count` random places in the order in which a run comes to them, the last ones in the predictions."""
    rng = random.Random(seed)
    predictions = max(1, count // 5)
    steps = sorted(rng.sample(range(1, STEPS), count - predictions))
    out = []
    for step in steps:
        kinds = [("micro_batch", rng.randrange(2)), ("step", 0), ("after_step", 0)]
        if (step + 1) % VALIDATE == 0:
            kinds += [("forward", 0)] * 3
        if (step + 1) % SAVE == 0:
            kinds += [("file", rng.randrange(5))] * 3
        place, number = rng.choice(kinds)
        name = rng.choice(["SIGTERM", "SIGUSR1", "SIGUSR2"])
        out.append(Fault("signal", rng.randrange(2), place, number, step, signal=name, folder=str(run)))
    out += [Fault("signal", rng.randrange(2), "forward", n, signal="SIGTERM") for n in range(predictions)]
    return out


def files(run: Path) -> dict[str, bytes]:
    """What a run leaves: weights, heads, score rows and predictions."""
    kept = [run / "model/model.safetensors", run / "model/heads.safetensors", run / "scores.jsonl"]
    return {str(path.relative_to(run)): path.read_bytes() for path in [*kept, *(run / "predictions").rglob("*.jsonl")]}


def stopped_everywhere(study: Path, config: str, precision: str, count: int, seed: int) -> None:
    straight, stopped = (make(study, name, config, precision) for name in ("straight", "stopped"))
    report = study / "report.jsonl"
    assert run_ranks(cases.run_with_faults, 2, study / "logs", str(straight), [], str(report)) == ["done"] * 2
    chosen = places(seed, count, stopped.parent)
    for number, fault in enumerate(chosen):
        again = Fault(
            "signal", 1 - fault.rank, "step" if fault.step in range(STEPS - 1) else "forward", 0, signal="SIGUSR1"
        )
        for turn, one in enumerate((fault, again)):
            report = study / f"report{number}.{turn}.jsonl"
            logs = study / f"logs{number}.{turn}"
            ended = run_ranks(cases.run_with_faults, 2, logs, str(stopped), [one], str(report))
            assert_fired(report, [one])
            assert ended == ["stopped"] * 2, f"{one}: {ended}"
            status = json.loads((stopped.parent / "status.json").read_text())
            assert status["state"] == "stopped", one
            assert "at rank" in status["error"]
    assert run_ranks(cases.run_with_faults, 2, study / "logs-end", str(stopped), [], str(report)) == ["done"] * 2
    found, wanted = files(stopped.parent), files(straight.parent)
    assert found.keys() == wanted.keys()
    for name, content in wanted.items():
        ours = found[name].replace(b'"run": "stopped"', b'"run": "straight"')
        assert ours == content, f"{name} differs; stopped at {chosen}"
    assert not list((stopped.parent / "checkpoints").iterdir()), "a finished target run keeps its model only"
    assert not list(stopped.parent.glob(".attempt-*")), "what was staged is gone"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    tiny.make_model(tmp_path / "model")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "precision", "seed"), [("zero1", "bf16", 21), ("zero2", "fp32", 13), ("zero3", "bf16", 4)]
)  # within a save, a validation and an accumulation, and within a prediction each
def test_stopped_and_stopped_again(study: Path, config: str, precision: str, seed: int) -> None:
    stopped_everywhere(study, config, precision, 2, seed)


@pytest.mark.long
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("config", ["zero0", "zero1", "zero2", "zero3", "zero2_offload"])
def test_stopped_at_ten_places(study: Path, config: str, precision: str) -> None:
    stopped_everywhere(study, config, precision, 10, 11)


@pytest.mark.long
def test_a_run_stops_when_its_time_is_up(study: Path) -> None:
    path = make(study, "run", "zero2", "fp32")
    path.write_text(path.read_text().replace("stop_after: null", "stop_after: 0.0"))
    report = str(study / "report.jsonl")
    for name in ("first", "again"):
        assert run_ranks(cases.run_with_faults, 2, study / f"logs-{name}", str(path), [], report) == ["stopped"] * 2
        status = json.loads((path.parent / "status.json").read_text())
        assert (status["state"], status["step"]) == ("stopped", 0)
        assert "stopped by training.stop_after (0 s), before step 1" in status["error"]
    path.write_text(path.read_text().replace("stop_after: 0.0", "stop_after: 3600.0"))
    assert run_ranks(cases.run_with_faults, 2, study / "logs", str(path), [], report) == ["done"] * 2
