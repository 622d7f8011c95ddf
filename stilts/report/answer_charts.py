"""The drawings of each question, from its content in answers.json; a question without any has its tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stilts.analysis.answer_rows import (
    ALL,
    Row,
    by_p,
    doublings,
    gains_by_step,
    kept_above_chance,
    levels,
    line_of,
    main_target,
    marginal,
    through_zero,
)
from stilts.analysis.wording import measure_words
from stilts.report.chart import class_of
from stilts.report.numbers import points, signed
from stilts.report.plots import Bar, curves, forest, scatter

MOST = 12  # drawings of one question
MOST_BARS = 30
SINGLE, SEVERAL, OTHER = "single", "several", "other"  # kinds of recipes in question 1
_KINDS = {SINGLE: "single task", SEVERAL: "several tasks", OTHER: "others"}
EQUAL_FORMAT = "the same at equal format"
EFFECTS = {
    "domain": "matched less mismatched domain", "language": "near language less English",
    "interaction": "near, matched less mismatched",
}  # fmt: skip
"""An effect of the 2 x 2 of question 5 -> its line."""


@dataclass(frozen=True)
class Drawing:
    """One figure: SVG text, what it shows, and its key: the class and the name of each line or group."""

    svg: str
    caption: str
    key: Sequence[tuple[str, str]] = ()


def drawings(question: str, content: Row) -> list[Drawing]:
    """The drawings of a question, those that the study has numbers for."""
    return _OF[question](content)[:MOST] if question in _OF else []


def multitask(content: Row) -> list[Drawing]:
    """Question 1: the gain of each recipe, and of several tasks over the best single one."""
    kinds = {one["recipe"]: one["kind"] for one in content["recipes"]}
    target, where = main_target(content["deltas"])
    gains = [row for row in content["deltas"] if (row["target"], row["language"]) == (target, ALL)]
    groups = {SINGLE: 0, SEVERAL: 1, OTHER: 2}
    bars, cut = largest([
        Bar(row["recipe"], row["delta"], row["low"], row["high"], groups[kinds.get(row["recipe"], OTHER)])
        for row in gains
    ])  # fmt: skip
    out = []
    if bars:
        what = f"Gain over {content['baseline']}, {where}, in points"
        key = _key(bars, {place: _KINDS[kind] for kind, place in groups.items()})
        out.append(Drawing(forest(_said(what, bars), bars, "points"), f"{what}{_lines(bars)}{cut}.", key))
    best = [row for row in content["best_single"] if (row["target"], row["language"]) == (target, ALL)]
    bars, cut = largest([Bar(row["recipe"], row["delta"], row["low"], row["high"], 1) for row in best])
    if bars:
        what = f"Several tasks less the best single one, {where}, in points"
        out.append(Drawing(forest(_said(what, bars), bars, "points"), f"{what}{_lines(bars)}{cut}."))
    return out


def steps(content: Row) -> list[Drawing]:
    """Question 2: the gain over the steps, a drawing a design, and the points of a doubling over all and by tier."""
    out = []
    for design, lines in gains_by_step(content["curves"]).items():
        what = f"Gain over step 0 ({design}), mean over targets and languages"
        said = "; ".join(
            f"{series} {', '.join(f'{signed(gain)} at {step:,.0f}' for step, gain in line)}"
            for series, line in lines.items()
        )
        drawn = curves(f"{what}: {said}", list(lines.values()), "optimizer steps", "points")
        key = [(class_of(number), series) for number, series in enumerate(lines)]
        out.append(Drawing(drawn, f"{what}, in points.", key))
    bars, cut = largest([
        Bar(f"{row['series']} ({row['design']}){of}", row["slope"], row["low"], row["high"], group)
        for row, of, group in doublings(content["slopes"])
    ])  # fmt: skip
    if bars:
        what = "Gain of a doubling of the steps, in points"
        key = _key(bars, {0: "all languages", 1: "by pretraining text"})
        out.append(Drawing(forest(_said(what, bars), bars, "points"), f"{what}{_lines(bars)}{cut}.", key))
    return out


def noise(content: Row) -> list[Drawing]:
    """Question 3: the share of the score that is kept, and the score against the level of each kind."""
    out = []
    for kind, own in kept_above_chance(content).items():
        bars, cut = largest([Bar(row["recipe"], row["value"], row["low"], row["high"]) for row in own])
        what = f"Kept under {kind} of what is above chance, in %"
        out.append(
            Drawing(forest(_said(what, bars), bars, "% of the clean score", points), f"{what}{_lines(bars)}{cut}.")
        )
    for (target, kind), lines in levels(content["curves"]).items():
        what = f"{target} under {kind}"
        said = "; ".join(
            f"{recipe} from {points(line[0][1])} to {points(line[-1][1])}" for recipe, line in lines.items()
        )
        drawn = curves(f"Score on {what}: {said}", list(lines.values()), "level", "points")
        key = [(class_of(number), recipe) for number, recipe in enumerate(lines)]
        out.append(Drawing(drawn, f"{what}: score against level, mean over languages.", key))
    return out


def typology(content: Row) -> list[Drawing]:
    """Question 4: each language's gain (or gap) against its distance; what was shown first, then by p."""
    out = []
    for row in by_p(content):
        what = ("gain of {}" if row["outcome"] == "gain" else "gap of {} to English").format(row["recipe"])
        places = list(zip(row["languages"], row["distances"], row["effects"], strict=True))
        said = ", ".join(f"{name} {signed(effect)}" for name, _, effect in sorted(places, key=lambda one: one[1]))
        label = f"{what[0].upper()}{what[1:]} by {row['kind']} distance to English, near ones first: {said}"
        drawn = scatter(label, places, line_of(row), (f"{row['kind']} distance", "points"))
        caption = (
            f"{what[0].upper()}{what[1:]} against {row['kind']} distance: rank correlation {signed(row['rho'], 2)}, "
        )
        out.append(Drawing(drawn, f"{caption}{row['verdict']}."))
    return out


