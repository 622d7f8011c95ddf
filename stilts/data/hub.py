"""Finds a task's files in a folder laid out like hub repositories (`data.mirror`), or on the hub itself.

Both are the same to a reader: a folder `owner/name` with the repository's card (README.md), whose `configs` say which
files a configuration's splits are, and these files. From the hub only they are fetched, into the hub's own cache, and
what is there is used without asking again. Without a card the usual names are looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from stilts.config import DataSettings
from stilts.data.tables import SUFFIXES
from stilts.errors import InputError, first_line
from stilts.tasks.base import Task
from stilts.tasks.hub import HUB, Hub
from stilts.tasks.languages import get_language

CARD = "README.md"
# Names that `datasets` understands without a card; those of the configuration first.
_USUAL = ("{config}/{split}-*", "{config}/{split}.*", "{config}/{split}/*", "data/{split}-*", "data/{split}.*",
          "{split}-*", "{split}.*")  # fmt: skip
_MIXED = "it mixes in sentences of other languages"
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})(?=\.|-)")


def mirror_files(task: Task, split: str, language: str, data: DataSettings) -> list[Path]:
    """The files of a split below `data.mirror`; none where the repository, or this split of it, is not there."""
    hub = HUB.get(task.name)
    if data.mirror is None or hub is None or split not in hub.splits or language in hub.mixed:
        return []
    folder = Path(data.mirror) / hub.repository
    return _all_files(folder, hub, split, language) if folder.is_dir() else []


class NotFetched(InputError):
    """A split is not in the hub's cache, and was not to be fetched."""


def hub_files(task: Task, split: str, language: str, data: DataSettings, fetch: bool = True) -> list[Path]:
    """The files of a split on the hub, fetched if they are not in its cache; NotFetched where they are not to be.

    Raises InputError that names the other ways to the data, where there is no network or no such file.
    """
    hub = HUB.get(task.name)
    if hub is None or split not in hub.splits:
        found = (
            f"{task.name}/{split}/{language} has no file: data.root is not set, and the hub has no {split} split of it"
        )
        one = f"data.files.{task.name}.{split}.{language}"
        raise InputError(found, f"data.root (the official files) or {one}", "set one of these")
    if language in hub.mixed:
        found = f"{task.name}/{split}/{language} is not read from the hub's {hub.repository}: {_MIXED}"
        raise _no_way(task, split, language, found)
    revision = data.revisions.get(task.name, hub.revision)
    where = hub.repository, revision, _config(hub, language), hub.splits[split], _is_shared(hub)
    try:
        files = list(_fetched(*where) if fetch else _cached(*where))
    except InputError:
        raise
    except Exception as error:  # the errors of the hub's client and of its HTTP library have no class in common
        named = f"{hub.repository}{'' if revision is None else f' at {revision[:12]}'}"
        found = f"{task.name}/{split}/{language} cannot be loaded from the hub's {named}: {first_line(error):.200}"
        raise _no_way(task, split, language, found) from None
    if not files:
        found = f"{task.name}/{split}/{language} is not in the cache of the hub ({hub.repository})"
        raise NotFetched(found, "its files", "let `stilts prepare` fetch them where there is a network")
    return files


def repositories(task: Task, split: str, language: str, data: DataSettings) -> str:
    """The mirror's folder of a split, to name it in messages."""
    hub = HUB.get(task.name)
    if hub is None or split not in hub.splits:
        return f"nothing in data.mirror ({task.name} has no {split} split on the hub)"
    folder = str(Path(data.mirror or "") / hub.repository)
    return f"{folder} that is read ({_MIXED})" if language in hub.mixed else folder


@lru_cache(maxsize=1024)
def _fetched(repository: str, revision: str | None, config: str, split: str, shared: bool) -> tuple[Path, ...]:
    files = _cached(repository, revision, config, split, shared)
    if not files:
        card = _snapshot(repository, revision, ())
        wanted = [one for theirs in split.split(" + ") for one in _patterns(card, config, theirs, shared)]
        files = _files(_snapshot(repository, revision, wanted), config, split, shared)
    if not files:
        raise FileNotFoundError(f"it has no files of configuration {config!r}, split {split!r}")
    return tuple(files)


