"""xtreme.tex: what it says is what xtreme.md says, and LaTeX can set it."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from stilts.study.collect import collect
from stilts.study.latex import escaped, latex_table

SPECIAL = r"a_b & 50% #1 {x} ~ ^ $ \end{tabular} < > | \" – ± † ‡"
COMMAND = re.compile(r"\\([A-Za-z]+|.)")
KNOWN = {
    "begin", "end", "centering", "toprule", "midrule", "bottomrule", "caption", "usepackage", "textbackslash", "pm",
    "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar", "textquotedbl", "dagger", "ddagger",
    "\\", "&", "%", "$", "#", "_", "{", "}",
}  # fmt: skip


def check(text):
    """Raise AssertionError for LaTeX that would not be set: a small part of it, as our tables need it."""
    code = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert set(COMMAND.findall(code)) <= KNOWN
    stack = []
    for kind, name in re.findall(r"(?<!\\)(?:\\\\)*\\(begin|end)\{(\w+)\}", code):
        if kind == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    assert stack == []
    bare = COMMAND.sub(lambda found: "" if len(found[1]) == 1 else found[0], code)  # without escaped characters
    depth = 0
    for character in bare:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    assert bare.count("$") % 2 == 0
    assert not set(bare) & set('%#_~^<>|"')
    assert bare.isascii()
    columns = re.search(r"\\begin\{tabular\}\{(\w+)\}", code)[1]
    body = code.split("\\toprule")[1].split("\\bottomrule")[0].replace("\\midrule", "")
    rows = [row for row in re.split(r"(?<!\\)(?:\\\\)+\n", body.strip() + "\n") if row.strip()]
    assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows} == {len(columns)}
    return rows


def test_special_characters_are_set_as_they_are():
    text = latex_table(["recipe", SPECIAL], [[SPECIAL, None], ["[x]", "1.0"]], SPECIAL, ["same_data"])
    rows = check(text)
    assert rows[2].strip() == "{[x]} & 1.0"
    assert escaped(r"\%") == r"\textbackslash{}\%"


@pytest.mark.parametrize(
    "broken",
    [r"\begin{table}", r"\end{tabular}", "a & b & c \\\\\n\\bottomrule", "{", "}", "50 %", "$", "†", r"\input{x}"],
)
def test_the_checker_sees_what_is_broken(broken):
    text = latex_table(["recipe", "a"], [["b", "1.0"]], "c", [])
    wrong = text.replace(r"\bottomrule", broken if "bottomrule" in broken else rf"{broken}\bottomrule")
    with pytest.raises((AssertionError, IndexError)):
        check(wrong)


def test_the_table_of_a_study(make_plan, scored, write_rows):
    plan = make_plan(seeds=[1, 2], intermediate=[{"name": "none"}, {"name": "squad_v1-x", "tasks": ["squad_v1"]}])
    write_rows(plan, scored(plan, lambda cell: 50 + 5 * (cell.target_seed or 0) + 3 * (cell.intermediate_seed or 0)))
    shown = collect(plan).table.split("\n\n")[2].splitlines()
    rows = check((plan.folder / "results" / "xtreme.tex").read_text(encoding="utf-8"))
    assert len(rows) == len(shown) - 1
    assert any("$\\pm$" in row for row in rows)
    for row, line in zip(rows, [shown[0], *shown[2:]], strict=True):
        assert [cell.strip() for cell in row.split(" & ")] == [escaped(c.strip()) for c in line.strip("|").split(" | ")]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no pdflatex: the checker above stands in for it")
def test_it_compiles(tmp_path):
    table = latex_table(["recipe", "a"], [[SPECIAL, "1.0"]], SPECIAL, ["same_data"])
    text = "\\documentclass{article}\\usepackage[T1]{fontenc}\\usepackage{booktabs}\\begin{document}"
    (tmp_path / "x.tex").write_text(f"{text}\n{table}\\end{{document}}\n")
    subprocess.run(["pdflatex", "-halt-on-error", "x.tex"], cwd=tmp_path, check=True, timeout=60)
