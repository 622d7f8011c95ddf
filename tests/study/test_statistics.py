"""What `collect` says of a study with predictions, beside another computation with pandas, SciPy and statsmodels."""

from __future__ import annotations

import json
import random
import shutil
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from graded_study import EACH, ITEMS, predictions, write_graded
from scipy import stats
from statsmodels.stats.multitest import multipletests

from stilts.config import Study
from stilts.settings import read
from stilts.study.collect import collect
from stilts.study.plan import expand

LANGUAGES = {"xnli": ["en", "de", "sw"], "panx": ["en", "de"], "mlqa": ["en", "es"]}
GAIN = {"none": 0.0, "hellaswag": 0.1, "qqp": -0.08, "squad": 0.03}
KEYS = ["recipe", "intermediate_seed", "target_seed"]
RECIPES = [{"name": "none"}, {"name": "hellaswag", "tasks": ["hellaswag"]}, {"name": "qqp", "tasks": ["qqp"]},
           {"name": "squad", "tasks": ["squad_v1"]}]  # fmt: skip


def make(folder, **changes):
    return expand(read(Study, {
        "name": "made", "output_dir": str(folder), "intermediate": RECIPES, "seeds": [1, 2, 3],
        "target": {"tasks": list(LANGUAGES), "languages": LANGUAGES, "seeds": [1, 2]},
        "training": {"select": "last", "max_steps": 4}, **changes,
    }, ""))  # fmt: skip


def quality(run, ref):
    luck = random.Random(run.run).gauss(0, 0.04)
    return 0.55 + GAIN[run.recipe] + luck - 0.05 * (ref.language != "en")


@pytest.fixture(scope="module")
def study(tmp_path_factory, score_row, write_rows):
    plan = make(tmp_path_factory.mktemp("made"))
    write_graded(plan, quality, score_row, write_rows)
    collect(plan)
    return plan


@pytest.fixture(scope="module")
def deltas(study):
    return table(study).set_index(["recipe", "target", "language", "metric"]).sort_index()


def table(plan):
    return pd.read_csv(plan.folder / "results" / "deltas.csv", keep_default_na=False, na_values=[""])


def content(plan, name="statistics.json"):
    return json.loads((plan.folder / "results" / name).read_text("utf-8"))


def by_hand(plan):
    """The score of each run by target and language, over languages and over targets, from results/scores.csv."""
    rows = pd.read_csv(plan.folder / "results" / "scores.csv")
    each = (
        rows.groupby([*KEYS, "target", "language"], dropna=False)["value"].mean().reset_index()
    )  # the mean of metrics
    over = each.groupby([*KEYS, "target"], dropna=False)["value"].mean().reset_index().assign(language="all")
    whole = over.groupby(KEYS, dropna=False)["value"].mean().reset_index().assign(target="all", language="all")
    return pd.concat([each, over, whole], ignore_index=True)


def score_rows(deltas):
    return deltas[deltas["family"].notna()]


def test_means_averages_groups_and_sds(study):
    scores = by_hand(study)
    found = content(study, "xtreme.json")["recipes"]
    means = scores.groupby(["recipe", "target", "language"])["value"].mean()
    for recipe, own in found.items():
        for target in LANGUAGES:
            assert own["tasks"][target]["score"] == pytest.approx(means[recipe, target, "all"])
        groups = {"structured": "panx", "question answering": "mlqa", "classification": "xnli"}
        assert {name: own["groups"][name] for name in groups} == pytest.approx(
            {name: means[recipe, target, "all"] for name, target in groups.items()}
        )
        assert own["average"] == pytest.approx(means[recipe, "all", "all"])
        rows = scores[(scores["recipe"] == recipe) & (scores["target"] == "xnli") & (scores["language"] == "all")]
        outer = rows.groupby(rows["intermediate_seed"].fillna(rows["target_seed"]))["value"].mean()
        assert own["sds"]["tasks"]["xnli"] == pytest.approx(outer.std(ddof=1))


