"""Search over a pool of candidates in several languages: what the predictions of trained retrieval are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from stilts.data.store import PreparedSet
from stilts.evaluation.predict import Predictor
from stilts.evaluation.search import ranked
from stilts.formats.base import Prediction
from stilts.formats.dual import DEPTH, DualFormat


class Pool:
    """The questions and candidates of one task in all languages that are scored, as vectors of one model.

    A question is compared with the candidates of every language, so a score depends on which languages there are. The
    vectors are those of the model at construction, which is a collective; they are on rank 0.

    Args:
        head: the head that makes the vectors.
        sets: language -> its evaluation set.
    """

    def __init__(self, predictor: Predictor, head: str, sets: Mapping[str, PreparedSet]) -> None:
        self.sets, self.main = dict(sets), predictor.world.main
        self._questions: dict[str, np.ndarray] = {}
        self._names: list[str] = []
        self._right: dict[str, list[str]] = {}
        form, candidates = DualFormat(), []
        for language, prepared in self.sets.items():
            sides = predictor.vectors(prepared, head)
            if sides is not None:
                self._questions[language] = sides[0]
                candidates.append(sides[1])
                self._names += form.candidates(language, prepared.examples)
                for question, names in form.right_candidates(language, prepared.examples).items():
                    self._right.setdefault(question, []).extend(names)
        self._candidates = np.concatenate(candidates) if candidates else None

    def predictions(self, language: str) -> list[Prediction] | None:
        """The names of the nearest candidates of every question, the nearest first, on rank 0; None elsewhere.

        `gold` names all right candidates in the pool: questions of the same id are the same in every language.
        """
        if self._candidates is None:
            return None
        found = ranked(self._questions[language], self._candidates, DEPTH)
        return [
            {"id": example.id, "prediction": [self._names[i] for i in row], "gold": self._right[example.id]}
            for example, row in zip(self.sets[language].examples, found, strict=True)
        ]
