"""The declarations of hub repositories fit the tasks they are of."""

from __future__ import annotations

import re

import pytest

from stilts.data.hub import language_values
from stilts.tasks import TASKS, get_task, languages_of
from stilts.tasks.hub import HUB

FIELDS = {
    "pair": {"text_a", "text_b", "label"},
    "span": {"id", "context", "question", "answers"},
    "sentences": {"id", "context", "question", "answers"},
    "tagging": {"words", "tags"},
    "retrieval": {"text", "english"},
    "copa": {"premise", "question", "choice1", "choice2", "label"},
    "hellaswag": {"ctx_a", "ctx_b", "endings", "label"},
    "cosmosqa": {"context", "question", "answer0", "answer1", "answer2", "answer3", "label"},
    "commonsenseqa": {"question", "choices", "answerKey"},
    "socialiqa": {"context", "question", "answerA", "answerB", "answerC", "correct"},
}


@pytest.mark.parametrize("name", HUB)
def test_a_declaration_has_what_the_reader_needs(name: str) -> None:
    hub, task = HUB[name], get_task(name)
    assert set(hub.splits) <= set(task.files)
    assert set(hub.columns) >= FIELDS[task.reader]
    assert set(hub.labels) == (set(task.labels) if task.reader in ("pair", "tagging") else set())
    assert re.fullmatch(r"[\w-]+/[\w-]+", hub.repository)
    assert hub.revision is None or re.fullmatch(r"[0-9a-f]{40}", hub.revision)
    for language in languages_of(task, "xtreme_r"):
        assert "{" not in hub.config.format(**language_values(language))


def test_tasks_without_a_repository() -> None:
    joined = {name for name, task in TASKS.items() if task.parts}
    assert set(TASKS) - set(HUB) - joined <= {"mlm", "ccg", "bucc2018", "mewslix"}
    assert HUB["pawsx"].repository != "google/xtreme"  # it lacks rows
    assert "test" not in HUB["lareqa"].splits
