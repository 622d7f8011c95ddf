"""The registry of declared tasks."""

from __future__ import annotations

from stilts.settings import unknown
from stilts.tasks.base import Task
from stilts.tasks.benchmarks import BENCHMARKS, target_tasks
from stilts.tasks.choice import CHOICE
from stilts.tasks.intermediate import INTERMEDIATE
from stilts.tasks.languages import LANGUAGES, MULTIPLE, Language, check_language, get_language
from stilts.tasks.presets import preset_values, training_chain
from stilts.tasks.text import MLM
from stilts.tasks.xtreme import XTREME
from stilts.tasks.xtreme_r import XTREME_R

__all__ = [
    "BENCHMARKS", "LANGUAGES", "MLM", "MULTIPLE", "TASKS", "Language", "Task", "check_language",
    "data_of", "get_language", "get_task", "languages_of", "preset_values", "target_tasks", "training_chain",
]  # fmt: skip

TASKS: dict[str, Task] = {task.name: task for task in (*INTERMEDIATE, *CHOICE, MLM, *XTREME, *XTREME_R)}


def get_task(name: str) -> Task:
    """The declared task called `name`. Raises InputError for an unknown name."""
    if name in TASKS:
        return TASKS[name]
    raise unknown(f"task {name!r}", str(name), list(TASKS), "see `stilts tasks`")


def data_of(name: str) -> set[str]:
    """Names the data sets that a task's training split is made of: equal names are the same examples.

    A task that is not declared is its own.
    """
    if name not in TASKS:
        return {name}
    parts = {own for part in TASKS[name].parts for own in data_of(part)}
    return parts or {TASKS[name].training_data or name}


def languages_of(task: Task | str, benchmark: str = "xtreme") -> tuple[str, ...]:
    """The languages that a benchmark scores a task in: XTREME-R adds some to XTREME's.

    For an intermediate task: its own. Order: XTREME's, then the added ones.
    """
    declared = get_task(task) if isinstance(task, str) else task
    return declared.languages + (declared.languages_added_by_xtreme_r if benchmark == "xtreme_r" else ())
