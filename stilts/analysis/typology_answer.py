"""Question 4 asked of a table: what is read, and the answer in words, rows and JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from stilts.analysis.answer import Answer, Shown
from stilts.analysis.controls import CONTROLS, WORDS, controls, read_languages
from stilts.analysis.language_effects import ENGLISH, GAIN, Outcome, baseline_of, outcomes
from stilts.analysis.measured import measured_features
from stilts.analysis.power import ALPHA
from stilts.analysis.subwords import subwords
from stilts.analysis.typology import FEWEST, RANKS_ONLY, compare
from stilts.analysis.typology_ranks import Correlation, by_target, correlations
from stilts.analysis.typology_rows import ANCOVA, MARGINAL, PARTIAL, Fit, Row, corrected
from stilts.analysis.uriel import FILLS, NO_FILL, Features, distances, features_from, uriel_features
from stilts.analysis.wording import finite, p_text, points
from stilts.errors import InputError
from stilts.settings import plain, setting, unknown

URIEL, MEASURED = "uriel", "measured"
HEADER = (
    "outcome", "recipe", "distance", "languages", "rho", "p (Holm)", "slope", "95 %", "partial", "95 %", "p (Holm)",
)  # fmt: skip
RELATED, CONFOUNDED, ONLY_PARTIAL, NOT_SHOWN, TOO_FEW = (
    "related", "not apart from the controls", "only with the controls", "not shown", "too few languages",
)  # fmt: skip
_SHOWN = (RELATED, CONFOUNDED, ONLY_PARTIAL)


@dataclass
class TypologySettings:
    """What `stilts analyse typology` may be told."""

    baseline: str | None = setting(None, "recipe to compare with; default the one without an intermediate seed")
    features: str | None = setting(
        None,
        "CSV of languages: language, family, gib, script, fertility, unknown_rate, log_size, other_script and features "
        "KIND:NAME; the features replace URIEL's",
    )
    prepared: str | None = setting(None, "a study's folder `features`: fertility and unknown rate are counted there")
    distances: str = setting(
        URIEL, "from URIEL, or measured in the udpos sets of `prepared`", choices=(URIEL, MEASURED)
    )
    fill: str = setting(NO_FILL, "gaps in URIEL: left open, or filled from near languages", choices=FILLS)
    controls: list[str] = setting(list(CONTROLS), "held equal in the partial slopes, in this order, as many as may be")
    permutations: int = setting(10_000, "of whole languages", minimum=99)
    seed: int = setting(0, "of the permutations")


@dataclass(frozen=True)
class TypologyAnswer(Answer):
    """The answer.

    Attributes:
        question: "typology".
        answer: sentences made from the numbers.
        rows: outcome x recipe x kind of distance.
        baseline: the recipe that gains are over, if there is one.
        correlations: the same by target, and with the pretraining size; not corrected.
        notes: what was left out, and on what the numbers rest.
    """

    question: str
    answer: list[str]
    rows: list[Row]
    baseline: str | None
    correlations: list[Correlation]
    notes: list[str] = field(default_factory=list)

    def content(self) -> dict[str, Any]:
        """For JSON: what is no number is null, and each row has its verdict."""
        rows = [{**plain(row), "verdict": verdict(row)} for row in self.rows]
        return dict(finite({**plain(self), "rows": rows}))

    def tables(self) -> list[Shown]:
        """The slopes on each distance, and the correlations by target."""
        each = by_target(self.correlations, self.baseline)
        return [Shown(HEADER, report_rows(self.rows)), *([each] if each else [])]


def ask(scores: pd.DataFrame, settings: TypologySettings) -> TypologyAnswer:
    """Answer question 4 from score rows (`stilts.analysis.score_table.read_scores`).

    Raises InputError for unknown languages, baselines and controls, and where no language but English has scores.
    """
    for name in settings.controls:
        if name not in CONTROLS:
            raise unknown(f"control {name!r}", name, CONTROLS, "change controls")
    baseline = baseline_of(scores, settings.baseline)
    found = outcomes(scores, baseline)
    if not found:
        raise InputError("no score but of English", "scores of other languages", "give another table")
    languages = list(dict.fromkeys(language for outcome in found for language in outcome.cells["language"]))
    path = Path(settings.features) if settings.features else None
    own = read_languages(path) if path else None
    features = _features(languages, own, path, settings)
    known = controls(languages, own, path, subwords(Path(settings.prepared)) if settings.prepared else None)
    away = distances(features)
    rows = [
        row
        for outcome in found
        for row in compare(
            outcome, away, features.families, known, settings.controls, settings.permutations, settings.seed
        )
    ]
    rows = corrected(rows)
    each = correlations(found, away, known, settings.permutations, settings.seed)
    return TypologyAnswer("typology", sentences(rows), rows, baseline, each, _notes(found, features, rows))


def verdict(row: Row) -> str:
    """What one row says after Holm's correction, at 5 %."""
    marginal, partial = row.fit(MARGINAL), row.fit(PARTIAL)
    if math.isnan(row.rho):
        return TOO_FEW
    if marginal is None:
        return RELATED if row.p_holm <= ALPHA else NOT_SHOWN
    if marginal.p_holm <= ALPHA:
        return RELATED if partial is None or partial.p_holm <= ALPHA else CONFOUNDED
    return ONLY_PARTIAL if partial is not None and partial.p_holm <= ALPHA else NOT_SHOWN


