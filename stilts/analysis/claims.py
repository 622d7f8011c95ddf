"""The checklist: what Phang et al. claim, beside what a study has found.

Claims and numbers: arXiv 2005.13013, version 2. Their recipes are known by what they train on, not by their names.
A claim that something helps is put to the interval of the difference to the baseline (`stilts.analysis.power.verdict`);
a claim that something changes nothing is supported where the interval leaves no room for MARGIN points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from stilts.analysis.families import ALL
from stilts.analysis.power import ALPHA, NOT_SUPPORTED, SUPPORTED, UNDERPOWERED, verdict

SOURCE = "arXiv 2005.13013 v2"
ABSENT = "not in this study"
MARGIN = 1.0
"""Points; a smaller difference is "none" here. Ours: the paper gives no such number."""
NEARLY_ALL = 0.8
"""The share of recipes that "almost every" stands for. Ours, too."""
MOST_TASKS = 9


@dataclass(frozen=True)
class RecipeFacts:
    """What a claim needs to know of a recipe: its labelled tasks, whether with masked LM, whether translated."""

    name: str
    tasks: tuple[str, ...]
    mlm: bool = False
    translated: bool = False


@dataclass(frozen=True)
class Checked:
    """One claim, checked.

    Attributes:
        claim: its id.
        text: what is claimed.
        source: where.
        recipe, target: what was looked at, None where it is several.
        published: the paper's number in points, None where it gives none.
        delta, low, high, detectable: of the study, in points; None where there is none.
        verdict: "supported", "not supported", "underpowered" or "not in this study".
        note: what the verdict stands on.
    """

    claim: str
    text: str
    source: str
    recipe: str | None
    target: str | None
    published: float | None
    delta: float | None
    low: float | None
    high: float | None
    detectable: float | None
    verdict: str
    note: str


Against = Callable[[str, str], pd.DataFrame]
"""The rows of `stilts.analysis.differences` for one recipe against another."""


def checklist(
    rows: pd.DataFrame,
    recipes: Sequence[RecipeFacts],
    best: Mapping[str, Any],
    baseline: str | None,
    scores: Mapping[str, float],
    against: Against,
) -> list[dict[str, Any]]:
    """Every claim of the paper as a row of `claims` in statistics.json.

    Args:
        rows: of `differences` to the baseline; may be empty. Target "all" is the benchmark's average; of a study with
            one target, that target's.
        recipes: all of the study's.
        best: target -> its entry in `best` of statistics.json.
        baseline: its name.
        scores: target -> the baseline's score in points.
        against: compares two recipes.
    """
    labelled = [one for one in recipes if one.tasks and not one.mlm and not one.translated]
    found = [
        *(_helps(rows, labelled, name, tasks, gain) for name, tasks, gain in (
            ("SQuAD", ("squad_v1", "squad_v2"), 8.2), ("MNLI", ("mnli",), 7.5), ("HellaSwag", ("hellaswag",), 7.0),
        )),
        _multi(rows, labelled),
        _nearly_all(rows, labelled, "bucc2018"),
        _nearly_all(rows, labelled, "tatoeba"),
        _nearly_all(rows, labelled, "tydiqa"),
        _no_gain(rows, labelled, "xnli"),
        _best(best, baseline, scores),
        *(_no_better(recipes, labelled, kind, against) for kind in ("mlm", "translated")),
    ]  # fmt: skip
    return [asdict(one) for one in found]


def _helps(rows: pd.DataFrame, recipes: Sequence[RecipeFacts], name: str, tasks: Sequence[str], gain: float) -> Checked:
    text = f"{name} as the intermediate task gains {gain} points over the targets' development sets"
    own = next((one for one in recipes if len(one.tasks) == 1 and one.tasks[0] in tasks), None)
    return _against_number(rows, f"single:{name.lower()}", text, own, gain)


def _multi(rows: pd.DataFrame, recipes: Sequence[RecipeFacts]) -> Checked:
    text = "training on all nine intermediate tasks gains 8.7 points"
    several = [one for one in recipes if len(one.tasks) > 1]
    most = max(several, key=lambda one: len(one.tasks), default=None)
    if most is not None and len(most.tasks) != MOST_TASKS:
        return replace(_absent("multi", text, 8.7), note=f"no recipe has nine tasks; {most.name} has {len(most.tasks)}")
    return _against_number(rows, "multi", text, most, 8.7)


def _against_number(rows: pd.DataFrame, claim: str, text: str, recipe: RecipeFacts | None, published: float) -> Checked:
    row = _row(rows, recipe.name if recipe else None, ALL)
    if recipe is None or row is None:
        return _absent(claim, text, published, recipe.name if recipe else None)
    low, high, least = _ends(row)
    said = verdict(low, high, least, published)
    smaller = f"a gain, and smaller than the paper's {published}" if said == SUPPORTED and high < published else ""
    note = "; ".join(filter(None, [smaller, _seeds_note(row)]))
    return Checked(claim, text, SOURCE, recipe.name, None, published, *_numbers(row), said, note)


def _nearly_all(rows: pd.DataFrame, recipes: Sequence[RecipeFacts], target: str) -> Checked:
    text = {
        "bucc2018": "BUCC gains dramatically from almost every intermediate task",
        "tatoeba": "Tatoeba gains dramatically from almost every intermediate task",
        "tydiqa": "TyDiQA gains consistently",
    }[target]
    found = [row for one in recipes if len(one.tasks) == 1 and (row := _row(rows, one.name, target)) is not None]
    claim = f"consistent:{target}"
    if not found:
        return _absent(claim, text, target=target)
    words = [verdict(*_ends(row)) for row in found]
    supported, refused = words.count(SUPPORTED) / len(words), words.count(NOT_SUPPORTED) / len(words)
    said = SUPPORTED if supported >= NEARLY_ALL else NOT_SUPPORTED if refused > 1 - NEARLY_ALL else UNDERPOWERED
    note = f"{words.count(SUPPORTED)} of {len(words)} recipes of one task gain, by an interval above 0"
    delta = float(np.mean([row["delta"] for row in found]))
    return Checked(claim, text, SOURCE, None, target, None, delta, None, None, None, said, note)


def _no_gain(rows: pd.DataFrame, recipes: Sequence[RecipeFacts], target: str) -> Checked:
    text, claim = "XNLI gains nothing from intermediate training", f"none:{target}"
    found = [row for one in recipes if (row := _row(rows, one.name, target)) is not None]
    if not found:
        return _absent(claim, text, target=target)
    ends = [_ends(row) for row in found]
    words = [_nothing(low, high) for low, high, _ in ends]
    # a gain by an interval of one recipe is what chance gives to one of forty, so the corrected p decides
    gains = any(row["delta"] > 0 and row["p_adjusted"] < ALPHA for row in found)
    said = NOT_SUPPORTED if gains else SUPPORTED if set(words) == {SUPPORTED} else UNDERPOWERED
    note = f"{words.count(SUPPORTED)} of {len(words)} recipes gain less than {MARGIN:g} point, by their intervals"
    delta = float(np.mean([row["delta"] for row in found]))
    return Checked(claim, text, SOURCE, None, target, None, delta, None, None, None, said, note)


def _best(best: Mapping[str, Any], baseline: str | None, scores: Mapping[str, float]) -> Checked:
    """Supported where most targets have a winner other than the baseline: it beats the runner-up by its interval."""
    text, claim = "the best intermediate task for each target gains 5.4 points over the targets' test sets", "best"
    gains = [own["score"] - scores[target] for target, own in best.items() if target in scores]
    if not gains:
        return _absent(claim, text, 5.4)
    delta = float(np.mean(gains))
    named = [own["winner"] for own in best.values() if own["winner"] is not None]
    better = sum(name != baseline for name in named)
    note = f"{better} of {len(best)} targets have a recipe that may be called best, {len(named) - better} the baseline"
    most = len(best) / 2
    said = SUPPORTED if delta > 0 and better > most else NOT_SUPPORTED if len(named) - better > most else UNDERPOWERED
    return Checked(claim, text, SOURCE, None, None, 5.4, delta, None, None, None, said, note)


def _no_better(recipes: Sequence[RecipeFacts], labelled: Sequence[RecipeFacts], kind: str, against: Against) -> Checked:
    text = {
        "mlm": "continued multilingual masked LM beside the intermediate tasks is not consistently better than without",
        "translated": "machine-translated intermediate data are not consistently better than plain English",
    }[kind]
    plain = {tuple(sorted(one.tasks)): one.name for one in labelled}
    alone = [one for one in recipes if (one.mlm, one.translated) == (kind == "mlm", kind == "translated")]
    pairs = [(one.name, plain[own]) for one in alone if one.tasks and (own := tuple(sorted(one.tasks))) in plain]
    found = {pair: row for pair in pairs if (row := _row(against(*pair), pair[0], ALL)) is not None}
    if not found:
        return _absent(f"no better:{kind}", text)
    words = [_nothing(*_ends(row)[:2]) for row in found.values()]
    better, none = words.count(NOT_SUPPORTED) / len(words), words.count(SUPPORTED) / len(words)
    said = NOT_SUPPORTED if better >= NEARLY_ALL else SUPPORTED if none > 1 - NEARLY_ALL else UNDERPOWERED
    note = "; ".join(f"{mine} less {theirs}: {row['delta']:+.1f}" for (mine, theirs), row in found.items())
    rows = list(found.values())
    numbers = (
        _numbers(rows[0]) if len(rows) == 1 else (float(np.mean([row["delta"] for row in rows])), None, None, None)
    )
    return Checked(f"no better:{kind}", text, SOURCE, None, None, None, *numbers, said, note)


def _nothing(low: float, high: float) -> str:
    """The verdict on a claim that a difference is none, or negative."""
    if np.isnan([low, high]).any():
        return UNDERPOWERED
    return NOT_SUPPORTED if low > 0 else SUPPORTED if high < MARGIN else UNDERPOWERED


def _absent(
    claim: str, text: str, published: float | None = None, recipe: str | None = None, target: str | None = None
) -> Checked:
    note = "" if recipe is None else "scores are missing, or there is no baseline"
    return Checked(claim, text, SOURCE, recipe, target, published, None, None, None, None, ABSENT, note)


def _row(rows: pd.DataFrame, recipe: str | None, target: str) -> Mapping[str, Any] | None:
    """The row of a mean over languages, or for target "all" over targets."""
    if rows.empty or recipe is None:
        return None
    own = rows[(rows["recipe"] == recipe) & (rows["language"] == ALL) & (rows["target"] == target)]
    return None if own.empty else {str(key): value for key, value in own.iloc[0].items()}


def _ends(row: Mapping[str, Any]) -> tuple[float, float, float]:
    """The interval over seeds, and what it could have found."""
    return float(row["low_seeds"]), float(row["high_seeds"]), float(row["detectable"])


def _numbers(row: Mapping[str, Any]) -> tuple[float, float | None, float | None, float | None]:
    low, high, least = (None if np.isnan(value) else value for value in _ends(row))
    return float(row["delta"]), low, high, least


def _seeds_note(row: Mapping[str, Any]) -> str:
    return "" if row["seeds"] > 1 else "one seed an arm: no interval over seeds"
