"""Whole runs: what is exported is what was trained, resume is invisible, starts are verified, uneven shards end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cases
import numpy as np
import pytest
import tiny
import torch
from harness import RankFailed, run_ranks
from safetensors.torch import load_file, save_file

from stilts.outcome import read_outcome

pytestmark = pytest.mark.slow


@pytest.fixture
def study(tmp_path: Path) -> Path:
    tiny.make_model(tmp_path / "model")
    return tmp_path


def evaluation(study: Path, *sets: tuple[str, int, str]) -> list:
    """Prepared dev sets of (task, examples, language)."""
    return [tiny.make_set(study, study / "model", task, count, "dev", language) for task, count, language in sets]


def scores(study: Path, run: str) -> dict[tuple[str, str, str], float]:
    rows = [json.loads(line) for line in (study / "runs" / run / "scores.jsonl").read_text().splitlines()]
    return {(row["target"], row["language"], row["metric"]): row["value"] for row in rows}


@pytest.mark.parametrize(
    ("config", "precision"),
    [pytest.param("zero2", "fp32", marks=pytest.mark.long), ("zero3", "fp32"), ("zero1", "bf16"), ("zero0", "bf16")],
)
def test_exported_model_gives_the_engines_hidden_states(study: Path, config: str, precision: str) -> None:
    from transformers import AutoModel

    path = tiny.make_run(study, study / "model", "run", {"mnli": 24, "udpos": 24})
    overrides = [f"deepspeed.config={config}", f"training.precision={precision}"]
    hidden = run_ranks(cases.train_and_encode, 2, study / "logs", str(path), *overrides)[0]
    model = AutoModel.from_pretrained(study / "runs/run/model").eval()
    assert model.dtype == torch.float32
    with torch.no_grad():
        ours = model(input_ids=torch.tensor(hidden["input_ids"])).last_hidden_state.numpy()
    limit = 1e-5 if precision == "fp32" else 5e-2
    np.testing.assert_allclose(ours, hidden["states"], atol=limit)
    start = load_file(str(study / "model/model.safetensors"))
    end = load_file(str(study / "runs/run/model/model.safetensors"))
    assert any(not torch.equal(start[name], end[name]) for name in end), "training should have changed the encoder"
    rounded = all(torch.equal(value, value.bfloat16().float()) for value in end.values())
    assert not rounded, "fp32 masters hold more than bf16 does"


def test_a_target_starts_from_its_recipes_model_and_nothing_else(study: Path) -> None:
    model = study / "model"
    first = tiny.make_run(study, model, "first", {"mnli": 24}, kind="intermediate", seed=1)
    second = tiny.make_run(study, model, "second", {"udpos": 24}, init_run="first")
    with pytest.raises(RankFailed, match="no exported model"):
        run_ranks(cases.run_file, 1, study / "logs0", str(second))
    assert json.loads((study / "runs/second/status.json").read_text())["state"] == "failed"
    run_ranks(cases.run_file, 1, study / "logs1", str(first))
    exported = study / "runs/first/model"
    good = load_file(str(exported / "model.safetensors"))
    published = load_file(str(model / "model.safetensors"))
    save_file(published, str(exported / "model.safetensors"), metadata={"format": "pt"})
    with pytest.raises(RankFailed, match="changed since its run exported it"):
        run_ranks(cases.run_file, 2, study / "logs2", str(second))
    save_file(good, str(exported / "model.safetensors"), metadata={"format": "pt"})
    run_ranks(cases.run_file, 2, study / "logs3", str(second), "deepspeed.config=zero3")
    assert "every encoder weight verified" in (study / "runs/second/log.txt").read_text()


@pytest.mark.parametrize("config", [pytest.param("zero2", marks=pytest.mark.long), "zero3"])
def test_a_run_cut_off_in_training_ends_with_the_same_bytes(study: Path, config: str) -> None:
    def run(name: str, *overrides: str) -> bytes:
        run_ranks(cases.run_file, 2, study / f"logs-{name}", str(study / "runs" / name / "run.yaml"), *overrides)
        return (study / "runs" / name / "model/model.safetensors").read_bytes()

    sets = evaluation(study, ("xnli", 9, "de"))
    training = {"max_steps": 9, "save_every": 2, "dropout": 0.1}
    for name in ("straight", "cut"):
        tiny.make_run(
            study, study / "model", name, {"mnli": 24, "udpos": 20}, training=training, evaluation_sets=sets,
            deepspeed={"config": config},
        )  # fmt: skip
    straight = run("straight")
    with pytest.raises(RankFailed, match="cut off here"):
        run_ranks(cases.cut_off, 2, study / "logs-cut0", str(study / "runs/cut/run.yaml"), 7)
    assert sorted(p.name for p in (study / "runs/cut/checkpoints").iterdir()) == ["step-00000004", "step-00000006"]
    assert run("cut") == straight
    assert scores(study, "cut") == scores(study, "straight")
    outcomes = [(study / "runs" / name / "outcome.json").read_bytes() for name in ("cut", "straight")]
    assert outcomes[0] == outcomes[1], "the losses before the cut are counted, too"
    outcome = read_outcome(study / "runs/cut")
    assert (outcome.steps, outcome.chosen_step, outcome.chosen_score, outcome.bad_steps) == (9, 9, None, 0)
    assert outcome.first_loss > 0 < outcome.last_loss != outcome.first_loss
    assert json.loads((study / "runs/cut/status.json").read_text())["restarts"] == 1


def test_a_run_cut_off_in_scoring_scores_only_what_is_missing(study: Path) -> None:
    sets = evaluation(study, ("xnli", 9, "de"), ("xnli", 9, "fr"))
    path = tiny.make_run(study, study / "model", "run", {"mnli": 24}, evaluation_sets=sets)
    run_ranks(cases.run_file, 1, study / "logs1", str(path))
    folder = study / "runs/run"
    whole = (folder / "scores.jsonl").read_text()
    (folder / "scores.jsonl").write_text(whole.splitlines(keepends=True)[0])
    shutil.rmtree(folder / "predictions")
    run_ranks(cases.run_file, 1, study / "logs2", str(path))
    assert (folder / "scores.jsonl").read_text() == whole
    assert [p.name for p in (folder / "predictions/xnli").iterdir()] == ["dev-fr.jsonl"]


@pytest.mark.parametrize("config", [pytest.param("zero2", marks=pytest.mark.long), "zero3"])
def test_uneven_shards_end_and_score_the_same(study: Path, config: str) -> None:
    """One example for three ranks, and none for some: every format, the same scores as on one rank."""
    sets = evaluation(
        study, ("xnli", 1, "de"), ("xnli", 7, "fr"), ("udpos", 5, "de"), ("mlqa", 4, "de"), ("tatoeba", 2, "de")
    )
    found = {}
    for ranks in (1, 3):
        name = f"run{ranks}"
        path = tiny.make_run(
            study, study / "model", name, {"mnli": 24, "udpos": 24, "squad_v1": 24}, evaluation_sets=sets,
            deepspeed={"config": config},
        )  # fmt: skip
        run_ranks(cases.run_file, ranks, study / f"logs{ranks}", str(path))
        found[ranks] = scores(study, name)
    assert len(found[1]) == 6, "five sets, one of them with two metrics"
    assert found[1] == pytest.approx(found[3])


def test_best_checkpoint_is_kept_and_scored(study: Path) -> None:
    selection = evaluation(study, ("xnli", 30, "en"))
    training = {"max_steps": 12, "select": "best", "validate_every": 3, "learning_rate": 3e-3}
    path = tiny.make_run(
        study, study / "model", "run", {"mnli": 60}, training=training, selection_sets=selection,
        evaluation_sets=selection,
    )  # fmt: skip
    run_ranks(cases.run_file, 2, study / "logs", str(path))
    log = (study / "runs/run/log.txt").read_text()
    seen = {
        int(line.split("step ")[1].split(":")[0]): float(line.split()[-1])
        for line in log.splitlines()
        if "selection score" in line
    }
    assert sorted(seen) == [3, 6, 9, 12]
    facts = json.loads((study / "runs/run/model/stilts.json").read_text())
    assert seen[facts["steps"]] == max(seen.values())
    outcome = read_outcome(study / "runs/run")
    assert (outcome.steps, outcome.chosen_step, outcome.chosen_on) == (12, facts["steps"], ("xnli/dev/en",))
    assert outcome.chosen_score == pytest.approx(max(seen.values()), abs=1e-3)
    assert scores(study, "run")["xnli", "en", "accuracy"] == pytest.approx(max(seen.values()), abs=1e-3)
    row = json.loads((study / "runs/run/scores.jsonl").read_text().splitlines()[0])
    assert (row["selection"], row["step"]) == ("best:xnli/dev/en", facts["steps"])


@pytest.mark.long
@pytest.mark.parametrize("config", ["zero2", "zero3"])
def test_the_mean_of_the_last_models_is_exported_and_scored(study: Path, config: str) -> None:
    """Cut off and resumed in between; the mean equals that of the models that runs of these lengths end with."""
    sets = evaluation(study, ("xnli", 9, "de"))
    each = []
    for steps in (4, 6, 8):
        name = f"only{steps}"
        path = tiny.make_run(
            study, study / "model", name, {"mnli": 24}, training={"max_steps": steps}, deepspeed={"config": config}
        )
        run_ranks(cases.constant_rate, 2, study / f"logs-{name}", str(path))
        each.append(load_file(str(study / f"runs/{name}/model/model.safetensors")))
    training = {"max_steps": 8, "save_every": 2, "average_last": 3}
    path = tiny.make_run(
        study, study / "model", "run", {"mnli": 24}, training=training, evaluation_sets=sets,
        deepspeed={"config": config},
    )  # fmt: skip
    with pytest.raises(RankFailed, match="cut off here"):
        run_ranks(cases.constant_rate, 2, study / "logs1", str(path), 7)
    run_ranks(cases.constant_rate, 2, study / "logs2", str(path))
    found = load_file(str(study / "runs/run/model/model.safetensors"))
    for name, value in found.items():
        wanted = torch.stack([model[name].double() for model in each]).mean(0).float()
        torch.testing.assert_close(value, wanted, rtol=0, atol=1e-6, msg=name)
    assert scores(study, "run")
    assert not list((study / "runs/run/checkpoints").iterdir())


def test_board_and_status_say_what_happened(study: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    sets = evaluation(study, ("xnli", 9, "de"), ("tatoeba", 9, "de"))
    path = tiny.make_run(study, study / "model", "run", {"mnli": 24}, evaluation_sets=sets)
    run_ranks(cases.run_file, 2, study / "logs", str(path))
    events = EventAccumulator(str(study / "runs/run/tensorboard"))
    events.Reload()
    tags = set(events.Tags()["scalars"])
    assert {"train/loss", "train/learning_rate", "train/grad_norm", "perf/tokens_per_second", "mem/process_gib"} <= tags
    assert {"eval/xnli/de/accuracy", "eval/tatoeba/de/accuracy", "health/finite"} <= tags
    assert [event.step for event in events.Scalars("train/loss")] == [1, 2, 3, 4, 5]
    assert events.Scalars("eval/xnli/de/accuracy")[0].step == 5
    assert "_hparams_/session_start_info" in events.PluginTagToContent("hparams")
    status = json.loads((study / "runs/run/status.json").read_text())
    assert (status["state"], status["step"], status["steps"], len(status["ranks"])) == ("done", 5, 5, 2)


def test_rank_0s_own_failure_is_what_status_says(study: Path) -> None:
    sets = evaluation(study, ("xnli", 9, "de"))
    path = tiny.make_run(study, study / "model", "run", {"mnli": 24}, evaluation_sets=sets)
    with pytest.raises(RankFailed, match="the real cause"):
        run_ranks(cases.failing_on_rank_0, 2, study / "logs", str(path))
    status = json.loads((study / "runs/run/status.json").read_text())
    assert status["state"] == "failed"
    assert "the real cause" in status["error"]
    assert len(status["ranks"]) == 2


def test_overrides_make_it_another_run(study: Path) -> None:
    sets = evaluation(study, ("xnli", 9, "de"))
    path = tiny.make_run(study, study / "model", "run", {"mnli": 24}, evaluation_sets=sets)
    run_ranks(cases.run_file, 1, study / "logs1", str(path), "training.max_steps=2")
    row = json.loads((study / "runs/run/scores.jsonl").read_text().splitlines()[0])
    assert row["config_hash"] != "0123456789ab"
    run_ranks(cases.run_file, 1, study / "logs2", str(path))
    rows = [json.loads(line) for line in (study / "runs/run/scores.jsonl").read_text().splitlines()]
    assert [(row["config_hash"], row["step"]) for row in rows] == [("0123456789ab", 5)]


def test_a_reused_head_is_the_exported_one(study: Path) -> None:
    """By its own name, or by its shape where the next task has another name; nothing that fits is an error."""
    model = study / "model"
    first = tiny.make_run(study, model, "first", {"squad_v1": 24}, kind="intermediate")
    run_ranks(cases.run_file, 1, study / "logs1", str(first))
    heads = load_file(str(study / "runs/first/model/heads.safetensors"))
    start = run_ranks(cases.start_heads, 1, study / "logs2", str(study / "runs/first/model"), "tydiqa")[0]
    assert {name.split(".", 1)[1] for name in start} == {name.split(".", 1)[1] for name in heads}
    for name, value in start.items():
        np.testing.assert_array_equal(value, heads[name.replace("tydiqa", "squad_v1")].numpy())
    with pytest.raises(RankFailed, match="no head in"):
        run_ranks(cases.start_heads, 1, study / "logs3", str(study / "runs/first/model"), "udpos")


def test_weights_that_do_not_fit_are_refused(study: Path) -> None:
    weights = load_file(str(study / "model/model.safetensors"))
    wrong = {name.replace("attention", "attentio"): value for name, value in weights.items()}
    save_file(wrong, str(study / "model/model.safetensors"), metadata={"format": "pt"})
    path = tiny.make_run(study, study / "model", "run", {"mnli": 24})
    with pytest.raises(RankFailed, match=r"lack \d+ of the encoder's"):
        run_ranks(cases.run_file, 1, study / "logs", str(path))
