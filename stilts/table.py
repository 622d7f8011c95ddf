"""A table as text, and the mean that goes into one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import fsum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_ENDLESS = 100_000  # characters, wider than any table


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table with aligned columns, also readable on a terminal; None becomes a dash."""
    cells = [[_cell(v) for v in row] for row in [header, *rows]]
    widths = [max(3, *(len(line[i]) for line in cells)) for i in range(len(header))]
    lines = ["| " + " | ".join(v.ljust(w) for v, w in zip(line, widths, strict=True)) + " |" for line in cells]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)


def _cell(value: Any) -> str:
    """A value as it stands in one cell: a bar or a line's end in it would begin another."""
    return "–" if value is None else " ".join(str(value).splitlines()).replace("|", "\\|")


def print_whole(shown: Table, console: Console) -> None:
    """Print a table of rich without breaking or cutting its lines, however narrow the terminal is."""
    from rich.measure import Measurement

    narrow = console.width
    wanted = Measurement.get(console, console.options.update(max_width=_ENDLESS), shown).maximum
    console.width = max(narrow, wanted)
    try:
        console.print(shown)
    finally:
        console.width = narrow


def mean(values: Iterable[float | None]) -> float | None:
    """The mean, or None if a value is missing or there is none."""
    known = list(values)
    return None if not known or None in known else fsum(known) / len(known)  # type: ignore[arg-type]
