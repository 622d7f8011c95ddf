"""Search over a pool of candidates in several languages: what the predictions of trained retrieval are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from stilts.data.store import PreparedSet
from stilts.evaluation.predict import Predictor
from stilts.evaluation.search import Index
from stilts.formats import get_format
from stilts.formats.base import Prediction
from stilts.formats.dual import DEPTH, DualFormat
from stilts.tasks.base import Task
from stilts.tasks.languages import MULTIPLE


class Pool:
    """The questions and candidates of one task in all languages that are scored, as vectors of one model.

    A question is compared with the candidates of every language, so a score depends on which languages there are. The
    vectors are those of the model at construction, which is a collective; they are on rank 0.

    Args:
        head: the head that makes the vectors.
        sets: language -> its evaluation set.
        candidates: the set that is searched; default those of the evaluation sets themselves.
    """

    def __init__(
        self,
        predictor: Predictor,
        task: Task,
        head: str,
        sets: Mapping[str, PreparedSet],
        candidates: PreparedSet | None = None,
    ) -> None:
        form = get_format(task.format)
        assert isinstance(form, DualFormat)
        self.sets, self.main = dict(sets), predictor.world.main
        self._questions: dict[str, np.ndarray] = {}
        self._names: list[str] = []
        self._right: dict[str, list[str]] = {}
        searched = []
        for language, prepared in [*self.sets.items(), *([(MULTIPLE, candidates)] if candidates else [])]:
            sides = predictor.vectors(prepared, head)
            if sides is None:
                continue
            if prepared is not candidates:
                self._questions[language] = sides[0]
                for question, names in form.right_candidates(language, prepared.examples).items():
                    self._right.setdefault(question, []).extend(names)
            if candidates is None or prepared is candidates:
                searched.append(sides[1])
                self._names += form.candidates(language, prepared.examples)
        self._index = Index(np.concatenate(searched)) if searched else None

    def predictions(self, language: str) -> list[Prediction] | None:
        """The names of the nearest candidates of every question, the nearest first, on rank 0; None elsewhere.

        `gold` names all right candidates in the pool: questions of the same id are the same in every language.
        """
        if self._index is None:
            return None
        found = self._index.ranked(self._questions[language], DEPTH)
        return [
            {"id": example.id, "prediction": [self._names[i] for i in row], "gold": self._right[example.id]}
            for example, row in zip(self.sets[language].examples, found, strict=True)
        ]
