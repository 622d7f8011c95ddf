"""Tables on a terminal that is narrower than they are."""

from __future__ import annotations

import pytest

from stilts.data.shown import show_table


@pytest.mark.parametrize("columns", [20, 200])
def test_no_line_is_broken_or_cut(capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    show_table(["task", "languages", "examples", "note"], [["xnli" * 5, "de en fr " * 4, "123456", "a long note " * 4]])
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert f"{'xnli' * 5} {'de en fr ' * 4}123456 {'a long note ' * 4}".strip() in lines
