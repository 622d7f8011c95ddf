"""The colours of gains: blue above 0 and orange below, which no common colour blindness confuses, in light and dark.

The ends are ColorBrewer's PuOr-like pair of blue and orange (Brewer 2003), mixed with the page's ground in steps; every
step has the ink, light or dark, that can be read on it (contrast of WCAG 2, at least 4.5).
"""

from __future__ import annotations

import math

STEPS = 5  # on either side of 0
_GROUND = {"light": (255, 255, 255), "dark": (23, 27, 34)}
_GAIN = {"light": (23, 92, 168), "dark": (99, 168, 240)}
_LOSS = {"light": (178, 82, 8), "dark": (240, 150, 72)}
_INKS = ((0, 0, 0), (255, 255, 255))  # one of the two has at least 4.58 on any ground

Colour = tuple[int, int, int]


def step_of(gain: float, largest: float) -> int:
    """The step of a gain: 0 for no gain, ±STEPS for the largest; any other has at least the first."""
    if not largest or not gain:
        return 0
    return int(math.copysign(min(STEPS, math.ceil(abs(gain) / largest * STEPS)), gain))


def class_of(step: int) -> str:
    """The class of a step: g0, g1 ... for gains, l1 ... for losses."""
    return f"l{-step}" if step < 0 else f"g{step}"


def colours(theme: str) -> dict[str, tuple[Colour, Colour]]:
    """Class -> ground and ink in a theme, "light" or "dark"."""
    found = {}
    for step in range(-STEPS, STEPS + 1):
        end = (_LOSS if step < 0 else _GAIN)[theme]
        share = abs(step) / STEPS
        ground = tuple(round(a + (b - a) * share) for a, b in zip(_GROUND[theme], end, strict=True))
        found[class_of(step)] = ground, max(_INKS, key=lambda ink: contrast(ink, ground))  # type: ignore[arg-type]
    return found  # type: ignore[return-value]


def variables(theme: str) -> str:
    """The CSS variables of a theme's steps."""
    return "".join(f"--{name}:{_css(ground)};--{name}i:{_css(ink)};" for name, (ground, ink) in colours(theme).items())


def rules() -> str:
    """The CSS rule of each step."""
    return "".join(f".{name}{{background:var(--{name});color:var(--{name}i)}}" for name in colours("light"))


def contrast(first: Colour, second: Colour) -> float:
    """The contrast of two colours, 1 to 21 (WCAG 2.2, relative luminance)."""
    high, low = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: Colour) -> float:
    red, green, blue = (c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _css(colour: Colour) -> str:
    return "#" + "".join(f"{part:02x}" for part in colour)
