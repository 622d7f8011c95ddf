"""The heat map of gains: what is in its cells, their order and colours."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from stilts.figures.heat_map import gains, heat_map

HEADER = "recipe,baseline,target,language,metric,delta,stars\n"


def write(folder: Path, *rows: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "deltas.csv").write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return folder


def test_gains_are_means_over_languages_in_the_metric_that_counts(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        "squad,none,xnli,de,accuracy,9,",
        "squad,none,xnli,all,accuracy,-2.5,**",
        "squad,none,mlqa,all,f1,2,",
        "squad,none,mlqa,all,exact_match,4,",
        "mnli,none,mlqa,all,f1,1,",  # one metric of two is no score
        "mnli,none,xquad,all,f1,1,",
        "mnli,none,xquad,all,exact_match,2,",
        "mnli,none,xquad,all,score,7,*",
        "mnli,none,all,all,score,,",
    )
    assert gains(folder / "deltas.csv") == {
        ("squad", "xnli"): (-2.5, "**"), ("squad", "mlqa"): (3.0, ""), ("mnli", "xquad"): (7.0, "*"),
    }  # fmt: skip


def test_cells_have_their_numbers_in_the_benchmarks_order(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        "squad,none,all,all,score,1.5,",
        "squad,none,mlqa,all,score,4,*",
        "squad,none,xnli,all,accuracy,-2,",
        "mnli,none,xnli,all,accuracy,1,",
    )
    figure = heat_map(folder)
    assert figure is not None
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["xnli", "mlqa", "average"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["squad", "mnli"]
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells == {(0, 0): "-2.0", (1, 0): "+4.0*", (2, 0): "+1.5", (0, 1): "+1.0"}
    (picture,) = axes.images
    assert picture.get_clim() == (-4.0, 4.0)
    assert picture.cmap(picture.norm(0.0))[:3] == pytest.approx((0.97, 0.97, 0.97), abs=0.02), "nothing gained is white"
    out = io.BytesIO()
    figure.savefig(out, format="png")
    assert out.getvalue()[:8] == b"\x89PNG\r\n\x1a\n"
    assert "matplotlib.pyplot" not in sys.modules


def test_no_gains_no_figure(tmp_path: Path) -> None:
    assert heat_map(tmp_path) is None
    assert heat_map(write(tmp_path)) is None
