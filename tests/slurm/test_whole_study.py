"""`stilts submit` by command on the cluster: a whole study equals `stilts run`'s, and what is cancelled or fails."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster import ROOT, Cluster

from stilts.sample import generate

pytestmark = pytest.mark.slow

NASTY = 'it\'s; $(touch pwned) "ü" `id` & 100% done'
BROKEN = "target-none-xnli-t1"
STILTS = (sys.executable, "-m", "stilts")


class Submitted:
    """A study in a folder with an unpleasant name, of which `stilts run` has made the same elsewhere."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self.folder, self.cluster = folder, cluster
        generate(folder / "data", seed=1, languages=2, pretrained=False)
        profile = {
            "phases": {phase: {"time": "10"} for phase in ("prepare", "intermediate", "target", "collect")},
            "throttle": 2,
            "signal_seconds": 60,
            "environment": {"DS_ACCELERATOR": "cpu", "OMP_NUM_THREADS": "1", "NASTY": NASTY},
            "options": {"comment": NASTY},
        }
        (folder / "site.yaml").write_text(yaml.safe_dump(profile))
        self.out = folder / NASTY / "mini"
        self.study = {
            "name": "mini",
            "model": {"name": str(folder / "data/model_random")},
            "data": {"root": str(folder / "data"), "limit": {"xnli": {"dev": 40}}},
            "intermediate": [{"name": "none"}, {"name": "snli", "tasks": ["snli"], "budget": {"steps": 4}}],
            "target": {"tasks": ["xnli", "udpos"], "languages": ["en", "qaa"]},
            "training": {"batch_size": 8, "learning_rate": 1e-3, "max_steps": 4, "max_length": 48, "select": "last",
                         "precision": "fp32"},
        }  # fmt: skip
        self.file = self._write("submitted", str(folder / NASTY), {"profile": "site.yaml"})
        here = self._write("here", str(folder / "here"), {"parallel_runs": 2})
        self.here = subprocess.Popen(
            [*STILTS, "run", here], env=cluster.environment, stdout=subprocess.DEVNULL, cwd=folder
        )

    def _write(self, name: str, output: str, launch: dict[str, Any]) -> Path:
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump({**self.study, "output_dir": output, "launch": launch}, allow_unicode=True))
        return path

    def call(self, command: str, *words: str, code: int = 0) -> str:
        """Output of `stilts COMMAND STUDY ...`, which has to end with `code`."""
        done = subprocess.run([*STILTS, command, self.file, *words], env=self.cluster.environment, cwd=self.folder,
                              capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def submit(self, command: str = "submit") -> dict[str, dict[str, Any]]:
        """The jobs that were submitted, by their names."""
        return {job["name"]: job for job in json.loads(self.call(command, "--json"))["jobs"]}

    def places(self, jobs: dict[str, dict[str, Any]]) -> list[str]:
        """Slurm's names of jobs and of the elements of arrays."""
        return [f"{j['job']}_{k}" if j["array"] else str(j["job"])
                for j in jobs.values() for k in range(len(j["runs"]) or 1)]  # fmt: skip

    def wait(self, jobs: dict[str, dict[str, Any]]) -> dict[str, str]:
        """The states that jobs and elements end in."""
        return {place: self.cluster.wait(place, limit=240) for place in self.places(jobs)}

    def recipes(self, out: Path) -> Any:
        """The recipes of a table, every number of them, and what is missing."""
        content = json.loads((out / "results" / "xtreme.json").read_text())
        return content["recipes"], content["missing"]

    def log(self, job: dict[str, Any]) -> str:
        return "".join(path.read_text() for path in (self.out / "slurm/logs").glob(f"*-{job['job']}*.log"))


@pytest.fixture(scope="module")
def submitted(slurm_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Submitted]:
    study = Submitted(tmp_path_factory.mktemp("whole"), slurm_cluster)
    yield study
    study.here.kill()
    study.here.wait()


@pytest.mark.usefixtures("cluster")
def test_a_submitted_study_equals_one_that_was_run(submitted: Submitted) -> None:
    jobs = submitted.submit()
    assert list(jobs) == ["prepare", "target-none", "intermediate-snli-s1", "target-snli-s1", "collect"]
    assert submitted.submit() == {}, "all of it is queued"
    states = submitted.wait(jobs)
    assert set(states.values()) == {"COMPLETED"}, submitted.log(jobs["target-none"])
    assert "8 of 8 cells" in submitted.log(jobs["collect"])
    assert submitted.here.wait(timeout=240) == 0
    assert submitted.recipes(submitted.out) == submitted.recipes(submitted.folder / "here/mini")
    assert not list(submitted.folder.rglob("pwned"))
    assert submitted.submit() == {}, "all of it is done"


@pytest.mark.usefixtures("cluster")
def test_what_was_cancelled_is_submitted_again_alone_and_what_fails_is_named(submitted: Submitted) -> None:
    before = submitted.recipes(submitted.out)
    runs = submitted.out / "runs"
    for run in (BROKEN, "target-none-udpos-t1", "target-snli-s1-xnli-t1", "target-snli-s1-udpos-t1"):
        (runs / run).rename(submitted.folder / run)  # so that there is something to do again
    jobs = submitted.submit()
    assert list(jobs) == ["target-none", "target-snli-s1", "collect"]
    submitted.cluster.run("scancel", str(jobs["target-snli-s1"]["job"]), str(jobs["collect"]["job"]))
    (runs / BROKEN / "predictions").write_text("a file where a folder has to be")
    states = submitted.wait({"target-none": jobs["target-none"]})
    assert list(states.values()) == ["FAILED", "COMPLETED"]

    again = submitted.submit()
    assert {name: job["runs"] for name, job in again.items()} == {"target-snli-s1": jobs["target-snli-s1"]["runs"],
                                                                  "collect": []}  # fmt: skip
    states = submitted.wait(again)
    assert list(states.values()) == ["COMPLETED", "COMPLETED", "FAILED"]
    assert submitted.cluster.facts(str(again["collect"]["job"]))["ExitCode"] == "3:0"
    said = submitted.log(again["collect"])
    error = json.loads((runs / BROKEN / "status.json").read_text())["error"]
    assert "predictions" in error
    for language in ("en", "qaa"):
        assert any(f"missing: none xnli {language}: " in line and error in line for line in said.splitlines())

    (runs / BROKEN / "predictions").unlink()
    retried = submitted.submit("retry")
    assert {name: job["runs"] for name, job in retried.items()} == {"target-none": [BROKEN], "collect": []}
    assert set(submitted.wait(retried).values()) == {"COMPLETED"}
    assert submitted.recipes(submitted.out) == before


@pytest.mark.usefixtures("cluster")
def test_slurm_takes_the_scripts_of_the_paper_s_study(slurm_cluster: Cluster, tmp_path: Path) -> None:
    words = [*STILTS, "submit", ROOT / "studies/phang2020.yaml", f"output_dir={tmp_path}", "launch.profile=gpu"]
    subprocess.run([*words, "--dry-run"], env=slurm_cluster.environment, check=True, capture_output=True, timeout=60)
    scripts = sorted((tmp_path / "phang2020/slurm").glob("*.sbatch"))
    assert len(scripts) == 40
    kinds = {script.name.partition("-")[0]: script for script in scripts}
    assert set(kinds) == {"prepare.sbatch", "collect.sbatch", "intermediate", "target", "evaluation"}
    for script in scripts:
        # the partition is the site's; GPUs, memory, cores, nodes and times are the profile's
        slurm_cluster.run("sbatch", "--test-only", "--partition=main", script)
    slurm_cluster.run("shellcheck", "-x", *scripts)
