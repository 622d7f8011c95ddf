"""What the ranks of the tests with faults do; imported by name in each rank."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import cases
from faults import Fault, install


def run_file(faults: Sequence[Fault], report: Path, path: str, *overrides: str) -> None:
    """A whole run with this rank's faults installed."""
    install(faults, report, int(os.environ["RANK"]))
    cases.run_file(path, *overrides)
