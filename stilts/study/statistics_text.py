"""The statistics of a study as parts of xtreme.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stilts.analysis.families import ALL, LEAST_SEEDS
from stilts.study.statistics import COLUMNS, Statistics
from stilts.table import table

SHOWN = 12  # degenerate runs and deviations in the text; all of them are in statistics.json
_OVER = {"": "seeds", "_test_set": "test sets", "_combined": "seeds and test sets"}


def statistics_parts(found: Statistics) -> list[str]:
    """Markdown: differences with intervals, negative transfer, best recipes, claims, and what is out of order."""
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in found.deltas]
    content = found.content
    return [
        *_differences([row for row in rows if row["language"] == ALL and row["family"]]),
        *_negative(content["negative_transfer"]),
        *_best(content["best"], content["methods"]),
        *_claims(content["claims"]),
        *_listed("## Degenerate runs", [_degenerate(row) for row in content["degenerate"]]),
        *_listed("## Deviations from the preset", [_deviation(row) for row in content["deviations"]]),
    ]


def with_interval(row: Mapping[str, Any], kind: str = "") -> str:
    """`+1.2 [-0.3, 2.7]` with stars; without the interval where there is none."""
    low, high = row[f"low{kind}"], row[f"high{kind}"]
    ends = "" if low is None else f" [{low:+.1f}, {high:+.1f}]"
    return f"{row['delta']:+.1f}{ends}{row.get('stars') or ''}"


def _differences(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    if not rows:
        return []
    kind = next((kind for kind in _OVER if any(row[f"low{kind}"] is not None for row in rows)), None)
    if kind is None:
        return []
    targets = list(dict.fromkeys(row["target"] for row in rows))
    targets.sort(key=lambda name: name != ALL)
    recipes = list(dict.fromkeys(row["recipe"] for row in rows))
    found = {(row["recipe"], row["target"]): with_interval(row, kind) for row in rows}
    lines = [[recipe, *(found.get((recipe, target)) for target in targets)] for recipe in recipes]
    seeds = max(row["seeds"] for row in rows)
    stars = (
        "* p < .05, ** < .01, *** < .001 after Holm's correction within a family (averages; targets)"
        if seeds >= LEAST_SEEDS
        else f"no stars below {LEAST_SEEDS} seeds an arm"
    )
    text = f"95 % intervals over {_OVER[kind]}; {stars}. By language, over the other sources and with df: deltas.csv."
    header = ["recipe", *("average" if target == ALL else target for target in targets)]
    return [f"## Differences to {rows[0]['baseline']} with intervals", text, table(header, lines)]


def _negative(content: Mapping[str, Mapping[str, Any]]) -> list[str]:
    over = {kind.removeprefix("_") or "seeds": text for kind, text in _OVER.items()}
    lines = [
        f"{own['negative']} of {own['cells']} cells of recipe and {what} lost and {own['positive']} gained, by "
        f"intervals over {over[own['interval']]} wholly below or above 0; chance alone gives about "
        f"{own['expected']:.{1 if own['expected'] >= 0.1 else 2}f} of either."
        for what, own in (("target", content["target"]), ("language", content["language"]))
        if own["cells"]
    ]
    return ["## Negative transfer", *lines] if lines else []


def _best(best: Mapping[str, Mapping[str, Any]], methods: Mapping[str, str]) -> list[str]:
    if not best:
        return []
    rows = [
        [target, own["winner"], " / ".join(dict.fromkeys(own["chosen"])), f"{own['score']:.1f}", _gain(own),
         own["method"], own["note"]]
        for target, own in best.items()
    ]  # fmt: skip
    header = ["target", "best", "chosen", "its score", "over the runner-up", "how", "note"]
    apart = all(own["apart"] for own in best.values())
    but = "" if apart else ", unless the note says so"
    text = f"Scores are of sets, items or seeds that did not choose{but}. " + " ".join(
        f"{name}: {what}." for name, what in methods.items()
    )
    return ["## Best recipe for each target", text, table(header, rows)]


def _gain(own: Mapping[str, Any]) -> str | None:
    if own["gain"] is None:
        return None
    return with_interval({"delta": own["gain"], "low": own["low"], "high": own["high"]})


def _claims(claims: Sequence[Mapping[str, Any]]) -> list[str]:
    looked_at = [one for one in claims if one["verdict"] != "not in this study"]
    if not looked_at:
        return []
    rows = [
        [one["text"], _points(one["published"]), None if one["delta"] is None else with_interval(one),
         _points(one["detectable"]), one["verdict"], one["note"]]
        for one in looked_at
    ]  # fmt: skip
    left = len(claims) - len(looked_at)
    text = f"Of {claims[0]['source']}; detectable is the difference that this study finds four times of five."
    others = f" {left} more claims are not in this study." if left else ""
    header = ["claim", "published", "here", "detectable", "verdict", "note"]
    return ["## The paper's claims", text + others, table(header, rows)]


def _points(value: float | None) -> str | None:
    return None if value is None else f"{value:+.1f}"


def _degenerate(row: Mapping[str, Any]) -> str:
    where = f" in {row['target']} {row['language']}" if row["target"] else ""
    return f"{row['run']}{where}: {row['what']}"


def _deviation(row: Mapping[str, Any]) -> str:
    runs = f" ({row['runs']} runs, as {row['example']})" if row["runs"] else ""
    return f"{row['setting']} is {row['found']}, {row['preset']} has {row['expected']}{runs}"


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    more = [f"- and {len(lines) - SHOWN} more: see statistics.json"] if len(lines) > SHOWN else []
    return [title, "\n".join([*(f"- {line}" for line in lines[:SHOWN]), *more])]
