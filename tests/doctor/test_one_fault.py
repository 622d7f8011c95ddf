"""The doctor finds one fault at a time, each with its fix, and says nothing else."""

from __future__ import annotations

import dataclasses
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from healthy import FACTS, SLURM, Known, script

from stilts.doctor import machine as machines
from stilts.doctor.check import Check
from stilts.doctor.machine import Failed, Machine

Make = Callable[..., Machine]
Bad = Callable[[Machine], dict[str, Check]]


def without(tools: Path, *names: str) -> None:
    for name in names:
        (tools / name).unlink()


def test_a_healthy_machine(machine: Make, bad: Bad) -> None:
    assert bad(machine()) == {}


# ---- compiler


def test_no_compiler(machine: Make, bad: Bad, tools: Path) -> None:
    without(tools, "c++")
    found = bad(machine())
    assert list(found) == ["C++ compiler"]
    assert found["C++ compiler"].state == "problem"
    assert "no c++ on PATH" in found["C++ compiler"].found
    assert "install g++" in found["C++ compiler"].fix


@pytest.mark.parametrize(("text", "why"), [("echo 4.8; [ $1 = --version ]", "c++20"), ("exit 1", "c++20")])
def test_a_compiler_that_is_too_old(machine: Make, bad: Bad, tools: Path, text: str, why: str) -> None:
    without(tools, "c++")
    script(tools, "c++", text)
    found = bad(machine())
    assert list(found) == ["C++ compiler"]
    assert why in found["C++ compiler"].found


def test_the_compiler_in_cxx_counts(machine: Make, bad: Bad, tools: Path) -> None:
    (tools / "c++").rename(tools / "g++-12")
    given = machine()
    assert list(bad(given)) == ["C++ compiler"]
    assert bad(dataclasses.replace(given, environment={**given.environment, "CXX": "g++-12 -O0"})) == {}


def test_no_headers_and_no_ninja(machine: Make, tools: Path, tmp_path: Path, bad: Bad) -> None:
    from stilts.doctor.compilers import python_headers

    check = python_headers(machine(headers=tmp_path))
    assert (check.state, check.found) == ("problem", f"no file at {tmp_path / 'Python.h'}")
    assert "python3-dev" in check.fix
    without(tools, "ninja")
    found = bad(machine())
    assert list(found) == ["ninja"]
    assert "pip install" in found["ninja"].fix
    (tmp_path / "scripts" / "ninja").touch()
    assert bad(machine()) == {}


# ---- MPI


def test_no_mpirun(machine: Make, bad: Bad, tools: Path, tmp_path: Path) -> None:
    without(tools, "mpirun")
    found = bad(machine())
    assert list(found) == ["MPI"]
    assert found["MPI"].state == "problem"
    assert "no mpirun on PATH" in found["MPI"].found
    assert "openmpi" in found["MPI"].fix
    script(tmp_path / "scripts", "mpirun", "exit 0")  # where the environment is not activated
    found = bad(machine())
    assert found["MPI"].state == "warning"
    assert f"export PATH={tmp_path / 'scripts'}:$PATH" in found["MPI"].fix


@pytest.mark.slow
def test_an_mpi_library_that_does_not_load(machine: Make) -> None:
    from stilts.doctor.launchers import mpi

    given = machine(real=True)
    assert mpi(given).state == "ok", mpi(given)
    check = mpi(dataclasses.replace(given, environment={**given.environment, "MPI4PY_LIBMPI": "/nowhere/libmpi.so"}))
    assert check.state == "problem"
    assert "mpi4py does not load" in check.found
    assert "/nowhere/libmpi.so" in check.found
    assert "pip install" in check.fix


def test_an_mpirun_of_another_release(machine: Make, bad: Bad, tools: Path) -> None:
    without(tools, "mpirun")
    script(tools, "mpirun", "echo 'mpirun (Open MPI) 4.1.4'")
    found = bad(machine())
    assert list(found) == ["MPI"]
    assert "believes that it is alone" in found["MPI"].fix


