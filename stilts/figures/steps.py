"""Gains over the number of intermediate steps; how the steps came about stands in every title."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stilts.analysis.controls import SIZE, controls
from stilts.analysis.language_effects import ENGLISH
from stilts.analysis.steps_answer import EDGES, tiers_of
from stilts.figures.results import ALL, Gain, Results
from stilts.figures.style import BASE, COLOURS, COLUMN, SMALLEST, TEXT, new_figure, shown
from stilts.kept_step import kept_step

_COLUMNS = 3  # panels beside each other
_APART = 0.035  # of a decade, between the intervals of two recipes at one step
Series = dict[tuple[str, str], dict[int, str]]
"""Recipe and design -> step -> the recipe's name in the results."""


def series_of(results: Results) -> Series:
    """The recipes that were kept at several steps."""
    found: Series = {}
    for name in results.recipes:
        if one := kept_step(name):
            found.setdefault((one.recipe, one.design), {})[one.step] = name
    return {key: dict(sorted(steps.items())) for key, steps in found.items() if len(steps) > 1}


def step_curves(results: Results) -> Figure | None:
    """Gains over steps, a line a recipe: of the average and of each target, with intervals over seeds (or test sets).

    None without a baseline or without kept steps.
    """
    series = series_of(results)
    panels = [target for target in (ALL, *results.targets) if _any(results, series, target)]
    if len(panels) == 2:  # the average of one target is that target
        panels = panels[1:]
    if not panels:
        return None
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(COLUMN if columns == 1 else TEXT, 0.9 + 0.12 * len(series) + 1.5 * rows)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True)
    for panel, target in zip(axes.flat, panels, strict=False):
        for number, (key, steps) in enumerate(series.items()):
            gains = {step: results.gains.get((name, target, ALL)) for step, name in steps.items()}
            shift = _APART * (number - (len(series) - 1) / 2)
            _line(panel, {step: gain for step, gain in gains.items() if gain}, number, shift, _label(key))
        panel.set_title("average" if target == ALL else target, loc="left", pad=2)
        _log_axis(panel, sorted({step for steps in series.values() for step in steps}))
    for panel in axes.flat[len(panels) :]:
        panel.set_visible(False)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, ncols=1 if columns == 1 else 2, loc="outside lower center")
    designs = " and ".join(dict.fromkeys(design for _, design in series))
    figure.suptitle(f"gain over {shown(results.baseline or '')} by steps\n{designs}", fontsize=8)
    figure.supylabel("points", fontsize=7)
    return figure


def language_curves(results: Results, axis: Path) -> list[tuple[str, Figure]]:
    """A figure a recipe: its gains over steps, a line a language, means over targets, a panel a tier of CC-100 size.

    Args:
        axis: steps.csv, which says what the steps are in epochs.

    Languages of unknown size have a panel of their own. Returns the recipe with its design, and the figure.
    """
    out = []
    for (recipe, design), steps in series_of(results).items():
        curves = _by_language(results, steps)
        tiers = _tiers(list(curves))
        if not tiers:
            continue
        figure = new_figure(COLUMN if len(tiers) == 1 else TEXT, 2.4)
        panels = figure.subplots(1, len(tiers), sharex=True, sharey=True, squeeze=False)[0]
        for panel, (name, languages) in zip(panels, tiers.items(), strict=True):
            _languages(panel, {code: curves[code] for code in languages})
            panel.set_title(name, loc="left", pad=2)
            _log_axis(panel, list(steps), _epochs(axis, steps))
        figure.suptitle(f"{shown(recipe)}: gain over {shown(results.baseline or '')} by steps\n{design}", fontsize=8)
        figure.supylabel("points", fontsize=7)
        out.append((f"{recipe}-{design}", figure))
    return out


def _any(results: Results, series: Series, target: str) -> bool:
    return any((name, target, ALL) in results.gains for steps in series.values() for name in steps.values())


def _label(key: tuple[str, str]) -> str:
    return f"{shown(key[0])}, {key[1]}"


def _line(axes: Axes, gains: Mapping[int, Gain], number: int, shift: float, label: str) -> None:
    colour = COLOURS[number % len(COLOURS)]
    x = [step * 10**shift for step in gains]
    axes.plot(x, [gain.delta for gain in gains.values()], "o-", color=colour, markersize=2.5, linewidth=1, label=label)
    for place, gain in zip(x, gains.values(), strict=True):
        if span := gain.seeds or gain.test_set:
            axes.plot([place] * 2, span, color=colour, linewidth=0.7)


def _log_axis(axes: Axes, steps: Sequence[int], epochs: Mapping[int, str] | None = None) -> None:
    axes.set_xscale("log", base=2)
    texts = [f"{step:,}" + (f"\n{epochs[step]}" if epochs and step in epochs else "") for step in steps]
    axes.set_xticks(steps, texts)
    axes.minorticks_off()
    axes.set_xlabel("steps, epochs" if epochs else "steps")
    axes.axhline(0, color=BASE, linewidth=0.5)
    axes.margins(x=0.12)


def _by_language(results: Results, steps: Mapping[int, str]) -> dict[str, dict[int, float]]:
    """Language -> step -> its gain, the mean over those targets that have it at every step."""
    own = {name: step for step, name in steps.items()}
    cells: dict[tuple[str, str], dict[int, float]] = {}
    for (recipe, target, language), gain in results.gains.items():
        if recipe in own and language != ALL:
            cells.setdefault((language, target), {})[own[recipe]] = gain.delta
    whole: dict[str, list[dict[int, float]]] = {}
    for (language, _), curve in cells.items():
        if len(curve) == len(steps):
            whole.setdefault(language, []).append(curve)
    return {
        language: {step: sum(curve[step] for curve in curves) / len(curves) for step in steps}
        for language, curves in whole.items()
    }


def _tiers(languages: Sequence[str]) -> dict[str, list[str]]:
    size = dict(controls(languages)[SIZE])
    tiers = tiers_of(languages, size, EDGES)
    rest = [code for code in languages if not any(code in own for own in tiers.values())]
    unknown = [code for code in rest if np.isnan(size[code])]
    named = {ENGLISH: [code for code in rest if code not in unknown], "unknown size": unknown}
    return {**tiers, **{name: own for name, own in named.items() if own}}


def _languages(axes: Axes, curves: Mapping[str, Mapping[int, float]]) -> None:
    for number, (code, curve) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(list(curve), list(curve.values()), color=colour, linewidth=0.6, alpha=0.8)
        last = max(curve)
        axes.annotate(code, (last, curve[last]), (2, 0), textcoords="offset points", fontsize=SMALLEST, va="center")
    steps = list(next(iter(curves.values())))
    mean = np.mean([[curve[step] for step in steps] for curve in curves.values()], axis=0)
    axes.plot(steps, mean, "o-", color=BASE, markersize=2.5, linewidth=1.4)


def _epochs(path: Path, steps: Mapping[int, str]) -> dict[int, str]:
    """Step -> its epochs as text, where steps.csv knows them."""
    if not path.is_file():
        return {}
    with open(path, encoding="utf-8", newline="") as file:
        known = {row["name"]: row["epochs"] for row in csv.DictReader(file)}
    return {step: f"{float(known[name]):.2g}" for step, name in steps.items() if known.get(name)}
