"""Comparisons as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stilts.compare.compare import AVERAGE, Comparison, Row
from stilts.compare.side import Side
from stilts.study.marks import MEANINGS, SIGNS
from stilts.table import table

IN_FULL = 6  # comparisons that are shown in full; of more, the differences by task


def comparisons_json(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """What `stilts compare --json` prints."""
    sides = {side.name: side for one in comparisons for side in (one.a, one.b)}
    return {
        "sides": {name: _side_json(side) for name, side in sides.items()},
        "comparisons": [
            {"a": one.a.name, "b": one.b.name, "rows": [_row_json(row) for row in one.rows],
             "not_compared": list(one.refused)}
            for one in comparisons
        ],
    }  # fmt: skip


def comparisons_text(comparisons: Sequence[Comparison]) -> str:
    """Tables for a terminal: in full, or of many comparisons the differences by task."""
    if len(comparisons) > IN_FULL:
        return _overview(comparisons)
    return "\n\n".join(_text(one) for one in comparisons)


def _text(one: Comparison) -> str:
    parts = [f"## {one.a.name} and {one.b.name}", f"{_about('A', one.a)}\n{_about('B', one.b)}"]
    if one.tasks:
        header = ["task", "metric", "over", "A", "B", "A - B", "95 % interval"]
        parts.append(table(header, [_cells(row) for row in one.tasks]))
    parts += _averaged(one)
    if one.by_language:
        header = ["task", "language", "metric", "A", "B", "A - B", "95 % interval"]
        parts.append(table(header, [_language_cells(row) for row in one.by_language]))
    parts += _legend(one.rows)
    parts += _refused([one])
    if not one.rows:
        parts.append("Nothing can be compared.")
    return "\n\n".join(parts)


def _overview(comparisons: Sequence[Comparison]) -> str:
    """A - B: rows are A, columns tasks; a table for each B."""
    parts = [f"{len(comparisons)} comparisons, A - B in points by task; --recipe or --json: languages and intervals."]
    for name in dict.fromkeys(one.b.name for one in comparisons):
        own = [one for one in comparisons if one.b.name == name]
        columns = list(
            dict.fromkeys((row.target, row.metric) for one in own for row in one.tasks if row.target != AVERAGE)
        )
        parts += [f"## B: {name}", _about("B", own[0].b)]
        if columns:
            header = ["A", *(f"{target} {metric}" for target, metric in columns)]
            parts.append(table(header, [[one.a.name, *_by_column(one, columns)] for one in own]))
        parts += _refused(own)
    rows = [row for one in comparisons for row in one.tasks]
    part = any(not row.whole or row.unlike for row in rows)
    star = ["* over the languages that both have, or not on the same examples."] if part else []
    return "\n\n".join([*parts, *_legend(rows), *star])


def _refused(comparisons: Sequence[Comparison]) -> list[str]:
    """What is not compared, each line once; a line that is not about every A names those it is about."""
    found: dict[str, list[str]] = {}
    for one in comparisons:
        for line in one.refused:
            found.setdefault(line, []).append(one.a.name)
    only = {
        line: "" if len(names) == len(comparisons) else f" (A: {', '.join(names)})" for line, names in found.items()
    }
    lines = [f"- {line}{names}" for line, names in only.items()]
    return ["\n".join(["Not compared, or in part:", *lines])] if lines else []


def _by_column(one: Comparison, columns: Sequence[tuple[str, str]]) -> list[str | None]:
    found = {
        (row.target, row.metric): f"{row.difference:+.1f}{_signs(row)}{'' if row.whole and not row.unlike else '*'}"
        for row in one.tasks
    }
    return [found.get(column) for column in columns]


def _about(name: str, side: Side) -> str:
    return f"{name}: {side.name}, reports {side.split}, {side.about}{f'. {side.note}' if side.note else ''}"


def _cells(row: Row) -> list[str | None]:
    if row.target == AVERAGE:
        over = f"{len(row.languages)} tasks{' without marks' if not row.marks else ''}"
    else:
        over = f"{len(row.languages)} language{'s' * (len(row.languages) > 1)}{'' if row.whole else ' of both'}"
    return [f"{row.target}{_signs(row)}", row.metric, over, *_numbers(row)]


def _language_cells(row: Row) -> list[str | None]:
    return [f"{row.target}{_signs(row)}", row.language, row.metric, *_numbers(row)]


def _numbers(row: Row) -> list[str | None]:
    interval = None if row.low is None else f"[{row.low:+.1f}, {row.high:+.1f}] df {row.df:.1f} ({row.of})"
    return [f"{row.a:.1f}", f"{row.b:.1f}", f"{row.difference:+.1f}", interval]


def _averaged(one: Comparison) -> list[str]:
    """What each average is over, by name."""
    lines = [
        f"{row.target} over {len(row.languages)} tasks, that both have whole"
        f"{'' if row.marks else ' and without marks'}: {', '.join(row.languages)}"
        for row in one.tasks
        if row.target == AVERAGE
    ]
    return ["\n".join(lines)] if lines else []


def _signs(row: Row) -> str:
    return "".join(SIGNS[kind] for kind in SIGNS if any(mark.endswith(kind) for mark in row.marks))


def _legend(rows: Sequence[Row]) -> list[str]:
    kinds = [kind for kind in SIGNS if any(mark.endswith(kind) for row in rows for mark in row.marks)]
    return ["; ".join(f"{SIGNS[kind]} {MEANINGS[kind]}" for kind in kinds) + " (in A or B)."] if kinds else []


def _side_json(side: Side) -> dict[str, Any]:
    return {"benchmark": side.benchmark, "split": side.split, "about": side.about, "note": side.note}


def _row_json(row: Row) -> dict[str, Any]:
    return {
        "task": row.target, "language": row.language, "metric": row.metric, "a": row.a, "b": row.b,
        "difference": row.difference, "low": row.low, "high": row.high, "df": row.df, "interval_of": row.of or None,
        "over": list(row.languages), "whole": row.whole, "marks": list(row.marks), "other_examples": list(row.unlike),
    }  # fmt: skip
