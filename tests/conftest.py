"""Fixtures that many tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of official data files, from STILTS_REAL_DATA.

    Skips where the variable is not set; under CI that is a failure, so that no check goes missing unseen.
    """
    value = os.environ.get("STILTS_REAL_DATA")
    if value and Path(value).is_dir():
        return Path(value).resolve()
    reason = f"STILTS_REAL_DATA is {value!r}: set it to a folder with the official files (squad/, xnli/, mlqa/, ...)"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
