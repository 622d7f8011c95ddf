"""How numbers are written on the page."""

from __future__ import annotations

from collections.abc import Sequence

from stilts.report.results import Interval

NONE = "–"
MINUS = "−"


def points(value: float | None, digits: int = 1) -> str:
    """A score in points, or a dash."""
    return NONE if value is None else f"{value:.{digits}f}".replace("-", MINUS)


def signed(value: float | None, digits: int = 1) -> str:
    """A difference with its sign; 0 has none."""
    if value is None:
        return NONE
    text = f"{value:+.{digits}f}"
    return (text[1:] if float(text) == 0 else text).replace("-", MINUS)


def span(interval: Interval | None, digits: int = 1) -> str:
    """The two ends of an interval, or a dash."""
    return NONE if interval is None else ends(interval.low, interval.high, digits)


def ends(low: float, high: float, digits: int = 1) -> str:
    """Two ends in brackets."""
    return f"[{signed(low, digits)}, {signed(high, digits)}]"


def chance(expected: float) -> str:
    """How many chance alone gives, with a second digit below 0.1."""
    return points(expected, 2 if expected < 0.1 else 1)


def plural(count: int, one: str, many: str = "") -> str:
    """ "1 cell", "2 cells"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(words: Sequence[str], most: int = 6) -> str:
    """Words with commas and an "and"; of many the first, and how many more."""
    shown = [*words[:most], f"{len(words) - most} more"] if len(words) > most else list(words)
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def hours(seconds: float) -> str:
    """A time in hours, in minutes below one."""
    return f"{seconds / 3600:,.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"


def p_value(p: float | None) -> str:
    """A p value, never 0."""
    return NONE if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"
