"""The doctor finds a torch that is another one, broken, or not for this machine, in processes of its own."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from healthy import Known

from stilts.doctor.check import Check
from stilts.doctor.machine import ROOT, Machine

Make = Callable[..., Machine]
Bad = Callable[[Machine], dict[str, Check]]
pytestmark = pytest.mark.slow


def fake_torch(folder: Path, text: str, **changes: object) -> dict[str, str]:
    """The environment with a package of our own in torch's place."""
    (folder / "fake/torch").mkdir(parents=True)
    (folder / "fake/torch/__init__.py").write_text(text)
    return {**os.environ, "PYTHONPATH": str(folder / "fake")}


class OwnTorch(Known):
    """Starts the probe of torch only."""

    def probe(self, part: str, seconds: float = 60.0) -> object:
        return Machine.probe(self, part, seconds) if part == "torch" else super().probe(part)


VERSIONED = "import types\n__version__ = '{}'\nversion = types.SimpleNamespace(cuda=None)\n"
BROKEN = {
    "another version": (VERSIONED.format("2.4.1+cpu"), "2.4.1+cpu, and stilts needs 2.13.0"),
    "a library is missing": ("raise ImportError('libcudart.so.13: cannot open shared object file')", "libcudart.so.13"),
    "it crashes": ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
    "half an installation": ("", "has no attribute 'version'"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_wrong_torch(machine: Make, bad: Bad, tools: Path, tmp_path: Path, name: str) -> None:
    text, why = BROKEN[name]
    environment = {**fake_torch(tmp_path, text), "PATH": str(tools), "TMPDIR": str(tmp_path)}
    fields = {field.name: getattr(machine(), field.name) for field in dataclasses.fields(Machine)}
    found = bad(OwnTorch(**{**fields, "environment": environment}))
    assert list(found) == ["torch"]
    assert found["torch"].state == "problem"
    assert why in found["torch"].found
    assert "pip install --force-reinstall torch==2.13.0" in found["torch"].fix


def test_a_build_without_cuda_on_a_machine_with_gpus(machine: Make, bad: Bad, tmp_path: Path) -> None:
    given = machine()
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / "devices" / name).touch()
    found = bad(given)
    assert list(found) == ["torch", "GPUs"]
    assert "a build without CUDA, on a machine with 2 NVIDIA GPUs" in found["torch"].found
    assert "torch can use none" in found["GPUs"].found


def test_the_driver_is_asked_for_its_cuda_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library in libcuda's place, as no driver is at hand; its functions have C names and types."""
    source = 'extern "C" int cuDriverGetVersion(int *version) { *version = 12040; return 0; }'
    library = tmp_path / "libcuda.so.1"
    words = ["c++", "-shared", "-fPIC", "-x", "c++", "-", "-o", str(library)]
    subprocess.run(words, input=source, text=True, check=True)
    code = "from stilts.doctor.probe import _driver; print(_driver())"
    environment = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(12, 4)"
