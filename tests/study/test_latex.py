"""xtreme.tex: what it says is what xtreme.md says, and LaTeX sets it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest

from stilts.study.collect import collect
from stilts.study.latex import escaped, latex_table

SPECIAL = r"a_b & 50% #1 {x} ~ ^ $ \end{tabular} < > | \" – ± † ‡ é ł ħ 中ру"
COMMAND = re.compile(r"\\([A-Za-z]+|.)")
KNOWN = {
    "begin", "end", "centering", "small", "toprule", "midrule", "bottomrule", "caption", "textbackslash", "pm",
    "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar", "textquotedbl", "dagger", "ddagger",
    "resizebox", "textwidth", "setlength", "tabcolsep", "medskip", "\\", "&", "%", "$", "#", "_", "{", "}",
}  # fmt: skip
PAGE = r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{booktabs,graphicx}\begin{document}"


def check(text):
    """Raise AssertionError for LaTeX that would not be set: a small part of it, as our tables need it."""
    code = "\n".join(line.removesuffix("{%").removesuffix("%") for line in text.splitlines() if line[:1] != "%")
    code = code.replace("\\resizebox{\\textwidth}{!}", "").replace("\\end{tabular}}", "\\end{tabular}")
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
    assert not set(bare) & set('%#_~^<>|"†‡')
    return [row for part in code.split("\\begin{tabular}")[1:] for row in rows_of(part)]


def rows_of(tabular):
    columns = re.match(r"\{(\w+)\}", tabular)[1]
    body = tabular.split("\\toprule")[1].split("\\bottomrule")[0].replace("\\midrule", "")
    rows = [row for row in re.split(r"(?<!\\)(?:\\\\)+\n", body.strip() + "\n") if row.strip()]
    assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows} == {len(columns)}
    return rows


@pytest.fixture(scope="module")
def typeset(tmp_path_factory):
    """Set LaTeX's text with pdflatex, as a paper would; returns its log."""
    if not shutil.which("pdflatex"):
        reason = "no pdflatex: install texlive-latex-recommended"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    folder = tmp_path_factory.mktemp("latex")

    def run(text):
        (folder / "table.tex").write_text(text, encoding="utf-8")
        (folder / "paper.tex").write_text(PAGE + "\n\\input{table}\n\\end{document}\n")
        command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "paper.tex"]
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=120)
        log = done.stdout.decode(errors="replace")
        assert done.returncode == 0, log
        assert (folder / "paper.pdf").read_bytes().startswith(b"%PDF")
        return log

    return run


def test_special_characters_are_set_as_they_are():
    text = latex_table([(["recipe", SPECIAL], [[SPECIAL, None], ["[x]", "1.0"]])], SPECIAL, ["same_data"])
    rows = check(text)
    assert rows[2].strip() == "{[x]} & 1.0"
    assert escaped(r"\%") == r"\textbackslash{}\%"
    assert escaped("é ħ 中") == "é [U+0127] [U+4E2D]"


@pytest.mark.parametrize(
    "broken",
    [r"\begin{table}", r"\end{tabular}", "a & b & c \\\\\n\\bottomrule", "{", "}", "50 %x", "$", "†", r"\input{x}"],
)
def test_the_checker_sees_what_is_broken(broken):
    text = latex_table([(["recipe", "a"], [["b", "1.0"]])], "c", [])
    wrong = text.replace(r"\bottomrule", broken if "bottomrule" in broken else rf"{broken}\bottomrule")
    with pytest.raises((AssertionError, IndexError)):
        check(wrong)


def collected(make_plan, scored, write_rows, **changes):
    plan = make_plan(
        seeds=[1, 2],
        intermediate=[{"name": "none"}, {"name": "squad_v1-x+y.z", "tasks": ["squad_v1"]}],
        model={"name": SPECIAL},
        **changes,
    )
    write_rows(plan, scored(plan, lambda cell: 50 + 5 * (cell.target_seed or 0) + 3 * (cell.intermediate_seed or 0)))
    table = collect(plan).table
    return table, (plan.folder / "results" / "xtreme.tex").read_text(encoding="utf-8")


def test_the_table_of_a_study(make_plan, scored, write_rows):
    table, text = collected(make_plan, scored, write_rows)
    shown = [[c.strip() for c in line.strip("|").split(" | ")] for line in table.split("\n\n")[2].splitlines()]
    header, *lines = [shown[0], *shown[2:]]
    rows = [[cell.strip() for cell in row.split(" & ")] for row in check(text)]
    assert any("$\\pm$" in cell for row in rows for cell in row)
    tasks, groups = [0, 1, 2, 3, -2, -1], [0, *range(4, len(header) - 2)]
    expected = [[escaped(line[i]) for i in columns] for columns in (tasks, groups) for line in [header, *lines]]
    assert rows == expected


@pytest.mark.slow
def test_it_is_typeset(make_plan, scored, write_rows, typeset):
    """A study with nasty names, and one of all nine targets, which fits the page."""
    typeset(latex_table([(["recipe", SPECIAL], [[SPECIAL, None], ["[x]", "1.0"]])], SPECIAL, ["same_data"]))
    targets = ["xnli", "pawsx", "udpos", "panx", "xquad", "mlqa", "tydiqa", "bucc2018", "tatoeba"]
    whole = {"target": {"tasks": targets, "languages": ["ar", "de", "ru"]}}
    log = typeset(collected(make_plan, scored, write_rows, **whole)[1])
    assert "Overfull" not in log
    assert "Missing character" not in log


@pytest.mark.slow
def test_every_letter_that_is_kept_has_a_glyph(typeset):
    kept = [chr(code) for code in range(0x20, 0x3000) if escaped(chr(code)) == chr(code)]
    assert len(kept) > 250
    assert "Missing character" not in typeset(" ".join(kept))


@pytest.mark.slow
def test_what_is_broken_is_not_typeset(typeset):
    with pytest.raises(AssertionError, match="Undefined control sequence"):
        typeset(latex_table([(["recipe"], [["a"]])], "a", []).replace("\\toprule", "\\topruler"))
