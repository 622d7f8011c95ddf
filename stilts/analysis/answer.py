"""What every question of `stilts analyse` gives: sentences, tables and notes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

from stilts.table import table


class Shown(NamedTuple):
    """A table of texts; None where there is nothing."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | None]]


class Answer(ABC):
    """The answer to one question.

    Attributes:
        question: its name.
        answer: sentences made from the numbers, the main one first.
        notes: what was left out, and on what the numbers rest.
    """

    question: str
    answer: list[str]
    notes: list[str]

    @abstractmethod
    def content(self) -> dict[str, Any]:
        """For JSON, what is no number as null; the keys `question`, `answer` and `notes` are in all."""

    @abstractmethod
    def tables(self) -> list[Shown]:
        """What stands between the sentences and the notes."""

    def text(self) -> str:
        """For a terminal."""
        notes = "\n".join(f"note: {note}" for note in self.notes)
        return "\n\n".join(["\n".join(self.answer), *(table(*own) for own in self.tables()), notes]).rstrip()
