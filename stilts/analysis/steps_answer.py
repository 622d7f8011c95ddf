"""Question 2 asked of a table: how many intermediate steps, and for which languages? In words, rows and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stilts.analysis.answer import Answer, Shown
from stilts.analysis.controls import SIZE, controls, read_languages
from stilts.analysis.families import adjusted
from stilts.analysis.language_effects import ENGLISH, baseline_of
from stilts.analysis.power import direction
from stilts.analysis.steps import Interaction, contrasts, gains, interaction, run_slopes, slopes
from stilts.analysis.steps_regret import Regret, regrets
from stilts.analysis.steps_rows import UNNAMED, Curves, curves
from stilts.analysis.steps_words import FALLS, RISES, curve_table, notes, sentences, slope_table
from stilts.analysis.uriel import uriel_code, uriel_features
from stilts.analysis.wording import finite
from stilts.errors import InputError
from stilts.kept_step import DESIGNS, KeptStep
from stilts.settings import plain, setting

AXIS = ["trained_steps", "examples", "epochs"]
EDGES = [3.0, 30.0]


@dataclass
class StepsSettings:
    """What `stilts analyse steps` may be told."""

    baseline: str | None = setting(None, "recipe that was not trained; default the one without an intermediate seed")
    designs: dict[str, str] = setting({}, f"RECIPE: {', '.join(DESIGNS)}; for tables that do not name the design")
    pairs: dict[str, str] = setting(
        {}, "RECIPE: another one to compare with at equal steps; default the only two, where their designs differ"
    )
    tiers: list[float] = setting(EDGES, "GiB of pretraining text that part the languages, from small to large")
    features: str | None = setting(None, "CSV of languages: language, gib, family; they go before CC-100 and URIEL")
    axis: str | None = setting(None, "results/steps.csv of a study: examples and epochs of each kept step")
    permutations: int = setting(10_000, "of whole languages", minimum=99)
    seed: int = setting(0, "of the permutations")


@dataclass(frozen=True)
class StepsAnswer(Answer):
    """The answer.

    Attributes:
        question: "steps".
        answer: sentences made from the numbers.
        curves: scores and gains over steps (`stilts.analysis.steps.gains`), with `AXIS`.
        slopes: of gains on log2 steps (`stilts.analysis.steps.slopes`), with a verdict.
        interactions: of slopes with pretraining size, a series each.
        regrets: of choosing by English.
        contrasts: of series at equal steps.
        tiers: name -> languages.
        notes: what was left out, and on what the numbers rest.
    """

    question: str
    answer: list[str]
    curves: pd.DataFrame
    slopes: pd.DataFrame
    interactions: list[Interaction]
    regrets: list[Regret]
    contrasts: pd.DataFrame
    tiers: dict[str, list[str]]
    notes: list[str] = field(default_factory=list)

    def content(self) -> dict[str, Any]:
        """For JSON: what is no number is null. Every row names its design."""
        tables = {
            name: getattr(self, name).astype(object).to_dict("records") for name in ("curves", "slopes", "contrasts")
        }
        lost = [_regret_row(one) for one in self.regrets]
        return dict(
            finite({
                "question": self.question, "answer": self.answer, **tables, "interactions": plain(self.interactions),
                "regrets": lost, "tiers": self.tiers, "notes": self.notes,
            })
        )  # fmt: skip

    def tables(self) -> list[Shown]:
        """The curves and the slopes."""
        return [curve_table(self.curves, list(self.tiers)), slope_table(self.slopes)]


def ask(scores: pd.DataFrame, settings: StepsSettings) -> StepsAnswer:
    """Answer question 2 from score rows (`stilts.analysis.score_table.read_scores` with `step` and `design`).

    Raises InputError for unknown recipes, tiers out of order, and where no recipe has scores after two steps.
    """
    found = curves(scores, baseline_of(scores, settings.baseline) or _untrained(scores), settings.designs)
    languages = list(dict.fromkeys(found.rows["language"]))
    path = Path(settings.features) if settings.features else None
    own = read_languages(path) if path else None
    size = dict(controls(languages, own, path)[SIZE])
    tiers = tiers_of(languages, size, settings.tiers)
    each = run_slopes(found.rows)
    rows = slopes(each, tiers)
    rows["verdict"] = [direction(*row, RISES, FALLS) for row in zip(rows["slope"], rows["p_adjusted"], strict=True)]
    groups = families_of(languages, own)
    series = [part for _, part in each.groupby(["recipe", "design"], sort=False)]
    changes = _corrected([interaction(part, size, groups, settings.permutations, settings.seed) for part in series])
    lost = regrets(found.rows, tiers)
    both = contrasts(found, _pairs(found, settings.pairs))
    curve = gains(found, tiers)
    curve[AXIS] = _axis(curve, Path(settings.axis) if settings.axis else None)
    said = sentences(curve, rows, changes, lost, both, list(tiers))
    return StepsAnswer("steps", said, curve, rows, changes, lost, both, tiers, notes(found, rows, changes, size))


def tiers_of(languages: Sequence[str], size: Mapping[str, float], edges: Sequence[float]) -> dict[str, list[str]]:
    """Name -> languages by pretraining text, from small to large; English and languages of unknown size are in none.

    Args:
        size: language -> log10 GiB.
        edges: GiB, rising.
    """
    if list(edges) != sorted(set(edges)) or any(edge <= 0 for edge in edges):
        raise InputError(f"tiers are {list(edges)}", "GiB above 0, from small to large", "change tiers")
    if not edges:
        return {}
    texts = [f"{edge:g}" for edge in edges]
    names = [f"below {texts[0]} GiB", *(f"{a} to {b} GiB" for a, b in pairwise(texts)), f"{texts[-1]} GiB or more"]
    tiers: dict[str, list[str]] = {name: [] for name in names}
    for language in languages:
        if language != ENGLISH and not np.isnan(size[language]):
            tiers[names[int(np.searchsorted(np.log10(edges), size[language], side="right"))]].append(language)
    return {name: own for name, own in tiers.items() if own}


def families_of(languages: Sequence[str], own: pd.DataFrame | None) -> dict[str, str]:
    """Language -> family, of a study's file or of URIEL; a language that neither knows is its own."""
    given = {} if own is None or "family" not in own else {str(k): str(v) for k, v in own["family"].items() if v}
    known = [code for code in languages if code not in given and uriel_code(code) is not None]
    found = uriel_features(known).families if known else {}
    return {code: given.get(code) or found.get(code, code) for code in languages}


