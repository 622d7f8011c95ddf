"""`stilts figures`: all figures of a collected study, for papers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from matplotlib.figure import Figure

from stilts.errors import InputError
from stilts.figures.forest import averages
from stilts.figures.grid import gain_grid, gap_grid
from stilts.figures.languages import language_bars
from stilts.figures.questions import question_figures
from stilts.figures.results import Results, read_results
from stilts.figures.style import FORMATS, paper, save
from stilts.tasks import TASKS

_NAME = re.compile(
    rf"(gains|gaps|averages|question-[a-z]+(-[a-z]+)?|languages-(?P<target>\w+)(-\d+)?)\.({'|'.join(FORMATS)})"
)
MOST = 40  # recipes that a page holds below each other


def write_figures(results: Path, formats: Sequence[str] = ("png", "svg"), recipes: Sequence[str] = ()) -> list[Path]:
    """Write gains, gaps, averages, languages-<target> and question-<name> to results/figures/, as far as is known.

    Figures of an earlier call that this one does not write are removed, as they may be of other results.

    Args:
        results: the folder that `stilts collect` wrote.
        formats: of png, svg and pdf.
        recipes: those to draw, default all.

    Raises:
        InputError: an unknown format or recipe, more recipes than a page holds, nothing collected, or nothing to draw.
    """
    if wrong := [name for name in formats if name not in FORMATS]:
        raise InputError(f"format {wrong[0]!r}", f"formats of {', '.join(FORMATS)}", "change --format")
    found = read_results(results, recipes)
    if len(found.recipes) > MOST:
        raise InputError(f"{len(found.recipes)} recipes", f"{MOST}, which a page holds", "choose them with --recipe")
    written = []
    with paper():
        for name, figure in chain(_figures(found), question_figures(results, found.recipes)):
            for ending in formats:
                path = results / "figures" / f"{name}.{ending}"
                save(figure, path)
                written.append(path)
    if not written:
        raise InputError(f"no complete score in {results}", "a study with scores", "run it, then `stilts collect`")
    for path in (results / "figures").iterdir():
        if path not in written and _is_ours(path.name):
            path.unlink()
    return written


def _is_ours(name: str) -> bool:
    """Whether a file has the name of a figure that is written here."""
    found = _NAME.fullmatch(name)
    return found is not None and (found["target"] is None or found["target"] in TASKS)


def _figures(found: Results) -> Iterator[tuple[str, Figure]]:
    """Name and figure; of several pages, those after the first are numbered."""
    for name, figure in (("gains", gain_grid(found)), ("gaps", gap_grid(found)), ("averages", averages(found))):
        if figure is not None:
            yield name, figure
    for target in found.targets:
        for page, figure in enumerate(language_bars(found, target), 1):
            yield f"languages-{target}" + (f"-{page}" if page > 1 else ""), figure
