"""The scores of a study under noisy conditions, as rows and as what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stilts.config import CLEAN
from stilts.study.scores import Scores


def noise_rows(scores: Scores) -> Iterator[dict[str, Any]]:
    """Rows for `stilts.analysis.noise.noise_table`: of runs with noisy scores, and their clean ones."""
    for own in scores.runs.values():
        if not own.noisy:
            continue
        run = {"recipe": own.run.recipe, "intermediate_seed": own.run.seeds["intermediate"],
               "target_seed": own.run.seeds["target"]}  # fmt: skip
        for place, value, n in zip(own.places, own.values, own.counts, strict=True):
            if value is not None:
                cell = {"target": place.target, "language": place.language, "metric": place.metric}
                yield {**run, **cell, "condition": CLEAN, "noise_seed": None, "value": value, "n": n}
        for noisy, (points, count) in own.noisy.items():
            yield {**run, **noisy._asdict(), "value": points, "n": count}


def noisy_gaps(scores: Scores) -> set[tuple[str, str, str, str]]:
    """Recipe, target, language and condition of every cell that lacks a score, noisy or clean, of some run."""
    runs = scores.runs.values()
    conditions = {place.condition for own in runs for place in (*own.noisy, *own.noisy_missing)}
    clean = {(own.run.recipe, own.places[i].target, own.places[i].language) for own in runs for i in own.missing}
    noisy = {
        (own.run.recipe, place.target, place.language, place.condition) for own in runs for place in own.noisy_missing
    }
    return noisy | {(*cell, condition) for cell in clean for condition in conditions}


def missing_noisy(scores: Scores) -> list[str]:
    """One line a recipe, target, condition and reason, with the languages that lack a score."""
    languages: dict[tuple[str, str, str, str], dict[str, None]] = {}
    for own in scores.runs.values():
        for place, why in own.noisy_missing.items():
            key = own.run.recipe, place.target, place.condition, why
            languages.setdefault(key, {})[place.language] = None
    return [
        f"{recipe} {target} {' '.join(codes)} under {condition}: {why}"
        for (recipe, target, condition, why), codes in languages.items()
    ]
