"""Compares what was read with the sizes that tasks declare for their official releases; a difference is only said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stilts.config import DataSettings
from stilts.data.sources import is_official
from stilts.data.specs import SetSpec
from stilts.tasks import get_task, languages_of
from stilts.tasks.base import Task
from stilts.tasks.examples import BitextExample, Example

SHOWN = 3  # languages of one split that differ alike


def declared_size(task: Task, split: str, language: str) -> int | None:
    """Examples of a split in the official release, or None where nothing is declared, as for an invented language."""
    sizes = task.sizes.get(split, {})
    return sizes.get(language, sizes.get("*") if language in languages_of(task, "xtreme_r") else None)


def size_of(examples: Sequence[Example]) -> int | None:
    """What a declared size counts: examples, or the gold pairs of two corpora; None where these are not at hand."""
    if examples and isinstance(examples[0], BitextExample):
        if examples[0].matches is None:
            return None
        return sum(len(e.matches or ()) for e in examples if isinstance(e, BitextExample) and e.side == 0)
    return len(examples)


def size_note(found: Iterable[tuple[SetSpec, int | None]], data: DataSettings) -> str:
    """One line that names every split whose number of examples is not the declared one; empty where all agree.

    Args:
        found: sets, each with the `size_of` its whole split in its language (not of the part or limit that is used).
        data: a split with a file in `data.files` or a `data.limit` is not compared: it is meant to be another.
    """
    differ: dict[tuple[str, str, int, int, bool], dict[str, None]] = {}
    for spec, count in found:
        task = get_task(spec.task)
        declared = declared_size(task, spec.split, spec.language)
        if count is None or declared is None:
            continue
        chosen = spec.split in data.limit.get(spec.task, {}) or not is_official(task, spec.split, spec.language, data)
        if declared != count and not chosen:
            key = (spec.task, spec.split, count, declared, spec.split in task.unverified)
            differ.setdefault(key, {})[spec.language] = None
    lines = [
        f"{task}/{split}/{_languages(list(codes))} has {count:,} of {declared:,}{' (unverified)' if unverified else ''}"
        for (task, split, count, declared, unverified), codes in differ.items()
    ]
    return f"examples that differ from the official release: {'; '.join(lines)}" if lines else ""


def _languages(codes: list[str]) -> str:
    more = f" and {len(codes) - SHOWN} more" if len(codes) > SHOWN else ""
    return ",".join(codes[:SHOWN]) + more