def domain(content: Row) -> list[Drawing]:
    """Question 5: what each measure costs, the cells of the one with the smallest p, and the effects of the 2 x 2."""
    out = []
    fitted = [(row, fit) for row in content["rows"] if (fit := marginal(row))]
    bars = [
        Bar(EQUAL_FORMAT if fit["name"] == "partial" else measure_words(row["measure"], short=True),
            fit["slope"], fit["low"], fit["high"], int(fit["name"] == "partial"))
        for row, _ in fitted for fit in row["fits"]
    ]  # fmt: skip
    if bars:
        what = "Gain for a standard deviation further apart, in points"
        intervals = "; lines are 95 % intervals of permutations" if any(bar.low is not None for bar in bars) else ""
        out.append(Drawing(forest(_said(what, bars), bars, "points"), f"{what}{intervals}."))
        out.append(_cells(*min(fitted, key=lambda one: one[1]["p"])))
    target, where = main_target(content["effects"])
    bars = [Bar(EFFECTS[row["effect"]], row["estimate"], row["low"], row["high"])
            for row in content["effects"] if row["target"] == target]  # fmt: skip
    if bars:
        what = f"The 2 x 2 {content.get('scored', '')}, {where}, in points"
        out.append(Drawing(forest(_said(what, bars), bars, "points"), f"{what}{_lines(bars)}."))
    return out


def _cells(row: Row, fit: Row) -> Drawing:
    """The cells of a measure, and the line through them."""
    cells = [(f"{one['task']}, {one['column']}", one["divergence"], one["gain"]) for one in row["points"]]
    what = f"Gain against {measure_words(row['measure'], short=True)}, less what tasks and targets have of their own"
    said = "; ".join(f"{cell} {signed(gain)}" for cell, _, gain in sorted(cells, key=lambda one: one[1]))
    drawn = scatter(f"{what}, near ones first: {said}", [("", x, y) for _, x, y in cells],
                    through_zero(row, fit["slope"]), ("standard deviations", "points"))  # fmt: skip
    return Drawing(drawn, f"{what}: {row['verdict']}.")


def largest(bars: Sequence[Bar]) -> tuple[list[Bar], str]:
    """As many bars as a drawing holds, in their order, those furthest from 0; and words for what is left out."""
    if len(bars) <= MOST_BARS:
        return list(bars), ""
    kept = set(sorted(range(len(bars)), key=lambda number: -abs(bars[number].value))[:MOST_BARS])
    return [bar for number, bar in enumerate(bars) if number in kept], f"; of {len(bars)} those furthest from 0"


def _key(bars: Sequence[Bar], names: Mapping[int, str]) -> list[tuple[str, str]]:
    """The key of the groups that are drawn."""
    return [(class_of(group), name) for group, name in names.items() if any(bar.group == group for bar in bars)]


def _lines(bars: Sequence[Bar]) -> str:
    return "; lines are 95 % intervals over seeds" if any(bar.low is not None for bar in bars) else "; no intervals"


def _said(what: str, bars: Sequence[Bar]) -> str:
    return f"{what}: {', '.join(f'{bar.name} {signed(bar.value, 2)}' for bar in bars)}"


_OF: dict[str, Callable[[Row], list[Drawing]]] = {
    "multitask": multitask, "steps": steps, "noise": noise, "typology": typology, "domain": domain,
}  # fmt: skip
