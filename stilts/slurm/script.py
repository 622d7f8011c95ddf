"""The script of each job: what a profile and a study's folder say, as options of sbatch and values of a template."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from stilts.config import Launch
from stilts.errors import InputError, StiltsError
from stilts.slurm.jobs import Job
from stilts.slurm.profile import Phase, Profile
from stilts.slurm.render import Value, log_pattern, quoted, render
from stilts.slurm.submitted import FOLDER, LOGS
from stilts.study.launcher import trainer_path

TEMPLATES = {"prepare": "prepare", "intermediate": "train", "collect": "collect"}  # all others: target
_RUNS = ("intermediate", "target", "evaluation")


class Scripts:
    """Makes the scripts of a study's jobs.

    Args:
        profile: the cluster's settings.
        launch: the study's own.
        name: the study's name.
        folder: the study's folder.
        here: the folder that jobs start in, from which the study's relative paths are meant.
    """

    def __init__(self, profile: Profile, launch: Launch, name: str, folder: Path, here: Path) -> None:
        self.profile, self.launch, self.name, self.here = profile, launch, name, here
        self.folder = folder if folder.is_absolute() else here / folder
        self.checkout = trainer_path().parent
        self._templates: dict[str, str] = {}

    def text(self, job: Job) -> str:
        """The whole script of a job. Raises InputError where a path or a value cannot be carried."""
        return render(self._template(job.kind), self.options(job), self.values(job), self.prologue())

    def job_name(self, job: Job) -> str:
        """Its name in Slurm: study and job."""
        return f"{self.name}.{job.name}"

    def log(self, job: Job) -> str:
        """Its log file below the study's folder, with Slurm's %-signs."""
        return f"{FOLDER}/{LOGS}/{'%x-%A_%a' if job.array else '%x-%j'}.log"

    def options(self, job: Job) -> dict[str, str | int | None]:
        """Options of sbatch by their long names; all but the dependencies, whose ids are known at submission."""
        profile, phase = self.profile, self.profile.phase(job.kind)
        options: dict[str, str | int | None] = {
            "job-name": self.job_name(job),
            "chdir": str(self.here),
            "output": f"{log_pattern(str(self.folder))}/{self.log(job)}",
            "open-mode": "append",
            "requeue": None,
            "time": str(phase.time),
            "nodes": self.nodes(job.kind),
        }
        if job.array:
            throttle = f"%{profile.throttle}" if profile.throttle else ""
            options["array"] = f"0-{len(job.runs) - 1}{throttle}"
        if job.kind in _RUNS:
            options |= {"signal": self.signal(), "ntasks-per-node": self.ranks_per_node(job.kind)}
        else:
            options["ntasks"] = 1
        options |= _given(profile, phase)
        for name, value in profile.options.items():
            if value is not False:
                options[name] = None if value in (True, None) else str(value)
        return options

    def signal(self) -> str:
        """What Slurm sends before the time limit: to the ranks, or to the script where they are in no step of its."""
        return f"{'' if self.profile.ranks_in_steps else 'B:'}USR1@{self.profile.signal_seconds}"

    def nodes(self, kind: str) -> int:
        """Nodes of a job."""
        if kind not in _RUNS:
            return 1
        return self.profile.phase(kind).nodes or (self.launch.nodes if kind == "intermediate" else 1)

    def ranks_per_node(self, kind: str) -> int:
        """Ranks that a run has on each node."""
        phase = self.profile.phase(kind)
        return phase.processes_per_node or phase.gpus or self.launch.processes

    def values(self, job: Job) -> dict[str, Value]:
        """The settings of the job's template."""
        profile = self.profile
        python = [*profile.container, profile.python or sys.executable]
        if job.kind not in _RUNS:
            return {"stilts": str(self.checkout), "study": str(self.folder / "study.yaml"), "python": python}
        return {
            "stilts": str(self.checkout),
            "folder": str(self.folder),
            "runs": list(job.runs),
            "python": python,
            "names": [*profile.environment, "PYTHONPATH", "MASTER_PORT", "OMP_NUM_THREADS"],
            "launcher": profile.launcher,
            "reach": profile.deepspeed_launcher,
            "mpi": profile.mpi,
            "gpus": profile.gpu_visible,
            "restarts": profile.restarts,
            "idle_restarts": profile.idle_restarts,
            "stage_to": profile.stage_to or "",
        }

    def prologue(self) -> list[str]:
        """The profile's lines, its umask and its variables."""
        mask = [f"umask {self.profile.umask}"] if self.profile.umask else []
        exports = [f"export {name}={quoted(value)}" for name, value in self.profile.environment.items()]
        return [*self.profile.prologue, *mask, *exports]

    def _template(self, kind: str) -> str:
        name = TEMPLATES.get(kind, "target")
        if name not in self._templates:
            path = self.checkout / "slurm" / f"{name}.sbatch"
            if not path.is_file():
                raise StiltsError(f"no template at {path}: run stilts from a whole checkout of the repository")
            self._templates[name] = path.read_text(encoding="utf-8")
        return self._templates[name]


def profile_path(launch: Launch) -> Path:
    """Where the profile of a study is: a file, or the name of one in `slurm/profiles/`.

    Raises:
        InputError: the study names none, or it is not there.
    """
    shipped = trainer_path().parent / "slurm" / "profiles"
    names = ", ".join(sorted(path.stem for path in shipped.glob("*.yaml")))
    if not launch.profile:
        raise InputError(
            "launch.profile is not set", f"a file with the cluster's settings, or one of {names}",
            "add launch.profile=FILE; slurm/profiles/ has examples to copy",
        )  # fmt: skip
    for path in (Path(launch.profile), shipped / f"{launch.profile}.yaml"):
        if path.is_file():
            return path
    raise InputError(
        f"launch.profile is {launch.profile!r}, and there is no such file", f"a file, or one of {names}",
        "change launch.profile",
    )  # fmt: skip


def here() -> Path:
    """The current folder as the user knows it: through links, which compute nodes may see and their ends not."""
    named = Path(os.environ.get("PWD", ""))
    return named if named.is_absolute() and named.exists() and named.samefile(Path.cwd()) else Path.cwd()


def _given(profile: Profile, phase: Phase) -> dict[str, Any]:
    """Options that the profile gives, without those it leaves to the cluster."""
    options = {
        "cpus-per-task": phase.cpus_per_process,
        "gpus-per-node": phase.gpus_per_node,
        "mem": phase.memory,
        "partition": phase.partition or profile.partition,
        "account": profile.account,
        "qos": phase.qos or profile.qos,
        "constraint": profile.constraint,
        "reservation": profile.reservation,
    }
    return {name: value for name, value in options.items() if value is not None}
