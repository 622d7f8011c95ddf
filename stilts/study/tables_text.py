"""The merged table as text: xtreme.md, which a terminal shows, too, and xtreme.tex."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stilts.study.latex import latex_table, marks_of
from stilts.study.marks import CHOSEN_ON, MEANINGS, SIGNS
from stilts.study.plan import Plan
from stilts.study.spread import gap_parts, retrieval_parts
from stilts.study.tables import WITHOUT, minus, xtreme_rows
from stilts.study.text_notes import transductive_lines
from stilts.table import table

_WHAT = "split {}, points (0-100), zero-shot from English, mean over languages and seeds"
TITLES = {"xtreme": "XTREME", "xtreme_r": "XTREME-R"}


def xtreme_markdown(content: dict[str, Any], plan: Plan, more: Sequence[str] = ()) -> str:
    """The text of `xtreme.md`: the table, the differences to the baseline by task, and the paragraphs of `more`."""
    header, rows = xtreme_rows(content, plan)
    study = plan.study
    title = TITLES[study.target.benchmark]
    parts = [
        f"# {title}: {study.name}",
        f"{study.model.name}, {_WHAT.format(study.evaluation.split)}{_spread(content)}; a dash where a score is "
        "missing or nothing was planned.",
        table(header, [_shown(row, header, content["recipes"][row[0]]) for row in rows]),
        *_marked_parts(content),
        *retrieval_parts(content),
        *gap_parts(content),
    ]
    if plan.baseline and len(rows) > 1:
        base = next(row for row in rows if row[0] == plan.baseline)
        others = [row for row in rows if row[0] != plan.baseline]
        lines = [
            [row[0], *(_signed(minus(v, b)) for v, b in zip(row[1:-1], base[1:-1], strict=True))] for row in others
        ]
        parts += [f"## Difference to {plan.baseline}", table(header[:-1], lines)]
    parts += more
    if content["tasks_absent"]:
        parts.append(f"Not in this study: {', '.join(content['tasks_absent'])}; averages are over the planned tasks.")
    parts += transductive_lines(plan)
    if bare := len(content["unlabelled"]):
        parts.append(f"{bare} cells have predictions and no score, as their test sets have no labels: see submission/.")
    if failed := len(content["missing"]) - bare:
        parts.append(f"{failed} cells are missing: see `missing` in xtreme.json.")
    return "\n\n".join(parts) + "\n"


def xtreme_latex(content: dict[str, Any], plan: Plan) -> str:
    """The text of `xtreme.tex`: the main table of xtreme.md in two parts, as a page is narrow: tasks, and groups."""
    header, rows = xtreme_rows(content, plan)
    shown = [_shown(row, header, content["recipes"][row[0]]) for row in rows]
    tasks = range(1, 1 + len(plan.targets))
    groups = range(tasks.stop, len(header) - 2)
    parts = [
        ([header[i] for i in columns], [[row[i] for i in columns] for row in shown])
        for columns in ([0, *tasks, len(header) - 2, len(header) - 1], [0, *groups])
    ]
    caption = (
        f"{TITLES[plan.study.target.benchmark]}, {plan.study.model.name}, {_WHAT.format(plan.study.evaluation.split)}"
    )
    return latex_table(parts, caption + _spread(content), marks_of(content))


def _spread(content: dict[str, Any]) -> str:
    """What stands after ± in a table, if anything does."""
    several = any(recipe["sds"]["units"] > 1 for recipe in content["recipes"].values())
    return " ± standard deviation over the seeds of the outermost phase that has several" if several else ""


def _shown(row: Sequence[Any], header: Sequence[str], recipe: Mapping[str, Any]) -> list[str | None]:
    """A row of the main table; a score with its standard deviation over seeds and the signs of its marks."""
    sds = {**recipe["sds"]["tasks"], "average": recipe["sds"]["average"]}
    cells = [with_sd(value, sds.get(name)) for name, value in zip(header[1:-1], row[1:-1], strict=True)]
    signs = ["".join(SIGNS[mark] for mark in SIGNS if recipe["marks"].get(name, {}).get(mark)) for name in header[1:-1]]
    marked = [cell and cell + sign for cell, sign in zip(cells, signs, strict=True)]
    return [row[0], *marked, _signed(row[-1])]


def with_sd(value: float | None, sd: float | None) -> str | None:
    """Points with one decimal, and the standard deviation where there is one."""
    return _points(value) if value is None or sd is None else f"{value:.1f} ± {sd:.1f}"


def _marked_parts(content: dict[str, Any]) -> list[str]:
    """What the signs mean and the averages without marked cells; nothing where no cell is marked."""
    kinds = marks_of(content)
    if not kinds:
        return []
    legend = "; ".join(f"{SIGNS[kind]} {MEANINGS[kind]}" for kind in kinds)
    left_out = "; ".join(f"{kind}: {_left_out(content, kind)}" for kind in kinds)
    names = [name for name in WITHOUT if set(WITHOUT[name]) <= set(kinds)]
    rows = [
        [recipe, _points(own["average"]), *(_points(own["averages"][name]) for name in names)]
        for recipe, own in content["recipes"].items()
    ]
    header = ["recipe", "average", *(name.replace("_", " ") for name in names)]
    return [
        f"{legend}.",
        "## Averages without marked cells",
        f"For every recipe without the cells that are marked for any of them ({left_out}).",
        table(header, rows),
    ]


def _left_out(content: dict[str, Any], kind: str) -> str:
    """The targets, with languages where only these are marked, that an average leaves out."""
    tasks: dict[str, dict[str, None]] = {}
    for recipe in content["recipes"].values():
        for task, marks in recipe["marks"].items():
            if marks[kind]:
                tasks.setdefault(task, {}).update(dict.fromkeys(marks[kind] if kind == CHOSEN_ON else ()))
    return ", ".join(" ".join((task, *languages)) for task, languages in tasks.items())


def _points(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f}"


def _signed(value: float | None) -> str | None:
    return None if value is None else f"{value:+.1f}"