def test_differences_are_those_of_the_means(study, deltas):
    means = by_hand(study).groupby(["recipe", "target", "language"])["value"].mean()
    rows = score_rows(deltas)
    assert len(rows) == 3 * (3 + 2 + 2 + 3 + 1)
    for (recipe, target, language, _), row in rows.iterrows():
        assert row["delta"] == pytest.approx(means[recipe, target, language] - means["none", target, language])
    assert set(deltas.xs("mlqa", level="target").index.get_level_values("metric")) == {"score", "f1", "exact_match"}
    assert set(rows["seeds"]) == {2}
    assert deltas.loc["qqp", "xnli", "all", "accuracy"]["n"] == 3 * ITEMS


@pytest.mark.parametrize(("target", "language"), [("xnli", "de"), ("mlqa", "all"), ("all", "all")])
def test_intervals_over_seeds_pool_the_recipes_variances(study, deltas, target, language):
    rows = by_hand(study).query("target == @target and language == @language")
    inner = rows.groupby(["recipe", "intermediate_seed"], dropna=False)["value"]
    within, df_within = (inner.var(ddof=1) * (inner.size() - 1)).sum(), (inner.size() - 1).sum()
    units = inner.mean().reset_index().query("recipe != 'none'").groupby("recipe")["value"]
    between, df_between = 2 * (units.var(ddof=1) * (units.size() - 1)).sum(), (units.size() - 1).sum()
    parts = np.array([between / df_between / (2 * 3), within / df_within / 2])  # of a recipe's mean, of the baseline's
    se, df = parts.sum() ** 0.5, parts.sum() ** 2 / (parts**2 / np.array([df_between, df_within])).sum()
    for recipe in ("hellaswag", "qqp", "squad"):
        row = deltas.loc[(recipe, target, language)].query("family == family").iloc[0]
        assert row["df"] == pytest.approx(df)
        ends = row["delta"] + np.array([-1, 1]) * stats.t.ppf(0.975, df) * se
        assert [row["low"], row["high"]] == pytest.approx(list(ends))
        assert row["p"] == pytest.approx(2 * stats.t.sf(abs(row["delta"]) / se, df))


def read_items(plan, target, language):
    """Recipe -> (clusters, 2) sums of numerators and denominators, averaged over seeds, from the files themselves."""
    found = {}
    for run in plan.runs:
        for ref in run.evaluation_sets:
            if (ref.task, ref.language) == (target, language):
                items = map(json.loads, predictions(plan, run.run, ref).read_text("utf-8").splitlines())
                pairs = [_parts(item) for item in items]
                found.setdefault(run.recipe, []).append(np.array(pairs, dtype=float))
    return {recipe: np.stack(runs) for recipe, runs in found.items()}


def _parts(item):
    if "spans" in item:
        gold, predicted, correct = item["spans"]
        return 2 * correct, gold + predicted
    return (item["correct"] if "correct" in item else (item["exact_match"] + item["f1"]) / 2), 1


def bootstrap(plan, target, recipe, draws=3000):
    """(draws, languages) differences to the baseline: articles and premises drawn jointly, panx's sentences alone."""
    generator = np.random.default_rng(5)
    size = ITEMS if target == "panx" else ITEMS // EACH
    counts = generator.multinomial(size, np.full(size, 1 / size), draws)
    columns = []
    for language in LANGUAGES[target]:
        if target == "panx":
            counts = generator.multinomial(size, np.full(size, 1 / size), draws)
        scores = {}
        for name, items in read_items(plan, target, language).items():
            clusters = items.reshape(len(items), size, -1, 2).sum(axis=2)
            drawn = np.einsum("dc,rcp->drp", counts, clusters)
            scores[name] = (100 * drawn[..., 0] / drawn[..., 1]).mean(axis=1)
        columns.append(scores[recipe] - scores["none"])
    return np.stack(columns, axis=1), size - 1


def ends_of(drawn, df):
    reach = stats.norm.sf(np.sqrt((df + 1) / df) * stats.t.ppf(0.975, df))
    return np.quantile(drawn, [reach, 1 - reach])


