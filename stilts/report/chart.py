"""A small line chart as SVG text. Colours and fonts come from the page's classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 340, 170
LEFT, RIGHT, TOP, BOTTOM = 38, 8, 8, 22
SERIES = 8  # colours; further lines are dashed

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Scale:
    """A linear map from numbers to places."""

    low: float
    high: float
    begin: float
    end: float

    def __call__(self, value: float) -> float:
        return self.begin + (value - self.low) / ((self.high - self.low) or 1.0) * (self.end - self.begin)


def class_of(number: int) -> str:
    """The class of the n-th line."""
    return f"s{number % SERIES}" + (" dash" if number >= SERIES else "")


def line_chart(label: str, lines: Sequence[Points], last: float) -> str:
    """Lines over steps, from 0 on both axes.

    Args:
        label: what a screen reader says.
        lines: one a series.
        last: the step at the right end.
    """
    across = Scale(0, last, LEFT, WIDTH - RIGHT)
    marks = ticks(0, max(value for points in lines for _, value in points))
    up = Scale(0, marks[-1], HEIGHT - BOTTOM, TOP)
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label, {chr(34): "&quot;"})}">']
    for mark in marks:
        y = f"{up(mark):.1f}"
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{float(y) + 3.5:.1f}" text-anchor="end">{_short(mark)}</text>')
    for step, anchor in ((0.0, "start"), (last, "end")):
        text = f"step {_short(step)}" if step else "0"
        parts.append(f'<text x="{across(step):.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{text}</text>')
    for number, points in enumerate(lines):
        places = " ".join(f"{across(step):.1f},{up(value):.1f}" for step, value in points)
        parts.append(f'<polyline class="line {class_of(number)}" points="{places}"/>')
    return "".join([*parts, "</svg>"])


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Round numbers from `low` to above `high`, about `count` of them."""
    span = (high - low) or 1.0
    size = 10 ** math.floor(math.log10(span / count))
    step = next(size * times for times in (1, 2, 2.5, 5, 10) if size * times * count >= span)
    number = math.ceil((high - low) / step - 1e-9)
    return [round(low + step * index, 10) for index in range(max(1, number) + 1)]


def _short(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 10_000 and value % 100 == 0 else f"{value:,.6g}"
