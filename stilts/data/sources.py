"""Finds the raw files of a task's split in one language and reads them.

They come, in this order, from `data.files`, from `data.root` (official names, as each task declares them), from
`data.mirror` (a folder laid out like hub repositories), and, where neither root nor mirror is set, from the hub. The
same examples come out of each, but for what the hub's copies lack: ids of SNLI and XNLI, titles of XQuAD's articles.
"""

from __future__ import annotations

import dataclasses
import glob
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from stilts.config import DataSettings
from stilts.data.dealing import dealt
from stilts.data.hub import hub_files, language_values, mirror_files, repositories
from stilts.data.read_bitext import corpora
from stilts.data.read_choice import LABELS, Row, choice_rows
from stilts.data.read_hub import hub_choice_rows, read_hub
from stilts.data.read_retrieval import both_sides
from stilts.data.read_supertags import SUFFIX
from stilts.data.readers import READERS, TRANSLATION_READERS
from stilts.errors import InputError
from stilts.tasks import get_task
from stilts.tasks.base import Task
from stilts.tasks.examples import Example
from stilts.tasks.languages import get_language
from stilts.tasks.translations import translated_files


def read_examples(
    task: Task,
    split: str,
    language: str,
    data: DataSettings,
    limit: int | None = None,
    translated_from: str | None = None,
) -> tuple[list[Example], list[Path]]:
    """All examples of a split in one language (the first `limit`), and the files they came from.

    `translated_from`: read the machine translation of that language's training set.
    Raises InputError for a missing file (with every path that was tried) and for anything wrong in it.
    """
    if _is_joined(task, split, language, data):
        paths = find_files(task, split, language, data, translated_from=translated_from)
        examples = _joined(task, split, language, data, translated_from)
    elif translated_from:
        paths = translated(task, language, data, translated_from)
        examples = (TRANSLATION_READERS.get(task.reader) or READERS[task.reader])(task, paths, language)
    else:
        paths, is_hub = _locate(task, split, language, data)
        examples = (read_hub if is_hub else READERS[task.reader])(task, paths, language)
    return list(islice(_unique(examples), limit)), paths


def find_files(
    task: Task,
    split: str,
    language: str,
    data: DataSettings,
    fetch: bool = True,
    translated_from: str | None = None,
) -> list[Path]:
    """The files of a split in one language, sorted; those of all parts where the task joins others.

    For retrieval the other language's file, then the English one, and for mining the gold pairs; for SocialIQA also the
    file with the labels. What is on the hub only is fetched, or raises NotFetched (`stilts.data.hub`).
    """
    if _is_joined(task, split, language, data):
        parts = map(get_task, task.parts)
        return [path for part in parts for path in find_files(part, split, language, data, fetch, translated_from)]
    if translated_from:
        return translated(task, language, data, translated_from)
    return _locate(task, split, language, data, fetch)[0]


def choice_source(task: Task, split: str, language: str, data: DataSettings) -> Iterator[Row]:
    """The rows of a multiple-choice task as its official files have them, wherever they come from."""
    paths, is_hub = _locate(task, split, language, data)
    yield from hub_choice_rows(task, paths, language) if is_hub else choice_rows(paths)


def translated(task: Task, language: str, data: DataSettings, source: str) -> list[Path]:
    """The files of a translated training set: `data.files`, else below `data.translations`, else below `data.root`.

    Raises InputError with every path that was tried.
    """
    where = f"data.files.{task.name}.train.{language}"
    override = override_of(task, "train", language, data)
    if override is not None:
        return _official(task, "train", language, data, override)
    values = language_values(language)
    patterns = [pattern.format(**values).split(" + ") for pattern in translated_files(task, source)]
    bases = [Path(base) for base in (data.translations, data.root) if base]
    found = next((files for base in bases for parts in patterns if (files := _found(task, base, parts, language))), [])
    if not found:
        tried = [str(base / " + ".join(parts)) for base in bases for parts in patterns]
        raise InputError(
            f"no file at {' or '.join(tried)}" if tried else "neither data.translations nor data.root is set",
            f"the training set of {task.name}, translated from {source!r} into {language!r}",
            f"translate it (`stilts translate {task.name} --to {language}`) and name the folder in data.translations, "
            f"or set {where}",
        )
    return found


