"""Runs of a study on generated data, with real models: their leaderboard folder has the study's own scores."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from gold_files import write_labels

from stilts.config import Study
from stilts.data.prepare import prepare
from stilts.data.sources import read_examples
from stilts.distributed import World
from stilts.evaluation.predict import Predictor
from stilts.evaluation.scoring import ScoreFile, Scorer, score_all
from stilts.model.build import build_model
from stilts.sample import generate
from stilts.settings import read
from stilts.status import Status, write_status
from stilts.study.collect import collect
from stilts.study.plan import Plan, expand
from stilts.tasks import get_task

SIZES = {"xnli": 25, "xcopa": 25, "udpos": 15, "xquad": 12, "tatoeba": 30, "lareqa": 12}


def scored(plan: Plan) -> None:
    """What each run of the plan does after training, on one rank, with fresh heads."""
    model_folder = plan.study.model.name
    for run in plan.runs:
        model = build_model(model_folder, None, run.trains_on, run.seed, "fp32")
        predictor = Predictor(model, World(0, 1, 0, torch.device("cpu")))
        scorer = Scorer(predictor, run.trains_on, int(model.encoder.config.num_hidden_layers))
        folder = plan.run_folder(run.run)
        facts = {"step": 0, "selection": "last"}
        score_all(scorer, ScoreFile(folder, run), folder, plan.features, facts, lambda ref, metrics: None)
        write_status(folder, Status("done"))


@pytest.mark.slow
def test_a_study_and_its_folder_have_the_same_scores(tmp_path: Path, call) -> None:
    data = tmp_path / "data"
    generate(data, seed=1, languages=2, pretrained=False)
    limits = {task: {"test": n} for task, n in SIZES.items()}
    content = {
        "name": "s",
        "output_dir": str(tmp_path / "outputs"),
        "model": {"name": str(data / "model_random")},
        "data": {"root": str(data), "limit": limits},
        "target": {
            "tasks": list(SIZES), "benchmark": "xtreme_r", "languages": ["en", "qaa", "qab"],
            "per_task": {"xcopa": {"train": ["copa"]}},
        },
        "evaluation": {"split": "test"},
        "training": {"max_length": 96, "select": "last", "max_steps": 1},
    }  # fmt: skip
    plan, labels = expand(read(Study, content, "")), tmp_path / "labels"
    prepare(plan.study, list(plan.specs), plan.features)
    scored(plan)
    collected = collect(plan)
    assert (collected.missing, collected.problems) == ([], [])
    for run in plan.runs:
        for ref in run.evaluation_sets:
            examples, _ = read_examples(get_task(ref.task), ref.split, ref.language, plan.study.data, SIZES[ref.task])
            lines = (plan.run_folder(run.run) / f"predictions/{ref.task}/{ref.split}-{ref.language}.jsonl").read_text()
            rows = [json.loads(line) for line in lines.splitlines()]
            write_labels(labels, ref.task, ref.language, examples, {row["id"]: row.get("gold") for row in rows})
    folder = plan.folder / "results" / "submission" / "none"
    found = json.loads(call("score", "--predictions", folder, "--labels", labels, "--json")[1])
    own = json.loads((plan.folder / "results" / "xtreme.json").read_text())["recipes"]["none"]["tasks"]
    assert list(own) == list(SIZES)
    for task in SIZES:
        assert found["tasks"][task]["metrics"] == pytest.approx(own[task]["metrics"])
        assert set(found["tasks"][task]["languages"]) == set(own[task]["languages"])
        for language, metrics in own[task]["languages"].items():
            assert found["tasks"][task]["languages"][language] == pytest.approx(metrics), (task, language)
    assert sum(own[task]["score"] > 0 for task in SIZES) >= 4
    checked = json.loads(call("score", "--predictions", folder, "--json")[1])
    assert {(one["kind"], one["task"]) for one in checked["findings"]} == {
        ("missing", task) for task in ("panx", "mlqa", "tydiqa", "mewslix")
    }
