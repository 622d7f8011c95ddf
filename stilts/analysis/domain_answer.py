"""Question 5 asked of a table: what is read, and the answer in words, rows and JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stilts.analysis.answer import Answer, Shown
from stilts.analysis.domain import MARGINAL, PARTIAL, Fit, Row, compare, corrected, verdict
from stilts.analysis.domain_factorial import Factorial, factorial, means, recipes_of
from stilts.analysis.domain_rows import matrices, read_measures, singles
from stilts.analysis.domain_words import notes, sentences
from stilts.analysis.families import ALL
from stilts.analysis.language_effects import baseline_of
from stilts.analysis.multitask import runs_of
from stilts.analysis.task_sets import SINGLE, Names, TaskSet, task_sets, tasks_of
from stilts.analysis.wording import finite, p_text, points
from stilts.errors import InputError
from stilts.settings import plain, setting

_HEADER = ("measure", "tasks x targets", "cells", "slope", "95 %", "p (Holm)", "at equal format", "95 %", "p (Holm)",
           "verdict")  # fmt: skip

NAMED = 6
"""Languages or targets that a note names; of more it says how many."""


@dataclass
class DomainSettings:
    """What `stilts analyse domain` may be told."""

    measures: str | None = setting(None, "CSV of how far data sets are apart: results/domain.csv of a study")
    baseline: str | None = setting(None, "recipe to compare with; default the one without an intermediate seed")
    recipes: dict[str, str] = setting({}, "RECIPE: its intermediate task; default its name")
    cells: dict[str, str] = setting(
        {}, "RECIPE: its cell of the 2 x 2 (matched or mismatched, english or near); default what its name says"
    )
    languages: list[str] = setting([], "languages that gains are averaged over; default all of a target")
    near: list[str] = setting([], "languages that the 2 x 2 is scored in; default those of `languages`")
    targets: list[str] = setting([], "targets that the 2 x 2 is scored on; default all")
    permutations: int = setting(10_000, "of rows and columns, at most", minimum=99)
    seed: int = setting(0, "of the permutations")


@dataclass(frozen=True)
class DomainAnswer(Answer):
    """The answer.

    Attributes:
        question: "domain".
        answer: sentences made from the numbers.
        rows: a measure each; none without measures.
        scored: where the 2 x 2 is, as "in fi on tydiqa"; "" without one.
        effects: of the 2 x 2 (`stilts.analysis.domain_factorial.factorial`), `means` its cells; empty without one.
        notes: what was left out, and on what the numbers rest.
    """

    question: str
    answer: list[str]
    rows: list[Row]
    scored: str
    effects: pd.DataFrame
    means: pd.DataFrame
    notes: list[str] = field(default_factory=list)

    def content(self) -> dict[str, Any]:
        """For JSON: what is no number is null, and each row has its verdict."""
        return dict(
            finite({
                "question": self.question,
                "answer": self.answer,
                "rows": [{**plain(row), "verdict": verdict(row)} for row in self.rows],
                "scored": self.scored,
                "effects": self.effects.to_dict("records"),
                "means": self.means.to_dict("records"),
                "notes": self.notes,
            })
        )  # fmt: skip

    def tables(self) -> list[Shown]:
        """The correlations by measure, and the effects of the 2 x 2, where there are some."""
        found = [Shown(_HEADER, [_line(row) for row in self.rows])] if self.rows else []
        if len(self.effects):
            lines = [_effect(row) for row in self.effects.to_dict("records")]
            found.append(Shown(("effect", "target", "points", "95 %", "df", "p (Holm)"), lines))
        return found


def ask(scores: pd.DataFrame, settings: DomainSettings) -> DomainAnswer:
    """Answer question 5 from score rows (`stilts.analysis.score_table.read_scores`).

    Raises InputError for unknown recipes, languages and baselines, measures that cannot be read, and where there are
    neither measures nor the recipes of the 2 x 2.
    """
    names = [str(name) for name in dict.fromkeys(scores["recipe"])]
    lacking = ""
    try:
        two = _two_by_two(scores, settings, names)
    except InputError as error:
        if not settings.measures:
            raise
        two, lacking = Factorial(), f"The 2 x 2 is not compared: {error}."
    if not settings.measures and not two.recipes:
        raise InputError(
            "no measures and no recipes of the 2 x 2", "one of them", "add measures=results/domain.csv or cells=..."
        )
    rows, more = _rows(_in(scores, settings.languages), settings, names) if settings.measures else ([], [])
    return DomainAnswer(
        "domain", [*sentences(rows, two), *([lacking] if lacking else [])], rows, two.scored, two.effects, two.means,
        [*more, *notes(rows, two)],
    )  # fmt: skip


def _two_by_two(scores: pd.DataFrame, settings: DomainSettings, names: list[str]) -> Factorial:
    """The 2 x 2 of a table; empty where it has none of the four recipes, InputError where it lacks some of it."""
    four = recipes_of(names, settings.cells)
    if not four:
        return Factorial()
    own = _on(_in(scores[scores["recipe"].isin(four.values())], settings.near or settings.languages), settings.targets)
    runs = runs_of(own, "")
    effects = factorial(runs, four)
    if effects.empty:
        raise InputError("no target with scores of all four recipes", "the four in one target", "run what is missing")
    return Factorial(four, effects, means(runs, four), f"in {_few(own['language'])} on {_few(own['target'])}")


def _rows(scores: pd.DataFrame, settings: DomainSettings, names: list[str]) -> tuple[list[Row], list[str]]:
    """The measures, and notes on recipes that are not compared."""
    baseline = baseline_of(scores, settings.baseline)
    if baseline is None:
        raise InputError(
            "a table without one recipe that has no intermediate seed", "a baseline", "add baseline=RECIPE"
        )
    given = {recipe: tasks_of(tasks) for recipe, tasks in settings.recipes.items()}
    sets: list[TaskSet] = task_sets(names, Names(baseline, "all", "leave-one-out", given))
    assert settings.measures is not None
    found = matrices(read_measures(Path(settings.measures)), runs_of(scores, baseline), baseline, sets)
    if not any(one.tasks and one.columns for one in found):
        raise InputError(
            f"{settings.measures} has no pair of a recipe's task and a target of the scores",
            "measures of the tasks that recipes train on",
            "give others, or name the tasks: recipes.RECIPE=TASK",
        )
    again = [one.recipe for one in sets if one.kind == SINGLE and one.recipe not in singles(sets).values()]
    more = [f"not compared, as another recipe or arm has the same task: {', '.join(again)}"] if again else []
    return corrected([compare(one, settings.permutations, settings.seed) for one in found]), more


def _in(scores: pd.DataFrame, languages: list[str]) -> pd.DataFrame:
    for language in languages:
        if language not in set(scores["language"]):
            raise InputError(f"no score in {language!r}", "languages of the table", "change languages or near")
    return scores[scores["language"].isin(languages)] if languages else scores


def _on(scores: pd.DataFrame, targets: list[str]) -> pd.DataFrame:
    for target in targets:
        if target not in set(scores["target"]):
            raise InputError(f"no score of {target!r} in the languages of the 2 x 2", "targets of the table",
                             "change targets or near")  # fmt: skip
    return scores[scores["target"].isin(targets)] if targets else scores


def _few(names: pd.Series) -> str:
    """The names, or how many there are."""
    known = list(dict.fromkeys(names))
    return ", ".join(known) if len(known) <= NAMED else f"{len(known)} {names.name}s"


def _line(row: Row) -> tuple[str, ...]:
    shape = f"{len(row.tasks)} x {len(row.columns)}"
    return (row.measure, shape, str(row.cells), *_fit(row.fit(MARGINAL)), *_fit(row.fit(PARTIAL)), verdict(row))


def _fit(fit: Fit | None) -> tuple[str, str, str]:
    return (points(fit.slope), _ends(fit.low, fit.high), p_text(fit.p_holm)) if fit else ("–", "–", "–")


def _effect(row: dict[str, Any]) -> tuple[str, ...]:
    target = "all targets" if row["target"] == ALL else str(row["target"])
    ends = _ends(row["low"], row["high"])
    return (row["effect"], target, points(row["estimate"]), ends, f"{row['df']:.0f}", p_text(row["p_adjusted"]))


def _ends(low: float, high: float) -> str:
    return "–" if np.isnan(low) else f"{low:+.2f} to {high:+.2f}"
