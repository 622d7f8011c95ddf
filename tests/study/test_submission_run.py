"""A real study on generated data: its leaderboard folder, scored by `stilts score`, has the study's own scores."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from gold_files import write_labels

from stilts.config import load_study
from stilts.data.sources import read_examples
from stilts.sample import generate
from stilts.study.plan import expand
from stilts.tasks import get_task

TASKS = ["xnli", "xcopa", "udpos", "xquad", "tatoeba", "lareqa"]


@pytest.mark.slow
def test_a_study_and_its_folder_have_the_same_scores(tmp_path: Path, call) -> None:
    generate(tmp_path / "data", seed=1, languages=2, pretrained=False)
    sizes = {"xnli": 25, "xcopa": 25, "udpos": 15, "xquad": 12, "tatoeba": 30, "lareqa": 12}
    content = {
        "name": "s",
        "output_dir": str(tmp_path / "outputs"),
        "model": {"name": str(tmp_path / "data" / "model_random")},
        "data": {"root": str(tmp_path / "data"), "limit": {task: {"test": n} for task, n in sizes.items()}},
        "target": {
            "tasks": TASKS, "benchmark": "xtreme_r", "languages": ["en", "qaa", "qab"],
            "per_task": {"xcopa": {"train": ["copa"]}},
        },
        "evaluation": {"split": "test"},
        "training": {
            "batch_size": 8, "learning_rate": 1e-3, "max_steps": 12, "max_length": 96, "select": "last",
            "precision": "fp32", "save_every": 0,
        },
        "launch": {"parallel_runs": 2},
    }  # fmt: skip
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "stilts", "run", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "submission: " in done.stdout
    plan, labels = expand(load_study(path)), tmp_path / "labels"
    for run in plan.runs:
        for ref in run.evaluation_sets:
            task = get_task(ref.task)
            examples, _ = read_examples(task, ref.split, ref.language, plan.study.data, sizes[ref.task])
            lines = (plan.run_folder(run.run) / f"predictions/{ref.task}/{ref.split}-{ref.language}.jsonl").read_text()
            rows = [json.loads(line) for line in lines.splitlines()]
            write_labels(labels, ref.task, ref.language, examples, {row["id"]: row.get("gold") for row in rows})
    folder = plan.folder / "results" / "submission" / "none"
    found = json.loads(call("score", "--predictions", folder, "--labels", labels, "--json")[1])
    own = json.loads((plan.folder / "results" / "xtreme.json").read_text())["recipes"]["none"]["tasks"]
    assert list(own) == TASKS
    for task in TASKS:
        assert found["tasks"][task]["metrics"] == pytest.approx(own[task]["metrics"])
        assert set(found["tasks"][task]["languages"]) == set(own[task]["languages"])
        for language, metrics in own[task]["languages"].items():
            assert found["tasks"][task]["languages"][language] == pytest.approx(metrics), (task, language)
    assert max(own[task]["score"] for task in TASKS) > 0
    checked = json.loads(call("score", "--predictions", folder, "--json")[1])
    assert {(one["kind"], one["task"]) for one in checked["findings"]} == {
        ("missing", task) for task in ("panx", "mlqa", "tydiqa", "mewslix")
    }
