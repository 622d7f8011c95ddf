"""How figures for papers look: sizes of a page, colours that everybody tells apart, and always the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from stilts.files import replacing
from stilts.kept_step import kept_step

COLUMN, TEXT = 3.3, 6.3
"""Widths in inches: a column and the text of a two-column page (ACL's style: 3.03 and 6.3)."""
FORMATS = ("png", "svg", "pdf")
SMALLEST, NORMAL = 6.0, 7.0  # points on paper
# Okabe and Ito, Color Universal Design (2008), without yellow, which is faint on white; black stands for the baseline.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
BASE = "#000000"
GAINS, LEVELS = "PuOr", "cividis"  # around 0 (ColorBrewer 2.0), and from low to high: safe for every colour blindness
_LONGEST, _LONGEST_KEPT = 26, 34  # characters of a name, and of one with a kept step and its design
_RC = {
    "font.family": "DejaVu Sans",  # ships with matplotlib, so that bytes do not depend on the machine
    "font.size": NORMAL,
    "axes.labelsize": NORMAL,
    "axes.titlesize": NORMAL,
    "xtick.labelsize": SMALLEST,
    "ytick.labelsize": SMALLEST,
    "legend.fontsize": SMALLEST,
    "axes.linewidth": 0.5,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "savefig.dpi": 300,
    "svg.fonttype": "none",  # text stays text, to be searched and edited
    "svg.hashsalt": "stilts",
    "pdf.fonttype": 42,
}


@contextmanager
def paper() -> Iterator[None]:
    """The settings that figures are made and saved with."""
    # not what a person's matplotlibrc says; the backend is no setting of a picture
    ours: Any = {**{key: value for key, value in matplotlib.rcParamsDefault.items() if "backend" not in key}, **_RC}
    with matplotlib.rc_context(ours):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches, without pyplot and its global state."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure in the format of the path's ending: the same bytes for the same figure."""
    date = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(path.suffix[1:], {})
    with replacing(path) as out:
        figure.savefig(out, format=path.suffix[1:], metadata=date)


def shown(name: str) -> str:
    """A recipe's name as it fits beside an axis; a kept step's design is always whole."""
    found = kept_step(name)
    if found is None:
        return _cut(name, _LONGEST)
    end = name.removeprefix(found.recipe)
    return _cut(found.recipe, _LONGEST_KEPT - len(end)) + end


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
