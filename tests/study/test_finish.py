"""The end of `collect`: what cannot be made of the results does not hide them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stilts.errors import MissingCells
from stilts.report import finish as module
from stilts.report.finish import finish
from stilts.report.write import REPORT
from stilts.study.collect import Collected
from stilts.study.plan import Plan


def collected(plan: Plan, **changes: Any) -> Collected:
    (plan.folder / "results").mkdir(parents=True, exist_ok=True)
    content = {"table": "THE TABLE", "missing": [], "problems": [], "cells": 8, **changes}
    return Collected(plan.folder / "results", **content)


def broken(*_: Any) -> None:
    raise FileExistsError("tensorboard")


def test_the_table_is_printed_whatever_fails_after_it(
    make_plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "write_board", broken)
    monkeypatch.setattr(module, "write_report", broken)
    gone = {"recipe": "none", "target": "xnli", "language": "de", "reason": "not run yet"}
    plan = make_plan()
    with pytest.raises(MissingCells):
        finish(plan, collected(plan, missing=[gone]))
    out = capsys.readouterr().out
    assert out.index("THE TABLE") < out.index("missing: none xnli de: not run yet") < out.index("is not written")
    assert out.count("is not written: FileExistsError: tensorboard") == 2
    assert "7 of 8 cells" in out


def test_a_large_study_asks_for_its_report(
    make_plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "write_board", lambda plan: None)
    monkeypatch.setattr(module, "write_report", lambda plan: pytest.fail("it takes minutes"))
    plan = make_plan()
    large = collected(plan, cells=module.MOST_CELLS + 1)
    (large.folder / REPORT).write_text("of an earlier call")
    finish(plan, large)
    assert "`stilts report` writes the report" in capsys.readouterr().out
    assert not (large.folder / REPORT).exists()
