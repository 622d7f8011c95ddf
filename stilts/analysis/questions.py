"""The questions that `stilts analyse` answers: name -> what it may be told, and who answers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from stilts.analysis import domain_answer, noise_answer
from stilts.analysis.answer import Answer
from stilts.analysis.language_effects import ENGLISH
from stilts.analysis.multitask_answer import MultitaskSettings
from stilts.analysis.multitask_answer import ask as multitask
from stilts.analysis.score_table import read_scores
from stilts.analysis.steps_answer import StepsSettings
from stilts.analysis.steps_answer import ask as steps
from stilts.analysis.typology import FEWEST
from stilts.analysis.typology_answer import TypologySettings, ask
from stilts.errors import InputError
from stilts.settings import overridden, read, unknown


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        settings: a dataclass of `stilts.settings.setting` fields.
        answer: from score rows and these settings. It reads no file of parameters that a generator left.
        noisy: whether it is asked of noisy scores, too.
        columns: of the table that it reads beside those of every question.
        title: of a report's section; default the question's name.
        check: raises InputError for score rows of a study that say nothing on it.
    """

    settings: type[Any]
    answer: Callable[[pd.DataFrame, Any], Answer]
    noisy: bool = False
    columns: tuple[str, ...] = ()
    title: str = ""
    check: Callable[[pd.DataFrame], None] = lambda rows: None


def _enough_languages(rows: pd.DataFrame) -> None:
    count = rows.loc[rows["language"] != ENGLISH, "language"].nunique()
    if count < FEWEST:
        raise InputError(f"scores of {count} languages beside English", f"{FEWEST} or more", "add languages")


def _some_noise(rows: pd.DataFrame) -> None:
    if rows.empty:
        raise InputError("no score under noise", "noisy conditions in evaluation.conditions", "add some")


QUESTIONS: dict[str, Question] = {
    "multitask": Question(
        MultitaskSettings, multitask, columns=("arm",), title="Several intermediate tasks against each alone"
    ),
    "noise": Question(
        noise_answer.NoiseSettings, noise_answer.ask, noisy=True, title="Noisy inputs", check=_some_noise
    ),
    "steps": Question(StepsSettings, steps, columns=("step", "design"), title="Number of intermediate steps"),
    "typology": Question(TypologySettings, ask, title="Distance to English", check=_enough_languages),
    "domain": Question(domain_answer.DomainSettings, domain_answer.ask, title="Domain mismatch"),
}


def ask_unasked(name: str, rows: pd.DataFrame, told: Mapping[str, Any]) -> Answer:
    """Answer a question that nobody has asked, from score rows, where they can.

    Args:
        name: of QUESTIONS.
        rows: as `stilts.analysis.score_table.read_scores` gives them for this question.
        told: settings.

    Raises:
        InputError: the rows cannot answer it.
    """
    question = QUESTIONS[name]
    question.check(rows)
    return question.answer(rows, read(question.settings, told, ""))


def analyse(name: str, scores: Path, overrides: Sequence[str] = ()) -> Answer:
    """Answer a question from a table of scores.

    Args:
        name: of QUESTIONS.
        scores: the file.
        overrides: settings, `key=value`.

    Raises:
        InputError: an unknown question or setting, or a table that cannot be read.
    """
    if name not in QUESTIONS:
        raise unknown(f"question {name!r}", name, list(QUESTIONS), "ask one of these")
    question = QUESTIONS[name]
    settings = read(question.settings, overridden({}, overrides, name), "")
    return question.answer(read_scores(scores, question.noisy, question.columns), settings)
