"""Writes examples the way the hub's script-free repositories lay them out: for tests of mirror and hub."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import datasets
import yaml

NLI = ["entailment", "neutral", "contradiction"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def pair(a: str, b: str, names: list[str]) -> Callable[[Any], dict[str, Any]]:
    return lambda e: {a: e.text_a, b: e.text_b, "label": -1 if e.label is None else names.index(e.label)}


def squad(e: Any) -> dict[str, Any]:
    texts, starts = [text for text, _ in e.answers], [start for _, start in e.answers]
    answers = {"text": texts, "answer_start": starts}
    return {"id": e.id, "title": e.article, "context": e.context, "question": e.question, "answers": answers}


def commonsense(e: Any) -> dict[str, Any]:
    choices = {"label": list("ABCDE"), "text": list(e.choices)}
    return {"id": e.id, "question": e.text, "question_concept": "", "choices": choices, "answerKey": "ABCDE"[e.label]}


def write_repository(
    folder: Path, config: str, splits: dict[str, list[dict[str, Any]]], labels: dict[str, list[str]], shards: int = 2
) -> None:
    """Parquet shards of each split below `<config>/`, and the card that names them.

    `labels`: column -> names of its numbers; a column of lists is a list of them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for split, rows in splits.items():
        table = datasets.Dataset.from_list(rows)
        for column, names in labels.items():
            feature: Any = datasets.ClassLabel(names=names)
            is_list = isinstance(rows[0][column], list)
            table = table.cast_column(column, datasets.List(feature) if is_list else feature)
        for number in range(shards):
            path = folder / config / f"{split}-{number:05}-of-{shards:05}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            table.shard(shards, number, contiguous=True).to_parquet(path)
        files.append({"split": split, "path": f"{config}/{split}-*"})
    card = folder / "README.md"
    head = yaml.safe_load(card.read_text().split("---")[1]) if card.is_file() else {"configs": []}
    head["configs"].append({"config_name": config, "data_files": files})
    card.write_text(f"---\n{yaml.safe_dump(head)}---\n# Data\n", encoding="utf-8")


def as_hub_cache(mirror: Path, cache: Path, repository: str, revision: str | None) -> None:
    """Copy a repository of a mirror to where huggingface_hub keeps its downloads."""
    folder = cache / f"datasets--{repository.replace('/', '--')}"
    shutil.copytree(mirror / repository, folder / "snapshots" / (revision or COMMIT))
    if revision is None:
        (folder / "refs").mkdir()
        (folder / "refs/main").write_text(COMMIT)


def without(rows: Sequence[Any], *fields: str) -> list[dict[str, Any]]:
    return [{key: value for key, value in vars(row).items() if key not in fields} for row in rows]
