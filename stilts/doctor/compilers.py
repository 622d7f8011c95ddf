"""What DeepSpeed's operators are compiled with."""

from __future__ import annotations

import shlex
import sys

from stilts.doctor.check import Check, ok, problem
from stilts.doctor.machine import Failed, Machine

STANDARD = "c++20"  # of extensions since torch 2.12: deepspeed/ops/op_builder/builder.py, torch/utils/cpp_extension.py
PROGRAM = "#include <concepts>\n#include <optional>\nint main() { return std::optional<int>(0).value(); }\n"
_INSTALL = "install g++ (Debian, Ubuntu: apt-get install g++; on a cluster: module load gcc), or name one in CXX"
_USE = "operators that are built work on until the environment changes"


def compiler(machine: Machine) -> Check:
    """Whether the compiler that torch takes, $CXX or c++, is there and knows the standard."""
    name = "C++ compiler"
    words = shlex.split(machine.environment.get("CXX", "")) or ["c++"]
    if machine.which(words[0]) is None:
        return problem(name, f"no {words[0]} on PATH", f"{_INSTALL}; {_USE}")
    try:
        version = machine.run(*words, "--version").splitlines()[0]
        machine.run(*words, f"-std={STANDARD}", "-fsyntax-only", "-x", "c++", "-", given=PROGRAM)
    except Failed as error:
        return problem(name, f"{machine.which(words[0])} cannot compile {STANDARD}: {error}", f"{_INSTALL}; {_USE}")
    return ok(name, f"{version}, {STANDARD}")


def python_headers(machine: Machine) -> Check:
    """Whether Python.h is there."""
    header = machine.headers / "Python.h"
    if header.is_file():
        return ok("Python.h", str(header))
    fix = "install Python's headers (Debian, Ubuntu: apt-get install python3-dev), or take a Python that has them"
    return problem("Python.h", f"no file at {header}", f"{fix}; {_USE}")


def ninja(machine: Machine) -> Check:
    """Whether ninja is on PATH or beside this Python, where a run looks, too."""
    beside = machine.scripts / "ninja"
    path = machine.which("ninja") or (str(beside) if beside.is_file() else None)
    if path is None:
        fix = f"{sys.executable} -m pip install -r {machine.requirements}"
        return problem("ninja", f"not on PATH and not in {machine.scripts}", f"{fix}; {_USE}")
    return ok("ninja", path)
