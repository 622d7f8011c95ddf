"""Slurm's wall times: days-hours:minutes:seconds and its shorter forms."""

from __future__ import annotations

import re

from stilts.errors import InputError

# man sbatch, --time: minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes, d-h:m:s
_FORMS = re.compile(r"(?:(?P<days>\d+)-)?(?P<first>\d+)(?::(?P<second>\d+))?(?::(?P<third>\d+))?")
EXPECTED = 'a time in quotes: "24:00:00" (hours:minutes:seconds), "1-12:00" (days-hours:minutes) or "90" (minutes)'


def seconds_of(text: str) -> int:
    """Seconds of a Slurm time. Raises ValueError for what is none."""
    found = _FORMS.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is no time of Slurm")
    days, (first, second, third) = found["days"], (found[name] for name in ("first", "second", "third"))
    if days is not None:  # days-hours[:minutes[:seconds]]
        parts = (int(days), int(first), int(second or 0), int(third or 0))
    elif third is not None:
        parts = (0, int(first), int(second), int(third))
    else:  # minutes[:seconds]
        parts = (0, 0, int(first), int(second or 0))
    return ((parts[0] * 24 + parts[1]) * 60 + parts[2]) * 60 + parts[3]


def wall_time(value: object, where: str) -> str:
    """A wall time of a profile, as it was written.

    Args:
        value: what YAML made of it: a bare 24:00:00 is a number there (base 60).
        where: the key, for messages.

    Raises:
        InputError: it is no time, is zero, or lost its quotes.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        hours, rest = divmod(value, 3600)
        meant = f"{hours:02d}:{rest // 60:02d}:{rest % 60:02d}"
        raise InputError(
            f"{where} is the number {value}: YAML reads an unquoted {meant} as one", EXPECTED,
            f'quote it: {where.rpartition(".")[2]}: "{meant}" (or "{value}" for minutes)',
        )  # fmt: skip
    try:
        seconds = seconds_of(value) if isinstance(value, str) else 0
    except ValueError:
        seconds = 0
    if not isinstance(value, str) or seconds <= 0:
        raise InputError(f"{where} is {value!r}", EXPECTED, f"change {where}")
    return value.strip()
