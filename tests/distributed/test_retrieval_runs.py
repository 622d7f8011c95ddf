"""Studies of retrieval targets on the sample benchmark, on two ranks: every cell is filled, and says what chose it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cases
import pytest
from harness import run_ranks

from stilts.config import Study
from stilts.data.prepare import prepare
from stilts.sample import generate
from stilts.settings import read
from stilts.study.collect import collect
from stilts.study.plan import Plan, expand
from stilts.study.write import write

pytestmark = pytest.mark.slow
LANGUAGES = ("qaa", "qab")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("retrieval") / "data"
    generate(out, seed=1, languages=2, pretrained=False)
    return out


def run(data: Path, folder: Path, target: dict[str, Any], split: str, *noise: dict[str, Any]) -> Plan:
    """Everything that `stilts run` does, on two ranks of this process' children."""
    study = {
        "name": "small", "output_dir": str(folder), "model": {"name": str(data / "model_random")},
        "data": {"root": str(data), "limit": {"squad_v1": {"train": 64}, "mewslix": {"train": 256}}},
        "target": {"languages": list(LANGUAGES), **target},
        "evaluation": {"split": split, "conditions": ["clean", *noise]},
        "training": {"batch_size": 16, "learning_rate": 1e-3, "max_steps": 8, "max_length": 64, "select": "last",
                     "precision": "fp32", "save_every": 0},
    }  # fmt: skip
    plan = expand(read(Study, study, ""))
    prepare(plan.study, plan.specs, plan.features, progress=False)
    write(plan, "")
    for settings in plan.runs:
        run_ranks(cases.run_file, 2, folder / f"logs-{settings.run}", str(plan.run_folder(settings.run) / "run.yaml"))
    return plan


def predictions(plan: Plan, task: str, name: str) -> list[dict[str, Any]]:
    (settings,) = [run for run in plan.runs if task in run.evaluates]
    path = plan.run_folder(settings.run) / "predictions" / task / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("split", ["dev", "test"])
def test_bucc_is_mined_with_the_threshold_of_dev(data: Path, tmp_path: Path, split: str) -> None:
    plan = run(data, tmp_path, {"tasks": ["bucc2018"]}, split)
    found = collect(plan)
    assert found.missing == []
    assert found.problems == []
    rows = (plan.folder / "results/scores.csv").read_text().splitlines()[1:]
    assert [f"best:bucc2018/dev/{code}" in row for code, row in zip(LANGUAGES, rows, strict=True)] == [True, True]
    given = predictions(plan, "bucc2018", f"{split}-qaa")
    pairs = [(row["prediction"], row["gold"]) for row in given if row["prediction"]]
    right = sum(prediction in gold for prediction, gold in pairs)
    f1 = 200 * right / (len(pairs) + sum(len(row["gold"]) for row in given))
    values = json.loads((plan.folder / "results/xtreme.json").read_text())["recipes"]["none"]["tasks"]["bucc2018"]
    assert values["languages"]["qaa"]["f1"] == pytest.approx(f1)
    assert f1 > 20  # qaa shares most of its words with English, which even random weights see


def test_mewslix_and_tatoeba_from_a_fine_tuned_model(data: Path, tmp_path: Path) -> None:
    target = {
        "tasks": ["mewslix", "tatoeba"],
        "benchmark": "xtreme_r",
        "per_task": {"tatoeba": {"train": ["squad_v1"]}},
    }
    plan = run(data, tmp_path, target, "dev")
    assert sorted(run.trains_on[0] for run in plan.runs) == ["mewslix", "squad_v1"]
    found = collect(plan)
    assert found.missing == []
    assert found.problems == []
    given = predictions(plan, "mewslix", "dev-qab")
    assert len(given) == 48
    for row in given:
        assert len(set(row["prediction"])) == 20
        assert [name[0] for name in (*row["prediction"], *row["gold"])] == ["Q"] * 21
    rows = [line.split(",") for line in (plan.folder / "results/scores.csv").read_text().splitlines()]
    layers = {row[rows[0].index("target")]: row[rows[0].index("layer")] for row in rows[1:]}
    steps = {row[rows[0].index("target")]: row[rows[0].index("step")] for row in rows[1:]}
    assert layers["mewslix"] == ""
    assert int(layers["tatoeba"]) > 0
    assert steps == {"mewslix": "8", "tatoeba": "8"}


def test_noisy_queries_and_both_sides_of_every_format(data: Path, tmp_path: Path) -> None:
    """Also where a condition is for one language only: the others stay in the pool as they are."""
    target = {"tasks": ["lareqa", "mewslix", "tatoeba"], "benchmark": "xtreme_r"}
    noise = {"noise": "swap", "level": 0.3, "seeds": [1, 2], "languages": ["qaa"]}
    both = {**noise, "seeds": [1], "where": "both", "tasks": ["lareqa", "tatoeba"]}
    plan = run(data, tmp_path, target, "test", noise, both)
    found = collect(plan)
    assert (found.missing, found.problems, found.noisy_missing) == ([], [], [])
    for task in target["tasks"]:
        clean = predictions(plan, task, "test-qaa")
        for name in ("swap@0.3-n1", "swap@0.3-n2", *(["swap@0.3@both-n1"] if task in both["tasks"] else [])):
            noisy = predictions(plan, task, f"test-qaa.{name}")
            assert [one["id"] for one in noisy] == [one["id"] for one in clean]
            assert [one["gold"] for one in noisy if "gold" in one] == [one["gold"] for one in clean if "gold" in one]
            assert noisy != clean
    folders = {path.name for path in (plan.folder / "runs").glob("*/predictions/*/*@*")}
    assert all(name.startswith("test-qaa.") for name in folders)
    with open(plan.folder / "results" / "noise.csv", encoding="utf-8") as file:
        assert {line.split(",")[2] for line in file} == {"language", "qaa"}


def test_noisy_sentences_are_mined_with_the_threshold_of_clean_ones(data: Path, tmp_path: Path) -> None:
    noise = {"noise": "drop", "level": 0.2, "seeds": [1]}
    plan = run(data, tmp_path, {"tasks": ["bucc2018"]}, "dev", noise, {**noise, "where": "both"})
    found = collect(plan)
    assert (found.missing, found.problems, found.noisy_missing) == ([], [], [])
    for language in LANGUAGES:
        clean, *noisy = (
            predictions(plan, "bucc2018", f"dev-{language}{name}") for name in ("", ".drop@0.2-n1", ".drop@0.2@both-n1")
        )
        least, most = _threshold(clean)
        for rows in noisy:
            assert [one["id"] for one in rows] == [one["id"] for one in clean]
            taken, left = _threshold(rows)
            assert taken > most
            assert left < least


def _threshold(rows: list[dict[str, Any]]) -> tuple[float, float]:
    """The lowest score that was taken and the highest that was not."""
    taken = [one["score"] for one in rows if one["prediction"] is not None]
    left = [one["score"] for one in rows if one["prediction"] is None and "score" in one]
    return min(taken, default=float("inf")), max(left, default=float("-inf"))
