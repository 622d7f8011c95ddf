"""Label files in the leaderboard's layout, made from the gold of examples: what `stilts score` compares with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stilts.tasks import get_task


def write_labels(folder: Path, task: str, language: str, examples: Sequence[Any], right: Mapping[str, Any]) -> None:
    """Write one file. `right`: for trained retrieval, the right candidates of each question."""
    form = get_task(task).format
    (folder / task).mkdir(parents=True, exist_ok=True)
    suffix = {"span": "json", "dual": "json", "choice": "jsonl"}.get(form, "tsv")
    path = folder / task / f"test-{language}.{suffix}"
    if form == "pair":
        text = "".join(f"{example.label}\n" for example in examples)
    elif form == "tagging":
        text = "\n".join("".join(f"{tag}\n" for tag in example.tags) for example in examples)
    elif form == "choice":
        rows = [{"premise": example.text, "idx": n, "label": example.label} for n, example in enumerate(examples)]
        text = "".join(json.dumps(row) + "\n" for row in rows)
    elif form == "span":
        questions = [
            {"id": example.id, "question": example.question, "answers": [{"text": t} for t, _ in example.answers]}
            for example in examples
        ]
        text = json.dumps({"data": [{"paragraphs": [{"context": "", "qas": [one]} for one in questions]}]})
    elif form == "retrieval":
        order = sorted(range(len(examples)), key=lambda n: examples[n].english)
        text = "".join(f"{n}\n" for n in order)
    else:
        text = json.dumps(right)
    path.write_text(text, encoding="utf-8")
