"""What is lost by choosing the number of steps by English, against an oracle that looks at the language itself.

The best of several steps by the scores that it is reported with looks too good, so half of the seeds choose, for
English and for the oracle, and the others report what either choice scores; both ways, and averaged. The report of one
half is independent of its own choice, but each half both chooses and reports, so where steps are alike the errors of
the halves go together. Their covariance cannot be known and is taken at its largest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stilts.analysis.families import ALL
from stilts.analysis.intervals import SEEDS as OVER_SEEDS
from stilts.analysis.intervals import Interval, t_interval
from stilts.analysis.language_effects import ENGLISH
from stilts.analysis.seeds import INNER, INNER_ONLY, NESTED, OUTER

_SHARED = 0.32
"""The largest covariance of the halves' errors, as a share of one half's variance: m^2 / (k - 1) of one step's
variance, m being the expected largest of k standard normal numbers, over 2 (k - 1) / k, that of two of the steps."""


@dataclass(frozen=True)
class Regret:
    """What choosing by English loses in one place.

    Attributes:
        series, design, target, language: where; language "all" is the mean over the languages but English, or a tier.
        english, oracle: the steps that the halves of the seeds choose; the oracle's of one language only.
        lost: the oracle's score less that of English's choice, on seeds that chose neither, with its interval; points.
        optimistic: the same by an oracle that is chosen and scored with all seeds, which is too much.
        seeds, scope: how many units, and of which phase.
    """

    series: str
    design: str
    target: str
    language: str
    english: tuple[float, ...]
    oracle: tuple[float, ...]
    lost: Interval
    optimistic: float
    seeds: int
    scope: str


def regrets(rows: pd.DataFrame, tiers: Mapping[str, Sequence[str]]) -> list[Regret]:
    """The regrets of every series, by target and over targets, by language, tier and over languages.

    Targets without English are left out, and runs that lack a step or a language that others of the target have.

    Args:
        rows: `stilts.analysis.steps_rows.Curves.rows`.
    """
    out = []
    for (series, design), own in rows.groupby(["series", "design"], sort=False):
        found: dict[str, Choice] = {}
        for target, part in own.groupby("target", sort=False):
            choice = _choice(part)
            if choice is not None:
                found[str(target)] = choice
        for target, choice in found.items():
            out += [_regret(str(series), str(design), target, name, [choice], languages)
                    for name, languages in _groups(choice, tiers).items()]  # fmt: skip
        units = {choice.units for choice in found.values()}
        if len(found) > 1 and len(units) == 1:
            names = dict.fromkeys(name for choice in found.values() for name in _groups(choice, tiers))
            for name in [name for name in names if name == ALL or name in tiers]:
                with_it = [(c, _groups(c, tiers)[name]) for c in found.values() if name in _groups(c, tiers)]
                languages = list(dict.fromkeys(code for _, codes in with_it for code in codes))
                out.append(_regret(str(series), str(design), ALL, name, [c for c, _ in with_it], languages))
    return out


@dataclass(frozen=True)
class Choice:
    """What either half of the seeds chooses in one target, and what that loses with each seed of the other half.

    Attributes:
        languages: but English.
        units: seeds, `scope` of which phase.
        halves: (seeds,) 0 or 1: which half a seed is in.
        english: (2,) step that each half chooses by English.
        oracle: (languages, 2) by the language itself.
        lost: (languages, seeds) the oracle's score less that of English's choice, both chosen by the other half.
        optimistic: (languages,) the same, chosen and scored with all seeds.
    """

    languages: tuple[str, ...]
    units: tuple[str, ...]
    scope: str
    halves: np.ndarray
    english: np.ndarray
    oracle: np.ndarray
    lost: np.ndarray
    optimistic: np.ndarray


def choose(scores: np.ndarray, english: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Halves, steps by English, steps by each language, what is lost with each seed, what seems lost with all seeds.

    Args:
        scores: (languages, steps, seeds) in points.
        english: its row, which stays in the results.
    """
    halves = np.arange(scores.shape[2]) % 2
    by_half = np.stack([scores[:, :, halves == half].mean(axis=2) for half in (0, 1)], axis=-1)
    best = by_half.argmax(axis=1)  # (languages, 2)
    others = best[:, 1 - halves]  # (languages, seeds): chosen by the half that a seed is not in
    every = np.arange(scores.shape[2])
    own = np.take_along_axis(scores, others[:, None, :], axis=1)[:, 0]
    lost = own - scores[:, others[english], every]
    whole = scores.mean(axis=2)
    return halves, best[english], best, lost, whole.max(axis=1) - whole[:, whole[english].argmax()]


def lost(each: np.ndarray, halves: np.ndarray) -> Interval:
    """The mean of what each seed loses, with its interval; none where no half has two seeds.

    Args:
        each, halves: (..., seeds).
    """
    sizes = np.array([(halves == half).sum() for half in (0, 1)])
    squares = sum(
        ((each[..., halves == half] - each[..., halves == half].mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
        for half in (0, 1)
    )
    n = int(sizes.sum())
    df = n - 2
    variance = squares / df / n * (1 + _SHARED) if df > 0 else np.full(each.shape[:-1], np.nan)
    return t_interval(OVER_SEEDS, each.mean(axis=-1), np.sqrt(variance), np.asarray(float(df)))


def _choice(rows: pd.DataFrame) -> Choice | None:
    """The choices in one target; None without English, another language or two seeds."""
    scope, unit = (NESTED, OUTER) if rows[OUTER].nunique() > 1 else (INNER_ONLY, INNER)
    by = rows.groupby(["language", "step", unit], sort=False)["value"].mean().unstack([0, 1]).sort_index()
    by = by.dropna()
    languages = tuple(dict.fromkeys(by.columns.get_level_values(0)))
    if len(by) < 2 or ENGLISH not in languages or len(languages) < 2:
        return None
    steps = np.sort(by.columns.get_level_values(1).unique().to_numpy(dtype=np.float64))
    scores = np.stack([by[language].reindex(columns=steps).to_numpy().T for language in languages])
    if np.isnan(scores).any():
        return None
    english = languages.index(ENGLISH)
    halves, by_english, best, each, whole = choose(scores, english)
    rest = [place for place in range(len(languages)) if place != english]
    names = tuple(languages[place] for place in rest)
    units = tuple(map(str, by.index))
    return Choice(names, units, scope, halves, steps[by_english], steps[best[rest]], each[rest], whole[rest])


def _groups(choice: Choice, tiers: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Name -> languages: all, the tiers that have one, and each language."""
    groups = {ALL: list(choice.languages)}
    for name, languages in tiers.items():
        if own := [language for language in choice.languages if language in languages]:
            groups[name] = own
    return groups | {language: [language] for language in choice.languages}


def _regret(
    series: str, design: str, target: str, name: str, choices: Sequence[Choice], languages: Sequence[str]
) -> Regret:
    """The mean over targets of the mean over languages."""
    each, optimistic = [], []
    for choice in choices:
        rows = [place for place, language in enumerate(choice.languages) if language in languages]
        each.append(choice.lost[rows].mean(axis=0))
        optimistic.append(choice.optimistic[rows].mean())
    one = choices[0]
    alone = len(choices) == 1 and list(languages) == [name]
    oracle = one.oracle[one.languages.index(name)].tolist() if alone else []
    english = one.english.tolist() if len(choices) == 1 else []
    return Regret(
        series, design, target, name, tuple(english), tuple(oracle), lost(np.mean(each, axis=0), one.halves),
        float(np.mean(optimistic)), len(one.units), one.scope,
    )  # fmt: skip
