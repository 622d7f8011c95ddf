"""A study's scores as the rows that questions are asked of, from memory: scores.csv is not read again."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stilts.analysis.questions import Question
from stilts.analysis.score_table import CONDITION, NEEDED, SEEDS
from stilts.study.noisy_scores import noise_rows
from stilts.study.scores import Scores

_PLACE = ("target", "language", "metric")


def question_rows(scores: Scores, question: Question) -> pd.DataFrame:
    """What `stilts.analysis.score_table.read_scores` would read of scores.csv for a question, in the same order.

    A question of noisy scores gets the runs that have some; of columns that no score row has, all fields are "".
    """
    rows = _noisy(scores) if question.noisy else _clean(scores)
    return rows.assign(**{column: "" for column in question.columns if column not in rows})


def _clean(scores: Scores) -> pd.DataFrame:
    """NEEDED and SEEDS: a row a score of clean inputs."""
    places: dict[int, np.ndarray] = {}  # by identity: runs of one group of targets share theirs
    found: list[tuple[np.ndarray, np.ndarray, int]] = []
    runs = list(scores.runs.values())
    for own in runs:
        if id(own.places) not in places:
            names = [(place.target, place.language, place.metric) for place in own.places]
            places[id(own.places)] = np.array(names, dtype=object).reshape(-1, len(_PLACE))
        values = np.array(own.values, dtype=np.float64)
        known = np.flatnonzero(~np.isnan(values))
        found.append((places[id(own.places)][known], values[known], len(known)))
    counts = [count for *_, count in found]
    of_run = {
        "recipe": [own.run.recipe for own in runs],
        **{seed: [_text(own.run.seeds[seed.removesuffix("_seed")]) for own in runs] for seed in SEEDS},
    }
    table = np.concatenate([np.empty((0, len(_PLACE)), dtype=object), *(own for own, *_ in found)])
    columns = {name: np.repeat(np.array(own, dtype=object), counts) for name, own in of_run.items()}
    columns |= {name: table[:, number] for number, name in enumerate(_PLACE)}
    columns["value"] = np.concatenate([np.empty(0), *(own for _, own, _ in found)])
    return pd.DataFrame(columns)[[*NEEDED, *SEEDS]]


def _noisy(scores: Scores) -> pd.DataFrame:
    """NEEDED, SEEDS, CONDITION and `n`: a row a score of the runs that have scores under noise."""
    rows = pd.DataFrame(noise_rows(scores), columns=[*NEEDED, *SEEDS, *CONDITION, "n"])
    texts = {name: [_text(seed) for seed in rows[name].astype(object)] for name in (*SEEDS, CONDITION[1])}
    return rows.astype({"value": float, "n": int}).assign(**texts)


def _text(seed: object) -> str:
    """A seed as a table has it; "" for none."""
    return "" if seed is None or seed != seed else str(int(str(seed).removesuffix(".0")))
