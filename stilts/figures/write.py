"""`stilts figures`: all figures of a collected study, for papers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from matplotlib.figure import Figure

from stilts.errors import InputError
from stilts.figures.domain import domain_rows, domain_scatter
from stilts.figures.forest import averages
from stilts.figures.grid import gain_grid, gap_grid
from stilts.figures.languages import language_bars
from stilts.figures.questions import question_figures
from stilts.figures.results import Results, read_results
from stilts.figures.style import FORMATS, paper, save
from stilts.kept_step import DESIGNS, kept_step
from stilts.tasks import TASKS

_STEPS = rf"steps(-.+-({'|'.join(DESIGNS)}))?"
_NAMES = rf"gains|gaps|averages|domain|question-[a-z]+(-[a-z]+)?|{_STEPS}|languages-(?P<target>\w+)(-\d+)?"
_NAME = re.compile(rf"({_NAMES})\.({'|'.join(FORMATS)})")
MOST = 40  # recipes that a page holds below each other


def write_figures(results: Path, formats: Sequence[str] = ("png", "svg"), recipes: Sequence[str] = ()) -> list[Path]:
    """Write `figures/` into results/: gains, gaps, averages, domain, steps, languages-<target> and question-<name>.

    What has no numbers has no figure.

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
        for name, figure in chain(_figures(found, results), question_figures(results, found.recipes)):
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


def _figures(found: Results, results: Path) -> Iterator[tuple[str, Figure]]:
    """Name and figure; of several pages, those after the first are numbered."""
    scatter = domain_scatter(domain_rows(results, found.baseline))
    for name, figure in (
        ("gains", gain_grid(found)), ("gaps", gap_grid(found)), ("averages", averages(found)), ("domain", scatter)
    ):  # fmt: skip
        if figure is not None:
            yield name, figure
    for target in found.targets:
        for page, figure in enumerate(language_bars(found, target), 1):
            yield f"languages-{target}" + (f"-{page}" if page > 1 else ""), figure
    if any(map(kept_step, found.recipes)):
        from stilts.figures.steps import language_curves, step_curves  # pandas, which others do without

        if (figure := step_curves(found)) is not None:
            yield "steps", figure
        for name, figure in language_curves(found, results / "steps.csv"):
            yield f"steps-{name}", figure
