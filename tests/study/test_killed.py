"""`stilts run` killed with SIGKILL at three different places, and signalled, with the real trainer: the same cells."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from stilts.sample import generate

pytestmark = pytest.mark.slow

TRAIN, SCORE = "intermediate-mnli-s1", "target-mnli-s1-xnli-t1"


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[str]]:
    """The command that runs one small study, given its name."""
    folder = tmp_path_factory.mktemp("killed")
    generate(folder / "data", seed=1, languages=2, pretrained=False)
    study = {
        "model": {"name": str(folder / "data/model_random")},
        "data": {"root": str(folder / "data"), "limit": {"xnli": {"dev": 20}, "tatoeba": {"test": 20}}},
        "output_dir": str(folder / "outputs"),
        "intermediate": [{"name": "mnli", "tasks": ["mnli"]}],
        "target": {"tasks": ["xnli", "tatoeba"], "languages": ["en", "qaa", "qab"]},
        "training": {
            "batch_size": 8, "learning_rate": 1e-3, "max_steps": 60, "max_length": 48, "select": "last",
            "precision": "fp32", "save_every": 10, "log_every": 5, "dropout": 0.1,
        },
        "deepspeed": {"config": "zero2"},
        "launch": {"processes": 2},
    }  # fmt: skip

    def make(name: str) -> list[str]:
        path = folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump({"name": name, **study}), encoding="utf-8")
        return [sys.executable, "-m", "stilts", "run", str(path)]

    make.folder = folder  # type: ignore[attr-defined]
    return make


def cells(folder: Path, name: str) -> dict[str, float]:
    rows = [
        json.loads(line)
        for path in sorted((folder / "outputs" / name / "runs").glob("*/scores.jsonl"))
        for line in path.read_text().splitlines()
    ]
    return {f"{row['recipe']} {row['target']} {row['language']} {row['metric']}": row["value"] for row in rows}


def processes_of(folder: Path) -> list[str]:
    """Command lines of live processes that name the folder: launchers and ranks."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "status"]):
        words = " ".join(process.info["cmdline"] or [])
        if str(folder) in words and process.info["status"] != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
            found.append(words)
    return found


def kill_when(words: list[str], reached: Callable[[], bool], log: Path) -> None:
    """Start the command, kill it with SIGKILL as soon as `reached`; fails if that never comes."""
    with open(log, "a") as out:
        process = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT)
    end = time.monotonic() + 180
    while not reached():
        assert process.poll() is None, f"it ended before it could be killed: {log.read_text()[-3000:]}"
        assert time.monotonic() < end, f"never got there: {log.read_text()[-3000:]}"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="module")
def straight(command: Callable[[str], list[str]]) -> Path:
    """The study without any disturbance."""
    done = subprocess.run(command("straight"), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return command.folder / "outputs/straight"  # type: ignore[attr-defined]


def weights(study: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(study)): path.read_bytes() for path in sorted(study.glob("runs/*/model/*.safetensors"))
    }


@pytest.mark.usefixtures("straight")
def test_killed_at_three_places_it_ends_with_the_same_cells(command: Callable[[str], list[str]]) -> None:
    folder: Path = command.folder  # type: ignore[attr-defined]
    study, log = folder / "outputs/killed", folder / "killed.txt"

    def done(run: str) -> bool:
        path = study / "runs" / run / "status.json"
        return path.is_file() and json.loads(path.read_text())["state"] == "done"

    places: dict[str, Callable[[], bool]] = {
        "while features are prepared": lambda: len(list((study / "features").glob("*/*-*/manifest.json"))) > 1,
        "between two optimizer steps": lambda: any((study / "runs" / TRAIN / "checkpoints").glob("step-*")),
        "while the target is scored": lambda: (study / "runs" / SCORE / "scores.jsonl").is_file(),
    }
    for place, reached in places.items():
        kill_when(command("killed"), reached, log)
        assert not (done(TRAIN) and done(SCORE) and done("evaluation-mnli-s1-tatoeba")), f"killed too late: {place}"
        end = time.monotonic() + 75  # ranks have a minute to save
        while (left := processes_of(folder)) and time.monotonic() < end:
            time.sleep(0.2)
        assert not left, f"orphans, killed {place}: {left}"
    again = subprocess.run(command("killed"), capture_output=True, text=True, timeout=300)
    assert again.returncode == 0, again.stdout[-2000:] + again.stderr[-2000:]
    assert json.loads((study / "runs" / TRAIN / "status.json").read_text())["restarts"] >= 1, "it should have resumed"
    assert cells(folder, "killed") == cells(folder, "straight")
    assert len(cells(folder, "killed")) == 5


def test_signalled_in_training_it_saves_and_goes_on_with_the_same_bytes(
    command: Callable[[str], list[str]], straight: Path
) -> None:
    folder: Path = command.folder  # type: ignore[attr-defined]
    run = folder / "outputs/signalled/runs" / TRAIN

    def status() -> dict[str, Any]:
        return json.loads((run / "status.json").read_text()) if (run / "status.json").is_file() else {"step": 0}

    process = subprocess.Popen(command("signalled"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    end = time.monotonic() + 180
    while status()["step"] < 15:
        assert process.poll() is None, process.stdout and process.stdout.read()[-3000:]
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=90)
    assert process.returncode == 75, said[-3000:]
    assert "stopping: waiting for 1 run to save" in said
    assert "stopped by SIGTERM: run the same command again to go on" in said
    assert not processes_of(folder)
    stopped = status()
    assert (stopped["state"], stopped["steps"]) == ("stopped", 60), stopped
    saved = int(max((run / "checkpoints").glob("step-*")).name.removeprefix("step-"))
    assert 15 <= stopped["step"] == saved < 60, "the last completed step is what is saved"
    assert (run / f"checkpoints/step-{saved:08d}/manifest.json").is_file()
    again = subprocess.run(command("signalled"), capture_output=True, text=True, timeout=300)
    assert again.returncode == 0, again.stdout[-2000:] + again.stderr[-2000:]
    assert status()["restarts"] == 1
    assert cells(folder, "signalled") == cells(folder, "straight")
    assert weights(folder / "outputs/signalled") == weights(straight)
    assert len(weights(straight)) == 4
