"""Question 4: what is compared with how many languages, and what is held equal."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.regression.mixed_linear_model import MixedLM

from stilts.analysis.controls import CONTROLS, SIZE, controls
from stilts.analysis.language_effects import GAIN, GAP, Outcome
from stilts.analysis.mixed import mixed_model
from stilts.analysis.typology import compare
from stilts.analysis.typology_ranks import by_target, correlations
from stilts.analysis.typology_rows import ANCOVA, MARGINAL, PARTIAL, Fit, Row, corrected
from stilts.analysis.uriel import KINDS, KNN, distances, uriel_features
from stilts.tasks import get_task, languages_of

DRAWS = 499
PANX = [code for code in languages_of(get_task("panx"), "xtreme") if code != "en"]
XNLI = [code for code in languages_of(get_task("xnli"), "xtreme") if code != "en"]


@pytest.fixture(scope="module")
def known():
    features = uriel_features(["en", *PANX], KNN)
    return distances(features), features.families, controls(PANX)


def outcome(languages, random, seeds=False):
    cells = pd.DataFrame({"target": "t", "language": languages, "value": random.normal(size=len(languages))})
    if seeds:
        cells["apart"], cells["baseline"] = random.normal(size=(2, len(languages)))
    return Outcome(GAIN, "a", cells, (3, 3))


def row_of(languages, known, seeds=False):
    random = np.random.default_rng(len(languages))
    return compare(outcome(languages, random, seeds), *known, permutations=DRAWS)[0]


def test_eleven_languages_are_compared_by_ranks_only(known):
    few, more = row_of(XNLI[:11], known), row_of(XNLI[:12], known)
    assert few.fits == ()
    assert few.mixed is None
    assert few.left_out == ()
    assert 0 < few.p <= 1
    assert not math.isnan(few.rho)
    assert [fit.name for fit in more.fits] == [MARGINAL, PARTIAL]
    assert more.p == more.fit(MARGINAL).p


def test_one_covariate_in_ten_languages(known):
    assert row_of(XNLI, known).fit(PARTIAL).covariates == ("log_size",)
    assert row_of(PANX[:19], known).fit(PARTIAL).covariates == ("log_size",)
    assert row_of(PANX[:20], known).fit(PARTIAL).covariates == ("log_size", "other_script")
    assert "14 languages allow 1" in row_of(XNLI, known).dropped["other_script"]
    assert row_of(PANX, known).dropped == {"fertility": "not known", "unknown_rate": "not known",
                                           "baseline": "the baseline has one seed"}  # fmt: skip
    with_seeds = row_of(PANX, known, seeds=True)
    assert [fit.name for fit in with_seeds.fits] == [MARGINAL, ANCOVA, PARTIAL]
    assert with_seeds.fit(ANCOVA).covariates == ("baseline",)


def test_nothing_is_said_of_too_few_or_equal_languages(known):
    assert math.isnan(row_of(XNLI[:4], known).rho)
    flat = outcome(XNLI, np.random.default_rng(1))
    flat.cells["value"] = 3.0
    assert all(math.isnan(row.rho) for row in compare(flat, *known, permutations=DRAWS))


def test_a_control_that_is_the_distance_is_not_held_equal(known):
    away, families, known_controls = known
    same = known_controls.assign(**{SIZE: away.values["syntax"].reindex(PANX)})
    row = compare(outcome(PANX, np.random.default_rng(2)), away, families, same, [SIZE], DRAWS)[0]
    assert row.fit(PARTIAL) is None
    assert row.dropped[SIZE] == "not to be told from the distance or each other"


def test_leave_one_family_out(known):
    row = row_of(PANX, known)
    families = known[1]
    assert {one.family for one in row.left_out} == {families[code] for code in PANX}
    european = next(one for one in row.left_out if one.family == "Indo-European")
    rest = [code for code in PANX if families[code] != "Indo-European"]
    assert european.languages == len(PANX) - len(rest)
    assert european.low < european.slope < european.high


def test_holm_is_over_kinds_and_recipes():
    def row(recipe, kind, p):
        fit = Fit(MARGINAL, (), 1.0, 1.0, 0.0, 2.0, 10, p, 0.5, 1.0)
        return Row(GAP, recipe, kind, (), (), 0.0, 1.0, 0.1, p, p, (fit,))

    values = {("a", "syntax"): 0.01, ("a", "family"): 0.04, ("b", "syntax"): 0.02, ("b", "family"): math.nan}
    rows = corrected([row(*key, p) for key, p in values.items()])
    # by hand: 3 x .01, 2 x .02, 1 x .04, none below the one before
    assert [one.p_holm for one in rows[:3]] == pytest.approx([0.03, 0.04, 0.04])
    assert [one.fits[0].p_holm for one in rows[:3]] == pytest.approx([0.03, 0.04, 0.04])
    assert math.isnan(rows[3].p_holm)


def test_the_mixed_model_is_statsmodels_and_says_whether_it_converged():
    random = np.random.default_rng(5)
    languages = [f"l{i}" for i in range(20)]
    x = pd.Series(random.normal(size=20), index=languages)
    own = dict(zip(languages, random.normal(0, 2, 20), strict=True))
    cells = pd.DataFrame([(t, code, 10 * t + 3 * x[code] + own[code] + random.normal()) for t in range(3)
                          for code in languages], columns=["target", "language", "value"])  # fmt: skip
    found = mixed_model(cells, x)
    reference = MixedLM.from_formula(
        "value ~ C(target) + x", cells.assign(x=cells["language"].map(x)), groups=cells["language"]
    ).fit(reml=True)
    assert found.converged
    assert found.slope == pytest.approx(reference.params["x"], abs=1e-4)
    assert found.se == pytest.approx(reference.bse["x"], rel=1e-3)
    assert found.high - found.slope == pytest.approx(stats.t.ppf(0.975, 18) * found.se)
    assert found.between == pytest.approx(4, abs=3)
    one = mixed_model(cells[cells["target"] == 0], x)
    assert not one.converged
    assert one.note.startswith("one target")


def test_a_table_of_from_zero_to_hero_s_kind(known):
    """Their table: for each task the correlation of the drop with each distance and the pretraining size."""
    away, _, sizes = known
    drop = 20 * away.values["syntax"].reindex(PANX) - 2 * sizes[SIZE]
    cells = pd.concat([pd.DataFrame({"target": t, "language": codes, "value": drop[codes].to_numpy() + level})
                       for t, codes, level in (("panx", PANX, 10.0), ("xnli", XNLI, 0.0))])  # fmt: skip
    found = correlations([Outcome(GAP, "none", cells, (1, 0))], away, sizes, DRAWS, 0)
    assert [(one.target, one.against) for one in found] == [
        (target, against) for target in ("all", "panx", "xnli") for against in (*KINDS, SIZE)
    ]
    for one in found:
        codes = XNLI if one.target == "xnli" else PANX
        column = sizes[SIZE] if one.against == SIZE else away.values[one.against]
        assert one.languages == len(codes)
        assert one.rho == pytest.approx(stats.spearmanr(column[codes], drop[codes]).statistic)
        assert one.pearson == pytest.approx(stats.pearsonr(column[codes], drop[codes]).statistic)
    by = {(one.target, one.against): one for one in found}
    assert by["panx", "syntax"].p < 0.01
    assert by["panx", SIZE].rho < 0
    columns, rows = by_target(found, "none")
    assert (columns[0], columns[3:]) == ("gap to English (Pearson / Spearman)", (*KINDS, SIZE))
    assert [row[:3] for row in rows] == [
        ("all", "none", str(len(PANX))), ("panx", "none", str(len(PANX))), ("xnli", "none", str(len(XNLI))),
    ]  # fmt: skip
    syntax = by["xnli", "syntax"]
    assert rows[2][3] == f"{syntax.pearson:+.2f} / {syntax.rho:+.2f}"
    more = replace(found[0], recipe="more", languages=7)
    assert by_target([replace(found[0], outcome=GAIN), *found, more], "none") == (columns, rows)
    assert by_target([*found, more], None).rows == [*rows, ("all", "more", "7", rows[0][3], *["–"] * len(KINDS))]
    less = [more, replace(found[1], recipe="more", languages=5), replace(found[2], recipe="more", rho=math.nan)]
    assert by_target(less, "more").rows[0][2:] == (f"5 to {len(PANX)}", rows[0][3], rows[0][4], "–")
    assert by_target([more], "none") is None


def test_the_order_of_controls_is_the_user_s(known):
    away, families, given = known
    given = given.assign(fertility=np.linspace(1, 2, len(PANX)))
    row = compare(outcome(XNLI, np.random.default_rng(3)), away, families, given, ["fertility", *CONTROLS[:2]], DRAWS)[
        0
    ]
    assert row.fit(PARTIAL).covariates == ("fertility",)
