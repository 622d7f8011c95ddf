"""From score rows to effects of languages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from stilts.analysis.language_effects import GAIN, GAP, baseline_of, effects_of_cells, language_effects, outcomes
from stilts.errors import InputError

COLUMNS = ["recipe", "target", "language", "metric", "value", "intermediate_seed", "target_seed"]


def table(rows):
    return pd.DataFrame([[*row, ""][: len(COLUMNS)] if len(row) == 6 else row for row in rows], columns=COLUMNS)


def of(found, kind, recipe):
    return next(outcome for outcome in found if (outcome.kind, outcome.recipe) == (kind, recipe))


def test_effects_are_those_of_an_additive_model():
    random = np.random.default_rng(3)
    cells = pd.DataFrame(
        [(t, language) for t, languages in (("a", "uvwx"), ("b", "vwxyz"), ("c", "uz")) for language in languages],
        columns=["target", "language"],
    ).assign(value=random.normal(50, 10, 11))
    found = language_effects(cells)
    design = pd.get_dummies(cells, dtype=float).drop(columns=["value", "target_a", "language_u"])
    fit = sm.OLS(cells["value"], sm.add_constant(design)).fit()
    for language in "vwxyz":
        assert found[language] - found["u"] == pytest.approx(fit.params[f"language_{language}"])
    # a language in one easy target is not above one in a hard one
    flat = cells.assign(value=cells["target"].map({"a": 10.0, "b": 90.0, "c": 50.0}))
    assert np.ptp(language_effects(flat)) == pytest.approx(0, abs=1e-9)
    assert language_effects(flat).iloc[0] == pytest.approx(flat["value"].mean())
    names, matrix = effects_of_cells(cells["target"].tolist(), cells["language"].tolist())
    assert (matrix @ cells["value"]).tolist() == pytest.approx(found.tolist())
    assert names == list(found.index)


def test_one_target_s_effects_are_its_scores():
    cells = pd.DataFrame({"target": "a", "language": list("xyz"), "value": [1.0, 5.0, 2.0]})
    assert language_effects(cells).tolist() == pytest.approx([1, 5, 2])


def test_gains_and_gaps():
    rows = []
    for language, level in (("en", 80.0), ("de", 70.0), ("sw", 50.0)):
        rows += [("none", "xquad", language, "f1", level + s, "", str(s)) for s in range(4)]
        rows += [("none", "xquad", language, "exact_match", level - 20 + s, "", str(s)) for s in range(4)]
        for i in (1, 2):  # two intermediate seeds, of which the second has one target seed
            for s in range(3 - i):
                rows += [("a", "xquad", language, m, level + 4 + i + s, str(i), str(s)) for m in ("f1", "exact_match")]
    scores = table(rows)
    assert baseline_of(scores, None) == "none"
    found = outcomes(scores, "none")
    assert [(o.kind, o.recipe) for o in found] == [(GAIN, "a"), (GAP, "none"), (GAP, "a")]
    gain = of(found, GAIN, "a")
    assert gain.seeds == (3, 4)
    assert gain.cells["language"].tolist() == ["de", "sw"]
    # the recipe: (5.5 + 6) / 2 above the level, each intermediate seed counts once; the baseline: 10 below, and 1.5 up
    assert gain.cells["value"].tolist() == pytest.approx([5.75 + 10 - 1.5] * 2)
    # seeds 0 and 2 are in the gain, 1 and 3 in the covariate
    assert gain.cells["apart"].tolist() == pytest.approx([5.75 + 10 - 1] * 2)
    assert gain.cells["baseline"].tolist() == pytest.approx([70 - 10 + 2, 50 - 10 + 2])
    assert of(found, GAP, "none").cells["value"].tolist() == pytest.approx([10, 30])


def test_a_gap_without_english_is_from_the_target_s_mean():
    scores = table([("a", "t", "de", "f1", 60.0, "", ""), ("a", "t", "fr", "f1", 50.0, "", "")])
    assert baseline_of(scores, None) is None
    gap = of(outcomes(scores, None), GAP, "a").cells
    assert gap["value"].tolist() == [-5, 5]


def test_a_baseline_of_one_seed_has_no_covariate():
    scores = table([(r, "t", "de", "f1", v, i, "1") for r, v, i in (("none", 60.0, ""), ("a", 65.0, "1"))])
    gain = of(outcomes(scores, "none"), GAIN, "a").cells
    assert gain["value"].tolist() == [5]
    assert "baseline" not in gain


def test_what_has_no_seed_is_in_both_halves_of_the_baseline():
    """Retrieval by the encoder as it is has one score, beside targets that are fine-tuned with seeds."""
    rows = [("none", "panx", "de", "f1", 50.0 + int(seed), "", seed) for seed in "123"]
    rows += [("none", "tatoeba", "de", "accuracy", 40.0, "", ""), ("a", "panx", "de", "f1", 60.0, "1", "1")]
    rows += [("a", "tatoeba", "de", "accuracy", 45.0, "1", "")]
    cells = of(outcomes(table(rows), "none"), GAIN, "a").cells.set_index("target")
    assert cells["value"].to_dict() == {"panx": 8.0, "tatoeba": 5.0}
    assert cells["apart"].to_dict() == {"panx": 8.0, "tatoeba": 5.0}  # less seeds 1 and 3
    assert cells["baseline"].to_dict() == {"panx": 52.0, "tatoeba": 40.0}


def test_baselines():
    scores = table([(r, "t", "de", "f1", 1.0, i, "") for r, i in (("x", ""), ("y", ""), ("z", "1"))])
    assert baseline_of(scores, None) is None  # two without an intermediate seed
    assert baseline_of(scores, "y") == "y"
    with pytest.raises(InputError, match="no recipe 'w' in the table; expected one of x, y, z"):
        baseline_of(scores, "w")
