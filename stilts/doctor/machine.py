"""What the checks look at: this machine, or one that a test makes up."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import stilts
from stilts.config import DataSettings
from stilts.errors import StiltsError

if TYPE_CHECKING:
    from stilts.study.plan import Plan

ROOT = Path(stilts.__file__).resolve().parents[1]
IMPORT_SECONDS = 180.0  # for torch or DeepSpeed on a slow shared disk
REACH_SECONDS = 5.0


class Failed(StiltsError):
    """A command that a check starts is not there, fails or gives no answer: one line."""


@dataclass(frozen=True)
class Gpu:
    """One GPU as torch sees it.

    Attributes:
        memory: bytes.
        capability: compute capability, (9, 0) for H100.
    """

    name: str
    memory: int
    capability: tuple[int, int]


@dataclass(frozen=True)
class Torch:
    """What importing torch tells.

    Attributes:
        error: why it cannot be imported; then nothing else is known.
        cuda: the CUDA version that it was built with, None for a build without.
        driver: the newest CUDA version that the driver supports, None without a driver.
        reason: why torch sees no GPU, where it says.
        nccl: version of NCCL, None without.
    """

    error: str = ""
    version: str = ""
    cuda: str | None = None
    driver: tuple[int, int] | None = None
    reason: str = ""
    nccl: str | None = None
    gpus: tuple[Gpu, ...] = ()


@dataclass(frozen=True)
class Machine:
    """Everything that a check may look at, so that a test can give it a machine with a fault.

    Attributes:
        environment: of every process that is started; PATH above all.
        plan: of the study; None without one.
        data: the study's data settings, or those of the command line alone.
        python: version of this interpreter.
        scripts: where the commands of this Python environment are.
        headers: where Python.h should be.
        requirements: the pinned packages.
        packages: where installed packages are looked for.
        devices: folder in which the kernel shows GPUs.
        infiniband: folder in which the kernel shows InfiniBand adapters.
        shared_memory: mount of shared memory.
        limits: RLIMIT_... -> (soft, hard).
    """

    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    plan: Plan | None = None
    data: DataSettings = DataSettings()
    python: tuple[int, ...] = tuple(sys.version_info[:3])
    scripts: Path = Path(sys.executable).parent
    headers: Path = Path(sysconfig.get_path("include"))
    requirements: Path = ROOT / "requirements.txt"
    packages: tuple[str, ...] = field(default_factory=lambda: tuple(sys.path))
    devices: Path = Path("/dev")
    infiniband: Path = Path("/sys/class/infiniband")
    shared_memory: Path = Path("/dev/shm")
    limits: Mapping[int, tuple[int, int]] = field(
        default_factory=lambda: {
            kind: resource.getrlimit(kind)
            for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_MEMLOCK, resource.RLIMIT_NPROC)
        }
    )

    @property
    def folder(self) -> Path:
        """Where a study writes: its folder, or the current one."""
        return self.plan.folder if self.plan is not None else Path()

    @property
    def uses_slurm(self) -> bool:
        """Whether the study is to run on a cluster, not here."""
        launch = self.plan.study.launch if self.plan is not None else None
        return launch is not None and (launch.backend == "slurm" or launch.profile is not None)

    @property
    def nvidia_devices(self) -> int:
        """NVIDIA GPUs that the kernel shows, whatever torch sees."""
        return sum(path.name[6:].isdigit() for path in self.devices.glob("nvidia[0-9]*"))

    @property
    def hub_cache(self) -> Path:
        """The cache of the hub's client, as huggingface_hub finds it."""
        home = self.environment.get("HF_HOME") or "~/.cache/huggingface"
        return Path(self.environment.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()

    @cached_property
    def torch(self) -> Torch:
        """What torch says of itself and of the GPUs, in a process of its own: a broken one cannot end this one."""
        try:
            facts = self.probe("torch")
        except Failed as error:
            return Torch(error=str(error))
        gpus = tuple(Gpu(gpu["name"], gpu["memory"], tuple(gpu["capability"])) for gpu in facts.pop("gpus"))
        driver = facts.pop("driver")
        return Torch(**facts, driver=tuple(driver) if driver else None, gpus=gpus)

    @cached_property
    def hub_error(self) -> str:
        """Why the hub cannot be reached from here; empty where it can. Takes at most `REACH_SECONDS`."""
        try:
            self.probe("hub", seconds=REACH_SECONDS)
        except Failed as error:
            return str(error)
        return ""

    def which(self, command: str) -> str | None:
        """The path of a command on PATH."""
        return shutil.which(command, path=self.environment.get("PATH", ""))

    def run(
        self, *words: str, seconds: float = 20.0, given: str = "", variables: Mapping[str, str] | None = None
    ) -> str:
        """What a command prints, started with `given` on its stdin and further environment variables. Raises Failed."""
        name = Path(words[0]).name
        try:
            done = subprocess.run(
                words, input=given, capture_output=True, text=True, errors="replace", timeout=seconds, check=False,
                env={**self.environment, **(variables or {})},
            )  # fmt: skip
        except OSError as error:
            raise Failed(f"{name} cannot be started: {error.strerror}") from None
        except subprocess.TimeoutExpired:
            raise Failed(f"{name} gave no answer for {seconds:g} s") from None
        if done.returncode < 0:
            raise Failed(f"{name} was ended by {signal.Signals(-done.returncode).name}")
        if done.returncode:
            said = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
            raise Failed(said[-1] if said else f"{name} ended with code {done.returncode}")
        return done.stdout

    def probe(self, part: str, seconds: float = IMPORT_SECONDS) -> Any:
        """What `stilts.doctor.probe` finds in a process of its own. Raises Failed."""
        search = os.pathsep.join(filter(None, [str(ROOT), self.environment.get("PYTHONPATH")]))
        words = (sys.executable, "-m", "stilts.doctor.probe", part)
        return json.loads(self.run(*words, seconds=seconds, variables={"PYTHONPATH": search}).splitlines()[-1])
