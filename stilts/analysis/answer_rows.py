"""What is drawn of an answer, from its JSON: for the page, and for most figures of papers. No pandas here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ALL = "all"  # a target: the mean over targets; a language: over languages
Row = Mapping[str, Any]


def gains_by_step(rows: Sequence[Row]) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Question 2: design -> series -> step and gain over targets and languages, from step 0 on; none without gains."""
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for row in rows:
        if (row["of"], row["target"], row["language"]) == ("target", ALL, ALL) and row["gain"] is not None:
            line = found.setdefault(row["design"], {}).setdefault(row["series"], [(0.0, 0.0)])
            line.append((float(row["step"]), row["gain"]))
    return found


def doublings(rows: Sequence[Row]) -> list[tuple[Row, str, int]]:
    """Question 2: the slopes over targets, words for their languages ("" for all), and 0 for all and 1 for a tier."""
    found = [row for row in rows if row["target"] == ALL and row["slope"] is not None]
    whole = [(row, "", 0) for row in found if (row["of"], row["language"]) == ("target", ALL)]
    return whole + [(row, f", {row['language']}", 1) for row in found if row["of"] == "tier"]


def kept_above_chance(content: Row) -> dict[str, list[Row]]:
    """Question 3: kind of noise -> the rows of what each recipe keeps above chance (%), over targets and languages."""
    found: dict[str, list[Row]] = {}
    for row in content["recipes"]:
        if (row["measure"], row["target"], row["language"]) == ("kept", ALL, ALL):
            found.setdefault(row["kind"], []).append(row)
    return found


def by_p(content: Row) -> list[Row]:
    """Question 4: the rows that say something, gains before gaps, each by p."""
    rows = [row for row in content["rows"] if len(row["languages"]) > 1 and row["rho"] is not None]
    return sorted(rows, key=lambda row: (row["outcome"] != "gain", row["p_holm"] is None, row["p_holm"] or 0.0))


def main_target(rows: Sequence[Row]) -> tuple[str, str]:
    """The mean over targets where there is one, else the only target; and the words for it."""
    targets = list(dict.fromkeys(row["target"] for row in rows))
    if ALL in targets or not targets:
        return ALL, "mean over targets"
    return targets[0], targets[0]


def levels(rows: Sequence[Row]) -> dict[tuple[str, str], dict[str, list[tuple[float, float]]]]:
    """Target and kind (with `@WHERE`) -> recipe -> level and score, from level 0 on.

    The score is the mean over a target's metrics, and over its languages where there are several.
    """
    several = {(row["target"], row["kind"], row["where"]) for row in rows if row["language"] == ALL}
    found: dict[tuple[str, str], dict[str, dict[float, list[float]]]] = {}
    for row in rows:
        if (row["language"] == ALL) == ((row["target"], row["kind"], row["where"]) in several):
            kind = row["kind"] + (f"@{row['where']}" if row["where"] else "")
            own = found.setdefault((row["target"], kind), {}).setdefault(row["recipe"], {})
            own.setdefault(0.0, []).append(row["clean"])
            own.setdefault(row["level"], []).append(row["noisy"])
    return {
        place: {
            recipe: [(level, sum(own[level]) / len(own[level])) for level in sorted(own)]
            for recipe, own in lines.items()
        }
        for place, lines in found.items()
    }


def marginal(row: Row) -> Row | None:
    """The fit with nothing held equal, of questions 4 and 5; None where nothing was fitted."""
    return next((one for one in row["fits"] if one["name"] == "marginal"), None)


def line_of(row: Row) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """The ends of the fitted line of question 4 over the distances that there are; None where only ranks were taken."""
    fit = marginal(row)
    if fit is None:
        return None
    xs, ys = row["distances"], row["effects"]
    slope, middle, height = fit["slope"] / row["sd"], sum(xs) / len(xs), sum(ys) / len(ys)
    low, high = ((x, height + slope * (x - middle)) for x in (min(xs), max(xs)))
    return low, high


def through_zero(row: Row, slope: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """The ends of the fitted line of question 5 over the cells that there are; both means are 0."""
    xs = [cell["divergence"] for cell in row["points"]]
    return (min(xs), slope * min(xs)), (max(xs), slope * max(xs))
