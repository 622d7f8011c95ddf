"""The drawings of answers as SVG text: intervals below each other, scores against a level, languages in a plane.

Colours and fonts come from the page's classes. A drawing is as wide as a phone, so that its text is never too small.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from stilts.report.chart import Scale, class_of, ticks
from stilts.report.numbers import points, signed

WIDTH, HEIGHT = 340, 230
LEFT, RIGHT, TOP, BOTTOM = 38, 12, 10, 36
_ROW, _FOOT, _EDGE = 34, 34, 20
_LETTER, _LINE = 6.5, 11  # about the width of a letter and the height of a line of labels
_SHAPES = 3

XY = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, right, top and bottom."""
Names = tuple[str, str]
"""What is across, and what is up."""


class Bar(NamedTuple):
    """One line of a forest: its name, estimate, interval (None: there is none) and group, which has its own sign."""

    name: str
    value: float
    low: float | None
    high: float | None
    group: int = 0


def forest(label: str, bars: Sequence[Bar], axis: str, written: Callable[[float, int], str] = signed) -> str:
    """Estimates with their intervals, one below the other, and a line at 0.

    Args:
        label: what a screen reader says.
        bars: at least one.
        axis: what the numbers are.
        written: a number with so many digits, as text; default with its sign.
    """
    height = len(bars) * _ROW + TOP + _FOOT
    ends = [0.0, *(end for bar in bars for end in (bar.value, bar.low, bar.high) if end is not None)]
    marks = _marks(min(ends), max(ends))
    across = Scale(marks[0], marks[-1], _EDGE, WIDTH - _EDGE)
    parts = [_grid(across(mark), TOP, height - _FOOT, zero=mark == 0) for mark in marks]
    parts += [_text(across(mark), height - _FOOT + 13, written(mark, _digits(marks)), "middle") for mark in marks]
    parts.append(_text(WIDTH / 2, height - 5, axis, "middle"))
    for number, bar in enumerate(bars):
        y = TOP + number * _ROW + 25
        parts.append(_text(2, y - 11, bar.name, "start", "name"))
        parts.append(_text(WIDTH - 2, y - 11, written(bar.value, 2), "end", "value"))
        if bar.low is not None and bar.high is not None:
            parts.append(f'<path class="whisker" d="M{across(bar.low):.1f} {y}H{across(bar.high):.1f}"/>')
        parts.append(_sign(across(bar.value), y, bar.group))
    return _svg(height, label, parts)


def curves(label: str, lines: Sequence[Sequence[XY]], across: str, up: str) -> str:
    """Lines with a sign at each point, of numbers that need not begin at 0."""
    xs, ys = zip(*(point for line in lines for point in line), strict=True)
    plane = _Plane(_marks(min(0.0, *xs), max(xs)), _marks(min(ys), max(ys)))
    parts = plane.axes(across, up)
    for number, line in enumerate(lines):
        places = " ".join(f"{plane.x(x):.1f},{plane.y(y):.1f}" for x, y in line)
        parts.append(f'<polyline class="line {class_of(number)}" points="{places}"/>')
        parts += [_sign(plane.x(x), plane.y(y), number, class_of(number)) for x, y in line]
    return _svg(HEIGHT, label, parts)


