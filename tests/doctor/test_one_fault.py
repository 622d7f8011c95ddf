"""The doctor finds one fault at a time, each with its fix, and says nothing else."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from healthy import SLURM, script

from stilts.doctor.check import Check
from stilts.doctor.disk import study_disk
from stilts.doctor.machine import Machine
from stilts.study.cost import cost_of
from stilts.study.disk import shown

Make = Callable[..., Machine]
Bad = Callable[[Machine], dict[str, Check]]
pytestmark = pytest.mark.slow


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


def test_a_full_disk(machine: Make, bad: Bad, small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(b"x" * (3 << 20))
    found = bad(machine())
    assert list(found) == ["disk"]
    assert found["disk"].state == "problem"
    assert f"0.0 GiB free at {small_disk}" in found["disk"].found
    assert "change output_dir" in found["disk"].fix


def test_a_study_that_is_larger_than_the_disk(machine: Make, bad: Bad, tmp_path: Path) -> None:
    model = 10_695_954_432 * 4  # bytes of XLM-R XXL
    seeds = shutil.disk_usage(tmp_path).free // model + 2
    given = machine(overrides=("model.name=facebook/xlm-roberta-xxl", f"seeds={list(range(seeds))}"))
    disk = cost_of(given.plan).disk
    check = bad(given)["disk"]
    assert check.state == "problem"
    assert f"the study needs {shown(disk.peak)} more at its most (1 run at a time)" in check.found
    assert "change output_dir" in check.fix


def test_on_a_cluster_more_runs_go_at_the_same_time(machine: Make) -> None:
    assert "(1 run at a time)" in study_disk(machine()).found
    assert "(3 runs at a time)" in study_disk(machine(overrides=("launch.profile=local",))).found


def test_a_model_of_unknown_size_is_compared_with_thresholds(machine: Make) -> None:
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


def test_a_profile_that_cannot_be_read(machine: Make, bad: Bad) -> None:
    assert bad(machine(overrides=("launch.profile=local",))) == {}
    found = bad(machine(overrides=("launch.profile=nowhere.yaml",)))
    assert list(found) == ["Slurm"]
    assert "nowhere.yaml" in found["Slurm"].found
