"""A cluster's own settings, in a YAML file apart from the study: partitions, sizes, modules, environment."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stilts.errors import InputError
from stilts.settings import load_yaml, read, setting
from stilts.slurm.wall_time import seconds_of, wall_time

MIN_SUBMIT = 5  # prepare, two collectors, an intermediate run and a target
PHASES = ("prepare", "intermediate", "target", "collect")
_MEMORY = re.compile(r"[1-9][0-9]*[KMGT]?")  # man sbatch, --mem
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPTION = re.compile(r"[a-z][a-z0-9-]*")
# what `submit` sets itself, by other keys or to keep runs alive
_OWN_OPTIONS = {
    "job-name": "the study's name", "array": "throttle", "dependency": "the plan", "output": "the study's folder",
    "error": "the study's folder", "open-mode": "stilts", "requeue": "restarts", "no-requeue": "restarts",
    "signal": "signal_seconds", "time": "phases.PHASE.time", "mem": "phases.PHASE.memory",
    "nodes": "phases.PHASE.nodes", "ntasks-per-node": "phases.PHASE.processes_per_node", "ntasks": "phases.PHASE.nodes",
    "cpus-per-task": "phases.PHASE.cpus_per_process", "gpus-per-node": "phases.PHASE.gpus_per_node",
    "gpus": "phases.PHASE.gpus_per_node", "gres": "phases.PHASE.gpus_per_node", "partition": "partition",
    "account": "account", "qos": "qos", "constraint": "constraint", "reservation": "reservation",
    "chdir": "where `stilts submit` is called", "export": "environment", "parsable": "stilts", "wrap": "stilts",
    "kill-on-invalid-dep": "stilts", "test-only": "--dry-run", "hold": "scontrol hold",
    "clusters": "where `stilts submit` is called", "mem-per-cpu": "phases.PHASE.memory",
    "mem-per-gpu": "phases.PHASE.memory", "ntasks-per-gpu": "phases.PHASE.processes_per_node",
    "gpus-per-task": "gpu_visible",
    "wait": "stilts status --watch",
}  # fmt: skip


@dataclass(frozen=True)
class Phase:
    """What a job of one phase asks for."""

    time: Any = setting("24:00:00", 'wall time, in quotes: "24:00:00", "1-12:00" or "90" (minutes)')
    nodes: int | None = setting(None, "nodes; default 1, for intermediate runs launch.nodes", minimum=1)
    processes_per_node: int | None = setting(
        None, "ranks a node; default the number of GPUs, else launch.processes", minimum=1
    )
    gpus_per_node: str | int | None = setting(None, "GPUs a node: 8, or with a type a100:8; default none")
    cpus_per_process: int | None = setting(None, "cores a rank; default what the cluster gives", minimum=1)
    memory: str | None = setting(None, 'memory a node: "64G"; default what the cluster gives')
    partition: str | None = setting(None, "another partition than the profile's")
    qos: str | None = setting(None, "another quality of service than the profile's")

    @property
    def gpus(self) -> int:
        """GPUs a node."""
        return int(str(self.gpus_per_node or 0).rpartition(":")[2])


@dataclass(frozen=True)
class Phases:
    """The sizes of the jobs of each phase."""

    prepare: Phase = setting(Phase, "raw files to features, one process on one node")
    intermediate: Phase = setting(Phase, "an intermediate run")
    target: Phase = setting(Phase, "an element of a target array: fine-tuning and scoring")
    collect: Phase = setting(Phase, "the merged table, one process")


@dataclass(frozen=True)
class Profile:
    """The settings of one cluster (`launch.profile`)."""

    partition: str | None = setting(None, "partition of all jobs; default the cluster's")
    account: str | None = setting(None, "whom the jobs are charged to")
    qos: str | None = setting(None, "quality of service")
    constraint: str | None = setting(None, "features that nodes must have, as `a100&nvlink`")
    reservation: str | None = setting(None, "a reservation")
    options: dict[str, Any] = setting({}, "more options of sbatch: {exclude: node7, mail-type: END}")
    phases: Phases = setting(Phases, "sizes of jobs")
    throttle: int = setting(0, "elements of one array that run at once; 0 for no limit", minimum=0)
    runs_at_once: int = setting(
        0,
        "runs that go at once at most, as your quota says: `submit` asks for disk for so many; 0 for throttle's",
        minimum=0,
    )
    max_submit: int = setting(
        0,
        "jobs and array elements that may be queued at once (your MaxSubmitJobs), 5 or more; 0 for no limit",
        minimum=0,
    )
    max_array_size: int = setting(0, "elements of one array at most; 0 for the cluster's MaxArraySize", minimum=0)
    prepare_on: str = setting("job", "where data are prepared: a job, or `login`, for nodes without internet",
                              choices=("job", "login"))  # fmt: skip
    launcher: str = setting("srun", "what starts the ranks in a job", choices=("srun", "deepspeed", "mpirun"))
    deepspeed_launcher: str = setting("slurm", "how the deepspeed launcher reaches nodes", choices=("slurm", "pdsh"))
    mpi: str = setting("none", "srun's --mpi; the ranks find each other without it")
    signal_seconds: int = setting(180, "seconds before the time limit in which a run saves and is requeued", minimum=30)
    restarts: int = setting(20, "requeues of one job, preemptions too, before its run is given up", minimum=0)
    idle_restarts: int = setting(3, "starts in a row without a new checkpoint before it is given up", minimum=1)
    gpu_visible: str = setting(
        "all", "GPUs that a rank sees: those of its node, or its own one", choices=("all", "one")
    )
    stage_to: str | None = setting(None, "node-local folder that prepared data are copied to, as /scratch/local")
    umask: str | None = setting(None, 'permissions that files are made without, as "007"')
    group: str | None = setting(None, "the group that the study's folder belongs to")
    python: str | None = setting(None, "python on the nodes; default the one that runs `stilts submit`")
    container: list[str] = setting([], "words before python: [apptainer, exec, --nv, stilts.sif]")
    prologue: list[str] = setting([], "lines of bash before all else: module load, source. They are run as they are")
    environment: dict[str, str] = setting({}, "variables for all ranks: {NCCL_SOCKET_IFNAME: ib0}")

    def phase(self, kind: str) -> Phase:
        """The sizes for a kind of job; evaluation runs are target runs here."""
        phase: Phase = getattr(self.phases, "target" if kind == "evaluation" else kind)
        return phase

    @property
    def ranks_in_steps(self) -> bool:
        """Whether ranks are in steps of their job, where Slurm signals them; else the job script hands signals on."""
        return self.launcher == "srun" or (self.launcher == "deepspeed" and self.deepspeed_launcher == "slurm")


def load_profile(path: str | Path) -> Profile:
    """Read and check a profile. Raises InputError naming file, key and what to change."""
    try:
        profile = read(Profile, load_yaml(Path(path)), "")
        _check(profile)
        return _with_times(profile)
    except InputError as error:
        raise InputError(f"{path}: {error.found}", error.expected, error.change) from None


def _check(profile: Profile) -> None:
    for name in ("partition", "account", "qos", "constraint", "reservation", "group", "mpi", "stage_to", "python"):
        _one_line(getattr(profile, name), name)
    for name, value in profile.environment.items():
        if not _VARIABLE.fullmatch(name):
            raise InputError(f"environment has the name {name!r}", "letters, digits and _, no digit first", "rename it")
        _one_line(value, f"environment.{name}")
    for index, word in enumerate(profile.container):
        _one_line(word, f"container[{index}]")
    for option, value in profile.options.items():
        _check_option(option, value)
    if profile.umask is not None and not re.fullmatch("[0-7]{3,4}", profile.umask):
        raise InputError(f"umask is {profile.umask!r}", "three or four octal digits", 'write umask: "007"')
    for name in PHASES:
        _check_phase(getattr(profile.phases, name), f"phases.{name}")
    if 0 < profile.max_submit < MIN_SUBMIT:
        raise InputError(f"max_submit is {profile.max_submit}", f"{MIN_SUBMIT} or more", "raise it, or leave it out")
    _check_launcher(profile)


def _check_launcher(profile: Profile) -> None:
    """Refuse what a launcher cannot do."""
    launcher = profile.launcher
    if launcher == "deepspeed" and profile.container:
        raise InputError(
            "launcher is deepspeed, and container is set", "srun or mpirun for a container",
            "set launcher: srun (DeepSpeed's launcher would have to find srun inside)",
        )  # fmt: skip
    if launcher != "srun" and profile.gpu_visible == "one":
        raise InputError(
            f"gpu_visible is one, and launcher {launcher}", "srun, which alone can do it", "set launcher: srun"
        )
    for name, value in profile.environment.items():
        # DeepSpeed's SlurmRunner (multinode_runner.py, 0.19.8) writes them into srun's --export, which commas separate
        if launcher == "deepspeed" and name.startswith(("NCCL", "PYTHON", "UCX")) and "," in value:
            raise InputError(
                f"environment.{name} is {value!r}, and launcher deepspeed", "no comma, at which srun would cut it",
                "set launcher: srun, or export it in the nodes' own profile",
            )  # fmt: skip


def _check_phase(phase: Phase, where: str) -> None:
    for name in ("partition", "qos"):
        _one_line(getattr(phase, name), f"{where}.{name}")
    if phase.memory is not None and not _MEMORY.fullmatch(phase.memory):
        raise InputError(
            f"{where}.memory is {phase.memory!r}", 'a whole number and K, M, G or T: "64G"', f"change {where}.memory"
        )
    gpus = phase.gpus_per_node
    if gpus is not None and not re.fullmatch(r"([A-Za-z0-9_.-]+:)?[0-9]+", str(gpus)):
        raise InputError(f"{where}.gpus_per_node is {gpus!r}", "8 or a100:8", f"change {where}.gpus_per_node")
    if phase.gpus and phase.processes_per_node and phase.processes_per_node > phase.gpus:
        raise InputError(
            f"{where} has {phase.processes_per_node} processes_per_node on {phase.gpus} GPUs", "one GPU a rank",
            f"lower {where}.processes_per_node",
        )  # fmt: skip


def _check_option(option: str, value: Any) -> None:
    if not _OPTION.fullmatch(option):
        raise InputError(f"options has {option!r}", "the long name of an option of sbatch, without --", "rename it")
    if option in _OWN_OPTIONS:
        raise InputError(
            f"options has {option}, which stilts sets",
            "other options",
            f"remove it; it comes from {_OWN_OPTIONS[option]}",
        )
    if not isinstance(value, (str, int)) and value is not None:
        raise InputError(
            f"options.{option} is {value!r}", "text, a number, true, or nothing", f"change options.{option}"
        )
    _one_line(value, f"options.{option}")


def _one_line(value: Any, where: str) -> None:
    """Refuse what a line of #SBATCH or a variable cannot hold: control characters."""
    if isinstance(value, str) and (not value.strip() or any(ord(c) < 32 or ord(c) == 127 for c in value)):
        raise InputError(f"{where} is {value!r}", "one line of text", f"change {where}")


def _with_times(profile: Profile) -> Profile:
    """With checked wall times, which must leave the runs time to save."""
    phases = {}
    for name in PHASES:
        phase, where = getattr(profile.phases, name), f"phases.{name}.time"
        time = wall_time(phase.time, where)
        if name in ("intermediate", "target") and seconds_of(time) <= profile.signal_seconds:
            raise InputError(
                f"{where} is {time}, and signal_seconds {profile.signal_seconds}", "a run that is longer than its end",
                f"raise {where} or lower signal_seconds",
            )  # fmt: skip
        phases[name] = replace(phase, time=time)
    return replace(profile, phases=Phases(**phases))
