"""`stilts figures`: all figures of a collected study, for papers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from stilts.errors import InputError
from stilts.figures.forest import averages
from stilts.figures.grid import gain_grid, gap_grid
from stilts.figures.languages import language_bars
from stilts.figures.results import read_results
from stilts.figures.style import FORMATS, paper, save


def write_figures(results: Path, formats: Sequence[str] = ("png", "svg")) -> list[Path]:
    """Write `figures/` into results/: gains, gaps, averages and languages-<target>, as far as there are numbers.

    Args:
        results: the folder that `stilts collect` wrote.
        formats: of png, svg and pdf.

    Raises:
        InputError: an unknown format, nothing collected, or nothing to draw.
    """
    if unknown := [name for name in formats if name not in FORMATS]:
        raise InputError(f"format {unknown[0]!r}", f"formats of {', '.join(FORMATS)}", "change --format")
    found = read_results(results)
    draw: dict[str, Callable[[], Figure | None]] = {
        "gains": lambda: gain_grid(found),
        "gaps": lambda: gap_grid(found),
        "averages": lambda: averages(found),
        **{f"languages-{name}": lambda name=name: language_bars(found, name) for name in found.targets},  # type: ignore[misc]
    }
    written = []
    with paper():
        for name, make in draw.items():
            figure = make()
            for ending in formats if figure is not None else ():
                path = results / "figures" / f"{name}.{ending}"
                save(figure, path)  # type: ignore[arg-type]
                written.append(path)
    if not written:
        raise InputError(f"no complete score in {results}", "a study with scores", "run it, then `stilts collect`")
    return written
