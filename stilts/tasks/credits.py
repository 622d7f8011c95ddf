"""Whom data are from: licences, citations and places of the data sets behind tasks."""

from __future__ import annotations

from collections.abc import Iterable

from stilts.tasks import get_task
from stilts.tasks.base import Task
from stilts.tasks.hub import HUB


def data_sets(names: Iterable[str]) -> list[Task]:
    """The declared data sets behind tasks, each once: a task of parts is its parts."""
    found: dict[str, Task] = {}
    for name in names:
        for own in get_task(name).parts or (name,):
            found.setdefault(own, get_task(own))
    return list(found.values())


def hub_id(task: Task) -> str | None:
    """`owner/name` of a data set's repository on the hub, or None where it has none for us."""
    return HUB[task.name].repository if task.name in HUB else None


def credit(task: Task) -> tuple[str, str, str, str]:
    """Title with a link to the home page, hub repository, licence and citation, as Markdown."""
    repository = hub_id(task)
    linked = f"[{repository}](https://huggingface.co/datasets/{repository})" if repository else "not on the hub"
    return f"[{task.title}]({task.home_page})", linked, task.licence, task.citation


def markdown_table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table; a bar in a cell is escaped."""
    lines = [list(header)]
    lines += [["---"] * len(lines[0]), *(list(map(str, row)) for row in rows)]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