def report_rows(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """The rows of a table with HEADER, as texts."""
    out: list[tuple[str, ...]] = []
    for row in rows:
        marginal, partial = row.fit(MARGINAL), row.fit(PARTIAL)
        numbers = (
            str(len(row.languages)),
            points(row.rho),
            p_text(row.p_holm),
            *_interval(marginal),
            *_interval(partial),
        )
        out.append((row.outcome, row.recipe, row.kind, *numbers, p_text(partial.p_holm) if partial else "–"))
    return out


def _features(
    languages: Sequence[str], own: pd.DataFrame | None, path: Path | None, settings: TypologySettings
) -> Features:
    given = features_from(own, path) if own is not None and path is not None else None
    if given is None:
        everywhere = [ENGLISH, *languages]
        if settings.distances == URIEL:
            features = uriel_features(everywhere, settings.fill)
        elif settings.prepared:
            features = measured_features(Path(settings.prepared), everywhere)
        else:
            raise InputError("distances=measured", "tagged text to measure", "add prepared=<study>/features")
        families = {} if own is None or "family" not in own else {k: v for k, v in own["family"].items() if v}
        return Features(features.languages, features.kinds, features.families | families, features.source)
    absent = [language for language in [ENGLISH, *languages] if language not in given.languages]
    if absent:
        raise InputError(f"{path} has no row for {', '.join(absent)}", "a row for each language", "add them")
    return given


def sentences(rows: Sequence[Row]) -> list[str]:
    """The answer: a sentence for each kind that goes with an outcome of a recipe, and one for all the others."""
    out = []
    for outcome, recipe in dict.fromkeys((row.outcome, row.recipe) for row in rows):
        what = f"the gain of {recipe}" if outcome == GAIN else f"the gap of {recipe} to English"
        of = [row for row in rows if (row.outcome, row.recipe) == (outcome, recipe)]
        out += [_shown(f"{row.kind.capitalize()} distance and {what}", row) for row in of if verdict(row) in _SHOWN]
        rest = [row for row in of if verdict(row) == NOT_SHOWN]
        if rest:
            kinds = " or ".join(row.kind for row in rest)
            out.append(f"It is not shown that {what} goes with {kinds} distance{_power(rest)}.")
        few = [row for row in of if verdict(row) == TOO_FEW]
        if few:
            kinds = " or ".join(row.kind for row in few)
            out.append(f"On {what} and {kinds} distance nothing can be said: too few languages, or all alike.")
    return out


def _shown(name: str, row: Row) -> str:
    marginal, ancova, partial = row.fit(MARGINAL), row.fit(ANCOVA), row.fit(PARTIAL)
    if marginal is None:
        ranks = (
            f"rank correlation {row.rho:+.2f} over {len(row.languages)} languages (permutation p of a straight line, "
            f"families related: {p_text(row.p_holm)} after Holm)"
        )
        return f"{name} go together: {ranks}; so few languages allow no more than ranks."
    alone = f"{_slope(marginal)} a standard deviation of distance over {len(row.languages)} languages"
    equal = f"; at equal baseline {_slope(ancova)}" if ancova else ""
    if partial is None:
        return f"{name} go together: {alone}{equal}; no control could be held equal."
    held = f"with {' and '.join(WORDS[one] for one in partial.covariates)} held equal {_slope(partial)}"
    word = {RELATED: "go together, beyond the controls", CONFOUNDED: "go together, but not apart from the controls",
            ONLY_PARTIAL: "go together only with the controls held equal"}[verdict(row)]  # fmt: skip
    return f"{name} {word}: {alone}; {held}{equal}."


def _notes(found: Sequence[Outcome], features: Features, rows: Sequence[Row]) -> list[str]:
    notes = [f"distances are cosine distances to English; features: {features.source}"]
    for kind in features.kinds:
        of = [row for row in rows if row.kind == kind]
        absent = list(dict.fromkeys(language for row in of for language in row.absent))
        share = max(row.missing for row in of)
        if share > 0:
            lost = f"; too few of them for {' '.join(absent)}, which are left out there" if absent else ""
            notes.append(f"{kind}: {share:.0%} of the features are missing a language{lost}")
    reasons = dict.fromkeys(f"{WORDS[name]}: {why}" for row in rows for name, why in row.dropped.items())
    if reasons:
        notes.append(f"not held equal: {'; '.join(reasons)}")
    if any(
        row.mixed is not None and not row.mixed.converged and not row.mixed.note.startswith("one target")
        for row in rows
    ):
        notes.append("a mixed model did not converge: its numbers are not to be used")
    if not any(outcome.kind == GAIN for outcome in found):
        notes.append("no gains: no recipe is the baseline (name it with baseline=RECIPE)")
    notes.append(f"up to {RANKS_ONLY} languages only ranks are compared, below {FEWEST} nothing")
    return notes


def _interval(fit: Fit | None) -> tuple[str, str]:
    return (f"{fit.slope:+.2f}", f"{fit.low:+.2f} to {fit.high:+.2f}") if fit else ("–", "–")


def _slope(fit: Fit) -> str:
    return f"{fit.slope:+.2f} points (95 % {fit.low:+.2f} to {fit.high:+.2f}, p {p_text(fit.p_holm)} after Holm)"


def _power(rows: Sequence[Row]) -> str:
    """What could have been found, for the end of a sentence."""
    found = [fit.detectable for row in rows for fit in row.fits if fit.name == MARGINAL]
    if not found:
        return f": {max(len(row.languages) for row in rows)} languages show strong relations of ranks only"
    ends = dict.fromkeys(f"{value:.2f}" for value in (min(found), max(found)))
    found_by = "would have been found four times in five, before Holm's correction"
    return f"; {' to '.join(ends)} points a standard deviation {found_by}"
