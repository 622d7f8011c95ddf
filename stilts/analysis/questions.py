"""The questions that `stilts analyse` answers: name -> what it may be told, and who answers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from stilts.analysis import domain_answer, noise_answer
from stilts.analysis.multitask_answer import MultitaskSettings
from stilts.analysis.multitask_answer import ask as multitask
from stilts.analysis.score_table import read_scores
from stilts.analysis.typology_answer import TypologySettings, ask
from stilts.settings import overridden, read, unknown


class Answer(Protocol):
    """What every question gives."""

    def content(self) -> dict[str, Any]:
        """For `--json`; the keys `question`, `answer` (sentences) and `notes` are in all."""
        ...

    def text(self) -> str:
        """For a terminal: the sentences, a table, notes."""
        ...


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        settings: a dataclass of `stilts.settings.setting` fields.
        answer: from score rows and these settings. It reads no file of parameters that a generator left.
        noisy: whether it is asked of noisy scores, too.
        columns: of the table that it reads beside those of every question.
    """

    settings: type[Any]
    answer: Callable[[pd.DataFrame, Any], Answer]
    noisy: bool = False
    columns: tuple[str, ...] = ()


QUESTIONS: dict[str, Question] = {
    "domain": Question(domain_answer.DomainSettings, domain_answer.ask),
    "multitask": Question(MultitaskSettings, multitask, columns=("arm",)),
    "noise": Question(noise_answer.NoiseSettings, noise_answer.ask, noisy=True),
    "typology": Question(TypologySettings, ask),
}


def analyse(name: str, scores: Path, overrides: Sequence[str] = ()) -> Answer:
    """Answer a question from a table of scores.

    Raises InputError for an unknown question or setting, or a table that cannot be read.
    """
    if name not in QUESTIONS:
        raise unknown(f"question {name!r}", name, list(QUESTIONS), "ask one of these")
    question = QUESTIONS[name]
    settings = read(question.settings, overridden({}, overrides, name), "")
    return question.answer(read_scores(scores, question.noisy, question.columns), settings)