# ---- disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 4 MiB, where the study writes."""
    folder = tmp_path / "out"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=4m", "stilts-test", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True) if shutil.which("mount") else None
    if done is None or done.returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk(machine: Make, bad: Bad, small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(b"x" * (3 << 20))
    found = bad(machine())
    assert list(found) == ["disk"]
    assert found["disk"].state == "problem"
    assert f"0.00 GiB free at {small_disk}" in found["disk"].found
    assert "change output_dir" in found["disk"].fix


def test_a_study_that_is_larger_than_the_disk(machine: Make, bad: Bad, tmp_path: Path) -> None:
    from stilts.study.cost import cost_of

    model = 10_695_954_432 * 4  # bytes of XLM-R XXL
    seeds = shutil.disk_usage(tmp_path).free // model + 2
    given = machine(overrides=("model.name=facebook/xlm-roberta-xxl", f"seeds={list(range(seeds))}"))
    disk = cost_of(given.plan).disk
    check = bad(given)["disk"]
    assert check.state == "problem"
    assert f"the study needs {disk.peak / 2**30:.2f} GiB more at its most" in check.found
    assert "change output_dir, or lower launch.parallel_runs" in check.fix


def test_a_model_of_unknown_size_is_compared_with_thresholds(machine: Make) -> None:
    from stilts.doctor.disk import study_disk

    assert "is not known" in study_disk(machine(overrides=("model.name=some/model",))).found


# ---- data


def test_a_missing_file(machine: Make, bad: Bad, tmp_path: Path) -> None:
    (tmp_path / "data/xnli/dev-de.tsv").unlink()
    found = bad(machine())
    assert list(found) == ["data xnli"]
    check = found["data xnli"]
    assert check.state == "problem"
    assert str(tmp_path / "data/xnli/dev-de.tsv") in check.found
    assert "the dev split of xnli in 'de'; there: dev en: 1 file, 0.0 MiB, 3 lines" in check.found
    assert check.fix == "put the file there or mend data.root or data.files"


def test_an_empty_file(machine: Make, bad: Bad, tmp_path: Path) -> None:
    (tmp_path / "data/mnli/train.tsv").write_text("")
    found = bad(machine())
    assert list(found) == ["data mnli"]
    assert f"{tmp_path / 'data/mnli/train.tsv'} is empty" in found["data mnli"].found


# ---- torch


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_driver_is_asked_for_its_cuda_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library in libcuda's place, as no driver is at hand; its functions have C names and types."""
    source = 'extern "C" int cuDriverGetVersion(int *version) { *version = 12040; return 0; }'
    library = tmp_path / "libcuda.so.1"
    words = ["c++", "-shared", "-fPIC", "-x", "c++", "-", "-o", str(library)]
    subprocess.run(words, input=source, text=True, check=True)
    code = "from stilts.doctor.probe import _driver; print(_driver())"
    environment = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path), "PYTHONPATH": str(machines.ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(12, 4)"


# ---- Slurm


def test_no_slurm(machine: Make, bad: Bad, tools: Path) -> None:
    without(tools, *SLURM)
    found = bad(machine())
    assert list(found) == ["Slurm"]
    assert found["Slurm"].state == "warning"
    assert "no sbatch on PATH" in found["Slurm"].found
    assert "`stilts run` runs whole studies on this machine without it" in found["Slurm"].fix


def test_no_slurm_is_a_problem_for_a_study_that_asks_for_it(machine: Make, bad: Bad, tools: Path) -> None:
    without(tools, *SLURM)
    found = bad(machine(overrides=("launch.backend=slurm",)))
    assert {name: check.state for name, check in found.items()} == {"Slurm": "problem"}


def test_half_of_slurm_and_a_controller_that_is_down(machine: Make, bad: Bad, tools: Path) -> None:
    without(tools, "srun")
    assert "no srun on PATH" in bad(machine())["Slurm"].found
    script(tools, "srun", "exit 0")
    script(tools, "scontrol", "echo 'Slurmctld(primary) at login is DOWN'; exit 1")
    found = bad(machine())
    assert list(found) == ["Slurm"]
    assert "does not answer: Slurmctld(primary) at login is DOWN" in found["Slurm"].found


# ---- packages and limits


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
    assert "3.10 or newer" in found["python"].fix


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
