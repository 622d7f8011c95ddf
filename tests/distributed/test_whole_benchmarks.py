"""Every target of XTREME and of XTREME-R on the sample benchmark: every cell filled, leaderboard files that pass."""

from __future__ import annotations

import json
from pathlib import Path

import cases
import pytest
from harness import run_ranks

from stilts.config import Study
from stilts.data.prepare import prepare
from stilts.sample import generate
from stilts.settings import read
from stilts.study.collect import collect
from stilts.study.plan import expand
from stilts.study.write import write
from stilts.submission.check import check_folder
from stilts.tasks import BENCHMARKS, target_tasks

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "data"
    generate(out, seed=1, languages=2, pretrained=False)
    return out


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_every_cell_is_filled_and_the_submission_passes(data: Path, tmp_path: Path, benchmark: str) -> None:
    training = ("mnli", "pawsx", "udpos", "panx", "squad_v1", "tydiqa", "socialiqa", "copa", "lareqa", "mewslix")
    study = {
        "name": "whole", "output_dir": str(tmp_path), "model": {"name": str(data / "model_random")},
        "data": {"root": str(data), "limit": {task: {"train": 64} for task in training}},
        "target": {"benchmark": benchmark, "languages": ["en", "qaa"],
                   "per_task": {"tatoeba": {"retrieval": {"query_side": "english"}}}},
        "evaluation": {"split": "test"},
        "training": {"batch_size": 16, "learning_rate": 1e-3, "max_steps": 2, "max_length": 64, "select": "last",
                     "precision": "fp32", "save_every": 0},
    }  # fmt: skip
    plan = expand(read(Study, study, ""))
    assert set(plan.targets) == set(target_tasks(benchmark))
    prepare(plan.study, plan.specs, plan.features, progress=False)
    write(plan, "")
    for settings in plan.runs:
        run_ranks(cases.run_file, 1, tmp_path / f"logs-{settings.run}", str(plan.run_folder(settings.run) / "run.yaml"))
    found = collect(plan)
    assert (found.missing, found.problems) == ([], [])
    values = json.loads((found.folder / "xtreme.json").read_text(encoding="utf-8"))
    assert values["tasks_absent"] == []
    assert values["recipes"]["none"]["average"] is not None
    (submission,) = found.submissions
    checked = check_folder(submission.folder)
    assert checked.findings == []
    assert checked.benchmark == benchmark
    assert set(checked.counts) == set(target_tasks(benchmark))
