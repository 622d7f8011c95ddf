"""answers.json as `collect` writes it, of made-up scores: a study that answers all questions."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from stilts.analysis.questions import ask_unasked
from stilts.study.answers import content_of

ORDER = ("multitask", "steps", "noise", "typology", "domain")
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


def steps_rows(random: np.random.Generator) -> pd.DataFrame:
    """Three seeds; each doubling of the steps gives a point, and half of one to the recipe of separate runs."""
    rows = [("none", "xnli", code, "accuracy", 60 + random.normal(0, 0.3), "", seed, 0)
            for code in ("en", "de", "sw") for seed in "123"]  # fmt: skip
    for name, design, rise in (("snli", "trunk_cooldown", 1.0), ("whole<>", "separate_runs", 0.5)):
        for step in (100, 200, 800):
            for seed in "123":
                for code in ("en", "de", "sw"):
                    value = 60 + rise * np.log2(step / 50) + random.normal(0, 0.3)
                    rows.append((f"{name}@{step}@{design}", "xnli", code, "accuracy", value, seed, seed, step))
    table = pd.DataFrame(rows, columns=[*COLUMNS, "step"])
    return table.assign(design=table["recipe"].str.split("@").str[2].fillna(""))


def domain_rows(random: np.random.Generator, measures: Path) -> pd.DataFrame:
    """Five tasks and five targets, each helps its own, and the four recipes of the 2 x 2. Writes the measure."""
    targets = ("xnli", "pawsx", "udpos", "panx", "tydiqa")
    tasks = ("snli", "qqp", "ccg", "cosmosqa", "hellaswag")
    away = random.uniform(0.2, 0.8, (len(tasks), len(targets))) - 0.2 * np.eye(len(tasks))
    pd.DataFrame(
        [(task, target, "mmd", away[i, j]) for i, task in enumerate(tasks) for j, target in enumerate(targets)],
        columns=["intermediate", "target", "measure", "value"],
    ).to_csv(measures, index=False)
    rows = []
    for seed in "123":
        for place, target in enumerate(targets):
            level = {"none": 50.0} | {task: 60.0 - 10 * away[i, place] for i, task in enumerate(tasks)}
            level |= {"matched-english": 55.0, "matched-near": 58.0}
            level |= {"mismatched-english": 52.0, "mismatched-near": 52.0}
            rows += [(recipe, target, "de", "f1", value + random.normal(0, 0.3), "" if recipe == "none" else seed, seed)
                     for recipe, value in level.items()]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


@cache
def answers() -> dict[str, Any]:
    """The content of the file."""
    random = np.random.default_rng(4)
    asked: dict[str, tuple[pd.DataFrame, dict[str, Any]]] = {
        "multitask": (multitask_rows(random), {"recipes": TASKS}),
        "noise": (noise_rows(random), {"pairs": {"many": "english"}}),
        "typology": (typology_rows(random), {"permutations": 99}),
        "steps": (steps_rows(random), {"permutations": 99}),
    }
    with TemporaryDirectory() as folder:
        path = Path(folder) / "domain.csv"
        asked["domain"] = (domain_rows(random, path), {"measures": str(path), "permutations": 99})
        found = {name: content_of(name, ask_unasked(name, *asked[name])) for name in ORDER}
    return {"study": "small", "answers": found, "unanswered": {"another": "no <text>; expected some"}}
