"""What a prepared set was made from, so that a change is noticed: source files and tokenizer, by hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from stilts.config import ModelSettings

_TOKENIZER_FILES = ("tokenizer", "vocab", "merges", "sentencepiece", "spm", "special_tokens", "added_tokens", "spiece")


class Fingerprints:
    """Hashes of files, each file read once in the life of this object."""

    def __init__(self) -> None:
        self.of_file = cache(_file)

    def of_sources(self, paths: Sequence[Path]) -> list[dict[str, Any]]:
        """Path, size in bytes and SHA-256 of each file."""
        return [self.of_file(path) for path in paths]

    def of_tokenizer(self, model: ModelSettings) -> str:
        """A hash of a local folder's tokenizer files; name and revision for a hub id."""
        folder = Path(model.name)
        if not folder.is_dir():
            return f"{model.name}@{model.revision}"
        files = sorted(p for p in folder.iterdir() if p.is_file() and p.name.startswith(_TOKENIZER_FILES))
        return digest([[p.name, self.of_file(p)["sha256"]] for p in files])


def digest(value: Any) -> str:
    """16 hexadecimal digits that change with `value`."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _file(path: Path) -> dict[str, Any]:
    with open(path, "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {"path": str(path), "size": path.stat().st_size, "sha256": sha256}
