"""Declared tasks as a table, one in full, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stilts.settings import plain
from stilts.study.show import table
from stilts.tasks import Task, languages_of, preset_values, training_chain
from stilts.tasks.presets import PRESETS
from stilts.tasks.roles import chosen_on, roles


def task_json(task: Task) -> dict[str, Any]:
    """The declaration; with the part of each split, what chooses a checkpoint, and each preset's values."""
    presets = {
        preset: {**preset_values(preset, task), "trains_on": list(training_chain(preset, task))} for preset in PRESETS
    }
    splits = {split: plain(role) for split, role in roles(task).items()}
    return {**plain(task), "splits": splits, "chosen_on": chosen_on(task), "presets": presets}


def tasks_text(tasks: Sequence[Task]) -> str:
    """One row a task; languages as in XTREME / in XTREME-R where that has more."""
    header = ("task", "kind", "format", "languages", "metrics", "trained on", "chosen on", "licence")
    rows = [
        (t.name, t.kind, t.format, _counts(t), " ".join(t.metrics) or None, " ".join(t.trains_on) or None, chosen_on(t),
         t.licence)
        for t in tasks
    ]  # fmt: skip
    return table(header, rows)


def task_text(task: Task) -> str:
    """Everything a declaration says, a line a fact."""
    lines = []
    for key, value in task_json(task).items():
        if key == "splits":
            lines += ["splits:", *(f"  {split:11}{_role(role)}" for split, role in value.items())]
        elif key == "presets":
            lines += ["presets:", *(f"  {name:8}{_pairs(values)}" for name, values in value.items())]
        elif isinstance(value, dict) and value:
            lines += [
                f"{key}:",
                *(f"  {name:11}{_pairs(v) if isinstance(v, dict) else v}" for name, v in value.items()),
            ]
        else:
            shown = " ".join(map(str, value)) if isinstance(value, list) else value
            if shown not in ("", None, {}, False):
                lines.append(f"{key + ':':29}{shown}")
    return "\n".join(lines)


def _role(role: dict[str, Any]) -> str:
    return f"{', '.join(role['parts']) or 'not used'}; labels: {role['labels']}"


def _pairs(values: dict[str, Any]) -> str:
    shown = {key: " ".join(value) if isinstance(value, list) else value for key, value in values.items()}
    return ", ".join(f"{key} {value}" for key, value in shown.items() if value not in (None, ""))


def _counts(task: Task) -> str:
    counts = [len(languages_of(task, benchmark)) for benchmark in ("xtreme", "xtreme_r")]
    return str(counts[0]) if counts[0] == counts[1] else f"{counts[0]} / {counts[1]}"
