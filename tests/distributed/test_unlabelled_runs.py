"""A whole study by command over test sets of which some have no labels, as in XTREME's download."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from stilts.sample import generate

pytestmark = pytest.mark.slow

TASKS = ("xnli", "panx", "tydiqa", "bucc2018")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample without the test labels of qaa."""
    out = tmp_path_factory.mktemp("unlabelled") / "data"
    generate(out, seed=1, languages=2, pretrained=False)
    for name in ("xnli/test-qaa.tsv", "panx/test-qaa.tsv"):
        lines = (out / name).read_text(encoding="utf-8").split("\n")
        (out / name).write_text("\n".join(line.rpartition("\t")[0] for line in lines), encoding="utf-8")
    path = out / "tydiqa/tydiqa-goldp-v1.1-dev/tydiqa.goldp.qaa.dev.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    for article in content["data"]:
        for question in (one for paragraph in article["paragraphs"] for one in paragraph["qas"]):
            question["answers"] = [{"text": "", "answer_start": 0}]
    path.write_text(json.dumps(content), encoding="utf-8")
    (out / "bucc2018/qaa-en.test.gold").unlink()
    return out


def test_one_language_is_scored_and_the_other_predicted(data: Path, tmp_path: Path, call) -> None:
    study = {
        "name": "s", "output_dir": str(tmp_path), "model": {"name": str(data / "model_random")},
        "data": {"root": str(data), "limit": {task: {"train": 64, "dev": 20} for task in ("xnli", "panx")}},
        "target": {
            "tasks": list(TASKS), "languages": {**{task: ["en", "qaa"] for task in TASKS}, "bucc2018": ["qaa", "qab"]},
            "per_task": {"tydiqa": {"select": "last"}},
        },
        "evaluation": {"split": "test"},
        "training": {"batch_size": 16, "learning_rate": 1e-3, "max_steps": 2, "max_length": 64, "select": "best",
                     "precision": "fp32", "save_every": 0, "validate_every": 1},
    }  # fmt: skip
    file, folder = tmp_path / "s.yaml", tmp_path / "s"
    file.write_text(yaml.safe_dump(study))
    assert call("plan", file)[0] == 0
    sets = json.loads(call("prepare", file, "--json")[1])["sets"]
    bare = {(one["task"], one["language"]) for one in sets if not one["labelled"]}
    assert bare == {(task, "qaa") for task in TASKS}
    code, out, err = call("run", file)
    assert code == 0, out + err
    for task in TASKS:
        reason = f"the {'dev' if task == 'tydiqa' else 'test'} set has no labels"
        assert f"no score: none {task} qaa: {reason}: predictions are in results/submission/none/" in out
    values = json.loads((folder / "results/xtreme.json").read_text())
    tasks = values["recipes"]["none"]["tasks"]
    for task in TASKS:
        (labelled,) = set(tasks[task]["languages"]) - {"qaa"}
        assert None not in tasks[task]["languages"][labelled].values()
        assert set(tasks[task]["languages"]["qaa"].values()) == {None}
    scores = [json.loads(line) for path in folder.glob("runs/*/scores.jsonl") for line in path.open()]
    assert {row["language"] for row in scores} == {"en", "qab"}
    chosen = {row["target"]: row["selection"] for row in scores}
    assert (chosen["xnli"], chosen["bucc2018"]) == ("best:xnli/dev/en", "best:bucc2018/dev/qab")
    submission = folder / "results/submission/none"
    manifest = json.loads((submission / "submission.json").read_text())
    assert {one["reason"] for one in manifest["missing"]} == {"not in this study"}
    checked = json.loads(call("score", "--predictions", submission, "--json")[1])
    assert {one["kind"] for one in checked["findings"]} == {"missing"}
    for task in ("xnli", "panx", "tydiqa"):
        assert checked["predictions"][task]["qaa"] == checked["predictions"][task]["en"] > 20
    words = (data / "panx/test-qaa.tsv").read_text().rstrip("\n").split("\n")
    tags = (submission / "panx/test-qaa.tsv").read_text().rstrip("\n").split("\n")
    assert [bool(word) for word in words] == [bool(tag) for tag in tags]
    before = {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/*.jsonl")}
    code, out, _ = call("run", file)
    assert (code, "4 of 4 runs are done already" in out) == (0, True)
    assert {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/*.jsonl")} == before
    assert "4 done" in call("status", file)[1]
