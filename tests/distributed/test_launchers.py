"""One program under every launcher: deepspeed, torchrun, mpirun and plain python give the same losses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tiny

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
LAUNCHERS = {
    "python": [sys.executable],
    "torchrun": [str(BIN / "torchrun"), "--nproc_per_node", "2", "--master_port", "{port}"],
    "deepspeed": [str(BIN / "deepspeed"), "--num_gpus", "2", "--master_port", "{port}"],
    "mpirun": [str(BIN / "mpirun"), "--allow-run-as-root", "--oversubscribe", "-n", "2", sys.executable],
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("launchers")
    tiny.make_model(folder / "model")
    return folder


def launch(study: Path, launcher: str) -> list[float]:
    """Losses of the five steps, read from the run's log board."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from stilts.rendezvous import free_port

    sets = [tiny.make_set(study, study / "model", "xnli", 5, "dev", "de")]
    path = tiny.make_run(study, study / "model", launcher, {"mnli": 24, "squad_v1": 24}, evaluation_sets=sets)
    port = free_port()
    words = [word.format(port=port) for word in LAUNCHERS[launcher]]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMPI_", "PMIX_", "SLURM_", "MASTER_"))}
    environment |= {"OMP_NUM_THREADS": "1", "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*words, str(ROOT / "train.py"), str(path)], env=environment, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    status = json.loads((path.parent / "status.json").read_text())
    assert status["state"] == "done"
    assert len(status["ranks"]) == (1 if launcher == "python" else 2)
    assert not list(Path("/dev/shm").glob(f"deepspeed*_{port}_*")), "shared memory is left behind"
    events = EventAccumulator(str(path.parent / "tensorboard"))
    events.Reload()
    return [event.value for event in events.Scalars("train/loss")]


@pytest.fixture(scope="module")
def alone(study: Path) -> list[float]:
    """The losses without a launcher."""
    return launch(study, "python")


@pytest.mark.parametrize("launcher", ["torchrun", "deepspeed", "mpirun"])
def test_launchers_give_the_same_losses(study: Path, alone: list[float], launcher: str) -> None:
    assert shutil.which(LAUNCHERS[launcher][0]), f"{launcher} should be installed by requirements.txt"
    assert len(alone) == 5
    assert launch(study, launcher) == pytest.approx(alone, rel=1e-5)


def train(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(ROOT / "train.py"), *words], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), "no run is named"),
        (("no-such.yaml",), "no file at no-such.yaml"),
        (("--plan", "no-such.jsonl", "--index", "3"), "row 3 of no-such.jsonl"),
    ],
)
def test_wrong_input_ends_with_one_line_and_code_2(words: tuple[str, ...], line: str) -> None:
    done = train(*words)
    assert done.returncode == 2
    assert line in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_row_of_a_plan_names_the_run(study: Path, tmp_path: Path) -> None:
    path = tiny.make_run(tmp_path, study / "model", "planned", {"mnli": 16}, training={"max_steps": 1})
    (tmp_path / "plan.jsonl").write_text(json.dumps({"run": "other"}) + "\n" + json.dumps({"run": "planned"}) + "\n")
    done = train("--plan", str(tmp_path / "plan.jsonl"), "--index", "1", "training.max_steps=2")
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads((path.parent / "status.json").read_text())["steps"] == 2
