"""What a study found, in sentences made from its numbers. Nothing is called best that was not shown to be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from stilts.report.numbers import chance, ends, listed, p_value, plural, points, signed
from stilts.report.results import ALL, INTERVALS, Delta, Results

ALPHA = 0.05
VERDICTS = ("supported", "not supported", "underpowered", "not in this study")
_NO_BEST = "no recipe can be called best"


def headline(results: Results) -> str:
    """The answer in one sentence: the recipe with the largest mean gain, and whether that may be said of it."""
    base, found = results.plan.baseline, gains(results)
    if base is None:
        return "The study has no baseline, so what a recipe bought cannot be said."
    if not results.others:
        return f"The study has no recipe beside its baseline {base}, so there is nothing to compare."
    if not found:
        return f"No recipe can be compared with {base} on all targets: scores are missing."
    name = max(found, key=lambda one: found[one].value)
    return _headline(name, found, base)


def gains(results: Results) -> dict[str, Delta]:
    """Recipe -> its mean difference to the baseline over targets; over the languages of the one target there is."""
    targets = results.plan.targets
    target = ALL if len(targets) > 1 else targets[0]
    found = {name: results.deltas.get((name, target, ALL)) for name in results.others}
    return {name: delta for name, delta in found.items() if delta is not None}


def sentences(results: Results) -> list[str]:
    """What else is to be known first."""
    return [
        *_beside_best(results),
        *_winners(results),
        *_claims(results),
        *_lost(results),
        _missing(results),
        *_noisy_missing(results),
        *_doubts(results),
    ]


def _headline(name: str, found: Mapping[str, Delta], base: str) -> str:
    delta, recipes = found[name], len(found)
    gain, interval = f"{signed(delta.value)} points", delta.interval
    if delta.value <= 0:
        where = f" (95 % interval {ends(interval.low, interval.high)})" if interval else ""
        one = f"The only recipe, {name}, is" if recipes == 1 else f"The highest of {recipes} recipes, {name}, is"
        return f"No recipe has a higher average than {base}. {one} at {gain}{where}."
    if interval is None:
        return (
            f"{name} has the highest average, {gain} over {base}, but with no interval around it {_NO_BEST}: "
            "the gain may be luck."
        )
    where = f"95 % interval {ends(interval.low, interval.high)} over {interval.over}"
    if interval.low <= 0:
        return f"{name} has the highest average, {gain} over {base}, but its {where} holds 0: {_NO_BEST}."
    if delta.p_adjusted is not None and delta.p_adjusted >= ALPHA:
        return (
            f"{name} has the highest average, {gain} over {base} ({where}), but not after correction for "
            f"{plural(delta.tests, 'test')} (p = {p_value(delta.p_adjusted)}): {_NO_BEST}."
        )
    if interval.over == "test items":
        return f"{name} gains {gain} over {base} on average ({where}); another seed may change that, so {_NO_BEST}."
    return f"{name} gains {gain} over {base} on average ({where}).{_next(name, found)}"


def _next(name: str, found: Mapping[str, Delta]) -> str:
    """What to add where a recipe is above the baseline: that this does not make it the best of several."""
    others = [other for other in found if other != name]
    if not others:
        return ""
    second = max(others, key=lambda one: found[one].value)
    gain = f"{signed(found[second].value)} points"
    return (
        f" That is more than the baseline; whether it is more than the next recipe, {second} ({gain}), was not tested."
    )


def _beside_best(results: Results) -> Iterator[str]:
    """How many recipes gain, and how many seeds that rests on."""
    found = gains(results)
    above = [name for name, delta in found.items() if delta.interval and delta.interval.low > 0]
    below = [name for name, delta in found.items() if delta.interval and delta.interval.high < 0]
    with_interval = sum(delta.interval is not None for delta in found.values())
    if with_interval > 1:
        up, down = _lying(len(above), "above", above), _lying(len(below), "below", below)
        yield f"Of the {with_interval} recipes' intervals of the average gain, {up} and {down}."
    seeds = sorted({delta.seeds for delta in found.values() if delta.seeds})
    if seeds and seeds[0] == 1:
        yield "There is one seed a recipe, so its luck and the recipe cannot be told apart."
    elif seeds and seeds[0] < 5:
        yield f"The smaller arms have {plural(seeds[0], 'seed')}: below five, nothing is starred."


def _lying(count: int, side: str, names: Sequence[str] = ()) -> str:
    """How many intervals lie wholly on a side of 0, and whose."""
    whose = f" ({listed(names)})" if names else ""
    return f"{count} {'lies' if count == 1 else 'lie'} wholly {side} 0{whose}"


def _winners(results: Results) -> Iterator[str]:
    best, own = results.best, results.own_choice
    if not best:
        return
    how = "Chosen and scored on separate data"
    if own:
        how = "By scores of what chose them" if len(own) == len(best) else f"{how}, but for {listed(own)}"
    winners = [f"{one['winner']} on {target}" for target, one in best.items() if one.get("winner")]
    if not winners:
        where = f"any of {len(best)} targets" if len(best) > 1 else "the one target"
        yield f"{how}, {_NO_BEST} on {where}."
    else:
        others = f"; on the others {_NO_BEST}" if len(winners) < len(best) else ""
        on = f"{len(winners)} of {plural(len(best), 'target')}"
        yield (
            f"{how}, one recipe can be called best on {on}: {listed(winners)}{others}. Chance alone gives "
            f"{points(results.false_winners, 2)}."
        )


def _claims(results: Results) -> Iterator[str]:
    claims = (results.statistics or {}).get("claims") or []
    counts = Counter(one["verdict"] for one in claims)
    parts = [f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict]]
    if parts:
        yield f"The {plural(len(claims), 'published claim')}: {listed(parts)}."


def _lost(results: Results) -> Iterator[str]:
    found = ((results.statistics or {}).get("negative_transfer") or {}).get("target") or {}
    if found.get("cells"):
        over = INTERVALS.get(found.get("interval") or "")
        by = f" by intervals over {over}," if over else ""
        yield (
            f"Of {plural(found['cells'], 'comparison')} of a recipe with the baseline on a target,{by} "
            f"{_lying(found['negative'], 'below')} and {_lying(found['positive'], 'above')}; chance alone gives "
            f"{chance(found['expected'])} of either."
        )


def _missing(results: Results) -> str:
    cells = sum(1 for _ in results.cells())
    bare, absent = len(results.unlabelled), len(results.reasons)
    if not absent:
        clean = "clean cell" if results.plan.noisy_places else "cell"
        start = "All" if results.noisy_gaps else "Nothing is missing: all"
        return f"{start} {plural(cells, clean)} (recipe × target × language) have a score."
    why = f", {bare} of them because the test set has no labels" if bare else ""
    return f"{absent} of {plural(cells, 'cell')} have no score{why}; averages over them are left out, not made smaller."


def _noisy_missing(results: Results) -> Iterator[str]:
    gaps = {
        (gap.recipe, gap.target, gap.condition, code) for gap in results.noisy_gaps for code in gap.languages.split()
    }
    if gaps:
        yield f"Under noisy inputs {plural(len(gaps), 'cell')} (with the condition) lack a score: see Missing cells."


def _doubts(results: Results) -> Iterator[str]:
    if results.problems:
        yield f"{plural(len(results.problems), 'problem')} in the runs' files: what they are about was not used."
    statistics = results.statistics or {}
    degenerate, deviations = statistics.get("degenerate") or [], statistics.get("deviations") or []
    if degenerate:
        runs = len({one["run"] for one in degenerate})
        look = "looks" if runs == 1 else "look"
        yield f"{plural(runs, 'run')} {look} degenerate: see why before a number of theirs is used."
    if deviations:
        differ = "differs" if len(deviations) == 1 else "differ"
        yield f"{plural(len(deviations), 'setting')} {differ} from the preset."
    if results.statistics is None:
        yield "results/statistics.json is missing: no recipe is chosen, no claim and no run is checked."
