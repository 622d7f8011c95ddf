"""The benchmark average of every recipe, with its interval."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stilts.figures.results import ALL, Gain, Results
from stilts.figures.style import BASE, COLOURS, COLUMN, SMALLEST, new_figure, shown

SEEDS, TEST_SET = "seeds", "test set"


def averages(results: Results) -> Figure | None:
    """Gains over the baseline with 95 % intervals; of a study without a baseline averages ± sd. None without either.

    The average itself stands at the right, so that both can be read.
    """
    found = {name: gain for name in results.recipes if (gain := results.gains.get((name, ALL, ALL)))}
    names = list(found) or [name for name in results.recipes if name in results.averages]
    if not names:
        return None
    figure = new_figure(COLUMN, 0.7 + 0.2 * len(names))
    axes = figure.add_subplot()
    if found:
        _gains(axes, found)
        axes.axvline(0, color=BASE, linewidth=0.5)
        axes.set_xlabel(f"average, points over {shown(results.baseline or '')}")
    else:
        for row, name in enumerate(names):
            score = results.averages[name]
            axes.errorbar(score.value, row, xerr=score.sd, fmt="o", color=COLOURS[0], markersize=3, linewidth=1)
        axes.set_xlabel("average, points ± sd over seeds")
    axes.set_yticks(range(len(names)), [shown(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    for row, name in enumerate(names):
        if name in results.averages:
            text = f"{results.averages[name].value:.1f}"
            axes.text(1.02, row, text, transform=axes.get_yaxis_transform(), va="center", fontsize=SMALLEST)
    return figure


def _gains(axes: Axes, found: dict[str, Gain]) -> None:
    """A thin line for the test set's interval, a thick one for that of seeds, the estimate on both."""
    kinds = {TEST_SET: (COLOURS[1], 1.0, 0.12), SEEDS: (COLOURS[0], 2.2, -0.12)}
    for row, gain in enumerate(found.values()):
        spans = {SEEDS: gain.seeds, TEST_SET: gain.test_set}
        for kind, (colour, width, offset) in kinds.items():
            if span := spans[kind]:
                axes.plot(span, [row + offset] * 2, color=colour, linewidth=width, label=kind, solid_capstyle="butt")
        axes.plot(gain.delta, row, "o", color=BASE, markersize=2.5)
    handles = {line.get_label(): line for line in axes.lines if line.get_label() in kinds}
    if handles:
        axes.legend(list(handles.values()), [f"95 % {name}" for name in handles], frameon=False, ncols=2,
                    loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0)  # fmt: skip
