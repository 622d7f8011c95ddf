"""Writes `results/report.html`: one file without network, the same bytes for the same results."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from stilts.files import write_text
from stilts.report import chart, findings, palette, tables
from stilts.report.cost import Took, took
from stilts.report.curves import MOST_POINTS, Curve, read_curves
from stilts.report.numbers import hours, points, signed
from stilts.report.provenance import provenance
from stilts.report.questions import read_questions
from stilts.report.results import Results, read_results, results_folder
from stilts.report.summary import headline, sentences
from stilts.study.collect import COLLECT_LOCK
from stilts.study.marks import MEANINGS, SIGNS
from stilts.study.plan import Plan

REPORT = "report.html"
_HERE = Path(__file__).parent


def write_report(plan: Plan, out: Path | None = None) -> Path:
    """Write the report of what `collect` wrote; one that is at it is waited for.

    Args:
        plan: the study.
        out: the file; None for `results/report.html`.

    Raises:
        InputError: there are no results, or they are not of this study.
    """
    from filelock import FileLock

    path = results_folder(plan) / REPORT  # a study that was not collected gets no lock
    with FileLock(plan.folder / COLLECT_LOCK, mode=0o664):
        write_text(out or path, render(read_results(plan)))
    return out or path


def render(results: Results) -> str:
    """The page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = _style()
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    page = environment.get_template("page.html.jinja").render(
        **_content(results),
        style=style,
        script=script,
        policy=_policy(style, script),
        data=script_json(provenance(results)),
    )
    return page if page.endswith("\n") else page + "\n"


def script_json(content: Any) -> str:
    """JSON that may stand in a script element: nothing in it can end the element or open a comment."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _content(results: Results) -> dict[str, Any]:
    plan = results.plan
    curves, left_out = read_curves(plan)
    heat, largest = tables.heat(results)
    marked = [kind for own in results.recipes.values() for task in own["marks"].values() for kind in task if task[kind]]
    return {
        "name": plan.study.name,
        "model": plan.study.model.name,
        "benchmark": results.content["benchmark"].upper().replace("_", "-"),
        "absent": results.content["tasks_absent"],
        "baseline": plan.baseline,
        "targets": plan.targets,
        "recipes": list(results.recipes),
        "runs": len(plan.runs),
        "cells": sum(1 for _ in results.cells()),
        "headline": headline(results),
        "sentences": sentences(results),
        "statistics": results.statistics is not None,
        "scores": tables.scores(results),
        "heat": heat,
        "steps": [(palette.class_of(s), s) for s in range(-palette.STEPS, palette.STEPS + 1)],
        "largest": (signed(-largest), signed(largest)),
        "marks": [f"{SIGNS[kind]} {MEANINGS[kind]}" for kind in SIGNS if kind in marked],
        "best": findings.best(results),
        "own_choice": results.own_choice,
        "false_winners": points(results.false_winners, 2),
        "methods": sorted((results.statistics or {}).get("methods", {}).items()),
        "claims": findings.claims(results),
        "languages": tables.languages(results),
        "averages": tables.averages(results),
        "gaps": tables.gaps(results),
        "negative": findings.negative(results),
        "degenerate": findings.degenerate(results),
        "examined": findings.examined(results),
        "deviations": findings.deviations(results),
        "missing": findings.missing(results),
        "noisy_missing": findings.noisy_missing(results),
        "noisy": bool(plan.noisy_places),
        "problems": findings.problems(results),
        "curves": [(curve, _drawn(curve)) for curve in curves],
        "curve_points": MOST_POINTS,
        "left_out": left_out,
        "line_class": chart.class_of,
        "questions": read_questions(results.folder),
        **_cost(took(plan)),
    }


def _drawn(curve: Curve) -> str:
    what = "; ".join(
        f"{task} from {points(line[0][1], 2)} to {points(line[-1][1], 2)}" for task, line in curve.tasks.items()
    )
    label = f"Training loss of {curve.run} over {curve.steps:,} steps: {what}"
    return chart.line_chart(label, list(curve.tasks.values()), curve.steps)


def _cost(work: Took) -> dict[str, Any]:
    cell = tables.Cell
    phases = [
        [cell(kind), cell(f"{own.runs:,}"), cell(f"{own.done:,}"), cell(f"{own.steps:,}"),
         cell(f"{own.speed:,.0f}" if own.speed else "–"), cell(hours(own.seconds) if own.seconds else "–"),
         cell(f"{own.unrecorded:,}")]
        for kind, own in work.phases.items()
    ]  # fmt: skip
    columns = ["phase", "runs", "done", "steps", "tokens/s, median", work.unit, "runs without a time"]
    kinds = list(work.phases)
    recipes = [
        [cell(name), *(cell(hours(own[kind]) if own.get(kind) else "–") for kind in kinds),
         cell(hours(sum(own.values())) if any(own.values()) else "–", "", "strong")]
        for name, own in work.recipes.items()
    ]  # fmt: skip
    return {
        "phases": tables.Table("phases", "Runs, speed and time by phase", columns, phases),
        "costs": tables.Table("costs", f"{work.unit} by recipe", ["recipe", *kinds, "all"], recipes),
        "seconds": hours(work.seconds) if work.seconds else "",
        "unit": work.unit,
        "states": sorted(work.states.items()),
    }


def _style() -> str:
    """The style sheet with the colours of gains, which are computed."""
    text = (_HERE / "page.css").read_text(encoding="utf-8")
    for theme in ("light", "dark"):
        text = text.replace(f"/* steps: {theme} */", palette.variables(theme))
    return text + palette.rules()


def _policy(style: str, script: str) -> str:
    """The page's own rule for browsers: nothing is loaded, and nothing runs but the script in it."""
    own = f"style-src {_hash(style)}; script-src {_hash(script)}"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
