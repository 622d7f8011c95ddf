"""answers.json as `collect` writes it, of made-up scores: a study that answers three questions and no other."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from stilts.analysis.questions import ask_unasked
from stilts.study.answers import content_of

COLUMNS = ["recipe", "target", "language", "metric", "value", "intermediate_seed", "target_seed"]
LANGUAGES = ("ar", "bg", "de", "el", "es", "fi", "fr", "hi", "ja", "ko", "ru", "sw", "th", "tr", "vi", "zh")
GAINS = {"none": 0.0, "squad": 3.0, "mnli": -1.0, "qqp": 0.5, "all<&>": 6.0}
"""One name would be markup, were it not escaped."""
TASKS = {"none": "", "squad": "squad", "mnli": "mnli", "qqp": "qqp", "all<&>": "squad+mnli+qqp"}


def multitask_rows(random: np.random.Generator, targets: tuple[str, ...] = ("xnli", "mlqa")) -> pd.DataFrame:
    """Three seeds a recipe, GAINS points over the baseline."""
    rows = []
    for recipe, gain in GAINS.items():
        for seed in "123":
            luck = random.normal(0, 0.4)
            for target in targets:
                for code, level in (("en", 70.0), ("de", 60.0)):
                    value = level + gain + luck + random.normal(0, 0.2)
                    rows.append((recipe, target, code, "f1", value, "" if recipe == "none" else seed, seed))
    return pd.DataFrame(rows, columns=COLUMNS).assign(arm="")


def noise_rows(random: np.random.Generator) -> pd.DataFrame:
    """Three seeds a recipe; swaps cost the multilingual one half of what they cost the other."""
    rows = []
    for recipe, cost in (("none", 40.0), ("english", 40.0), ("many", 20.0)):
        for seed in "123":
            cell = (recipe, "panx", "en", "f1")
            seeds = ("" if recipe == "none" else seed, seed)
            clean = 70 + random.normal(0, 0.3)
            rows.append((*cell, clean, *seeds, "clean", "", 100))
            for level in (0.1, 0.3):
                for noise_seed in "123":
                    value = clean - cost * level + random.normal(0, 0.3)
                    rows.append((*cell, value, *seeds, f"swap@{level}", noise_seed, 100))
    return pd.DataFrame(rows, columns=[*COLUMNS, "condition", "noise_seed", "n"])


def typology_rows(random: np.random.Generator) -> pd.DataFrame:
    """Two seeds a recipe in sixteen languages."""
    rows = []
    for code in ("en", *LANGUAGES):
        level = random.normal(55, 8)
        for recipe in ("none", "squad"):
            for seed in "12":
                value = level + 3 * (recipe == "squad") + random.normal(0, 0.7)
                rows.append((recipe, "xnli", code, "accuracy", value, "" if recipe == "none" else seed, seed))
    return pd.DataFrame(rows, columns=COLUMNS)


@cache
def answers() -> dict[str, Any]:
    """The content of the file."""
    random = np.random.default_rng(4)
    asked: dict[str, tuple[pd.DataFrame, dict[str, Any]]] = {
        "multitask": (multitask_rows(random), {"recipes": TASKS}),
        "noise": (noise_rows(random), {"pairs": {"many": "english"}}),
        "typology": (typology_rows(random), {"permutations": 99}),
    }
    found = {name: content_of(name, ask_unasked(name, *words)) for name, words in asked.items()}
    return {"study": "small", "answers": found, "unanswered": {"domain": "no <text>; expected some"}}
