"""Finds the raw files of a task's split in one language and reads them.

Files come from `data.root` (official names, as each task declares them) or from `data.files`. Data from the hub or
from a mirror of it (`data.mirror`) are a later step: without a root every split needs an entry in `data.files`.
"""

from __future__ import annotations

import dataclasses
import glob
import heapq
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from stilts.config import DataSettings
from stilts.data.read_bitext import corpora
from stilts.data.read_choice import LABELS
from stilts.data.read_retrieval import both_sides
from stilts.data.readers import READERS
from stilts.errors import InputError
from stilts.tasks import get_task
from stilts.tasks.base import Task
from stilts.tasks.examples import Example
from stilts.tasks.languages import get_language


def read_examples(
    task: Task, split: str, language: str, data: DataSettings, limit: int | None = None
) -> tuple[list[Example], list[Path]]:
    """All examples of a split in one language (the first `limit`), and the files they came from.

    Raises InputError for a missing file (with every path that was tried) and for anything wrong in it.
    """
    paths = find_files(task, split, language, data)
    if _is_joined(task, split, language, data):
        examples: Iterable[Example] = _joined(task, split, language, data)
    else:
        examples = READERS[task.reader](task, paths, language)
    return list(islice(_unique(examples), limit)), paths


def find_files(task: Task, split: str, language: str, data: DataSettings) -> list[Path]:
    """The files of a split in one language, sorted; those of all parts where the task joins others.

    For retrieval the other language's file, then the English one, and for mining the gold pairs; for SocialIQA also the
    file with the labels.
    """
    if _is_joined(task, split, language, data):
        return [path for part in task.parts for path in find_files(get_task(part), split, language, data)]
    override = override_of(task, split, language, data)
    patterns = [override] if override is not None else _declared(task, split, language, data)
    bases = [Path(data.root)] if data.root else []
    if override is not None:
        bases.append(Path())
    tried = []
    for pattern in patterns:
        for base in bases:
            path = base / pattern
            tried.append(path)
            found = _existing(task, path, language)
            if found:
                return found
            if path.is_absolute() and path == Path(pattern):
                break
    where = f"data.files.{task.name}.{split}.{language}" if override is not None else "data.root or data.files"
    raise InputError(
        f"no file at {' or '.join(dict.fromkeys(map(str, tried)))}",
        f"the {split} split of {task.name} in {language!r}",
        f"put the file there or mend {where}",
    )


def is_official(task: Task, split: str, language: str, data: DataSettings) -> bool:
    """Whether a split is read from `data.root`: neither the task nor a part of it has a file in `data.files`."""
    if override_of(task, split, language, data) is not None:
        return False
    return all(is_official(get_task(part), split, language, data) for part in task.parts)


def _is_joined(task: Task, split: str, language: str, data: DataSettings) -> bool:
    return bool(task.parts) and override_of(task, split, language, data) is None


def _joined(task: Task, split: str, language: str, data: DataSettings) -> Iterator[Example]:
    """The examples of all parts, dealt out so that the first N are from each part by its share; ids name the part."""
    streams = []
    for part in task.parts:
        examples, _ = read_examples(get_task(part), split, language, data)
        places = [(index + 0.5) / len(examples) for index in range(len(examples))]
        named = [dataclasses.replace(example, id=f"{part}/{example.id}") for example in examples]
        streams.append(zip(places, named, strict=True))
    for _, example in heapq.merge(*streams, key=lambda pair: pair[0]):
        yield example


def _unique(examples: Iterable[Example]) -> Iterator[Example]:
    """Makes repeated ids unique: the second "7" becomes "7#2" (TyDiQA's training ids repeat in XTREME's format)."""
    seen: dict[str, int] = {}
    for example in examples:
        seen[example.id] = count = seen.get(example.id, 0) + 1
        yield example if count == 1 else dataclasses.replace(example, id=f"{example.id}#{count}")


def override_of(task: Task, split: str, language: str, data: DataSettings) -> str | None:
    """The path that `data.files` gives for a split, or None. A task with one set has it under "dev" or "test"."""
    files = data.files.get(task.name, {})
    names = [split]
    if split != "train" and set(task.reported.values()) == {split}:
        names += [name for name in task.reported if name != split]
    return next((files[name][language] for name in names if language in files.get(name, {})), None)


def _declared(task: Task, split: str, language: str, data: DataSettings) -> list[str]:
    if split not in task.files:
        raise InputError(
            f"{task.name} has no {split} split",
            f"one of {', '.join(task.files)}",
            f"choose another split or give data.files.{task.name}.{split}.{language}",
        )
    if not data.root:
        raise InputError(
            f"{task.name}/{split}/{language} has no file: data.root is not set",
            f"data.root, or data.files.{task.name}.{split}.{language} (hub ids and data.mirror are not read yet)",
            "set data.root to a folder with the official files",
        )
    names = get_language(language)
    values = {"language": language, "iso3": names.iso3, "name": names.name.lower()}
    return [pattern.format(**values) for pattern in task.files[split].split("|")]


def _existing(task: Task, path: Path, language: str) -> list[Path]:
    if task.reader == "retrieval":
        exists = path.is_file() or any(path.with_name(f"{path.name}.{end}").is_file() for end in ("eng", "en"))
        return both_sides(path, language, get_language(language).iso3) if exists else []
    if task.reader == "bitext":
        return corpora(path) if path.is_file() else []
    if path.is_dir():
        raise InputError(f"{path} is a folder", "a file", "name a file in it")
    if path.is_file():
        labels = path.with_name(path.stem + LABELS)
        return [path, labels] if task.reader == "socialiqa" and labels.is_file() else [path]
    return sorted(Path(p) for p in glob.glob(str(path))) if "*" in str(path) else []
