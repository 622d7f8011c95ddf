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
    over = f" over {results.over}" if results.over else ""
    caption = f"Score in points, below it the difference to the baseline with its 95 % interval{over}"
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