@pytest.mark.parametrize("target", LANGUAGES)
def test_intervals_over_test_sets_by_another_bootstrap(study, deltas, target):
    drawn, df = bootstrap(study, target, "hellaswag")
    rows = deltas.loc["hellaswag", target].query("family == family").reset_index().set_index("language")
    for place, language in enumerate(LANGUAGES[target]):
        found = rows.loc[language]
        assert [found["low_test_set"], found["high_test_set"]] == pytest.approx(
            list(ends_of(drawn[:, place], df)), abs=0.35 * drawn[:, place].std()
        )
    over = drawn.mean(axis=1)
    freedom = df if target != "panx" else 2 * df
    assert [rows.loc["all"]["low_test_set"], rows.loc["all"]["high_test_set"]] == pytest.approx(
        list(ends_of(over, freedom)), abs=0.35 * over.std()
    )


def test_the_average_over_targets_resamples_each_alone(study, deltas):
    each = [bootstrap(study, target, "qqp")[0].mean(axis=1) for target in LANGUAGES]
    over = np.mean([random_order(drawn, seed) for seed, drawn in enumerate(each)], axis=0)
    row = deltas.loc["qqp", "all", "all", "score"]
    half = (row["high_test_set"] - row["low_test_set"]) / 2
    assert half == pytest.approx(1.96 * over.std(), rel=0.1)


def random_order(values, seed):
    return np.random.default_rng(seed).permutation(values)


def test_the_combined_interval_is_longer_than_either(deltas):
    rows = score_rows(deltas)
    half = {kind: (rows[f"high{kind}"] - rows[f"low{kind}"]) / 2 for kind in ("", "_test_set", "_combined")}
    assert half["_combined"].notna().all()
    assert (half["_combined"] >= 0.9 * np.maximum(half[""], half["_test_set"])).mean() > 0.9
    assert (half["_combined"] <= 1.3 * (half[""] + half["_test_set"])).all()


def test_families_are_corrected_apart(deltas):
    rows = score_rows(deltas)
    assert rows["family"].value_counts().to_dict() == {"language": 21, "target": 9, "benchmark": 3}
    for family, method in {"benchmark": "holm", "target": "holm", "language": "fdr_bh"}.items():
        own = rows[rows["family"] == family]
        assert set(own["tests"]) == {len(own)}
        assert list(own["p_adjusted"]) == pytest.approx(list(multipletests(own["p"], method=method)[1]))
    assert deltas["stars"].isna().all(), "two target seeds of the baseline"


def test_marks_of_the_recipes_own_data(deltas):
    marked = deltas[deltas["marks"].notna()].reset_index()
    assert set(zip(marked["recipe"], marked["target"], marked["marks"], strict=True)) == {
        ("squad", "mlqa", "same_data")
    }


def test_negative_transfer_is_counted(study, deltas):
    for family in ("target", "language"):
        own = deltas[deltas["family"] == family]
        found = content(study)["negative_transfer"][family]
        lost, gained = int((own["high"] < 0).sum()), int((own["low"] > 0).sum())
        assert found == {"interval": "seeds", "cells": len(own), "negative": lost, "positive": gained,
                         "expected": pytest.approx(0.025 * len(own))}  # fmt: skip


def results(plan):
    return {path.name: path.read_bytes() for path in (plan.folder / "results").iterdir() if path.is_file()}


def test_no_order_of_rows_changes_a_byte(study, tmp_path):
    first = results(study)
    copy = make(tmp_path)
    shutil.copytree(study.folder / "features", copy.folder / "features")
    for run in reversed(study.runs):
        folder = study.run_folder(run.run)
        if folder.is_dir():
            shutil.copytree(folder, copy.run_folder(run.run), ignore=shutil.ignore_patterns(".graded.npz"))
    for path in (copy.folder / "runs").glob("*/scores.jsonl"):
        path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))
    collect(copy)
    now = results(copy)
    assert {name for name in first if now[name] != first[name]} <= {"data.md"}
    collect(copy)  # from what it has kept
    assert results(copy) == now


def damage(plan, run, target):
    ref = next(ref for ref in run.evaluation_sets if ref.task == target)
    return predictions(plan, run.run, ref)


@pytest.fixture
def copied(study, tmp_path):
    plan = make(tmp_path)
    shutil.copytree(study.folder / "features", plan.folder / "features")
    shutil.copytree(study.folder / "runs", plan.folder / "runs")
    return plan


