"""The heat map of what each recipe gained on each target."""

from __future__ import annotations

import csv
from pathlib import Path
from statistics import fmean

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from stilts.tasks import BENCHMARKS, TASKS

ALL = "all"  # the target that stands for the mean over targets, and the language for that over languages
SCORE = "score"  # the metric that stands for the mean of those a task counts
_CHARACTER = 0.09  # inches of a recipe's name
PALETTE = "RdBu"  # losses red, gains blue: told apart with every common colour blindness (ColorBrewer 2.0)


def gains(deltas: Path) -> dict[tuple[str, str], tuple[float, str]]:
    """(recipe, target) -> points gained over the baseline, and the stars of that, from a deltas.csv.

    Where a task counts several metrics and the file has no row for their mean, it is taken here.
    """
    found: dict[tuple[str, str], dict[str, tuple[float, str]]] = {}
    with open(deltas, encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if row["language"] == ALL and row["delta"]:
                cell = found.setdefault((row["recipe"], row["target"]), {})
                cell[row["metric"]] = float(row["delta"]), row.get("stars") or ""
    values = {}
    for (recipe, target), cell in found.items():
        counted = TASKS[target].score_metrics if target in TASKS else (SCORE,)
        own = [cell[metric] for metric in ((SCORE,) if SCORE in cell else counted) if metric in cell]
        if SCORE in cell or len(own) == len(counted):
            values[recipe, target] = fmean(value for value, _ in own), own[0][1] if len(own) == 1 else ""
    return values


def heat_map(results: Path) -> Figure | None:
    """Recipes down, targets across, the gain in points in each cell; None where there is none.

    Cells without a value are grey. The colours are centred on 0 and reach as far to both sides.

    Args:
        results: the folder with deltas.csv.
    """
    path = results / "deltas.csv"
    values = gains(path) if path.is_file() else {}
    if not values:
        return None
    recipes = list(dict.fromkeys(recipe for recipe, _ in values))
    targets = _in_order({target for _, target in values})
    top = max(1e-9, *(abs(value) for value, _ in values.values()))
    room = max(2.2, 1.2 + _CHARACTER * max(map(len, recipes)))
    figure = Figure(figsize=(room + 0.85 * len(targets), 1.6 + 0.42 * len(recipes)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_facecolor("0.88")
    grid = [[values.get((recipe, target), (float("nan"), ""))[0] for target in targets] for recipe in recipes]
    picture = axes.imshow(grid, cmap=PALETTE, norm=TwoSlopeNorm(0.0, -top, top), aspect="auto")
    for (recipe, target), (value, stars) in values.items():
        colour = "white" if abs(value) > 0.6 * top else "black"
        at = targets.index(target), recipes.index(recipe)
        axes.text(*at, f"{value:+.1f}{stars}", ha="center", va="center", color=colour, fontsize=9)
    names = ["average" if target == ALL else target for target in targets]
    axes.set_xticks(range(len(targets)), names, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(recipes)), recipes)
    axes.tick_params(length=0)
    axes.set_title("Points gained over the baseline", fontsize=11)
    figure.colorbar(picture, ax=axes, label="points")
    return figure


def _in_order(targets: set[str]) -> list[str]:
    """The benchmarks' order, then others by name, and the mean at the end."""
    known = [task for groups in BENCHMARKS.values() for tasks in groups.values() for task in tasks]
    rest = sorted(targets - {*known, ALL})
    return [target for target in (*dict.fromkeys(known), *rest, ALL) if target in targets]
