"""The table of what noise costs, against numbers worked out by hand."""

from __future__ import annotations

import pytest

from stilts.analysis.noise import chance, noise_areas, noise_table, parsed, relative_drop


def row(value: float, condition: str = "clean", noise_seed: int | None = None, **changes: object) -> dict[str, object]:
    cell = {"recipe": "r", "target": "pawsx", "language": "de", "metric": "accuracy", "n": 50}
    seeds = {"intermediate_seed": 1, "target_seed": 1}
    return {**cell, **seeds, "condition": condition, "noise_seed": noise_seed, "value": value, **changes}


def test_noise_seeds_are_averaged_within_runs_and_runs_after_that() -> None:
    rows = [row(80), row(90, target_seed=2), row(50, target_seed=3)]
    rows += [row(70, "swap@0.1", 1), row(74, "swap@0.1", 2), row(60, "swap@0.1", 1, target_seed=2)]
    rows += [row(10, "swap@0.1", 1, target_seed=4)]  # without a clean score
    (found,) = noise_table(rows)
    assert (found["clean"], found["noisy"], found["drop"]) == (85, 66, 19)
    assert found["relative_drop"] == pytest.approx(19 / 35)
    assert (found["seeds"], found["noise_seeds"], found["noise_sd"], found["n"]) == (2, 1, None, 50)


def test_the_mean_over_languages() -> None:
    rows = [row(80), row(60, "ocr@0.3", 1), row(70, language="fr"), row(60, "ocr@0.3", 1, language="fr")]
    _, _, found = noise_table(rows)
    assert (found["language"], found["clean"], found["drop"], found["n"]) == ("all", 75, 15, 100)
    assert found["relative_drop"] == pytest.approx(15 / 25)


def test_chance() -> None:
    assert chance("xnli", "accuracy", 10) == pytest.approx(100 / 3)
    assert (chance("pawsx", "accuracy", 10), chance("xcopa", "accuracy", 10)) == (50, 50)
    assert chance("tatoeba", "accuracy", 200) == 0.5
    assert (chance("mlqa", "f1", 10), chance("a table from outside", "accuracy", 10)) == (0, 0)
    assert relative_drop(40, 30, 50) is None
    assert relative_drop(70, 50, 50) == 1


def test_names() -> None:
    assert parsed("drop@0.25@context") == ("drop", 0.25, "context")
    assert parsed("swap@1") == ("swap", 1.0, "")


def test_the_area_under_the_curve() -> None:
    rows = [row(90), row(80, "swap@0.1", 1), row(60, "swap@0.3", 1), row(50, "ocr@0.3", 1)]
    (found,) = noise_areas(reversed(noise_table(rows)))
    assert found["area"] == pytest.approx((0.1 * 85 + 0.2 * 70) / 0.3)
    assert found["relative_area"] == pytest.approx((found["area"] - 50) / 40)
    assert (found["kind"], found["levels"], found["highest"], found["clean"]) == ("swap", 2, 0.3, 90)
    flat = noise_areas(noise_table([row(40), row(40, "swap@0.1", 1), row(40, "swap@1", 1)]))
    assert [(one["area"], one["relative_area"]) for one in flat] == [(pytest.approx(40), None)]
