"""Domain mismatch against gain, a panel a measure: what tasks' and targets' own means leave of both."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stilts.analysis.wording import measure_words, p_text
from stilts.errors import InputError
from stilts.figures.style import BASE, COLOURS, COLUMN, SMALLEST, TEXT, new_figure

if TYPE_CHECKING:
    from stilts.analysis.domain import Row

MEASURES, SCORES = "domain.csv", "scores.csv"
_WIDE = 2  # panels beside each other
_FORMATS = ((True, "o", COLOURS[0], "same format"), (False, "x", COLOURS[1], "other format"))


def domain_rows(results: Path, baseline: str | None) -> list[Row]:
    """What `stilts analyse domain` finds in results/; none without measures, or recipes named as their tasks."""
    if not (results / MEASURES).is_file() or not (results / SCORES).is_file() or baseline is None:
        return []
    # pandas takes a second to load, which the other figures need not wait for
    from stilts.analysis.domain_answer import DomainSettings, ask
    from stilts.analysis.score_table import read_scores

    settings = DomainSettings(measures=str(results / MEASURES), baseline=baseline)
    try:
        return ask(read_scores(results / SCORES), settings).rows
    except InputError:
        return []


def domain_scatter(rows: Sequence[Row]) -> Figure | None:
    """The cells of each measure with the line of its slope; None where no measure has enough cells."""
    shown = [row for row in rows if row.fits]
    if not shown:
        return None
    wide = min(_WIDE, len(shown))
    high = -(-len(shown) // wide)
    figure = new_figure(COLUMN if wide == 1 else TEXT, 2.4 * high)
    panels = figure.subplots(high, wide, squeeze=False).ravel()
    for axes, row in zip(panels, shown, strict=False):
        _panel(axes, row)
    for axes in panels[len(shown) :]:
        axes.set_axis_off()
    for axes in panels[::wide]:
        axes.set_ylabel("gain less the means of\ntask and target, points")
    figure.axes[0].legend(frameon=False, loc="best")
    return figure


def _panel(axes: Axes, row: Row) -> None:
    from stilts.analysis.domain import MARGINAL

    fit = row.fit(MARGINAL)
    assert fit is not None
    for alike, marker, colour, label in _FORMATS:
        cells = [cell for cell in row.points if bool(cell["same_format"]) == alike]
        x, y = ([float(str(cell[name])) for cell in cells] for name in ("divergence", "gain"))
        axes.scatter(x, y, s=10, marker=marker, color=colour, linewidths=0.8, label=label)
    ends = np.array([min(axes.get_xlim()), max(axes.get_xlim())])
    axes.plot(ends, fit.slope * ends, color=BASE, linewidth=0.8)
    axes.axhline(0, color=BASE, linewidth=0.3)
    axes.set_xlim(*ends)
    axes.set_xlabel(f"{measure_words(row.measure, short=True)}, standard deviations")
    numbers = f"r = {fit.r:+.2f}, p = {p_text(fit.p_holm)}".replace("= <", "<").replace("-", "−")
    axes.set_title(numbers, fontsize=SMALLEST, loc="right")
