"""Which split of a task plays which part: trained on, chosen on, reported; and whether its labels are at hand."""

from __future__ import annotations

from dataclasses import dataclass

from stilts.tasks.base import Split, Task

TRAINING, SELECTION, DEV, TEST = "training", "selection", "dev", "test"
THRESHOLD, SEARCHED = "threshold", "searched"


@dataclass(frozen=True)
class Role:
    """The part of one split.

    Attributes:
        parts: "training", "selection" (a checkpoint may be chosen on it), "threshold" (it tunes that of mining),
            "searched" (the candidates), "dev" and "test" (reported where a study asks for that split).
        labels: "public", or in which files they are to be had.
    """

    parts: tuple[str, ...]
    labels: str


def roles(task: Task) -> dict[Split, Role]:
    """Split -> the part it plays, for every split that the task has."""
    return {split: Role(_parts(task, split), task.labels_at_hand.get(split, "public")) for split in task.files}


def chosen_on(task: Task) -> str:
    """What a checkpoint for this task is chosen on, in words; the first is what `select` of the presets means."""
    if task.format == "mlm":
        return "last checkpoint"
    if task.kind == "target" and not task.trains_on:
        return "nothing is trained" + (f"; {task.support} tunes the threshold" if task.format == "mining" else "")
    if task.selection == "heldout":
        source = task.name if task.kind == "intermediate" else task.trains_on[-1]
        choice = f"held-out articles of {source}/train"
    else:
        choice = "English dev" + (", or dev of all languages" if task.kind == "target" else "")
    ways = ["last checkpoint", choice] if task.select == "last" else [choice, "last checkpoint"]
    return ", or ".join(ways)


def _parts(task: Task, split: Split) -> tuple[str, ...]:
    trained = split == "train"
    holds_out = task.selection == "heldout" and (task.kind == "intermediate" or task.name in task.trains_on)
    chooses = holds_out if trained else split == "dev" and task.selection == "dev" and not task.untrained
    helps = [THRESHOLD if task.format == "mining" else SEARCHED] if split == task.support else []
    reported = [] if trained or task.kind == "intermediate" else [p for p in (DEV, TEST) if task.reported[p] == split]
    return (*((TRAINING,) if trained else ()), *((SELECTION,) if chooses else ()), *helps, *reported)
