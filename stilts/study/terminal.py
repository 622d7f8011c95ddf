"""xtreme.md on a terminal: tables with lines, the best of each column told apart, marks in colour."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from stilts.study.marks import SIGNS
from stilts.table import print_whole

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?(?=$|[ †‡*\[])")
_RULE = re.compile(r"\|[-|]+\|")
BEST = "▲"
"""The sign of the best score of a column, for those who see no colours."""


def show(text: str, console: Console | None = None) -> None:
    """Print the text of xtreme.md. What is best of a column is shown in the main table only."""
    from rich.console import Console

    out = console or Console(highlight=False)
    first = True
    for block in text.rstrip("\n").split("\n\n"):
        lines = block.splitlines()
        if len(lines) > 1 and _RULE.fullmatch(lines[1]):
            print_whole(_table(lines, first), out)
            first = False
        elif block.startswith("## "):
            out.print("\n", _heading(block), sep="")
        else:
            out.print(_heading(block) if block.startswith("#") else _signed(block))


def _table(lines: Sequence[str], best: bool) -> Table:
    from rich import box
    from rich.table import Table

    header, *rows = [_cells(line) for line in (lines[0], *lines[2:])]
    shown = Table(box=box.SIMPLE_HEAD)
    # the first column has names, though they be "1.0"
    numeric = [i > 0 and all(_NUMBER.match(row[i]) or row[i] == "–" for row in rows) for i in range(len(header))]
    for name, right in zip(header, numeric, strict=True):
        shown.add_column(name, justify="right" if right else "left", no_wrap=True)
    top = set(_best(rows, numeric)) if best and len(rows) > 1 else set()
    for number, row in enumerate(rows):
        shown.add_row(*(_cell(cell, (number, i) in top) for i, cell in enumerate(row)))
    return shown


def _best(rows: Sequence[Sequence[str]], numeric: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Row and column of the highest number of each column as it is printed, each of those that are equal."""
    for column in (i for i, right in enumerate(numeric) if right):
        values = {number: float(found[0]) for number, row in enumerate(rows) if (found := _NUMBER.match(row[column]))}
        yield from ((number, column) for number, value in values.items() if value == max(values.values()))


def _cell(text: str, best: bool) -> Text:
    from rich.text import Text

    shown = _signed(text)
    return Text.assemble((f"{BEST} ", "bold green"), (shown.plain, "bold green")) if best else shown


def _signed(text: str) -> Text:
    """A text with the signs of marks in colour."""
    from rich.text import Text

    shown = Text(text)
    shown.highlight_regex("[" + "".join(SIGNS.values()) + "]", "yellow")
    return shown


def _heading(text: str) -> Text:
    from rich.text import Text

    return Text(text.lstrip("# "), style="bold")


def _cells(line: str) -> list[str]:
    """The cells of a row of `stilts.table.table`."""
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
