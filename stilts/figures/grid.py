"""Recipes down, targets across, a number in each cell: gains over the baseline, and cross-lingual gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from stilts.figures.results import ALL, Results
from stilts.figures.style import COLUMN, GAINS, LEVELS, SMALLEST, TEXT, new_figure, shown
from stilts.study.marks import SIGNS

_FITS_COLUMN = 5  # cells beside each other
Cells = Mapping[tuple[str, str], tuple[float, str]]
"""Recipe, target -> number and its text."""


def gain_grid(results: Results) -> Figure | None:
    """The gain of each recipe on each target, with stars and marks; None where there is none."""
    cells = {
        (recipe, target): (gain.delta, _signed(gain.delta) + gain.stars + "".join(SIGNS[mark] for mark in gain.marks))
        for (recipe, target, language), gain in results.gains.items()
        if language == ALL
    }
    top = max((abs(value) for value, _ in cells.values()), default=0.0) or 1.0
    targets = [*results.targets, ALL]
    return _grid(results, cells, targets, GAINS, Normalize(-top, top), f"points over {shown(results.baseline or '')}")


def gap_grid(results: Results) -> Figure | None:
    """The cross-lingual gap of each recipe on each target: English minus the mean of the other languages."""
    cells = {place: (gap, _minus(f"{gap:.1f}")) for place, gap in results.gaps.items()}
    values = [value for value, _ in cells.values()] or [0.0]
    low, high = min(values), max(values)
    norm = Normalize(low, high if high > low else low + 1)
    return _grid(results, cells, results.targets, LEVELS, norm, "English minus other languages, points")


def _grid(
    results: Results, cells: Cells, targets: Sequence[str], palette: str, norm: Normalize, label: str
) -> Figure | None:
    recipes = [name for name in results.recipes if any(place[0] == name for place in cells)]
    across = [name for name in targets if any(place[1] == name for place in cells)]
    if not recipes:
        return None
    figure = new_figure(COLUMN if len(across) <= _FITS_COLUMN else TEXT, 0.75 + 0.2 * len(recipes))
    axes = figure.add_subplot()
    axes.set_facecolor("0.9")
    grid = [[cells.get((recipe, target), (float("nan"), ""))[0] for target in across] for recipe in recipes]
    picture = axes.imshow(grid, cmap=palette, norm=norm, aspect="auto")
    _numbers(axes, cells, recipes, across, palette, norm)
    names = ["average" if target == ALL else target for target in across]
    axes.set_xticks(range(len(across)), names, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(recipes)), [shown(name) for name in recipes])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(picture, ax=axes, fraction=0.05, pad=0.02)
    bar.set_label(label if len(recipes) > 4 else "points")
    bar.outline.set_linewidth(0.5)
    return figure


def _numbers(
    axes: Axes, cells: Cells, recipes: Sequence[str], across: Sequence[str], palette: str, norm: Normalize
) -> None:
    for (recipe, target), (value, text) in cells.items():
        if recipe in recipes and target in across:
            at = across.index(target), recipes.index(recipe)
            colour = readable_on(colormaps[palette](norm(value)))
            axes.text(*at, text, ha="center", va="center", fontsize=SMALLEST, color=colour)


def readable_on(colour: tuple[float, float, float, float]) -> str:
    """Black or white, whichever has the greater contrast to a colour (WCAG 2.2, relative luminance)."""
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour[:3])
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "black" if luminance > 0.179 else "white"


def _signed(value: float) -> str:
    return _minus(f"{round(value, 1) + 0.0:+.1f}")  # no negative zero


def _minus(text: str) -> str:
    return text.replace("-", "−")