def _locate(task: Task, split: str, language: str, data: DataSettings, fetch: bool = True) -> tuple[list[Path], bool]:
    """The files of a split, and whether they are in the layout of the hub."""
    override = override_of(task, split, language, data)
    if override is None and not data.root and not data.mirror:
        return hub_files(task, split, language, data, fetch), True
    try:
        return _official(task, split, language, data, override), False
    except InputError as error:
        mirrored = mirror_files(task, split, language, data) if override is None else []
        if mirrored:
            return mirrored, True
        if override is not None or not data.mirror:
            raise
        found = f"{error.found}, and none in {repositories(task, split, language, data)}"
        raise InputError(found, error.expected, f"{error.change} or data.mirror") from None


def _official(task: Task, split: str, language: str, data: DataSettings, override: str | None) -> list[Path]:
    """The files that `data.files` or `data.root` has. Raises InputError with every path that was tried."""
    patterns = [[override]] if override is not None else _declared(task, split, language, data)
    bases = [Path(data.root)] if data.root else []
    if override is not None:
        bases.append(Path())
    tried = []
    for parts in patterns:
        for base in bases:
            tried.append(base / " + ".join(parts))
            if found := _found(task, base, parts, language):
                return found
            if Path(parts[0]).is_absolute():
                break
    where = f"data.files.{task.name}.{split}.{language}" if override is not None else "data.root or data.files"
    raise InputError(
        f"no file at {' or '.join(dict.fromkeys(map(str, tried)))}",
        f"the {split} split of {task.name} in {language!r}",
        f"put the file there or mend {where}",
    )


def is_official(task: Task, split: str, language: str, data: DataSettings) -> bool:
    """Whether a split is what was published: neither the task nor a part of it has a file in `data.files`."""
    if override_of(task, split, language, data) is not None:
        return False
    return all(is_official(get_task(part), split, language, data) for part in task.parts)


def _is_joined(task: Task, split: str, language: str, data: DataSettings) -> bool:
    return bool(task.parts) and override_of(task, split, language, data) is None


def _joined(
    task: Task, split: str, language: str, data: DataSettings, translated_from: str | None
) -> Iterator[Example]:
    """The examples of all parts, dealt out so that the first N are from each part by its share; ids name the part."""
    parts = []
    for part in task.parts:
        examples, _ = read_examples(get_task(part), split, language, data, translated_from=translated_from)
        parts.append([dataclasses.replace(example, id=f"{part}/{example.id}") for example in examples])
    yield from dealt(*parts)


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


def _declared(task: Task, split: str, language: str, data: DataSettings) -> list[list[str]]:
    """The candidates, each as the parts that are read together."""
    if split not in task.files:
        raise InputError(
            f"{task.name} has no {split} split",
            f"one of {', '.join(task.files)}",
            f"choose another split or give data.files.{task.name}.{split}.{language}",
        )
    if not data.root:
        raise InputError(
            f"{task.name}/{split}/{language} has no file: data.root is not set",
            f"data.root, or data.files.{task.name}.{split}.{language}",
            "set data.root to a folder with the official files",
        )
    values = language_values(language)
    return [pattern.format(**values).split(" + ") for pattern in task.files[split].split("|")]


def _found(task: Task, base: Path, parts: Sequence[str], language: str) -> list[Path]:
    """The files that are read together, those of them that are there."""
    return [path for part in parts for path in _existing(task, base, part, language)]


def _existing(task: Task, base: Path, pattern: str, language: str) -> list[Path]:
    path = base / pattern
    if task.reader == "retrieval":
        exists = path.is_file() or any(path.with_name(f"{path.name}.{end}").is_file() for end in ("eng", "en"))
        return both_sides(path, language, get_language(language).iso3) if exists else []
    if task.reader == "bitext":
        return corpora(path) if path.is_file() else []
    matches = [path] if path.exists() else sorted(base / match for match in glob.glob(pattern, root_dir=base))
    if task.reader == "supertags":  # CCGbank is folders of files
        inside = [sorted(match.rglob(f"*{SUFFIX}")) if match.is_dir() else [match] for match in matches]
        return [file for files in inside for file in files]
    if path.is_dir():
        raise InputError(f"{path} is a folder", "a file", "name a file in it")
    if path.is_file():
        labels = path.with_name(path.stem + LABELS)
        return [path, labels] if task.reader == "socialiqa" and labels.is_file() else [path]
    return matches
