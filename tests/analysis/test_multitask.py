"""`stilts analyse multitask` on tables that stilts did not make, against scipy and by hand, and on wrong ones."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

COLUMNS = ["recipe", "target", "language", "metric", "value", "intermediate_seed", "target_seed", "arm"]
GAINS = {"none": 0.0, "a": 2.0, "b": 0.5, "c": -6.0, "a+b": 2.5, "all": 5.0, "leave-one-out:a": 1.0,
         "leave-one-out:b": 5.0}  # fmt: skip


def scores(path, gains=None, seeds=4, targets=("xnli", "panx"), arms=(), sd=0.5):
    """A table: two languages, `seeds` intermediate seeds with one target seed each; luck is shared by languages."""
    random = np.random.default_rng(3)
    rows = []
    arms = [*((name, gain, "") for name, gain in (gains or GAINS).items()), *arms]
    for recipe, gain, arm in arms:
        for seed in range(1, seeds + 1):
            run = random.normal(0, sd)
            for target in targets:
                value = 60 + gain + run + random.normal(0, sd)
                seeded = ("" if recipe == "none" else seed, seed, arm)
                rows += [(recipe, target, code, "f1", value + shift, *seeded) for code, shift in (("en", 5), ("de", 0))]
    table = pd.DataFrame(rows, columns=COLUMNS)
    table.to_csv(path, index=False)
    return table


def ask(call, tmp_path, *words):
    code, out, err = call("analyse", "multitask", "--scores", tmp_path / "scores.csv", *words)
    assert (code, err) == (0, "")
    return out


def answer_of(call, tmp_path, *words):
    return json.loads(ask(call, tmp_path, *words, "--json"))


def test_the_answer(call, tmp_path):
    scores(tmp_path / "scores.csv")
    answer = answer_of(call, tmp_path)
    assert answer["question"] == "multitask"
    assert answer["baseline"] == "none"
    said = answer["answer"]
    assert said[0].startswith("all (3 tasks): on average over targets +")
    assert "against the best single task, chosen by other seeds (a), +" in said[0]
    assert said[0].endswith(": several tasks beat the best single one, whichever that is.")
    assert any(text.startswith("a adds to the other tasks of all, on average over targets +") for text in said)
    assert any(text.startswith("Not shown to add to the other tasks, or to take from them: ") for text in said)
    rows = [row for row in answer["deltas"] if row["recipe"] in "abc" and row["family"] == "target"]
    below = {row["recipe"] for row in rows if row["high"] < 0}
    assert (len(rows), below) == (6, {"c"})
    lost = sum(row["high"] < 0 for row in rows)
    assert f"{lost} of 6 means over a target's languages with single tasks (by chance 0.15)" in " ".join(said)
    assert answer["negative_transfer"]["target"]["single"]["negative"] == lost
    verdicts = {(row["recipe"], row["target"]): row["verdict"] for row in answer["best_single"]}
    assert verdicts["all", "all"] == "supported"
    assert verdicts["leave-one-out:a", "all"] in ("underpowered", "reversed", "not supported")
    text = ask(call, tmp_path)
    assert text.startswith(said[0])
    assert "| affinity (double-centred) |" in text
    assert text == ask(call, tmp_path)


def test_beating_the_chosen_task_is_not_beating_each(call, tmp_path):
    gains = {"none": 0, **dict.fromkeys("abcdefg", 1.0), "all": 2.2}
    scores(tmp_path / "scores.csv", gains, seeds=6)
    answer = answer_of(call, tmp_path)
    row = next(row for row in answer["best_single"] if row["target"] == "all")
    above = [name for name, each in row["over_each"].items() if each["low"] > 0]
    assert row["verdict"] == "supported"
    assert 0 < len(above) < 7
    assert answer["answer"][0].endswith(
        f"several tasks beat the single one that the other seeds choose, not shown for each ({len(above)} of 7)."
    )


def test_gains_are_a_t_test_with_the_pooled_variance_and_holm(call, tmp_path):
    table = scores(tmp_path / "scores.csv", {"none": 0, "a": 1, "b": 2, "a+b": 2}, targets=("xnli",))
    rows = [row for row in answer_of(call, tmp_path)["deltas"] if row["language"] == "all"]
    means = table.groupby(["recipe", "target_seed"])["value"].mean().unstack()
    # one target seed in an intermediate one: the baseline has its own variance, the recipes share theirs
    variance = means.drop("none").var(axis=1, ddof=1).mean()
    for row in rows:
        assert row["delta"] == pytest.approx(means.loc[row["recipe"]].mean() - means.loc["none"].mean())
        parts = np.array([variance / 4, means.loc["none"].var(ddof=1) / 4])
        df = parts.sum() ** 2 / (parts[0] ** 2 / 9 + parts[1] ** 2 / 3)
        assert row["df"] == pytest.approx(df)
        assert row["high"] - row["delta"] == pytest.approx(stats.t.ppf(0.975, df) * parts.sum() ** 0.5)
    p = sorted(row["p"] for row in rows)
    assert min(row["p_adjusted"] for row in rows) == pytest.approx(min(1, 3 * p[0]))


def test_what_a_task_adds_is_all_less_all_but_it(call, tmp_path):
    table = scores(tmp_path / "scores.csv")
    rows = {(row["task"], row["target"]): row for row in answer_of(call, tmp_path)["added"] if row["language"] == "all"}
    means = table.groupby(["recipe", "target"])["value"].mean().unstack()
    assert {task for task, _ in rows} == {"a", "b", "c"}
    for task, recipe in (("a", "leave-one-out:a"), ("b", "leave-one-out:b"), ("c", "a+b")):
        row = rows[task, "xnli"]
        assert (row["recipe"], row["reference"]) == ("all", recipe)
        assert row["delta"] == pytest.approx(means.loc["all", "xnli"] - means.loc[recipe, "xnli"])
        assert row["low"] < row["delta"] < row["high"]
    assert rows["a", "all"]["verdict"] == "supported"
    assert {row["tests"] for row in rows.values()} == {3, 6}


@pytest.mark.parametrize("named", [False, True])
def test_arms_by_a_column_or_by_name(call, tmp_path, named):
    more = [("all--examples" if named else "all", 8.0, "" if named else "examples")]
    scores(tmp_path / "scores.csv", arms=more)
    answer = answer_of(call, tmp_path)
    arm = {(row["recipe"], row["reference"]): row for row in answer["arms"] if row["target"] == "all"}
    assert set(arm) == {("all--examples", "all")}
    assert arm["all--examples", "all"]["delta"] == pytest.approx(3, abs=1)
    assert arm["all--examples", "all"]["verdict"] == "supported"
    best = {row["recipe"]: row for row in answer["best_single"] if row["target"] == "all"}
    assert best["all--examples"]["reference"] == best["all"]["reference"] == "a"
    assert any(text.startswith("all--examples is better than all (the same tasks)") for text in answer["answer"])


def test_the_sign_turns_with_the_scores(call, tmp_path):
    scores(tmp_path / "scores.csv", {"none": 0, "a": 4, "b": 1, "a+b": -2})
    answer = answer_of(call, tmp_path)
    row = next(row for row in answer["best_single"] if row["target"] == "all")
    assert (row["reference"], row["verdict"]) == ("a", "reversed")
    assert row["delta"] < row["high"] < 0
    assert answer["answer"][0].endswith("the best single task beats them.")


def test_names_by_a_file_or_settings(call, tmp_path):
    scores(tmp_path / "scores.csv", {"zero": 0, "r1": 1, "r2": 0, "r3": 3, "lm": 0})
    (tmp_path / "recipes.csv").write_text("recipe,tasks,arm\nr1,a,\nr2,b,\nr3,a+b,steps\nlm,,\n")
    answer = answer_of(call, tmp_path, "baseline=zero", f"recipes_file={tmp_path / 'recipes.csv'}")
    kinds = {one["recipe"]: (one["kind"], one["arm"]) for one in answer["recipes"]}
    assert kinds == {"zero": ("baseline", ""), "r1": ("single", ""), "r2": ("single", ""),
                     "r3--steps": ("several", "steps"), "lm": ("other", "")}  # fmt: skip
    again = answer_of(call, tmp_path, "baseline=zero", "recipes={r1: a, r2: b, r3: a+b, lm: ''}")
    assert [row["p"] for row in again["best_single"]] == [row["p"] for row in answer["best_single"]]


def test_the_best_of_its_own_tasks(call, tmp_path):
    scores(tmp_path / "scores.csv", {"none": 0, "a": 1, "b": 1, "c": 9, "a+b": 4})
    best = {}
    for among in ("every", "own"):
        rows = answer_of(call, tmp_path, f"among={among}")["best_single"]
        best[among] = next(row for row in rows if row["target"] == "all")
    assert best["every"]["reference"] == "c"
    assert "c" not in best["own"]["over_each"]
    assert best["own"]["delta"] > 0 > best["every"]["delta"]


def test_one_seed_says_that_it_tells_nothing(call, tmp_path):
    scores(tmp_path / "scores.csv", seeds=1)
    answer = answer_of(call, tmp_path)
    assert {row["verdict"] for row in answer["best_single"]} == {"underpowered"}
    assert all(row["low"] is None for row in answer["best_single"])
    assert "one seed tells nothing" in answer["answer"][0]
    assert "chosen by the same seed (" in answer["answer"][0]
    assert "chosen by other seeds" not in " ".join(answer["answer"])
    assert any(note.startswith("with one seed a recipe") for note in answer["notes"])


def test_a_recipe_without_all_targets_is_named(call, tmp_path):
    table = scores(tmp_path / "scores.csv")
    table[(table["recipe"] != "b") | (table["target"] != "panx")].to_csv(tmp_path / "scores.csv", index=False)
    answer = answer_of(call, tmp_path)
    assert "not in the mean over targets, as scores are missing: b" in answer["notes"]
    average = next(row for row in answer["best_single"] if (row["recipe"], row["target"]) == ("all", "all"))
    assert set(average["over_each"]) == {"a", "c"}


@pytest.mark.parametrize(
    ("gains", "words", "message"),
    [
        (GAINS, ("baseline=x",), "no recipe 'x' in the table"),
        (GAINS, ("recipes={x: a}",), "unknown recipe 'x'"),
        (GAINS, ("among=all",), "unknown value 'all' of among"),
        (GAINS, ("recipes_file=none.csv",), "no file at none.csv"),
        ({"none": 0, "a": 1}, (), "no recipe of several tasks among none, a"),
        ({"none": 0, "a+b": 1}, (), "no recipe of a single task"),
        ({"zero": 0, "a": 1, "a+b": 1}, (), "add baseline=RECIPE"),
    ],
)
def test_wrong_settings_and_tables(call, tmp_path, gains, words, message):
    scores(tmp_path / "scores.csv", gains)
    code, out, err = call("analyse", "multitask", "--scores", tmp_path / "scores.csv", *words)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_two_baselines_in_two_arms_are_refused(call, tmp_path):
    scores(tmp_path / "scores.csv", arms=[("none", 1.0, "steps")])
    code, _, err = call("analyse", "multitask", "--scores", tmp_path / "scores.csv")
    assert code == 2
    assert "two scores of none xnli en f1" in err
