"""The custom-scalars page: charts by task group, training and performance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tensorboard.plugins.custom_scalar import layout_pb2, metadata

from stilts.board.events import plugin_data, string_tensor
from stilts.tasks.benchmarks import BENCHMARKS

TITLES = {"structured": "structured prediction"}
_TRAINING = {
    "loss": "train/loss",
    "loss by task": "train/loss/.+",
    "learning rate": "train/learning_rate",
    "gradient norm": "train/grad_norm",
}
_VALIDATION = {"validation score": "train/validation/score"}
_PERFORMANCE = {
    "tokens a second": "perf/tokens_per_second",
    "memory in GiB": "mem/.+",
    "micro-batches a step": "perf/micro_batches",
    "imbalance of the ranks": "perf/imbalance",
}


def layout(trains: bool, validates: bool, targets: Sequence[str]) -> Any:
    """The summary with the page's layout; TensorBoard joins the layouts of all runs by category and chart.

    Args:
        trains: whether there is training to show.
        validates: whether checkpoints are chosen meanwhile.
        targets: tasks whose scores are shown, each in its group of XTREME or XTREME-R.
    """
    pages: dict[str, Mapping[str, str]] = {}
    if trains:
        pages["training"] = {**_TRAINING, **(_VALIDATION if validates else {})}
    for group, members in _groups().items():
        own = [task for task in members if task in targets]
        charts = {}
        for task in own:
            charts[f"{task}: mean over languages"] = f"eval/{task}/all/.+"
            charts[f"{task}: by language"] = f"eval/{task}/(?!all/).+"
        pages |= {TITLES.get(group, group): charts} if charts else {}
    pages |= {"performance": _PERFORMANCE} if trains else {}
    content = layout_pb2.Layout(category=[_category(title, charts) for title, charts in pages.items()])
    tensor = string_tensor(content.SerializeToString())
    return plugin_data(metadata.CONFIG_SUMMARY_TAG, metadata.PLUGIN_NAME, b"", tensor)


def _category(title: str, charts: Mapping[str, str]) -> Any:
    lines = [
        layout_pb2.Chart(title=name, multiline=layout_pb2.MultilineChartContent(tag=[f"^{tags}$"]))
        for name, tags in charts.items()
    ]
    return layout_pb2.Category(title=title, chart=lines)


def _groups() -> dict[str, tuple[str, ...]]:
    """The tasks of each group, of both benchmarks."""
    found: dict[str, tuple[str, ...]] = {}
    for groups in BENCHMARKS.values():
        for group, members in groups.items():
            found[group] = tuple(dict.fromkeys([*found.get(group, ()), *members]))
    return found
