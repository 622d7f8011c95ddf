"""The table of differences: each number is what the parts give, and what an independent computation gives."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from stilts.analysis.clusters import Block, Sums
from stilts.analysis.differences import TargetRuns, differences
from stilts.analysis.families import families

RUNS = [("none", np.nan, t) for t in (1, 2, 3)] + [(r, i, t) for r in "ab" for i in (1, 2, 3) for t in (1, 2)]


def _target(
    name: str, languages: tuple[str, ...], seed: int, runs: list[tuple[str, float, float]] = RUNS
) -> TargetRuns:
    random = np.random.default_rng(seed)
    gain = {"none": 0.0, "a": 0.1, "b": -0.05}
    quality = np.array([0.6 + gain[recipe] for recipe, _, _ in runs]) + random.normal(0, 0.01, len(runs))
    hard = random.normal(0, 0.1, (200, 1, 1))
    right = random.binomial(3, np.clip(quality + hard, 0, 1), (200, len(languages), len(runs))).astype(float)
    table = pd.DataFrame(runs, columns=["recipe", "intermediate_seed", "target_seed"])
    sums = Sums(languages, len(runs), (Block(np.arange(len(languages)), right, np.full_like(right, 3.0)),))
    return TargetRuns(name, table, sums)


@pytest.fixture(scope="module")
def targets() -> list[TargetRuns]:
    return [_target("xnli", ("en", "de", "sw"), 0), _target("pawsx", ("en", "fr"), 1)]


@pytest.fixture(scope="module")
def rows(targets: list[TargetRuns]) -> pd.DataFrame:
    return differences(targets, "none", draws=1000)


def _by_hand(targets: list[TargetRuns]) -> pd.DataFrame:
    """Scores run by run, averaged with pandas: recipe, target, language, intermediate_seed, value."""
    parts = [
        target.runs.assign(target=target.target, language=language, value=values)
        for target in targets
        for language, values in zip(target.sums.languages, target.sums.scores, strict=True)
    ]
    table = pd.concat(parts)
    keys = ["recipe", "intermediate_seed", "target_seed"]
    overall = table.groupby([*keys, "target"], dropna=False)["value"].mean().reset_index().assign(language="all")
    benchmark = overall.groupby(keys, dropna=False)["value"].mean().reset_index().assign(target="all", language="all")
    return pd.concat([table, overall, benchmark], ignore_index=True)


def test_a_row_for_every_cell(rows: pd.DataFrame) -> None:
    assert len(rows) == 2 * (3 + 1 + 2 + 1 + 1)
    assert not rows.duplicated(["recipe", "target", "language"]).any()
    assert set(rows["seeds"]) == {3}
    assert set(rows["scope"]) == {"intermediate and target seeds"}


def test_differences_are_those_of_the_means(targets: list[TargetRuns], rows: pd.DataFrame) -> None:
    means = _by_hand(targets).groupby(["target", "language", "recipe"])["value"].mean().unstack()
    for row in rows.itertuples():
        own = means.loc[row.target, row.language]
        assert row.delta == pytest.approx(own[row.recipe] - own["none"])


def test_seed_intervals_by_mean_squares(targets: list[TargetRuns], rows: pd.DataFrame) -> None:
    """Between intermediate seeds by statsmodels' linear model of their means, within them by hand."""
    scores = _by_hand([targets[0]])
    own = scores[(scores["language"] == "de") & (scores["recipe"] != "none")]
    means = own.groupby(["recipe", "intermediate_seed"])["value"].mean().reset_index()
    between = smf.ols("value ~ recipe", means).fit().mse_resid
    inner = scores[(scores["language"] == "de")].groupby(["recipe", "intermediate_seed"], dropna=False)["value"]
    within = (inner.var() * (inner.size() - 1)).sum() / (inner.size() - 1).sum()
    row = rows.set_index(["recipe", "target", "language"]).loc["a", "xnli", "de"]
    assert row["se_seeds"] == pytest.approx((between / 3 + within / 3) ** 0.5)


