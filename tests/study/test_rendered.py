"""results/ in other people's hands: xtreme.md as a Markdown library renders it, CSV files as pandas reads them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from stilts.study.collect import collect
from stilts.table import table

NAMES = ["none", "a__b+c", "1.0-x"]


def tables_of(text: str) -> list[list[list[str]]]:
    """The cells of every table in a text, as GitHub's Markdown has them, by table and row."""
    found: list[list[list[str]]] = []
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    for token, inner in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type in ("th_open", "td_open"):
            found[-1][-1].append("".join(child.content for child in inner.children))
            assert {child.type for child in inner.children} <= {"text", "text_special"}
    return found


@pytest.fixture
def results(make_plan, scored, write_rows) -> Path:
    recipes = [{"name": NAMES[0]}, *({"name": name, "tasks": ["squad_v1"]} for name in NAMES[1:])]
    plan = make_plan(seeds=[1, 2], intermediate=recipes, model={"name": "models|a_b_c"})
    rows = scored(plan, lambda cell: 40 + 5 * (cell.target_seed or 0) + len(cell.recipe) + len(cell.language + "x"))
    write_rows(plan, [row for row in rows if (row["recipe"], row["language"]) != ("1.0-x", "de")])
    collect(plan)
    return plan.folder / "results"


def test_the_markdown_renders(results):
    text = (results / "xtreme.md").read_text(encoding="utf-8")
    tables = tables_of(text)
    assert len(tables) == len(re.findall(r"^\|[-|]+\|$", text, re.MULTILINE)) >= 7
    for cells in tables:
        header, *rows = cells
        assert {len(row) for row in rows} == {len(header)}
        assert header[0] != "recipe" or [row[0] for row in rows] in (NAMES, NAMES[1:])
    content = json.loads((results / "xtreme.json").read_text())["recipes"]
    shown = {row[0]: dict(zip(tables[0][0], row, strict=True)) for row in tables[0][1:]}
    for name, recipe in content.items():
        for task, own in recipe["tasks"].items():
            score = "–" if own["score"] is None else f"{own['score']:.1f}"
            assert shown[name][task].rstrip("†‡").split(" ± ")[0] == score
    outside = [
        t.content for t in MarkdownIt("commonmark").enable("table").parse(text) if t.type == "inline" and t.level == 1
    ]
    assert not [line for line in outside if "|" in line and "models|a_b_c" not in line]


def test_a_bar_in_a_cell_stays_in_its_cell():
    cells = [["a|b", "c\nd", r"e\|f", "|"], ["||", "-|-", None, "| |"]]
    found = tables_of(table(cells[0], cells[1:]))
    assert [len(row) for row in found[0]] == [4, 4]
    assert found[0][0][:2] == ["a|b", "c d"]
    assert found[0][1][:3] == ["||", "-|-", "–"]


def test_pandas_reads_what_json_says(results):
    content = json.loads((results / "xtreme.json").read_text())["recipes"]
    whole = pd.read_csv(results / "xtreme.csv").set_index("recipe")
    assert list(whole.index) == NAMES
    for name, recipe in content.items():
        for task, own in recipe["tasks"].items():
            value = whole.loc[name, task]
            assert pd.isna(value) if own["score"] is None else value == pytest.approx(own["score"])
    languages = pd.read_csv(results / "by_language.csv")
    assert languages["value"].isna().sum() == 2  # xnli and tatoeba in de, of one recipe
    for (recipe, target, language), rows in languages.groupby(["recipe", "target", "language"]):
        own = content[recipe]["tasks"][target]["languages"][language]
        for row in rows.itertuples():
            assert pd.isna(row.value) if own[row.metric] is None else row.value == own[row.metric]
    scores = pd.read_csv(results / "scores.csv")
    means = scores.groupby(["recipe", "target", "language", "metric"])["value"].mean()
    known = languages.dropna(subset=["value"]).set_index(["recipe", "target", "language", "metric"])["value"]
    pd.testing.assert_series_equal(means.loc[known.index], known)
    deltas = pd.read_csv(results / "deltas.csv")
    assert set(deltas["recipe"]) <= set(NAMES[1:])
    assert deltas["delta"].notna().all()
