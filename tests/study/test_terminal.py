"""The merged table on a terminal: everything that xtreme.md says, and the best of each column."""

from __future__ import annotations

import io
import re
import sys

import pytest
from rich.console import Console

from stilts.study.terminal import show

TEXT = """# XTREME: s

a/model [bold]x[/bold], split dev

| recipe | xnli       | mlqa  | average | difference |
|--------|------------|-------|---------|------------|
| none   | 9.5 ± 3.5  | 54.5  | 52.0    | –          |
| a_b    | 56.5 ± 0.0 | 60.0‡ | –       | +2.0       |
| c      | 56.5       | –     | 51.0    | -1.0       |

‡ the recipe trained on the target's own training data.

## Cross-lingual gap

| recipe | xnli |
|--------|------|
| none   | 1.0  |
| a\\|b   | 2.0  |

| target | best |
|--------|------|
| xnli   | none |
"""


def printed(text, **console):
    out = io.StringIO()
    show(text, Console(file=out, highlight=False, **console))
    return out.getvalue()


def test_the_best_of_each_column_of_the_main_table():
    lines = [line.split() for line in printed(TEXT, width=100).splitlines()]
    rows = {line[0]: line[1:] for line in lines if line and line[0] in ("none", "a_b", "c")}
    assert ["none", "9.5", "±", "3.5", "54.5", "▲", "52.0", "–"] in lines
    assert rows["a_b"] == ["▲", "56.5", "±", "0.0", "▲", "60.0‡", "–", "▲", "+2.0"]
    assert rows["c"] == ["▲", "56.5", "–", "51.0", "-1.0"]


def test_nothing_is_lost_and_no_line_is_broken_in_a_narrow_window():
    out = printed(TEXT, width=30)
    row = next(line for line in out.splitlines() if "56.5 ± 0.0" in line)
    assert "+2.0" in row
    for words in ("XTREME: s", "a|b", "a/model [bold]x[/bold], split dev", "‡ the recipe trained", "Cross-lingual gap"):
        assert words in " ".join(out.split()).replace("- ", "-")
    assert "|---" not in out


def test_colours_are_for_terminals():
    out = printed(TEXT, width=100, force_terminal=True, color_system="standard")
    assert re.search(r"\x1b\[1;32m▲ ", out)
    assert "\x1b[33m‡" in out
    assert "\x1b" not in printed(TEXT, width=100)


@pytest.mark.parametrize("terminal", [True, False])
def test_plain_text_where_it_is_piped(call, tmp_path, monkeypatch, terminal):
    path = tmp_path / "study.yaml"
    path.write_text(f"name: s\noutput_dir: {tmp_path}\ntarget: {{tasks: [xnli], languages: [en]}}\n")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    out = call("collect", path)[1]
    assert ("| recipe |" in out) is not terminal
    assert "recipe" in out
    assert "none" in out
