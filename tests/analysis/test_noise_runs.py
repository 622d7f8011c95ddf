"""What noise does to a run, against numpy and numbers worked out by hand; what is left out, and how that is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from stilts.analysis.noise_runs import AREA, DROP, KEPT, SLOPE, noisy_runs

COLUMNS = ["recipe", "target", "language", "metric", "condition", "noise_seed", "value"]
LEVELS = {"clean": 80.0, "swap@0.1": 74.0, "swap@0.2": 71.0, "swap@0.4": 50.0}


def rows(values=LEVELS, recipe="a", language="de", metric="f1", noise_seeds="123", spread=1.0, target="t"):
    out = []
    for condition, value in values.items():
        seeds = [("", 0.0)] if condition == "clean" else zip(noise_seeds, np.arange(len(noise_seeds)) - 1, strict=True)
        out += [(recipe, target, language, metric, condition, seed, value + spread * off) for seed, off in seeds]
    return pd.DataFrame(out, columns=COLUMNS).assign(intermediate_seed="1", target_seed="2", n=100)


def found(*tables, guess=20.0, margin=5.0):
    return noisy_runs(pd.concat(tables, ignore_index=True), lambda target, metric, n: guess, margin)


def numbers(runs, recipe="a"):
    return runs.values[runs.values["recipe"] == recipe].set_index("measure")["value"].to_dict()


def test_the_measures_of_a_run():
    runs = found(rows().sample(frac=1, random_state=0))
    levels, points = [0, 0.1, 0.2, 0.4], list(LEVELS.values())
    assert numbers(runs) == {
        SLOPE: pytest.approx(np.polyfit(levels, points, 1)[0] / 10),
        DROP: pytest.approx(80 - np.mean(points[1:])),
        KEPT: pytest.approx(100 * (np.mean(points[1:]) - 20) / 60),
        AREA: pytest.approx(np.trapezoid(points, levels) / 0.4),
    }
    assert runs.notes == []
    assert runs.values.iloc[0][["target", "language", "kind", "intermediate_seed"]].tolist() == ["t", "de", "swap", "1"]


def test_one_level_has_no_area():
    runs = found(rows({"clean": 80, "ocr@0.5@context": 60}))
    assert numbers(runs) == {SLOPE: pytest.approx(-4), DROP: pytest.approx(20), KEPT: pytest.approx(100 * 40 / 60)}
    assert set(runs.values["kind"]) == {"ocr@context"}


def test_metrics_are_averaged():
    half = {name: value / 2 for name, value in LEVELS.items()}
    both = numbers(found(rows(), rows(half, metric="exact_match"), guess=0))
    assert both[DROP] == pytest.approx(0.75 * (80 - np.mean([74, 71, 50])))
    alone = found(rows(), rows(half, metric="exact_match"), rows(recipe="b"))  # b lacks a metric
    assert set(alone.values["recipe"]) == {"a"}


def test_runs_without_a_clean_score_or_a_level_are_left_out():
    some = {name: value for name, value in LEVELS.items() if name != "swap@0.2"}
    noisy = {name: value for name, value in LEVELS.items() if name != "clean"}
    runs = found(rows(), rows(some, recipe="b"), rows(noisy, recipe="c"))
    assert set(runs.values["recipe"]) == {"a"}
    assert runs.notes == [
        "runs without a clean score are left out: t de under swap",
        "runs without all levels are left out: t de under swap",
    ]


def test_what_changes_nothing_is_left_out():
    still = {"clean": 80, "upper@0.5": 80, "swap@0.1": 70}
    runs = found(rows(still, language="th", spread=0), rows(still | {"upper@0.5": 79}, spread=0))
    assert runs.notes == ["no score changes, so left out: t th under upper"]
    assert set(map(tuple, runs.values[["language", "kind"]].to_numpy())) == {
        ("th", "swap"),
        ("de", "swap"),
        ("de", "upper"),
    }


def test_no_share_is_kept_of_a_score_near_chance():
    """Whichever run is near it: recipes are compared over the same languages."""
    near = {name: value - 58 for name, value in LEVELS.items()}
    runs = found(rows(), rows(near, recipe="b"), rows(language="fr"), rows(language="fr", recipe="b"))
    assert runs.notes == ["less than 5 points above chance, so no share kept: t de under swap"]
    shares = runs.values[runs.values["measure"] == KEPT]
    assert set(shares["language"]) == {"fr"}
    assert len(runs.values) == 4 * 4 - 2


def test_noise_seeds_that_are_few_or_differ_are_named():
    runs = found(rows(noise_seeds="12"))
    assert runs.notes == ["fewer than 3 noise seeds: swap 0.1 (2), swap 0.2 (2), swap 0.4 (2)"]
    runs = found(rows(), rows(recipe="b", noise_seeds="456"))
    assert runs.notes == ["noise seeds that not all runs have: t de under swap"]
