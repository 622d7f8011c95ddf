"""Cards of exported models: what they tell others to run works, and gives what stilts gives; resume changes nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import cases
import pytest
import tiny
import torch
from faults import Fault, assert_fired
from harness import run_ranks
from huggingface_hub import ModelCard

from stilts.data.batches import collate
from stilts.formats import get_format
from stilts.model.build import build_model
from stilts.tasks import get_task
from stilts.tasks.examples import PairExample

pytestmark = pytest.mark.slow


@pytest.fixture
def study(tmp_path: Path) -> Path:
    tiny.make_model(tmp_path / "model")
    return tmp_path


def card_code(folder: Path) -> str:
    """The code block of a card."""
    (code,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), flags=re.DOTALL)
    return str(code)


@pytest.mark.parametrize("head", ["mnli", "copa", "squad_v1", "udpos", "lareqa"])
def test_the_code_of_a_card_runs_in_its_folder(study: Path, head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tiny.make_run(study, study / "model", "run", {head: 24}, training={"max_steps": 2})
    run_ranks(cases.run_file, 1, study / "logs", str(path))
    folder = path.parent / "model"
    monkeypatch.chdir(folder)
    found: dict[str, Any] = {}
    exec(compile(card_code(folder), "card", "exec"), found)
    assert {name.split(".")[0] for name in found["heads"]} == {head}
    if head != "mnli":
        return
    from transformers import AutoTokenizer

    model = build_model(str(folder), None, ["mnli"], 1, "fp32", reuse_from=folder).eval()
    example = PairExample("1", "A man sleeps.", "A person is at rest.", None)
    form, task = get_format("pair"), get_task("mnli")
    rows = form.features(task, [example], AutoTokenizer.from_pretrained(folder), 48, False)
    with torch.no_grad():
        ours = model(collate(rows, form), head="mnli")
    torch.testing.assert_close(found["logits"], ours.float(), atol=1e-5, rtol=0)
    assert found["labels"] == list(task.labels)


def test_a_card_has_the_scores_and_the_same_bytes_after_a_stop(study: Path) -> None:
    sets = [tiny.make_set(study, study / "model", "xnli", 9, "dev", language) for language in ("de", "fr")]
    chosen = [tiny.make_set(study, study / "model", "xnli", 9, "dev", "en")]
    training = {"max_steps": 6, "save_every": 2, "validate_every": 2, "select": "best"}
    first = tiny.make_run(study, study / "model", "first", {"squad_v1": 24}, kind="intermediate", seed=1)
    run_ranks(cases.run_file, 1, study / "logs", str(first))
    assert "has no scores of its own" in (first.parent / "model/README.md").read_text()
    cards = {}
    for name in ("straight", "stopped"):
        path = tiny.make_run(
            study, study / "model", name, {"mnli": 24}, training=training, evaluation_sets=sets, evaluates=["xnli"],
            selection_sets=chosen, init_run="first",
        )  # fmt: skip
        stops = [Fault("signal", 0, "step", 0, 3), Fault("signal", 0, "forward", 1)] if name == "stopped" else []
        report = study / f"{name}.jsonl"
        for number, stop in enumerate(stops):
            logs = study / f"logs-{name}-{number}"
            assert run_ranks(cases.run_with_faults, 1, logs, str(path), [stop], str(report)) == ["stopped"]
        if stops:
            assert_fired(report, stops)
        run_ranks(cases.run_file, 1, study / f"logs-{name}", str(path))
        cards[name] = (path.parent / "model/README.md").read_text().replace(name, "RUN")
    assert cards["stopped"] == cards["straight"]
    rows = [json.loads(line) for line in (study / "runs/stopped/scores.jsonl").read_text().splitlines()]
    card = ModelCard.load(study / "runs/stopped/model/README.md")
    assert card.data.eval_results is not None
    assert [one.dataset_config for one in card.data.eval_results] == ["de", "fr"]
    for row in rows:
        assert f"| {row['language']} | dev | 9 | {row['value']:.2f} |" in card.text
    assert "then 5 optimizer steps on squad_v1 (run first)" in card.text
    assert get_task("squad_v1").citation in card.text
