"""Python, its packages, torch, and DeepSpeed with its operators."""

from __future__ import annotations

import importlib.metadata
import sys

from stilts.doctor.check import Check, ok, problem, warning
from stilts.doctor.machine import Failed, Machine

OLDEST = (3, 11)  # pyproject.toml, requires-python
INSIDES = ("torch", "deepspeed")
"""Packages whose private functions stilts uses (`stilts/distributed.py`, `stilts/training/shards.py`)."""


def python_version(machine: Machine) -> Check:
    """Whether this Python is new enough."""
    version = ".".join(map(str, machine.python))
    if machine.python < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        return problem("python", f"{version} at {sys.executable}", f"set stilts up with Python {wanted} or newer")
    return ok("python", f"{version} at {sys.executable}")


def packages(machine: Machine) -> Check:
    """The versions of requirements.txt against what is installed; torch has a check of its own."""
    wanted = _pins(machine)
    if not wanted:
        return warning("packages", f"no pins at {machine.requirements}", "run stilts from a checkout of the repository")
    have = {name: _installed(machine, name) for name in wanted if name != "torch"}
    absent = [name for name, version in have.items() if version is None]
    other = {name: version for name, version in have.items() if version not in (None, wanted[name])}
    fix = f"{sys.executable} -m pip install -r {machine.requirements}"
    said = [f"{name} is not installed" for name in absent]
    said += [f"{name} is {version}, tested with {wanted[name]}" for name, version in other.items()]
    if absent or set(other) & set(INSIDES):
        return problem("packages", "; ".join(said), fix)
    if other:
        return warning("packages", "; ".join(said), fix)
    return ok("packages", f"{len(have)} as in {machine.requirements.name}")


def torch_build(machine: Machine) -> Check:
    """Whether torch loads, has the pinned version, and fits this machine's GPUs and their driver.

    CUDA programs run on drivers of the same major version, with what is new in a later minor version left out
    (docs.nvidia.com/deploy/cuda-compatibility, "Minor Version Compatibility").
    """
    torch, pin = machine.torch, _pins(machine).get("torch")
    install = f"{sys.executable} -m pip install --force-reinstall torch{f'=={pin}' if pin else ''}"
    if torch.error:
        return problem("torch", f"it does not load: {torch.error}", install)
    if pin is not None and torch.version.split("+")[0] != pin:
        return problem("torch", f"{torch.version}, and stilts needs {pin}", install)
    if torch.cuda is None:
        if machine.nvidia_devices:
            found = f"{torch.version}, a build without CUDA, on a machine with {machine.nvidia_devices} NVIDIA GPUs"
            return problem("torch", found, f"{install} (a build for CUDA)")
        return ok("torch", f"{torch.version}, for the CPU")
    built = tuple(map(int, torch.cuda.split(".")[:2]))
    found = f"{torch.version}, built for CUDA {torch.cuda}"
    if torch.driver is None or built <= torch.driver:
        return ok("torch", found)
    found += f"; the driver supports CUDA {torch.driver[0]}.{torch.driver[1]}"
    if built[0] > torch.driver[0]:
        return problem("torch", found, f"update the NVIDIA driver, or install a build for CUDA {torch.driver[0]}")
    return warning("torch", f"{found} (the same major version: it runs)", "update the NVIDIA driver if a kernel fails")


def operators(machine: Machine) -> Check:
    """Whether DeepSpeed loads, and which of its operators are built."""
    try:
        facts = machine.probe("deepspeed")
    except Failed as error:
        wanted = _pins(machine).get("deepspeed")
        fix = f"{sys.executable} -m pip install --force-reinstall deepspeed{f'=={wanted}' if wanted else ''}"
        return problem("deepspeed", f"it does not load: {error}", fix)
    built = [one["name"] for one in facts["operators"] if one["built"]]
    absent = [one["name"] for one in facts["operators"] if one["needed"] and not one["built"]]
    found = f"{facts['version']} on {facts['accelerator']}; operators in {facts['folder']}: {' '.join(built) or 'none'}"
    if absent:
        fix = f"{sys.executable} -m stilts.setup_ops (else the first run compiles them, a minute each)"
        return warning("deepspeed", f"{found}; not built: {' '.join(absent)}", fix)
    return ok("deepspeed", found)


def _pins(machine: Machine) -> dict[str, str]:
    """Package -> pinned version; empty where there is no requirements.txt."""
    try:
        lines = machine.requirements.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.split("#")[0].strip().partition("==") for line in lines)
    return {name: version for name, _, version in pairs if version}


def _installed(machine: Machine, package: str) -> str | None:
    """The installed version without a local part such as +cpu; None where there is none."""
    for found in importlib.metadata.distributions(name=package, path=list(machine.packages)):
        return found.version.split("+")[0]
    return None
