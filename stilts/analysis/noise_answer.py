"""Question 3 asked of a table: does English or multilingual intermediate training keep more under noise? In words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pandas as pd

from stilts.analysis.answer import Answer, Shown
from stilts.analysis.language_effects import baseline_of
from stilts.analysis.noise import chance, noise_areas, noise_table
from stilts.analysis.noise_contrasts import BASELINE, PAIR, cells_of, contrasts, means
from stilts.analysis.noise_runs import KEPT, SLOPE, noisy_runs
from stilts.analysis.noise_words import LESS, MORE, mean_of, overall, sentences, signed
from stilts.analysis.power import direction
from stilts.analysis.wording import finite, p_text
from stilts.errors import InputError
from stilts.settings import setting

HEADER = (
    "recipe", "against", "kind", "points/0.1 level", "95 %", "df", "p (Holm)", "kept %", "against %", "verdict",
)  # fmt: skip


@dataclass
class NoiseSettings:
    """What `stilts analyse noise` may be told."""

    baseline: str | None = setting(None, "recipe to compare with; default the one without an intermediate seed")
    multilingual: list[str] = setting([], "recipes whose intermediate data are multilingual; the others are English")
    pairs: dict[str, str] = setting(
        {}, "multilingual recipe: the English one matched in task, examples and steps; default the only two there are"
    )
    chance: dict[str, float] = setting({}, "target: points that guessing gives, for targets that stilts does not know")
    margin: float = setting(5.0, "points above chance that a clean score needs for a share kept", minimum=0)


@dataclass(frozen=True)
class NoiseAnswer(Answer):
    """The answer.

    Attributes:
        question: "noise".
        answer: sentences made from the numbers.
        rows: comparisons of recipes (`stilts.analysis.noise_contrasts.contrasts`), the slopes with a verdict.
        recipes: each recipe's measures with intervals (`stilts.analysis.noise_contrasts.means`).
        curves, areas: score against level, drops and areas (`stilts.analysis.noise`).
        notes: what was left out, and on what the numbers rest.
    """

    question: str
    answer: list[str]
    rows: pd.DataFrame
    recipes: pd.DataFrame
    curves: list[dict[str, Any]]
    areas: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)

    def content(self) -> dict[str, Any]:
        """For JSON: what is no number is null."""
        rows, recipes = (part.astype(object).to_dict("records") for part in (self.rows, self.recipes))
        return dict(
            finite({
                "question": self.question, "answer": self.answer, "rows": rows, "recipes": recipes,
                "curves": self.curves, "areas": self.areas, "notes": self.notes,
            })
        )  # fmt: skip

    def tables(self) -> list[Shown]:
        """The contrasts."""
        return [Shown(HEADER, _report_rows(self.rows, self.recipes))]


def ask(scores: pd.DataFrame, settings: NoiseSettings) -> NoiseAnswer:
    """Answer question 3 from score rows (`stilts.analysis.score_table.read_scores` with `noisy`).

    Raises InputError for unknown recipes and targets, and where there is nothing to compare.
    """
    baseline = baseline_of(scores, settings.baseline)
    comparisons = _comparisons(scores, baseline, settings)
    for target in settings.chance:
        _known(target, scores["target"], "target", "chance")
    guessed = partial(_guessed, settings.chance)
    runs = noisy_runs(scores, guessed, settings.margin)
    if runs.values.empty:
        raise InputError("no run with a clean and a noisy score", "both for the same seeds", "give another table")
    cells = cells_of(runs.values)
    rows = contrasts(cells, comparisons)
    if rows.empty:
        raise InputError("no two recipes to compare under noise", "noisy scores of both", "give another table")
    rows["verdict"] = [direction(*row[1:], MORE, LESS) if row[0] == SLOPE else "" for row in _columns(rows)]
    curves = noise_table(scores.to_dict("records"), guessed=guessed)
    notes = [*runs.notes, *_notes(settings, comparisons, rows)]
    found = means(cells)
    return NoiseAnswer("noise", sentences(rows, found), rows, found, curves, noise_areas(curves), notes)


def _comparisons(scores: pd.DataFrame, baseline: str | None, settings: NoiseSettings) -> list[tuple[str, str, str]]:
    names = list(dict.fromkeys(scores["recipe"]))
    for recipe in [*settings.multilingual, *settings.pairs, *settings.pairs.values()]:
        _known(recipe, names, "recipe", "multilingual or pairs")
    many = dict.fromkeys([*settings.multilingual, *settings.pairs])
    for recipe, match in settings.pairs.items():
        if match in many:
            raise InputError(f"pairs: {recipe} is matched with {match}", "an English recipe", "change pairs")
    english = [name for name in names if name not in many and name != baseline]
    pairs = settings.pairs or ({next(iter(many)): english[0]} if len(many) == len(english) == 1 else {})
    others = [name for name in names if name != baseline] if baseline is not None else []
    found = [(PAIR, recipe, match) for recipe, match in pairs.items()]
    found += [(BASELINE, name, str(baseline)) for name in others]
    if not found:
        raise InputError(
            "nothing to compare: no baseline and no pair of recipes", "two recipes", "name baseline=RECIPE, or pairs"
        )
    return found


def _known(name: str, names: Sequence[str] | pd.Series, what: str, key: str) -> None:
    known = list(dict.fromkeys(names))
    if name not in known:
        raise InputError(f"no {what} {name!r} in the table", f"one of {', '.join(known)}", f"change {key}")


def _guessed(given: Mapping[str, float], target: str, metric: str, n: int) -> float:
    return given[target] if target in given else chance(target, metric, n)


def _columns(rows: pd.DataFrame) -> list[tuple[str, float, float]]:
    return list(zip(rows["measure"], rows["estimate"], rows["p_adjusted"], strict=True))


def _report_rows(rows: pd.DataFrame, recipes: pd.DataFrame) -> list[tuple[str, ...]]:
    out: list[tuple[str, ...]] = []
    for row in overall(rows).itertuples():
        if row.measure == SLOPE:
            shares = [mean_of(recipes, name, KEPT, str(row.kind)) for name in (row.recipe, row.against)]
            df = "–" if pd.isna(row.df) else f"{row.df:.1f}"
            ends = "–" if pd.isna(row.low) else f"{signed(row.low)} to {signed(row.high)}"
            kept = ("–" if pd.isna(share) else f"{share:.1f}" for share in shares)
            cells = (row.recipe, row.against, row.kind, signed(row.estimate), ends, df, p_text(row.p_adjusted))
            out.append((*map(str, cells), *kept, str(row.verdict)))
    return out


def _notes(settings: NoiseSettings, comparisons: Sequence[tuple[str, str, str]], rows: pd.DataFrame) -> list[str]:
    notes = []
    scopes = dict.fromkeys(overall(rows)["scope"])
    notes.append(
        f"intervals are over {' or '.join(scopes)}, noise seeds averaged within a run, variances pooled over recipes; "
        "languages are fixed"
    )
    if not settings.multilingual and not settings.pairs:
        notes.append("no recipe is named multilingual (multilingual=[RECIPE])")
    elif any(comparison == PAIR for comparison, _, _ in comparisons):
        notes.append("that paired recipes are equal in task, examples and steps is not in a table of scores")
    if not any(comparison == BASELINE for comparison, _, _ in comparisons):
        notes.append("no gains: no recipe is the baseline (name it with baseline=RECIPE)")
    slopes = overall(rows[rows["measure"] == SLOPE])
    there = set(zip(slopes["recipe"], slopes["against"], slopes["kind"], strict=True))
    wanted = [(recipe, against, kind) for _, recipe, against in comparisons for kind in dict.fromkeys(rows["kind"])]
    absent = [f"{recipe} against {against} under {kind}" for recipe, against, kind in wanted
              if (recipe, against, kind) not in there]  # fmt: skip
    if absent:
        notes.append(f"no mean, as a target or language is missing: {', '.join(dict.fromkeys(absent))}")
    notes.append("equal levels are not equal noise from script to script: recipes are compared within a language")
    return notes
