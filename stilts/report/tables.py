"""The tables of the page, as rows of cells that the template writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stilts.report import palette
from stilts.report.numbers import NONE, p_value, plural, points, signed, span
from stilts.report.results import ALL, Delta, Results
from stilts.report.summary import gains
from stilts.study.marks import CHOSEN_ON, SAME_DATA, SIGNS
from stilts.tasks.benchmarks import BENCHMARKS


@dataclass(frozen=True)
class Cell:
    """One place in a table.

    Attributes:
        text: what is in it.
        sub: a second line below it.
        look: classes.
        key: target, language (or ALL) and recipe of the score whose provenance it opens.
    """

    text: str
    sub: str = ""
    look: str = ""
    key: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        id: of its element.
        caption: what it shows.
        columns: their names.
        texts: the columns (by index) that are no numbers.
        head: the column that names the row.
        tall: whether it scrolls in a box of its own height.
    """

    id: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    texts: frozenset[int] = frozenset({0})
    head: int = 0
    tall: bool = False


def scores(results: Results) -> Table:
    """Recipe × target, with the difference to the baseline and its interval below each score."""
    targets = results.plan.targets
    rows = []
    for name, recipe in results.recipes.items():
        own = [_score(results, name, target) for target in targets]
        average = gains(results).get(name) if len(targets) > 1 else None
        sd = recipe["sds"]["average"]
        rows.append([_recipe(results, name), *own, Cell(points(recipe["average"]), _below(average, sd), "strong")])
    caption = "Score in points, below it the difference to the baseline with its 95 % interval"
    return Table("scores", caption, ["recipe", *targets, "average"], rows)


def heat(results: Results) -> tuple[Table, float]:
    """Recipe × target gains as a heat map, and the largest gain or loss in it, which has the strongest colour."""
    targets = results.plan.targets
    found = gains(results)
    each = {(name, t): d for name in results.others for t in targets if (d := results.deltas.get((name, t, ALL)))}
    values = [abs(delta.value) for delta in (*each.values(), *found.values())]
    largest = max(values, default=0.0)

    def cell(delta: Delta | None, key: tuple[str, ...] = ()) -> Cell:
        if delta is None:
            return Cell(NONE, "", "none", key)
        shown = round(delta.value, 1)  # what is written as 0.0 has no colour
        look = palette.class_of(palette.step_of(shown, largest))
        return Cell(signed(delta.value) + delta.stars, "", look, key)

    rows = [
        [Cell(name), *(cell(each.get((name, t)), (t, ALL, name)) for t in targets), cell(found.get(name))]
        for name in results.others
    ]
    return Table("heat", "Gain over the baseline in points", ["recipe", *targets, "average"], rows), largest


def languages(results: Results) -> Table:
    """Every recipe, target and language."""
    rows = []
    for recipe, target, language in results.cells():
        delta = results.deltas.get((recipe, target, language))
        value = results.score(recipe, target, language)
        sd = results.sds.get((recipe, target, language))
        interval = delta.interval if delta else None
        sign = SIGNS[CHOSEN_ON] if language in _marks(results, recipe, target).get(CHOSEN_ON, ()) else ""
        rows.append([
            Cell(language), Cell(target), Cell(recipe), Cell(points(value) + sign, key=(target, language, recipe)),
            Cell(points(sd)), Cell(signed(delta.value) if delta else NONE), Cell(span(interval)),
            Cell(interval.over if interval else NONE), Cell(p_value(delta.p_adjusted if delta else None)),
        ])  # fmt: skip
    columns = ["language", "target", "recipe", "score", "± sd", "difference", "95 % interval", "over", "p, corrected"]
    return Table("languages", "Score of each language", columns, rows, frozenset({0, 1, 2, 7}), tall=True)


