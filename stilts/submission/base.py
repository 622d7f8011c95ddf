"""What every kind of file in a folder of predictions or of labels can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from stilts.errors import InputError

Row = Mapping[str, Any]  # one line of `runs/<run>/predictions/<task>/<split>-<language>.jsonl`


@dataclass(frozen=True)
class Scored:
    """One language: metrics in points (0-100), gold items, and how many of them have no prediction (and count as 0)."""

    metrics: dict[str, float]
    n: int
    unanswered: int = 0


class Form(ABC):
    """One kind of file.

    Attributes:
        suffix: the ending of its files' names, without a dot.
        metrics: what it is scored by; a task's score is their mean.
        sized: whether a file of predictions holds as many as the set has examples.
    """

    suffix: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]
    sized: ClassVar[bool] = True

    @abstractmethod
    def read(self, path: Path) -> Sequence[Any] | Mapping[str, Any]:
        """The predictions in a file, as many as its length. Raises InputError that names file and row."""

    @abstractmethod
    def score(self, given: Path, gold: Path, language: str) -> Scored:
        """Scores of a file of predictions against one of labels. Raises InputError where they do not fit together."""

    @abstractmethod
    def text(self, rows: Sequence[Row]) -> str:
        """The content of a file of predictions, from what a run wrote. Raises InputError where it cannot be made."""

    def odd(self, predictions: Any, language: str, size: int | None) -> Iterator[str]:
        """What is wrong in predictions that can be read, a line each; `size`: how many examples the set has."""
        return iter(())


def nothing_in(path: Path) -> InputError:
    """The error for a file without content."""
    return InputError(f"{path} is empty", "a prediction or label an example", "write the file again")


def prediction_of(rows: Sequence[Row], number: int, kind: type | tuple[type, ...]) -> Any:
    """The prediction in row `number` (from 0). Raises InputError if it is of another kind."""
    value = rows[number].get("prediction")
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputError(
            f"row {number + 1} predicts {value!r:.60}", "a prediction as this version writes them", "run it again"
        )
    return value
