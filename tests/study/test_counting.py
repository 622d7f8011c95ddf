"""How far `collect` is: a bar on a terminal, nothing anywhere else."""

from __future__ import annotations

import io

from stilts.study.collect import collect
from stilts.study.progress import Counting


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def counted(out: io.StringIO) -> str:
    with Counting(out) as said:
        for what, of in (("reading predictions", 3), ("best recipes", 2)):
            for done in range(1, of + 1):
                said(what, done, of)
    return out.getvalue()


def test_a_bar_on_a_terminal_only() -> None:
    text = counted(Terminal())
    assert "reading predictions" in text.split("best recipes")[0]
    assert "0/3" in text
    assert "0/2" in text
    assert text.endswith("\r"), "the bar is taken away"
    assert counted(io.StringIO()) == ""


def test_collect_says_how_far_it_is(make_plan, scored, write_rows) -> None:
    plan = make_plan()
    write_rows(plan, scored(plan, lambda cell: 50.0))
    heard = []
    collect(plan, said=lambda *parts: heard.append(parts))
    assert ("best recipes", 3, 3) in heard
    assert heard[0][0] == "resampling test sets"
    assert all(done <= of for _, done, of in heard)
