"""What a study answers to the questions, as figures: gains with intervals, scores under noise, gains by distance."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stilts.analysis.answer_rows import ALL, Row, by_p, kept_above_chance, levels, line_of, main_target
from stilts.figures.style import BASE, COLOURS, COLUMN, SMALLEST, TEXT, new_figure, shown

ANSWERS = "answers.json"
PANELS, ACROSS = 6, 3  # of one figure, and beside each other
_SIGNS = "osD^vPX*"  # with colours, so that lines differ without them, too
_KINDS = {"single": "one task", "several": "several tasks", "other": "others"}


def question_figures(results: Path, recipes: Collection[str]) -> Iterator[tuple[str, Figure]]:
    """Name and figure of what answers.json has numbers for: none without it.

    Args:
        results: the folder that `stilts collect` wrote.
        recipes: those to draw.
    """
    path = results / ANSWERS
    answers = json.loads(path.read_text(encoding="utf-8"))["answers"] if path.is_file() else {}
    drawn = {
        "multitask": gains(answers["multitask"], recipes) if "multitask" in answers else None,
        "noise": under_noise(answers["noise"], recipes) if "noise" in answers else None,
        "noise-kept": kept(answers["noise"], recipes) if "noise" in answers else None,
        "typology": by_distance(answers["typology"], recipes) if "typology" in answers else None,
    }
    yield from ((f"question-{name}", figure) for name, figure in drawn.items() if figure is not None)


def gains(content: Row, recipes: Collection[str]) -> Figure | None:
    """Question 1: what each recipe gains, with its interval over seeds; recipes of one task and of several apart."""
    target, where = main_target(content["deltas"])
    rows = [row for row in content["deltas"]
            if (row["target"], row["language"]) == (target, ALL) and row["recipe"] in recipes]  # fmt: skip
    kinds = {one["recipe"]: one["kind"] for one in content["recipes"]}
    groups = {kind: [row for row in rows if kinds[row["recipe"]] == kind] for kind in _KINDS}
    places = {row["recipe"]: (row["delta"], row["low"], row["high"]) for row in rows}
    series = {
        _KINDS[kind]: {row["recipe"]: places[row["recipe"]] for row in own} for kind, own in groups.items() if own
    }
    label = f"points over {shown(content['baseline'])}, {where}"
    return _forest([row["recipe"] for row in rows], series, label, zero=True)


def kept(content: Row, recipes: Collection[str]) -> Figure | None:
    """Question 3: the share of what is above chance that each recipe keeps, by kind of noise."""
    found = {kind: {row["recipe"]: (row["value"], row["low"], row["high"]) for row in rows if row["recipe"] in recipes}
             for kind, rows in kept_above_chance(content).items()}  # fmt: skip
    names = list(dict.fromkeys(name for own in found.values() for name in own))
    return _forest(names, found, "% kept of the score above chance", zero=False)


def under_noise(content: Row, recipes: Collection[str]) -> Figure | None:
    """Question 3: score against level, a line a recipe, a panel a target and kind."""
    found = {place: {name: line for name, line in lines.items() if name in recipes}
             for place, lines in levels(content["curves"]).items()}  # fmt: skip
    places = [place for place, lines in found.items() if lines][:PANELS]
    if not places:
        return None
    figure, panels = _grid(len(places), 1.6)
    names = list(dict.fromkeys(name for place in places for name in found[place]))
    for panel, place in zip(panels, places, strict=True):
        for name, line in found[place].items():
            number = names.index(name)
            panel.plot(*zip(*line, strict=True), _SIGNS[number % len(_SIGNS)] + "-", label=shown(name), linewidth=0.8,
                       markersize=2.5, color=COLOURS[number % len(COLOURS)])  # fmt: skip
        panel.set_title(" under ".join(place), loc="left")
        panel.set_xlabel("level")
    panels[0].set_ylabel("points")
    handles = {line.get_label(): line for panel in panels for line in panel.lines}
    figure.legend(list(handles.values()), [str(name) for name in handles], loc="outside upper center", frameon=False,
                  ncols=ACROSS)  # fmt: skip
    return figure


def by_distance(content: Row, recipes: Collection[str]) -> Figure | None:
    """Question 4: each language's gain (or gap) against its distance, a panel a recipe and kind, by p."""
    rows = [row for row in by_p(content) if row["recipe"] in recipes][:PANELS]
    if not rows:
        return None
    figure, panels = _grid(len(rows), 1.9)
    for panel, row in zip(panels, rows, strict=True):
        panel.plot(row["distances"], row["effects"], ".", color=COLOURS[0], markersize=2)
        for name, x, y in zip(row["languages"], row["distances"], row["effects"], strict=True):
            panel.annotate(name, (x, y), xytext=(1.5, 1.5), textcoords="offset points", fontsize=SMALLEST)
        if line := line_of(row):
            panel.plot(*zip(*line, strict=True), color=COLOURS[1], linewidth=0.8)
        panel.margins(x=0.12)
        panel.set_xlabel(f"{row['kind']} distance")
        what = "gain" if row["outcome"] == "gain" else "gap"
        rho = f"{row['rho']:+.2f}".replace("-", "−")
        panel.set_title(f"{shown(row['recipe'])}: ρ = {rho}", loc="left")
        panel.set_ylabel(f"{what}, points")
    return figure


def _forest(names: Sequence[str], series: dict[str, dict[str, tuple[float, float | None, float | None]]], label: str,
            zero: bool) -> Figure | None:  # fmt: skip
    """Estimates and intervals by name, those of several series a little apart."""
    if not names:
        return None
    figure = new_figure(COLUMN, 0.75 + 0.2 * len(names))
    axes = figure.add_subplot()
    shared = any(sum(name in own for own in series.values()) > 1 for name in names)
    for number, (what, own) in enumerate(series.items()):
        offset = 0.5 * ((number + 0.5) / len(series) - 0.5) if shared else 0.0
        colour = COLOURS[number % len(COLOURS)]
        rows = [names.index(name) + offset for name in own]
        for row, (_, low, high) in zip(rows, own.values(), strict=True):
            if low is not None and high is not None:
                axes.plot([low, high], [row, row], color=colour, linewidth=1.2)
        values = [value for value, _, _ in own.values()]
        axes.plot(values, rows, _SIGNS[number % len(_SIGNS)], color=colour, markersize=3, label=what)
    if zero:
        axes.axvline(0, color=BASE, linewidth=0.5)
    axes.set_yticks(range(len(names)), [shown(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(label)
    axes.legend(frameon=False, ncols=ACROSS, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0)
    return figure


def _grid(count: int, height: float) -> tuple[Figure, list[Axes]]:
    """So many panels, ACROSS beside each other."""
    across = min(count, ACROSS)
    down = math.ceil(count / across)
    figure = new_figure(COLUMN if across == 1 else TEXT, 0.3 + height * down)
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for panel in panels[count:]:
        panel.set_visible(False)
    return figure, list(panels[:count])
