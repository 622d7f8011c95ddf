"""The figure of domain mismatch: the cells of the analysis, a panel a measure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stilts.figures.domain import domain_rows, domain_scatter
from stilts.figures.style import paper
from stilts.figures.write import write_figures

TASKS, TARGETS = ("qqp", "hellaswag", "commonsenseqa", "ccg"), ("xnli", "pawsx", "udpos", "tydiqa")


@pytest.fixture
def measured(results) -> Path:
    """results/ with scores and two measures, of which the first goes with the gains."""
    random = np.random.default_rng(1)
    folder = results(["none", *TASKS], list(TARGETS))
    away = random.uniform(size=(4, 4))
    rows, measures = [], []
    for j, target in enumerate(TARGETS):
        rows += [("none", target, "de", "f1", 50.0, "", 1)]
        for i, task in enumerate(TASKS):
            rows.append((task, target, "de", "f1", 50 + i + 2 * j - 3 * away[i, j], 1, 1))
            measures += [(task, target, "js_divergence", away[i, j]), (task, target, "other", random.uniform())]
    columns = ["recipe", "target", "language", "metric", "value", "intermediate_seed", "target_seed"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "scores.csv", index=False)
    names = ["intermediate", "target", "measure", "value"]
    pd.DataFrame(measures, columns=names).to_csv(folder / "domain.csv", index=False)
    return folder


def test_the_cells_are_those_of_the_analysis(measured: Path) -> None:
    rows = domain_rows(measured, "none")
    with paper():
        figure = domain_scatter(rows)
    assert figure is not None
    first, second = figure.axes
    assert first.get_xlabel() == "Jensen-Shannon divergence, standard deviations"
    assert second.get_xlabel() == "other, standard deviations"
    drawn = np.concatenate([np.asarray(part.get_offsets()) for part in first.collections])
    cells = np.array([(cell["divergence"], cell["gain"]) for cell in rows[0].points])
    assert drawn[np.argsort(drawn[:, 0])] == pytest.approx(cells[np.argsort(cells[:, 0])])
    assert first.get_title(loc="right") == "r = −1.00, p = .003"
    line = first.lines[0]
    x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    assert y == pytest.approx(rows[0].fits[0].slope * x)


def test_it_is_written_with_the_others_and_removed_without_measures(measured: Path) -> None:
    names = {path.name for path in write_figures(measured, ["svg"])}
    assert {"gains.svg", "domain.svg"} <= names
    (measured / "domain.csv").unlink()
    assert "domain.svg" not in {path.name for path in write_figures(measured, ["svg"])}
    assert not (measured / "figures" / "domain.svg").exists()
    assert domain_rows(measured, "none") == []


def test_measures_of_other_tasks_give_no_figure(measured: Path) -> None:
    (measured / "domain.csv").write_text("intermediate,target,measure,value\nmnli,xquad,m,1\n")
    assert domain_scatter(domain_rows(measured, "none")) is None
