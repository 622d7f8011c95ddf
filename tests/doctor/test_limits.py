"""The doctor on packages, operators and the limits of a process."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from healthy import FACTS, script

from stilts.doctor.check import Check
from stilts.doctor.machine import Failed, Machine

Make = Callable[..., Machine]
Bad = Callable[[Machine], dict[str, Check]]
pytestmark = pytest.mark.slow


def test_packages(machine: Make, bad: Bad, tmp_path: Path) -> None:
    pins = tmp_path / "requirements.txt"
    pins.write_text("# a comment\ntorch==2.13.0\npytest==0.1  # old\nno-such-package==1.0\n")
    found = bad(machine(requirements=pins))
    assert list(found) == ["packages"]
    assert "no-such-package is not installed; pytest is " in found["packages"].found
    assert found["packages"].state == "problem"
    assert found["packages"].fix.endswith(f"-m pip install -r {pins}")
    pins.write_text("torch==2.13.0\npytest==0.1\n")
    assert bad(machine(requirements=pins))["packages"].state == "warning"
    found = bad(machine(requirements=tmp_path / "nowhere.txt"))
    assert list(found) == ["packages"]


def test_an_old_python(machine: Make, bad: Bad) -> None:
    found = bad(machine(python=(3, 9, 18)))
    assert list(found) == ["python"]
    assert "3.11 or newer" in found["python"].fix


def test_low_limits(machine: Make, bad: Bad, tmp_path: Path) -> None:
    low = {
        resource.RLIMIT_NOFILE: (256, 4096),
        resource.RLIMIT_NPROC: (100, resource.RLIM_INFINITY),
        resource.RLIMIT_MEMLOCK: (8 << 20, 8 << 20),
    }
    given = machine(limits=low)
    found = bad(given)
    assert {name: check.state for name, check in found.items()} == {"open files": "warning", "processes": "warning"}
    assert "ulimit -n 1024" in found["open files"].fix
    assert "ulimit -u 4096" in found["processes"].fix
    (tmp_path / "infiniband/mlx5_0").touch()
    assert "NCCL pins memory for InfiniBand (mlx5_0)" in bad(given)["locked memory"].found


def test_operators_that_are_not_built(machine: Make, bad: Bad, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {**FACTS["deepspeed"], "operators": [{"name": "cpu_adam", "needed": True, "built": False}]}
    monkeypatch.setitem(FACTS, "deepspeed", facts)
    found = bad(machine())
    assert {name: check.state for name, check in found.items()} == {"deepspeed": "warning"}
    assert "-m stilts.setup_ops" in found["deepspeed"].fix


def test_a_command_that_hangs_is_given_up(machine: Make, tools: Path) -> None:
    script(tools, "hangs", "exec /bin/sleep 60")
    with pytest.raises(Failed, match=r"hangs gave no answer for 0\.2 s"):
        machine().run("hangs", seconds=0.2)
    with pytest.raises(Failed, match="nowhere cannot be started: No such file"):
        machine().run("nowhere")
