"""Bars for each language of one target, a panel for each recipe."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stilts.figures.results import ALL, Results
from stilts.figures.style import BASE, COLOURS, COLUMN, TEXT, new_figure, shown

_FITS_COLUMN = 14  # bars beside each other
_PANELS = 14  # recipes on a page
Bars = dict[str, dict[str, tuple[float, float, float]]]
"""Recipe -> language -> value and the ends of its interval; both are the value where there is none."""


def language_bars(results: Results, target: str) -> list[Figure]:
    """Gains by language with 95 % intervals (over seeds, else over test sets), on as many pages as it takes.

    Of a study without a baseline, the scores ± their standard deviation over seeds.
    """
    bars = list((_gains(results, target) or _scores(results, target)).items())
    return [_page(results, target, dict(bars[i : i + _PANELS])) for i in range(0, len(bars), _PANELS)]


def _page(results: Results, target: str, bars: Bars) -> Figure:
    codes = list(dict.fromkeys(code for own in bars.values() for code in own))
    codes.sort(key=lambda code: code != "en")  # English first, the others as the benchmark has them
    figure = new_figure(COLUMN if len(codes) <= _FITS_COLUMN else TEXT, 0.5 + 0.6 * len(bars))
    panels = figure.subplots(len(bars), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for panel, (recipe, own) in zip(panels, bars.items(), strict=True):
        _panel(panel, codes, own)
        panel.set_title(shown(recipe), loc="left", pad=2)
    panels[-1].set_xticks(range(len(codes)), codes)
    panels[-1].set_xlim(-0.6, len(codes) - 0.4)
    figure.supylabel(_label(results, target), fontsize=7)
    return figure


def _gains(results: Results, target: str) -> Bars:
    bars: Bars = {}
    for (recipe, name, language), gain in results.gains.items():
        if name == target and language != ALL:
            low, high = gain.seeds or gain.test_set or (gain.delta, gain.delta)
            bars.setdefault(recipe, {})[language] = gain.delta, low, high
    return bars


def _scores(results: Results, target: str) -> Bars:
    bars: Bars = {}
    for (recipe, name, language), (value, sd) in results.languages.items():
        if name == target:
            bars.setdefault(recipe, {})[language] = value, value - (sd or 0.0), value + (sd or 0.0)
    return bars


def _panel(axes: Axes, codes: Sequence[str], own: dict[str, tuple[float, float, float]]) -> None:
    places = [place for place, code in enumerate(codes) if code in own]
    values = [own[codes[place]] for place in places]
    colours = [COLOURS[0] if value >= 0 else COLOURS[1] for value, _, _ in values]
    axes.bar(places, [value for value, _, _ in values], color=colours, width=0.7)
    axes.vlines(places, [low for _, low, _ in values], [high for _, _, high in values], color=BASE, linewidth=0.7)
    axes.axhline(0, color=BASE, linewidth=0.5)
    axes.tick_params(axis="x", length=0)


def _label(results: Results, target: str) -> str:
    rows = [gain for (_, name, language), gain in results.gains.items() if name == target and language != ALL]
    if not rows:
        return f"{target}, points ± sd"
    kind = ", 95 % seeds" if any(gain.seeds for gain in rows) else ", 95 % test set" if any(
        gain.test_set for gain in rows
    ) else ""  # fmt: skip
    return f"{target}, gain{kind}"