def test_intervals_are_apart_and_together(rows: pd.DataFrame) -> None:
    for kind in ("test_set", "seeds", "combined"):
        assert (rows[f"low_{kind}"] < rows["delta"]).all()
        assert (rows[f"high_{kind}"] > rows["delta"]).all()
    least = np.maximum(rows["se_test_set"], rows["se_seeds"])
    assert (rows["se_combined"] >= least - 1e-12).all()
    assert (rows["se_combined"] <= np.hypot(rows["se_test_set"], rows["se_seeds"]) + 1e-12).all()
    assert (rows["detectable"] > 2 * rows["se_seeds"]).all()
    gains = rows[(rows["target"] == "all") & (rows["recipe"] == "a")].iloc[0]
    assert gains["low_combined"] > 0


def test_benchmark_rows_are_surer_than_those_of_targets(rows: pd.DataFrame) -> None:
    """Targets are independent: the variance of their mean is a quarter of the sum."""
    for recipe, own in rows[rows["language"] == "all"].groupby("recipe"):
        by_target = own.set_index("target")["se_test_set"]
        expected = np.hypot(by_target["xnli"], by_target["pawsx"]) / 2
        assert by_target["all"] == pytest.approx(expected, rel=0.1), recipe


def test_a_target_does_not_hang_on_its_neighbours(targets: list[TargetRuns], rows: pd.DataFrame) -> None:
    alone = differences(targets[1:], "none", draws=1000)
    same = rows[rows["target"] == "pawsx"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, same)


def test_recipes_and_targets_that_are_incomplete(targets: list[TargetRuns]) -> None:
    """A recipe that one target lacks has no benchmark average; without a baseline there is nothing to say."""
    some = _target("pawsx", ("en", "fr"), 1, [run for run in RUNS if run[0] != "b"])
    rows = differences([targets[0], some], "none", draws=100)
    assert rows[rows["target"] == "all"]["recipe"].tolist() == ["a"]
    no_baseline = _target("pawsx", ("en",), 1, [run for run in RUNS if run[0] != "none"])
    rows = differences([targets[0], no_baseline], "none", draws=100)
    assert set(rows["target"]) == {"xnli"}
    assert differences([no_baseline], "none").empty


def test_a_lost_run_keeps_the_estimate(targets: list[TargetRuns]) -> None:
    """A mean over targets whose runs differ: its interval over seeds is around the same estimate."""
    some = _target("pawsx", ("en", "fr"), 1, [run for run in RUNS if run != ("a", 3, 2)])
    rows = differences([targets[0], some], "none", draws=100).set_index(["recipe", "target", "language"])
    row = rows.loc["a", "all", "all"]
    middle = (row["low_seeds"] + row["high_seeds"]) / 2
    assert middle == pytest.approx(row["delta"])
    assert row["delta"] == pytest.approx(rows.loc[("a", ["xnli", "pawsx"], "all"), "delta"].mean())


def test_retrieval_without_target_seeds(targets: list[TargetRuns]) -> None:
    runs = [("none", np.nan, np.nan), *[(r, i, np.nan) for r in "ab" for i in (1, 2, 3)]]
    rows = differences([targets[0], _target("tatoeba", ("de",), 2, runs)], "none", draws=100)
    own = rows.set_index(["recipe", "target", "language"])
    assert np.isfinite(own.loc[("a", "all", "all"), "low_combined"])
    one = own.loc[("a", "tatoeba", "de")]
    assert (one["seeds"], one["df_seeds"]) == (3, 4)  # the published encoder has no seeds: it adds no variance
    scores = _by_hand([_target("tatoeba", ("de",), 2, runs)]).query("language == 'de' and recipe != 'none'")
    variance = scores.groupby("recipe")["value"].var().mean()
    assert one["se_seeds"] == pytest.approx((variance / 3) ** 0.5)


def test_table_goes_through_the_families(rows: pd.DataFrame) -> None:
    found = families(rows.assign(p=rows["p_seeds"]))
    assert set(found["stars"]) == {""}  # three seeds an arm
    assert found.groupby("family")["tests"].first().to_dict() == {"benchmark": 2, "language": 10, "target": 4}