def scatter(label: str, found: Sequence[tuple[str, float, float]], line: tuple[XY, XY] | None, axes: Names) -> str:
    """Names at their places in a plane, and a straight line through it where one was fitted."""
    xs, ys = [x for _, x, _ in found], [y for _, _, y in found]
    plane = _Plane(_marks(min(xs), max(xs)), _marks(min(ys), max(ys)))
    parts = plane.axes(*axes)
    if line:
        (a, b), (c, d) = line
        ends = f'x1="{plane.x(a):.1f}" y1="{plane.y(b):.1f}" x2="{plane.x(c):.1f}" y2="{plane.y(d):.1f}"'
        parts.append(f'<line class="line s1" {ends}/>')
    dots = [(name, plane.x(x), plane.y(y)) for name, x, y in found]
    parts += [f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="2.2"/>' for _, x, y in dots]
    parts += [_text(x, y, name, "middle", "value") for name, x, y in _beside(dots) if name]
    return _svg(HEIGHT, label, parts)


class _Plane:
    """Two axes with round numbers."""

    def __init__(self, across: Sequence[float], up: Sequence[float]) -> None:
        self._across, self._up = across, up
        self.x = Scale(across[0], across[-1], LEFT, WIDTH - RIGHT)
        self.y = Scale(up[0], up[-1], HEIGHT - BOTTOM, TOP + 12)

    def axes(self, across: str, up: str) -> list[str]:
        parts = []
        for mark in self._up:
            y = self.y(mark)
            look = "zero" if mark == 0 else "grid"
            parts.append(f'<line class="{look}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(_text(LEFT - 5, y + 3.5, points(mark, _digits(self._up)), "end"))
        for mark in self._across:
            parts.append(_text(self.x(mark), HEIGHT - BOTTOM + 15, points(mark, _digits(self._across)), "middle"))
        return [*parts, _text(WIDTH / 2, HEIGHT - 4, across, "middle"), _text(2, TOP + 1, up, "start")]


def _marks(low: float, high: float) -> list[float]:
    """Round numbers from below `low` to above `high`; 0 is one of them where it lies between."""
    step = (found := ticks(0.0, (high - low) or 1.0))[1] - found[0]
    first = math.floor(low / step + 1e-9)
    last = max(math.ceil(high / step - 1e-9), first + 1)
    return [round(step * number, 10) + 0.0 for number in range(first, last + 1)]


def _digits(marks: Sequence[float]) -> int:
    """Digits after the point that tell the marks apart."""
    step = marks[1] - marks[0]
    return next(digits for digits in range(12) if abs(round(step, digits) - step) < step / 1000)


def _sign(x: float, y: float, group: int, look: str = "") -> str:
    """A circle, a diamond or a square, so that groups differ without colours."""
    name = f"mark {look or class_of(group)}"
    if group % _SHAPES == 0:
        return f'<circle class="{name}" cx="{x:.1f}" cy="{y:.1f}" r="3.6"/>'
    half = 4.6 if group % _SHAPES == 1 else 3.3
    if group % _SHAPES == 1:
        return f'<path class="{name}" d="M{x:.1f} {y - half:.1f}l{half} {half}l-{half} {half}l-{half} -{half}z"/>'
    return f'<rect class="{name}" x="{x - half:.1f}" y="{y - half:.1f}" width="{2 * half}" height="{2 * half}"/>'


def _beside(dots: Sequence[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    """Where each dot's name stands (its middle): the first place around the dot that no other name or dot has."""
    taken = [(x - 2, x + 2, y - 2, y + 2) for _, x, y in dots]
    out = []
    for name, x, y in dots:
        half = len(name) * _LETTER / 2
        places = [(x + half + 4, y + 4), (x - half - 4, y + 4), (x, y - 5), (x, y + 13)]
        boxes = [(a - half, a + half, b - _LINE + 2, b + 1) for a, b in places]
        free = [number for number, box in enumerate(boxes)
                if box[0] >= LEFT and box[1] <= WIDTH and not any(_overlap(box, other) for other in taken)]  # fmt: skip
        number = free[0] if free else int(boxes[0][1] > WIDTH)
        taken.append(boxes[number])
        out.append((name, *places[number]))
    return out


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]


def _grid(x: float, top: float, bottom: float, zero: bool) -> str:
    return f'<line class="{"zero" if zero else "grid"}" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>'


def _text(x: float, y: float, text: str, anchor: str, look: str = "") -> str:
    named = f' class="{look}"' if look else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(height: float, label: str, parts: Iterable[str]) -> str:
    said = escape(label, {'"': "&quot;"})
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{said}">{"".join(parts)}</svg>'
