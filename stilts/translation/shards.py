"""Shards of translated rows on disk: each is there as a whole or not at all, and knows what it was made of."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stilts.files import sync_file
from stilts.training.attempt import Attempt, Superseded
from stilts.translation.carry import Translated


class Shards:
    """The shards of one language.

    Args:
        folder: where they lie.
        rows: of the source.
        size: rows a shard.
        made_of: hash of all that decides them.
    """

    def __init__(self, folder: Path, rows: int, size: int, made_of: str) -> None:
        self.folder, self.rows, self.size, self.made_of = folder, rows, size, made_of

    def __len__(self) -> int:
        return -(-self.rows // self.size)

    def span(self, number: int) -> range:
        """The rows of a shard."""
        return range(number * self.size, min((number + 1) * self.size, self.rows))

    def missing(self) -> list[int]:
        """The shards that are not there, or that are not what was asked for (cut, or of other settings)."""
        return [number for number in range(len(self)) if self._read(number) is None]

    def write(self, number: int, done: Sequence[Translated], attempt: Attempt) -> None:
        """Commit a shard by a rename out of the folder of this start. Raises Superseded where a later one runs."""
        assert len(done) == len(self.span(number)), (number, len(done))
        lines = [json.dumps(asdict(row), ensure_ascii=False) for row in done]
        lines.append(json.dumps({"shard": number, "rows": len(done), "made_of": self.made_of}))
        staged = attempt.staging / f"{self.folder.name}-{self._name(number)}"
        try:
            staged.write_text("\n".join(lines) + "\n", encoding="utf-8")
            sync_file(staged)
            os.replace(staged, self.folder / self._name(number))
        except FileNotFoundError:
            raise Superseded(attempt.folder) from None

    def read(self) -> Iterator[Translated]:
        """The rows of all shards, in the order of the source."""
        for number in range(len(self)):
            rows = self._read(number)
            assert rows is not None, f"shard {number} of {self.folder} is gone"
            for row in rows:
                answer = tuple(row["answer"]) if row["answer"] else None
                yield Translated(**{**row, "texts": tuple(row["texts"]), "answer": answer})

    def _read(self, number: int) -> list[dict[str, Any]] | None:
        try:
            *rows, last = (self.folder / self._name(number)).read_text(encoding="utf-8").rstrip("\n").split("\n")
            wanted = {"shard": number, "rows": len(self.span(number)), "made_of": self.made_of}
            whole = json.loads(last) == wanted and len(rows) == wanted["rows"]
            return [json.loads(row) for row in rows] if whole else None
        except (OSError, ValueError):
            return None

    @staticmethod
    def _name(number: int) -> str:
        return f"{number:06d}.jsonl"
