"""`stilts doctor --job` on two ranks: what they are, whether their sums are right, and one table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cases_doctor
import pytest
from harness import run_ranks
from test_launchers import BIN, LAUNCHERS, ROOT

pytestmark = pytest.mark.slow


def test_two_ranks(tmp_path: Path) -> None:
    (code, content), second = run_ranks(cases_doctor.doctor, 2, tmp_path / "logs")
    assert second == (0, None), "rank 0 alone prints"
    assert (code, content["problems"], content["warnings"]) == (0, 0, 0)
    assert [rank["rank"] for rank in content["ranks"]] == [0, 1]
    assert {rank["device"] for rank in content["ranks"]} == {"cpu"}
    assert all(rank["free_shared_memory"] > 0 and rank["torch"].startswith("2.13.0") for rank in content["ranks"])
    checks = {check["name"]: check["found"] for check in content["checks"]}
    assert list(checks) == [
        "host", "software of the ranks", "devices of the ranks", "shared memory of the ranks", "all-reduce"
    ]  # fmt: skip
    assert checks["host"] == "a machine", "once a node, not once a rank"
    assert checks["all-reduce"].startswith("sums are right; 2 ranks through gloo, GB/s: 4 KiB ")


@pytest.mark.parametrize(
    ("fault", "name", "found"),
    [
        ("version", "software of the ranks", "2.4.0 on rank 1"),
        ("sum", "all-reduce", "wrong sums on ranks 0 1"),
    ],
)
def test_a_fault_of_one_rank_is_every_ranks_problem(tmp_path: Path, fault: str, name: str, found: str) -> None:
    (code, content), second = run_ranks(cases_doctor.doctor, 2, tmp_path / "logs", fault)
    assert (code, second) == (1, (1, None))
    (check,) = [check for check in content["checks"] if check["state"] == "problem"]
    assert check["name"] == name
    assert found in check["found"]
    assert check["fix"]


def test_a_rank_that_cannot_join_says_so(tmp_path: Path) -> None:
    results = run_ranks(cases_doctor.doctor, 2, tmp_path / "logs", "cannot join", timeout=60)
    for code, content in results:
        assert code == 1
        assert content["checks"][-1]["name"] == "join"
        assert "cannot join the others" in content["checks"][-1]["found"]


def test_under_a_launcher_and_alone(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMPI_", "PMIX_", "SLURM_", "MASTER_"))}
    environment |= {"OMP_NUM_THREADS": "1", "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    words = {"mpirun": [*LAUNCHERS["mpirun"], "-m", "stilts"], "alone": [sys.executable, "-m", "stilts"]}
    for name, command in words.items():
        done = subprocess.run(
            [*command, "doctor", "--job", "--json"], env=environment, capture_output=True, text=True, timeout=180
        )
        content = json.loads(done.stdout)
        assert done.returncode == (1 if content["problems"] else 0), done.stderr[-2000:]
        checks = {check["name"]: check for check in content["checks"]}
        assert "2.13.0" in checks["torch"]["found"], "every check of a machine is made, too"
        assert len(content["ranks"]) == (2 if name == "mpirun" else 1)
        assert checks["all-reduce"]["state"] == ("ok" if name == "mpirun" else "warning")
    assert "srun stilts doctor --job" in checks["all-reduce"]["fix"]
