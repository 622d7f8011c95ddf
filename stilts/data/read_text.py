"""Reads raw text for masked LM: one line is one example."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stilts.data.rawfile import lines
from stilts.tasks.base import Task
from stilts.tasks.examples import TextExample


def read_text(task: Task, paths: list[Path], language: str) -> Iterator[TextExample]:
    """Every line that is not blank, without white space around it; the id is `<folder>/<file>:<row>`, rows from 1."""
    for path in paths:
        for row, text in lines(path):
            if text.strip():
                yield TextExample(f"{path.parent.name}/{path.name}:{row}", text.strip())
