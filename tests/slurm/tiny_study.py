"""Tiny runs on the test cluster, submitted by the scripts that `stilts submit` writes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tiny
from cluster import ROOT, Cluster

from stilts.config import Launch
from stilts.slurm.jobs import Job
from stilts.slurm.profile import Phase, Phases, Profile
from stilts.slurm.script import Scripts


class TinyStudy:
    """A study's folder with runs that take a second or two, beside the starting of their processes.

    Args:
        folder: an empty one.
        cluster: where its jobs go.
    """

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self.folder, self.cluster = folder, cluster
        self.model = tiny.make_model(folder / "model")
        self.sets = [tiny.make_set(folder, self.model, "xnli", 9, "dev", language) for language in ("de", "fr")]
        # a checkout whose train.py can be held; all else is the real one's
        self.checkout = folder / "checkout"
        self.checkout.mkdir()
        (self.checkout / "slurm").symlink_to(ROOT / "slurm")
        (self.checkout / "train.py").symlink_to(Path(__file__).with_name("held_train.py"))

    def add(self, run: str, hold: int | None = None, config: str = "zero2", **training: Any) -> Path:
        """A run of two tasks with dropout; its first start is held at optimizer step `hold`. Returns its folder."""
        values = {"max_steps": 8, "save_every": 3, "dropout": 0.1, "micro_batch_tokens": 100, **training}
        path = tiny.make_run(
            self.folder, self.model, run, {"mnli": 40, "udpos": 40}, training=values,
            deepspeed={"config": config}, evaluation_sets=self.sets,
        )  # fmt: skip
        if hold is not None:
            self.hold(run, hold)
        return path.parent

    def hold(self, run: str, step: int, restart: int = 0, rank: int | None = None) -> None:
        """Let a start of a run, or one rank of it, wait at an optimizer step until it is released or asked to stop."""
        text = str(step) if rank is None else f"{step} {rank}"
        (self.folder / "runs" / run / f"hold-{restart}").write_text(text)

    def submit(self, *runs: str, nodes: int = 1, ranks: int = 1, array: bool = False, **profile: Any) -> str:
        """Submit a job, or an array with an element for each run; `ranks` a node. Returns its id."""
        phase = Phase(time=profile.pop("time", "10"), nodes=nodes, processes_per_node=ranks)
        phases = Phases(intermediate=phase, target=phase)
        environment = {"DS_ACCELERATOR": "cpu", "OMP_NUM_THREADS": "1", **profile.pop("environment", {})}
        whole = Profile(phases=phases, environment=environment, **{"signal_seconds": 60, **profile})
        scripts = Scripts(whole, Launch(), self.folder.name, self.folder, self.folder)
        scripts.checkout = self.checkout
        job = Job("-".join(runs), "target" if array else "intermediate", runs, array)
        path = self.folder / "slurm" / f"{job.name}.sbatch"
        (path.parent / "logs").mkdir(parents=True, exist_ok=True)
        path.write_text(scripts.text(job))
        return self.cluster.submit(path)

    # ---- what a run is at

    def status(self, run: str) -> dict[str, Any]:
        """The run's status.json; {} before there is one."""
        path = self.folder / "runs" / run / "status.json"
        value: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
        return value

    def until(self, reached: Callable[[], bool], what: str, limit: float = 180) -> None:
        """Wait until `reached`."""
        end = time.monotonic() + limit
        while not reached():
            assert time.monotonic() < end, f"{what}: not within {limit:g} s; {self.said()}"
            time.sleep(0.1)

    def until_held(self, run: str, ranks: int = 1, restart: int = 0) -> None:
        """Wait until so many ranks of a start of a run are held."""
        folder, names = self.folder / "runs" / run, f"held-{restart}-*"
        self.until(lambda: len(list(folder.glob(names))) == ranks, f"start {restart} of {run} is held")

    def release(self, run: str, restart: int = 0) -> None:
        """Let a held start go on."""
        (self.folder / "runs" / run / f"hold-{restart}").unlink()

    def losses(self, run: str) -> list[float]:
        """The training loss of every step."""
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(self.folder / "runs" / run / "tensorboard"))
        events.Reload()
        return [event.value for event in events.Scalars("train/loss")]

    def results(self, run: str) -> dict[str, bytes]:
        """What a run leaves: weights, heads, score rows and predictions."""
        folder = self.folder / "runs" / run
        kept = [folder / "model/model.safetensors", folder / "model/heads.safetensors", folder / "scores.jsonl"]
        found = [*kept, *(folder / "predictions").rglob("*.jsonl")]
        return {str(path.relative_to(folder)): path.read_bytes() for path in found}

    def said(self) -> str:
        """The ends of all jobs' and ranks' output, for messages."""
        texts = [
            *self.folder.glob("slurm/logs/*"),
            *self.folder.glob("runs/*/ranks/*"),
            *self.folder.glob("runs/*/log.txt"),
        ]
        return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')[-3000:]}" for path in texts)
