"""The surface of study and run files: keys that people's files rely on."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
import yaml

from stilts.config import (
    Budget,
    Evaluation,
    Launch,
    Mlm,
    ModelSettings,
    Recipe,
    RetrievalSettings,
    RunSettings,
    Sampling,
    SetRef,
    Study,
    Target,
    TargetTask,
    Training,
    TwoByTwo,
    load_run,
    load_study,
)  # fmt: skip
from stilts.errors import InputError
from stilts.settings import plain

STUDIES = sorted((Path(__file__).parents[1] / "studies").glob("*.yaml"))

# The keys of the contract: a change here breaks people's study files.
SURFACE = {
    Study: "name output_dir model data intermediate target evaluation training deepspeed launch seeds",
    Recipe: "name tasks sampling mlm languages translated_from budget select keep_steps design cooldown seeds",
    Sampling: "strategy cap temperature weights",
    Mlm: "share languages learning_rate exponent",
    Budget: "steps examples epochs",
    Target: "tasks languages benchmark per_task seeds keep_models",
    RetrievalSettings: "layer pooling query_side tuned_on",
    Evaluation: "split selection conditions domain",
    TwoByTwo: "near targets",
    ModelSettings: "name revision dtype",
    Launch: "backend profile processes nodes parallel_runs gpu_memory_gib tflops",
}


@pytest.mark.parametrize("cls", SURFACE, ids=lambda cls: cls.__name__)
def test_the_keys_of_a_study(cls):
    assert [field.name for field in fields(cls)] == SURFACE[cls].split()


def test_the_keys_that_may_grow():
    given = "train init_head epochs learning_rate batch_size max_length select retrieval"
    assert set(given.split()) <= {field.name for field in fields(TargetTask)}
    given = "preset batch_size learning_rate warmup weight_decay max_steps epochs precision gradient_checkpointing"
    assert set(given.split()) <= {field.name for field in fields(Training)}


def test_every_setting_is_documented():
    for cls in (*SURFACE, TargetTask, Training):
        for field in fields(cls):
            assert field.metadata.get("doc") or field.name == "name", f"{cls.__name__}.{field.name}"


def test_defaults_need_no_more_than_a_name(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("name: a\n")
    study = load_study(path)
    assert (study.output_dir, study.model.name, study.seeds) == ("outputs", "FacebookAI/xlm-roberta-large", [1])
    assert study.folder == Path("outputs/a")
    assert study.deepspeed == {"config": "zero2"}


def test_overrides_reach_the_study(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("name: a\nintermediate: [{name: none}, {name: b, tasks: [mnli]}]\n")
    study = load_study(path, ["training.max_steps=3", "intermediate.1.budget.steps=5", "training.learning_rate=1e-4"])
    assert (study.training.max_steps, study.training.learning_rate) == (3, 1e-4)
    assert study.intermediate[1].budget.steps == 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: a\ntrainin: {}\n", "did you mean 'training'"),
        ("name: a\ntraining: {precision: fp8}\n", "training.precision"),
        ("name: a\ntarget: {languages: {xnli: [no]}}\n", "target.languages.xnli[0] is False"),
        ("name: a\nintermediate: [{tasks: [mnli]}]\n", "intermediate[0] lacks name"),
        ("name: a\nlaunch: {processes: 0}\n", "launch.processes is 0"),
    ],
)
def test_wrong_studies(tmp_path, text, words):
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        load_study(path)
    assert words in str(error.value)


def test_a_run_file_reads_back(tmp_path):
    run = RunSettings(
        study="s", run="r", kind="target", recipe="none", seeds={"intermediate": None, "target": 3},
        settings_hash="0123456789ab", trains_on=["mnli"], train_sets=[SetRef("mnli", "train", "en", "mnli/x")],
        retrieval={"tatoeba": RetrievalSettings(layer=3)}, deepspeed={"config": "zero3", "a": {"b": 1}},
    )  # fmt: skip
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(plain(run)))
    assert load_run(path) == run
    assert run.seed == 3
    assert RunSettings("s", "r", "evaluation", "none", {"intermediate": 2, "target": None}, "").seed == 0
    assert RunSettings("s", "r", "intermediate", "a", {"intermediate": 2, "target": None}, "").seed == 2


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.name)
def test_shipped_studies_can_be_planned(path):
    from stilts.study.plan import expand

    plan = expand(load_study(path))
    assert plan.runs
    assert plan.cells
    assert is_dataclass(plan)
    assert not any(word in path.read_text() for word in ("/work", "/home", "../"))
