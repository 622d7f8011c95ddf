"""What hangs, dies or is told to stop: the job ends in time, says why, and leaves nothing behind."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cases_hung
import pytest
import tiny
from harness import run_ranks

from stilts.setup_ops import extensions_folder, use_own_folder

pytestmark = pytest.mark.slow


def test_a_lock_of_a_process_that_was_killed_does_not_hang_a_run(tmp_path: Path) -> None:
    """The lock is on the operator that every run of several ranks loads."""
    use_own_folder()
    operators = tmp_path / "operators"
    shutil.copytree(extensions_folder(), operators, ignore=shutil.ignore_patterns("lock", "async_io"))
    folders = [path.parent for path in operators.rglob("deepspeed_shm_comm.so")]
    assert folders, "`make setup` builds it"
    for folder in folders:
        code = f"import os; os.open({str(folder / 'lock')!r}, os.O_CREAT | os.O_EXCL); os.kill(os.getpid(), 9)"
        assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    path = tiny.make_run(tmp_path, tiny.make_model(tmp_path / "model"), "run", {"mnli": 24})
    run_ranks(cases_hung.run_file_with_operators, 2, tmp_path / "logs", str(operators), str(path), timeout=100)
    assert not list(operators.rglob("lock"))
    logs = "".join((tmp_path / f"logs/rank{rank}.txt").read_text() for rank in (0, 1))
    assert logs.count("the process that was compiling there is gone") == len(folders)