def best(results: Results) -> Table:
    """The best recipe per target, chosen and scored on separate data."""
    found = results.statistics or {}
    rows = []
    for target, one in (found.get("best") or {}).items():
        low, high = one.get("low"), one.get("high")
        interval = f" [{signed(low)}, {signed(high)}]" if low is not None and high is not None else ""
        chosen = " / ".join(dict.fromkeys(one.get("chosen") or ()))
        verdict = one.get("winner") or "none can be called best"
        rows.append([
            Cell(target), Cell(str(one["recipe"])), Cell(points(one.get("score"))), Cell(points(one.get("reported"))),
            Cell(signed(one.get("gain")) + interval), Cell(chosen or NONE), Cell(verdict, one.get("note") or ""),
            Cell(one["method"].replace("_", " ")),
        ])  # fmt: skip
    columns = ["target", "highest", "score, fair", "score, as chosen", "gain over runner-up", "both ways choose",
               "best", "method"]  # fmt: skip
    return Table(
        "best", "The highest recipe of each target, and its fair score", columns, rows, frozenset({0, 1, 5, 6, 7})
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


def averages(results: Results) -> Table:
    """Groups of the benchmark, and averages with and without marked cells and retrieval."""
    groups = list(BENCHMARKS[results.content["benchmark"]])
    kinds = {"without_chosen_on": f"without {SIGNS[CHOSEN_ON]}", "without_same_data": f"without {SIGNS[SAME_DATA]}",
             "without_both": f"without {SIGNS[CHOSEN_ON]} {SIGNS[SAME_DATA]}"}  # fmt: skip
    rows = [
        [Cell(name), Cell(points(own["average"]), "", "strong"), Cell(points(own["sds"]["average"])),
         *(Cell(points(own["averages"][kind])) for kind in kinds), Cell(points(own["average_without_retrieval"])),
         *(Cell(points(own["groups"][group])) for group in groups)]
        for name, own in results.recipes.items()
    ]  # fmt: skip
    columns = ["recipe", "average", "± sd", *kinds.values(), "without retrieval", *groups]
    return Table("averages", "Averages and groups of the benchmark", columns, rows)


def gaps(results: Results) -> Table:
    """English minus the mean of the other languages."""
    own = results.recipes
    targets = list(dict.fromkeys(target for one in own.values() for target in one["gaps"]))
    rows = [[Cell(name), *(Cell(points(one["gaps"].get(t))) for t in targets)] for name, one in own.items()]
    caption = "Cross-lingual gap: English minus the mean of the other languages"
    return Table("gaps", caption, ["recipe", *targets], rows if targets else [])


def negative(results: Results) -> Table:
    """How many differences lie below 0, beside what chance gives."""
    found: Mapping[str, Any] = (results.statistics or {}).get("negative_transfer") or {}
    names = {"target": "recipe × target", "language": "recipe × target × language"}
    overs = {"seeds": "seeds", "test_set": "test items"}
    rows = [
        [Cell(names.get(level, level)), Cell(overs.get(one.get("interval"), NONE)), Cell(f"{one['cells']:,}"),
         Cell(f"{one['negative']:,}"), Cell(f"{one['positive']:,}"), Cell(points(one["expected"]))]
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


def _plain(value: Any) -> str:
    return NONE if value is None else str(value)


def _score(results: Results, name: str, target: str) -> Cell:
    own = results.task(name, target)
    signs = "".join(SIGNS[mark] for mark, found in _marks(results, name, target).items() if found)
    sd = results.recipes[name]["sds"]["tasks"].get(target)
    delta = results.deltas.get((name, target, ALL))
    return Cell(points(own["score"]) + signs, _below(delta, sd), "", (target, ALL, name))


def _below(delta: Delta | None, sd: float | None) -> str:
    """The line below a score: the difference with its interval; of the baseline the spread over seeds."""
    if delta is None:
        return "" if sd is None else f"± {points(sd)}"
    interval = f"\n{span(delta.interval)}" if delta.interval else ""
    return f"{signed(delta.value)}{delta.stars}{interval}"


def _recipe(results: Results, name: str) -> Cell:
    seeds = max(1, results.recipes[name]["sds"]["units"])  # of the outermost phase that has several
    return Cell(name, "baseline" if name == results.plan.baseline else plural(seeds, "seed"))


def _marks(results: Results, recipe: str, target: str) -> Mapping[str, Any]:
    return dict(results.recipes[recipe]["marks"].get(target, {}))