def test_predictions_that_cannot_be_used_are_named(copied):
    runs = [run for run in copied.runs if run.evaluation_sets and run.recipe == "qqp"]
    xnli, panx, mlqa = (next(run for run in runs if run.evaluation_sets[0].task == name) for name in LANGUAGES)
    wrong, other, gone = damage(copied, xnli, "xnli"), damage(copied, panx, "panx"), damage(copied, mlqa, "mlqa")
    wrong.write_text(wrong.read_text().replace('"correct": true', '"correct": false', 1))
    other.write_text(other.read_text().replace('"id": "7"', '"id": "seven"'))
    gone.unlink()
    collected = collect(copied)
    assert len(collected.problems) == 3
    assert "en gives accuracy" in collected.problems[0]
    assert "en has other examples than that of run" in collected.problems[1]
    assert f"{gone} is missing" in collected.problems[2]
    assert (copied.folder / "results/problems.txt").read_text().splitlines() == collected.problems
    rows = score_rows(table(copied)).set_index("recipe")
    assert rows.loc["qqp", ["low", "high"]].notna().all(axis=None)
    assert rows.loc["qqp", ["low_test_set", "p_combined"]].isna().all(axis=None)
    assert rows.loc["hellaswag", "low_test_set"].notna().all()


def test_without_predictions_there_are_intervals_over_seeds(study, copied):
    for path in (copied.folder / "runs").glob("*/predictions"):
        shutil.rmtree(path)
    assert collect(copied).problems == []
    rows, before = score_rows(table(copied)), score_rows(table(study))
    assert rows[["low_test_set", "high_test_set", "p_test_set", "low_combined"]].isna().all(axis=None)
    np.testing.assert_allclose(rows[["low", "high", "p"]], before[["low", "high", "p"]], rtol=1e-9)
    assert {own["method"] for own in content(copied)["best"].values()} == {"cross_fitted_seeds"}


def test_a_failed_run_takes_its_recipes_cell_and_nothing_else(study, copied):
    run = next(run for run in copied.runs if run.recipe == "qqp" and "xnli" in run.evaluates)
    (copied.run_folder(run.run) / "scores.jsonl").unlink()
    collect(copied)
    now, before = (score_rows(table(plan)).set_index(["recipe", "target", "language"]) for plan in (copied, study))
    lost = set(before.index) - set(now.index)
    assert lost == {("qqp", "all", "all"), *(("qqp", "xnli", code) for code in [*LANGUAGES["xnli"], "all"])}
    assert list(now["delta"]) == pytest.approx(list(before.loc[now.index, "delta"]))


def test_a_language_that_no_recipe_has_takes_the_means(copied):
    for path in (copied.folder / "runs").glob("*/scores.jsonl"):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if '"target": "xnli", "language": "sw"' not in line))
    collect(copied)
    found = set(score_rows(table(copied))[["target", "language"]].itertuples(index=False, name=None))
    assert ("xnli", "de") in found
    assert not {("xnli", "sw"), ("xnli", "all"), ("all", "all")} & found
    assert ("mlqa", "all") in found


def test_stars_need_five_seeds(tmp_path, scored, write_rows):
    shown = {}
    for seeds in ([1, 2, 3, 4], [1, 2, 3, 4, 5]):
        target = {"tasks": ["xnli", "pawsx"], "languages": ["en", "de"], "seeds": seeds}
        plan = make(tmp_path / str(len(seeds)), seeds=seeds, target=target)
        write_rows(
            plan, scored(plan, lambda cell: 60 + 100 * GAIN[cell.recipe] + random.Random(cell.run).gauss(0, 0.5))
        )
        collect(plan)
        shown[len(seeds)] = table(plan).set_index(["recipe", "target", "language"])
    assert shown[4]["stars"].isna().all()
    stars = shown[5]["stars"].fillna("")
    assert stars["hellaswag", "all", "all"] == "***"
    for key, mark in stars.items():
        edges = pairwise([0, 0.001, 0.01, 0.05, 2])
        place = next(k for k, (low, high) in enumerate(edges) if low <= shown[5].loc[key, "p_adjusted"] < high)
        assert mark == ["***", "**", "*", ""][place]
