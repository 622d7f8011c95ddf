"""One call of `stilts translate`: what is asked, where it is kept, and what decides it. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from stilts.config import DataSettings
from stilts.data.provenance import Fingerprints, digest
from stilts.data.sources import find_files
from stilts.data.translators import SUFFIX
from stilts.drift import differences, listed
from stilts.errors import InputError
from stilts.files import write_text
from stilts.tasks import get_task
from stilts.tasks.base import Task
from stilts.tasks.translations import SOURCE, check_translatable
from stilts.training.manifest import entry_of
from stilts.translation.layouts import official_path, xtreme_path
from stilts.translation.settings import TranslationSettings, decisive, settings_hash

LOST = ".lost.jsonl"
"""What is added to the name of a translated file for the rows that were lost."""
SETTINGS = "settings.json"
_MODEL_FILES = ("*.safetensors", "*.bin", "*.json", "*.model", "*.spm", "*.txt")


@dataclass(frozen=True)
class TranslationJob:
    """What is asked.

    Attributes:
        task: id of the task whose English training set is translated.
        languages: to translate into.
        model: hub id or folder of a sequence-to-sequence model.
        revision: of a hub id.
        data: where the training set comes from.
        out: the folder that results are written to.
    """

    task: str
    languages: tuple[str, ...]
    model: str
    revision: str | None
    data: DataSettings
    out: Path
    settings: TranslationSettings

    @property
    def declared(self) -> Task:
        """The task. Raises InputError where it cannot be translated."""
        task = get_task(self.task)
        if task.parts:
            raise InputError(
                f"{self.task} joins {', '.join(task.parts)}", "one of these", "translate its parts, one after the other"
            )
        check_translatable(task, "TASK")
        return task

    @property
    def folder(self) -> Path:
        """What the run keeps: status.json, log.txt, settings.json, shards/."""
        return self.out / "runs" / f"translate-{self.task}"

    @property
    def limit(self) -> int | None:
        """Rows of the training set that are translated."""
        limits = (self.settings.limit, self.data.limit.get(self.task, {}).get("train"))
        return min((limit for limit in limits if limit is not None), default=None)

    @cached_property
    def sources(self) -> list[dict[str, Any]]:
        """Path, size and SHA-256 of the files of the training set."""
        return Fingerprints().of_sources(find_files(self.declared, "train", SOURCE, self.data))

    @cached_property
    def decides(self) -> dict[str, Any]:
        """All that decides the translations, but the language."""
        folder = Path(self.model)
        files = sorted({path for pattern in _MODEL_FILES for path in folder.glob(pattern)}) if folder.is_dir() else []
        return {
            "task": self.task,
            "task_version": self.declared.version,
            "source": [source["sha256"] for source in self.sources],
            "model": folder.name if files else self.model,
            "model_files": digest([[path.name, entry_of(path)] for path in files]) if files else None,
            "revision": self.revision,
            **decisive(self.settings),
            "limit": self.limit,
        }

    @property
    def made_of(self) -> str:
        """A hash of that."""
        return settings_hash(self.decides)

    def official(self, language: str) -> Path:
        """The translated file, under the official name of the one that was read."""
        paths = [Path(source["path"]) for source in self.sources]
        return self.out / official_path(self.declared, SOURCE, language, paths, self.data.root)

    def xtreme(self, language: str) -> Path | None:
        """The same in XTREME's layout, where that has the task."""
        path = xtreme_path(self.declared, language)
        return None if path is None else self.out / path

    def provenance(self, language: str) -> dict[str, Any] | None:
        """What is written beside the translated file when it is whole; None before, or where others made it."""
        path = self.official(language)
        try:
            content: dict[str, Any] = json.loads(path.with_name(path.name + SUFFIX).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return content if content.get("settings_hash") == self.made_of and path.is_file() else None

    def missing(self) -> list[str]:
        """The languages that are not done."""
        return [language for language in self.languages if self.provenance(language) is None]

    def check(self) -> None:
        """Refuse what cannot be done, and settings other than those that the folder was begun with; keep them there."""
        _check_model(self.model)
        path = self.folder / SETTINGS
        before = _read(path)
        if before is not None and (found := differences(before, self.decides)):
            raise InputError(
                f"the translation in {self.folder} was begun with other settings: {listed(found)}",
                "the settings of its start",
                "give the old values back, or name another --out",
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        if before is None:
            write_text(path, json.dumps(self.decides, indent=1) + "\n")

    def summary(self) -> dict[str, Any]:
        """What `--json` prints: of each language its provenance, null where it is not done."""
        return {
            "task": self.task,
            "model": self.model,
            "out": str(self.out),
            "folder": str(self.folder),
            "settings_hash": self.made_of,
            "languages": {language: self.provenance(language) for language in self.languages},
        }


def summary_text(summary: Mapping[str, Any]) -> str:
    """The summary for a person."""
    lines = []
    for language, done in summary["languages"].items():
        counts = done["rows"]
        parts = [f"{counts['written']:,} of {counts['source']:,} rows"]
        parts += [f"{number:,} lost ({reason})" for reason, number in counts["lost"].items()]
        parts += [f"{counts['fallback']:,} answers found without markers"] if counts["fallback"] else []
        parts += [f"{counts['cut']:,} ended by the greatest length"] if counts["cut"] else []
        lines.append(f"{summary['task']} in {language}: {', '.join(parts)}: {done['file']}")
    return "\n".join([*lines, f"a study reads this with data.translations: {summary['out']}"])


def _check_model(name: str) -> None:
    """Refuse a folder that holds no sequence-to-sequence model; what a hub id is, only loading it tells."""
    folder = Path(name)
    if not folder.is_dir() and not folder.is_absolute():
        return
    config = _read(folder / "config.json")
    if config is None or not (config.get("is_encoder_decoder") or config.get("model_type") in ("m2m_100", "marian")):
        raise InputError(
            f"--model {name} " + ("has no config.json" if config is None else f"is a {config.get('model_type')} model"),
            "a hub id or the folder of a sequence-to-sequence model (M2M-100, NLLB, mBART, Marian)",
            "name another model",
        )


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