def _cached(repository: str, revision: str | None, config: str, split: str, shared: bool) -> list[Path]:
    """The files of a split in the hub's cache; none where one of them is not there."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return _files(_snapshot(repository, revision, (), local=True), config, split, shared)
    except (LocalEntryNotFoundError, FileNotFoundError):
        return []


def _snapshot(repository: str, revision: str | None, patterns: Iterable[str], local: bool = False) -> Path:
    """The folder of a repository with its card and the files of some patterns, fetched unless `local`."""
    from huggingface_hub import snapshot_download

    return Path(
        snapshot_download(
            repository,
            repo_type="dataset",
            revision=revision,
            allow_patterns=[CARD, *patterns],
            local_files_only=local,
        )
    )


def _all_files(folder: Path, hub: Hub, split: str, language: str) -> list[Path]:
    try:
        return _files(folder, _config(hub, language), hub.splits[split], _is_shared(hub))
    except FileNotFoundError as error:
        raise InputError(str(error), "every shard of the split", "copy the repository again") from None


def _files(folder: Path, config: str, split: str, shared: bool) -> list[Path]:
    """The files of a split (of all that are joined), or none. Raises FileNotFoundError where shards are missing."""
    found: list[Path] = []
    for one in split.split(" + "):
        matches = (
            sorted(path for path in folder.glob(pattern) if path.suffix in SUFFIXES)
            for pattern in _patterns(folder, config, one, shared)
        )
        files = next((paths for paths in matches if paths), [])
        shards = [_SHARD.search(path.name) for path in files]
        wanted = max((int(shard[2]) for shard in shards if shard), default=len(files))
        if len(files) < wanted:
            raise FileNotFoundError(f"{files[0].parent} has {len(files)} of {wanted} files of the split {one!r}")
        if not files:
            return []
        found += files
    return found


def _patterns(folder: Path, config: str, split: str, shared: bool) -> list[str]:
    """Where the files of a split may lie: what the card says, else the usual names.

    Names without the configuration count only where it is `shared` by all languages: one language's are not another's.
    """
    usual = [name.format(config=config, split=split) for name in _USUAL if shared or "{config}" in name]
    for entry in _configs(folder / CARD):
        if entry.get("config_name", "default") == config:
            base = f"{entry['data_dir']}/" if entry.get("data_dir") else ""
            files = entry.get("data_files")
            return [base + path for path in (usual if files is None else _paths(files, split))]
    return usual


def _paths(files: Any, split: str) -> list[str]:
    """The paths of a split in the card's `data_files`: a list of {split, path}, or a mapping; a path may be a list.

    Paths without a split are those of "train", as `datasets` understands them.
    """
    if isinstance(files, dict):
        pairs = list(files.items())
    else:
        listed = [files] if isinstance(files, str) else files
        pairs = [(f.get("split"), f.get("path")) if isinstance(f, dict) else ("train", f) for f in listed]
    paths = [path for name, path in pairs if name == split]
    return [one for path in paths for one in (path if isinstance(path, list) else [path])]


def _configs(card: Path) -> list[dict[str, Any]]:
    if not card.is_file():
        return []
    import yaml

    text = card.read_text(encoding="utf-8")
    if not text.startswith("---"):
        return []
    try:
        head = yaml.safe_load(text.split("---", 2)[1]) or {}
    except yaml.YAMLError as error:
        raise InputError(f"{card} has no readable head ({error})", "YAML between lines of ---", "mend it") from None
    return [entry for entry in head.get("configs") or () if isinstance(entry, dict)]


def language_values(language: str) -> dict[str, str]:
    """What stands for {language}, {iso3}, {name} and {Name} in a declaration."""
    names = get_language(language)
    return {"language": language, "iso3": names.iso3, "name": names.name.lower(), "Name": names.name}


def _is_shared(hub: Hub) -> bool:
    """Whether all languages have one configuration."""
    return "{" not in hub.config


def _config(hub: Hub, language: str) -> str:
    return hub.config.format(**language_values(language))


def _no_way(task: Task, split: str, language: str, found: str) -> InputError:
    return InputError(
        found,
        f"data.root (the official files), data.mirror (a copy of hub repositories) or data.files.{task.name}.{split}."
        f"{language} (one file)",
        "set one of these",
    )
