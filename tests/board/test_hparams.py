"""Hyper-parameters of runs, the columns of a study's table, and final scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tensorboard.plugins.hparams import metadata

from stilts.board.hparams import experiment, hyper_parameters, session
from stilts.board.scores import final_scores, score_tags
from stilts.config import Study
from stilts.settings import read
from stilts.study.plan import Plan, expand


def plan_of(tmp_path: Path, **changes: Any) -> Plan:
    content = {
        "name": "small", "output_dir": str(tmp_path),
        "intermediate": [{"name": "none"}, {"name": "two", "tasks": ["mnli", "squad_v1"], "mlm": {"share": 0.2}}],
        "target": {
            "tasks": ["xnli", "mlqa"], "languages": ["en", "de"], "per_task": {"xnli": {"learning_rate": 2e-5}},
        },
        "training": {"max_steps": 4}, "seeds": [1, 2],
    }  # fmt: skip
    return expand(read(Study, {**content, **changes}, ""))


def columns(plan: Plan) -> dict[str, Any]:
    (value,) = experiment("small", plan.runs, ["eval/xnli/all/accuracy"]).value
    content = metadata.parse_experiment_plugin_data(value.metadata.plugin_data.content)
    assert [info.name.tag for info in content.metric_infos] == ["eval/xnli/all/accuracy"]
    return {info.name: info for info in content.hparam_infos}


def test_every_setting_that_decides_a_score_is_there(tmp_path: Path) -> None:
    run = next(run for run in plan_of(tmp_path).runs if run.kind == "intermediate")
    values = hyper_parameters(run)
    assert values["trains_on"] == "mnli squad_v1 mlm"
    assert (values["recipe"], values["kind"], values["intermediate_seed"]) == ("two", "intermediate", 1.0)
    assert values["mlm.share"] == 0.2
    assert values["sampling.strategy"] == "proportional"
    assert values["preset"] == "jiant"
    assert values["deepspeed.config"] == "zero2"
    assert values["freeze_embeddings"] is False
    assert "target_seed" not in values
    assert "save_every" not in values
    (start, _) = session(run, 40, 0.0)
    content = metadata.parse_session_start_info_plugin_data(start.value[0].metadata.plugin_data.content)
    assert content.group_name == run.run
    assert content.hparams["steps"].number_value == 40
    assert set(content.hparams) == {*values, "steps"}


def test_columns_are_the_usual_ones_and_what_differs(tmp_path: Path) -> None:
    found = columns(plan_of(tmp_path))
    assert list(found)[:3] == ["recipe", "kind", "trains_on"]
    differ = {name for name, info in found.items() if info.differs}
    assert differ == {
        "recipe", "kind", "trains_on", "target", "batch_size", "learning_rate", "intermediate_seed", "target_seed",
    }  # fmt: skip
    assert "mlm.share" in found, "it comes after those that a reader looks for first"
    assert "weight_decay" not in found
    assert not found["preset"].differs
    assert list(found["recipe"].domain_discrete) == ["none", "two"]
    other = columns(plan_of(tmp_path, target={"tasks": ["xnli", "mlqa"], "per_task": {"mlqa": {"weight_decay": 0.1}}}))
    assert "weight_decay" in other
    mixed = columns(plan_of(tmp_path, target={"tasks": ["xnli", "tatoeba"]}))
    assert "adam_epsilon" not in mixed, "tatoeba's runs do not train"


def test_means_are_over_all_languages_or_not_there() -> None:
    def row(target: str, language: str, metric: str, value: float) -> dict[str, Any]:
        return {"target": target, "language": language, "metric": metric, "value": value}

    rows = [row("xnli", "en", "accuracy", 60.0), row("xnli", "de", "accuracy", 50.0)]
    rows += [row("mlqa", "en", "f1", 40.0), row("mlqa", "en", "exact_match", 30.0)]
    planned = [("xnli", "en"), ("xnli", "de"), ("mlqa", "en")]
    found = final_scores(rows, planned)
    assert found["eval/xnli/all/accuracy"] == 55
    assert found["eval/mlqa/all/score"] == 35
    assert "eval/xnli/all/score" not in found
    assert set(found) == set(score_tags(planned))
    less = final_scores(rows, [*planned, ("xnli", "fr"), ("mlqa", "de")])
    assert set(less) == {f"eval/{r['target']}/{r['language']}/{r['metric']}" for r in rows}
    assert final_scores([], planned) == {}
