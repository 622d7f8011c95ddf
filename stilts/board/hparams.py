"""The table of hyper-parameters and final scores: what a run says of itself, and which columns a study shows."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.struct_pb2 import ListValue, Value
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

from stilts.board.events import plugin_data
from stilts.config import RunSettings
from stilts.drift import decisive_training
from stilts.settings import plain

Simple = bool | float | str
ALWAYS = (
    "recipe", "kind", "trains_on", "target", "model", "preset", "learning_rate", "batch_size", "steps",
    "intermediate_seed", "target_seed",
)  # fmt: skip


def hyper_parameters(run: RunSettings, training: Mapping[str, Any] | None = None) -> dict[str, Simple]:
    """Name -> value of all settings of a run that can change its scores; what is not set is left out.

    Training settings have their own names, others that of their block before them: `sampling.strategy`.

    Args:
        training: `decisive_training(run.training)`, where it is known already.
    """
    values: dict[str, Any] = {
        "recipe": run.recipe,
        "kind": run.kind,
        "trains_on": " ".join(run.trains_on),
        "target": " ".join(run.evaluates),
        "model": run.model.name,
        "revision": run.model.revision,
        "intermediate_seed": run.seeds["intermediate"],
        "target_seed": run.seeds["target"],
        "starts_from": run.init_run,
        "init_head": run.init_head,
    }
    if run.trains_on:
        values |= decisive_training(run.training) if training is None else training
        values |= _flat("sampling", plain(run.sampling))
    for name in ("mlm", "retrieval", "deepspeed"):
        values |= _flat(name, plain(getattr(run, name)))
    simple = {key: value for key, value in values.items() if isinstance(value, bool | int | float | str)}
    return {key: float(v) if type(v) is int else v for key, v in simple.items() if v != ""}


def session(run: RunSettings, steps: int, began: float) -> list[Any]:
    """The summaries that make a finished run a row of the table.

    Args:
        steps: optimizer steps that the scored model was trained for.
        began: when this start of the run began, in seconds since 1970.
    """
    start = SessionStartInfo(group_name=run.run, start_time_secs=began)
    for key, value in {**hyper_parameters(run), "steps": float(steps)}.items():
        start.hparams[key].CopyFrom(_value(value))
    end = SessionEndInfo(status=api_pb2.STATUS_SUCCESS, end_time_secs=time.time())
    return [
        _summary(metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=start)),
        _summary(metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=end)),
    ]


def experiment(name: str, runs: Sequence[RunSettings], tags: Sequence[str]) -> Any:
    """The summary that says which columns the table of a study has: ALWAYS, what differs between its runs, and scores.

    Args:
        name: of the study.
        tags: scalar tags of the scores.
    """
    seen: dict[str, dict[Simple, None]] = {}
    counts: dict[str, int] = {}
    trainings: dict[int, dict[str, Any]] = {}  # by identity: runs share their settings
    for run in runs:
        if id(run.training) not in trainings:
            trainings[id(run.training)] = decisive_training(run.training)
        for key, value in hyper_parameters(run, trainings[id(run.training)]).items():
            seen.setdefault(key, {})[value] = None
            counts[key] = counts.get(key, 0) + bool(run.trains_on)  # others have no training settings to differ in
    trained = sum(bool(run.trains_on) for run in runs)
    differ = [key for key, values in seen.items() if len(values) > 1 or counts[key] < trained]
    columns = [key for key in ALWAYS if key in seen or key == "steps"]
    columns += [key for key in differ if key not in columns]
    content = api_pb2.Experiment(
        name=name,
        hparam_infos=[
            _column(key, list(seen.get(key, ())), key in ALWAYS and len(seen.get(key, ())) > 1) for key in columns
        ],
        metric_infos=[api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag), display_name=tag) for tag in tags],
    )
    return _summary(metadata.EXPERIMENT_TAG, HParamsPluginData(experiment=content))


def _column(key: str, values: Sequence[Simple], differs: bool) -> Any:
    """One column; TensorBoard puts those that `differs` is set for first, and shows the first few."""
    info = api_pb2.HParamInfo(name=key, type=api_pb2.DATA_TYPE_FLOAT64, differs=differs)
    if values and not isinstance(values[0], float):
        info.type = api_pb2.DATA_TYPE_BOOL if isinstance(values[0], bool) else api_pb2.DATA_TYPE_STRING
        info.domain_discrete.CopyFrom(ListValue(values=[_value(value) for value in values]))
    return info


def _value(value: Simple) -> Any:
    if isinstance(value, bool):
        return Value(bool_value=value)
    return Value(string_value=value) if isinstance(value, str) else Value(number_value=value)


def _summary(tag: str, content: Any) -> Any:
    made = metadata.create_summary_metadata(content)
    return plugin_data(tag, metadata.PLUGIN_NAME, made.plugin_data.content, metadata.NULL_TENSOR)


def _flat(above: str, content: Any) -> dict[str, Any]:
    if isinstance(content, Mapping):
        return {name: leaf for key, value in content.items() for name, leaf in _flat(f"{above}.{key}", value).items()}
    return {above: " ".join(map(str, content)) if isinstance(content, list) else content}
