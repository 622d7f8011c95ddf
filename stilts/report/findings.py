"""The tables about what may be said: best recipes, claims, and reasons to doubt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stilts.report.numbers import NONE, chance, plural, points, signed
from stilts.report.results import INTERVALS, Results
from stilts.report.tables import Cell, Table

MOST_PROBLEMS = 50


def best(results: Results) -> Table:
    """The best recipe per target, chosen and scored on separate data."""
    own, rows = results.own_choice, []
    for target, one in results.best.items():
        low, high = one.get("low"), one.get("high")
        interval = f" [{signed(low)}, {signed(high)}]" if low is not None and high is not None else ""
        chosen = " / ".join(dict.fromkeys(one.get("chosen") or ()))
        verdict = one.get("winner") or "none can be called best"
        rows.append([
            Cell(target), Cell(str(one["recipe"])),
            Cell(points(one.get("score")), "of what chose it" if target in own else ""),
            Cell(points(one.get("reported"))),
            Cell(signed(one.get("gain")) + interval), Cell(chosen or NONE), Cell(verdict, one.get("note") or ""),
            Cell(one["method"].replace("_", " ")),
        ])  # fmt: skip
    fair = "score" if own else "score, fair"
    columns = ["target", "highest", fair, "score, as chosen", "gain over runner-up", "both ways choose",
               "best", "method"]  # fmt: skip
    return Table(
        "best",
        f"The highest recipe of each target, and its {' '.join(reversed(fair.split(', ')))}",
        columns,
        rows,
        frozenset({0, 1, 5, 6, 7}),
    )


def claims(results: Results) -> Table:
    """The checklist of published claims."""
    looks = {"supported": "yes", "not supported": "no", "underpowered": "weak", "not in this study": "out"}
    signs = {"supported": "✓ ", "not supported": "✗ ", "underpowered": "? ", "not in this study": "– "}
    rows = []
    found = (results.statistics or {}).get("claims") or ()
    for one in sorted(found, key=lambda one: one["verdict"] == "not in this study"):
        low, high = one.get("low"), one.get("high")
        interval = f"[{signed(low)}, {signed(high)}]" if low is not None and high is not None else ""
        verdict = one["verdict"]
        where = " on ".join(part for part in (one.get("recipe"), one.get("target")) if part)
        rows.append([
            Cell(signs.get(verdict, "") + verdict, "", f"verdict {looks.get(verdict, 'out')}"),
            Cell(one["text"], " · ".join(p for p in (one.get("source"), where, one.get("note")) if p), "wide"),
            Cell(signed(one.get("published"))), Cell(signed(one.get("delta")), interval),
            Cell(points(one.get("detectable"))),
        ])  # fmt: skip
    columns = ["verdict", "claim", "published", "found here", "detectable"]
    return Table("claims", "Published claims and what this study says", columns, rows, frozenset({0, 1}), head=1)


def negative(results: Results) -> Table:
    """How many differences lie below 0, beside what chance gives."""
    found: Mapping[str, Any] = (results.statistics or {}).get("negative_transfer") or {}
    names = {"target": "recipe × target", "language": "recipe × target × language"}
    rows = [
        [Cell(names.get(level, level)), Cell(INTERVALS.get(one.get("interval"), NONE)), Cell(f"{one['cells']:,}"),
         Cell(f"{one['negative']:,}"), Cell(f"{one['positive']:,}"), Cell(chance(one["expected"]))]
        for level, one in found.items() if one["cells"]
    ]  # fmt: skip
    columns = ["comparisons", "interval over", "how many", "wholly below 0", "wholly above 0", "by chance on a side"]
    caption = "Differences to the baseline whose interval lies wholly on one side of 0"
    return Table("negative", caption, columns, rows, frozenset({0, 1}))


def degenerate(results: Results) -> Table:
    """Runs that learned nothing, or always say the same."""
    rows = [
        [Cell(str(one["run"])), Cell(one.get("target") or NONE), Cell(one.get("language") or NONE), Cell(one["what"])]
        for one in (results.statistics or {}).get("degenerate") or ()
    ]
    return Table(
        "degenerate", "Runs whose numbers say little", ["run", "target", "language", "what"], rows, frozenset(range(4))
    )


def examined(results: Results) -> list[str]:
    """What was looked at for degenerate runs, a sentence each for predictions and losses."""
    found: Mapping[str, Any] = results.statistics or {}
    counts: Mapping[str, int] = found.get("examined") or {}
    some = bool(found.get("degenerate"))
    kinds = {
        "runs_with_items": ("predictions", "always says the same"),
        "runs_with_losses": ("losses", "has one that did not fall"),
    }
    sentences = []
    for key, (what, bad) in kinds.items():
        if not (runs := counts.get(key, 0)):
            sentences.append(f"{what.capitalize()} were not looked at: no run's are here.")
        elif some:
            sentences.append(f"Looked at: the {what} of {plural(runs, 'run')}.")
        else:
            sentences.append(f"Of {plural(runs, 'run')} with {what} none {bad}.")
    return sentences


def deviations(results: Results) -> Table:
    """Settings that differ from the preset."""
    rows = [
        [Cell(str(one["setting"])), Cell(str(one["preset"])), Cell(_plain(one["expected"])), Cell(_plain(one["found"])),
         Cell(f"{one['runs']:,}"), Cell(str(one["example"]))]
        for one in (results.statistics or {}).get("deviations") or ()
    ]  # fmt: skip
    columns = ["setting", "preset", "expected", "found", "runs", "example"]
    return Table("deviations", "Settings that are not the preset's", columns, rows, frozenset({0, 1, 2, 3, 5}))


def missing(results: Results) -> Table:
    """Missing cells, the languages of one reason in a row."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for (recipe, target, language), why in results.reasons.items():
        found.setdefault((recipe, target, why), []).append(language)
    rows = [
        [Cell(recipe), Cell(target), Cell(" ".join(codes), "", "wide"), Cell(f"{len(codes):,}"), Cell(why, "", "wide")]
        for (recipe, target, why), codes in found.items()
    ]
    columns = ["recipe", "target", "languages", "cells", "reason"]
    return Table("missing", "Cells without a score", columns, rows, frozenset({0, 1, 2, 4}))


def noisy_missing(results: Results) -> Table:
    """Missing scores under noisy conditions, the languages of one reason in a row."""
    rows = [
        [Cell(gap.recipe), Cell(gap.target), Cell(gap.condition), Cell(gap.languages, "", "wide"),
         Cell(gap.reason, "", "wide")]
        for gap in results.noisy_gaps
    ]  # fmt: skip
    columns = ["recipe", "target", "condition", "languages", "reason"]
    return Table("noisy-missing", "Noisy inputs without a score", columns, rows, frozenset(range(5)))


def problems(results: Results) -> Table:
    """What was found in the runs' files and not used; of many the first."""
    found = results.problems
    rows = [[Cell(line, "", "wide")] for line in found[:MOST_PROBLEMS]]
    if len(found) > MOST_PROBLEMS:
        rows.append([Cell(f"{len(found) - MOST_PROBLEMS:,} more in results/problems.txt")])
    return Table("problems", "What was found and not used", ["problem"], rows)


def _plain(value: Any) -> str:
    return NONE if value is None else str(value)