def _untrained(scores: pd.DataFrame) -> str | None:
    """The one recipe whose rows all have step 0."""
    bare = [str(name) for name, rows in scores.groupby("recipe", sort=False) if (rows["step"] == "0").all()]
    return bare[0] if len(bare) == 1 else None


def _pairs(found: Curves, given: Mapping[str, str]) -> dict[str, str]:
    designs = dict(found.of_series())
    for name in [*given, *given.values()]:
        if name not in designs:
            raise InputError(f"pairs names {name!r}", f"two of {', '.join(designs)}", "change pairs")
    if given or len(designs) != 2 or len(set(designs.values())) != 2:
        return dict(given)
    first, second = designs
    return {second: first}


def _axis(curve: pd.DataFrame, path: Path | None) -> pd.DataFrame:
    """The columns `AXIS` of each row of the curves, NaN where they are not known."""
    nothing = pd.DataFrame(np.nan, curve.index, AXIS)
    if path is None:
        return nothing
    if not path.is_file():
        raise InputError(f"no file at {path}", "results/steps.csv of a study", "change axis")
    table = pd.read_csv(path)
    if lacks := [name for name in ("name", *AXIS) if name not in table]:
        raise InputError(f"{path} lacks the columns {', '.join(lacks)}", "results/steps.csv of a study", "change axis")
    places = zip(curve["series"], curve["step"], curve["design"], strict=True)
    names = [KeptStep(series, int(step), design).name for series, step, design in places]
    return table.set_index("name")[AXIS].astype(float).reindex(names).set_index(curve.index)


def _corrected(found: Sequence[Interaction]) -> list[Interaction]:
    """With p values corrected over the series by Holm's method."""
    known = [place for place, one in enumerate(found) if not np.isnan(one.p)]
    p = dict(zip(known, adjusted([found[place].p for place in known], "holm"), strict=True))
    return [replace(one, p_holm=float(p.get(place, np.nan))) for place, one in enumerate(found)]


def _regret_row(one: Regret) -> dict[str, Any]:
    content = plain(replace(one, lost=None))  # type: ignore[arg-type]
    numbers = {name: float(getattr(one.lost, name)) for name in ("estimate", "low", "high", "p", "df")}
    return {**content, **numbers, "lost": numbers["estimate"]} | {"design": one.design or UNNAMED}
