"""Question 2 on small tables, against numbers worked out with numpy, SciPy and statsmodels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from stilts.analysis.controls import SIZE, controls
from stilts.analysis.families import ALL
from stilts.analysis.score_table import read_scores
from stilts.analysis.steps import interaction, run_slopes
from stilts.analysis.steps_answer import StepsSettings, ask, families_of, tiers_of
from stilts.analysis.steps_regret import choose, lost
from stilts.analysis.steps_rows import UNNAMED, curves
from stilts.analysis.steps_words import RISES
from stilts.errors import InputError
from stilts.kept_step import SEPARATE, TRUNK, KeptStep

STEPS = (100, 200, 800)
LANGUAGES = ("en", "de", "sw", "tr")
COLUMNS = ("step", "design")


def table(seeds=4, tuned=2, designs=(TRUNK,), languages=LANGUAGES, targets=("xnli", "udpos"), seed=1):
    """Score rows as stilts writes them: a baseline, and recipes `a`, `b` ... of one design each."""
    random = np.random.default_rng(seed)
    rows = []

    def add(recipe, outer, inner, step, base):
        rows.extend({
            "recipe": recipe, "target": target, "language": code, "metric": "accuracy" if target == "xnli" else "f1",
            "value": base + random.normal(), "intermediate_seed": outer, "target_seed": inner, "step": step,
        } for target in targets for code in languages)  # fmt: skip

    for inner in range(tuned + 1):
        add("none", "", inner, 0, 60.0)
    for number, design in enumerate(designs):
        for outer in range(seeds):
            trunk = random.normal()
            for step in STEPS:
                for inner in range(tuned):
                    base = 60 + trunk + np.log2(step / 50)
                    add(KeptStep("ab"[number], step, design).name, outer, inner, step, base)
    return pd.DataFrame(rows)


@pytest.fixture
def read(tmp_path):
    """The table as `read_scores` reads it."""

    def written(rows: pd.DataFrame) -> pd.DataFrame:
        rows.to_csv(tmp_path / "scores.csv", index=False)
        return read_scores(tmp_path / "scores.csv", columns=COLUMNS)

    return written


@pytest.fixture
def asked(read):
    return lambda rows, **settings: ask(read(rows), StepsSettings(permutations=99, **settings))


def one(rows: pd.DataFrame, **where):
    found = rows[np.logical_and.reduce([rows[key] == value for key, value in where.items()])]
    assert len(found) == 1, (where, len(found))
    return found.iloc[0]


def test_slopes_are_those_of_each_seed_with_a_t_interval_over_them(asked):
    rows = table()
    answer = asked(rows)
    runs = rows[rows["recipe"] != "none"]
    for target, language in (("xnli", "sw"), ("xnli", ALL), (ALL, ALL)):
        own = runs if target == ALL else runs[runs["target"] == target]
        own = own if language == ALL else own[own["language"] == language]
        slopes = []
        for _, part in own.groupby("intermediate_seed"):
            means = part.groupby("step")["value"].mean()
            slopes.append(np.polyfit(np.log2(means.index.to_numpy(dtype=float)), means.to_numpy(), 1)[0])
        test = stats.ttest_1samp(slopes, 0.0)
        low, high = test.confidence_interval()
        row = one(answer.slopes, target=target, language=language)
        assert (row["slope"], row["p"]) == pytest.approx((np.mean(slopes), test.pvalue))
        assert (row["low"], row["high"], row["df"]) == pytest.approx((low, high, 3))
        assert row["design"] == TRUNK
    assert one(answer.slopes, target=ALL, language=ALL)["verdict"] == RISES


def test_gains_are_differences_of_the_two_arms_alone_with_welchs_interval(asked):
    """With one target seed a trunk, both arms are simple samples, each with a variance of its own."""
    rows = table(seeds=5, tuned=1)
    more = table(seeds=0, tuned=2, seed=2).assign(target_seed=lambda t: t["target_seed"] + 10)
    rows = pd.concat([rows, more])
    answer = asked(rows)
    for step in STEPS:
        name = KeptStep("a", step, TRUNK).name
        for target, language in (("xnli", "de"), ("udpos", ALL), (ALL, ALL)):
            own = rows if target == ALL else rows[rows["target"] == target]
            own = own if language == ALL else own[own["language"] == language]
            keys = ["recipe", "intermediate_seed", "target_seed"]
            means = own.groupby(keys)["value"].mean().reset_index().set_index("recipe")["value"]
            test = stats.ttest_ind(means[name], means["none"], equal_var=False)
            low, high = test.confidence_interval()
            row = one(answer.curves, step=step, target=target, language=language)
            assert row["gain"] == pytest.approx(means[name].mean() - means["none"].mean())
            assert (row["low"], row["high"], row["p"], row["df"]) == pytest.approx((low, high, test.pvalue, test.df))
            assert row["score"] == pytest.approx(means[name].mean())


def test_tiers_are_parted_by_the_text_that_the_model_saw(asked):
    answer = asked(table(languages=("en", "sw", "tr", "de", "yo")))
    assert answer.tiers == {"below 3 GiB": ["sw", "yo"], "3 to 30 GiB": ["tr"], "30 GiB or more": ["de"]}
    rows = answer.slopes[(answer.slopes["of"] == "tier") & (answer.slopes["target"] == "xnli")]
    each = answer.slopes.set_index(["target", "language"])["slope"]
    assert rows.set_index("language")["slope"]["below 3 GiB"] == pytest.approx(
        np.mean([each["xnli", "sw"], each["xnli", "yo"]])
    )
    size = {"a": 0.0, "b": 1.0, "c": np.nan, "en": 2.0}
    assert tiers_of(list(size), size, [1.0]) == {"1 GiB or more": ["a", "b"]}
    assert tiers_of(list(size), size, []) == {}
    with pytest.raises(InputError, match="tiers"):
        tiers_of(["a"], size, [3.0, 1.0])


def test_the_change_with_pretraining_size_is_a_regression_over_languages():
    codes = ["ar", "bg", "de", "el", "fi", "id", "ja", "ka", "ko", "sw", "ta", "th", "tr", "vi"]
    size = dict(controls(codes)[SIZE])
    random = np.random.default_rng(3)
    rows = pd.DataFrame([
        {"target": "xnli", "language": code, "intermediate_seed": str(seed), "target_seed": "1",
         "value": 1 - 0.5 * size[code] + random.normal(0, 0.3)}
        for code in codes for seed in range(4)
    ]).assign(recipe="a", design=TRUNK)  # fmt: skip
    found = interaction(rows, size, {code: code for code in codes}, 99)
    means = rows.groupby("language", sort=False)["value"].mean()
    x = np.array([size[code] for code in means.index])
    fit = sm.OLS(means.to_numpy(), sm.add_constant(x)).fit()
    assert (found.estimate, found.se, found.df) == pytest.approx((fit.params[1], fit.bse[1], 12))
    assert (found.low, found.high) == pytest.approx(tuple(fit.conf_int()[1]))
    assert found.rho == pytest.approx(stats.spearmanr(x, means).statistic)
    by_seed = [
        np.polyfit(x, part.set_index("language")["value"][means.index], 1)[0]
        for _, part in rows.groupby("intermediate_seed")
    ]
    low, high = stats.ttest_1samp(by_seed, 0.0).confidence_interval()
    assert (found.over_seeds, found.seeds_low, found.seeds_high) == pytest.approx((np.mean(by_seed), low, high))
    few = interaction(rows[rows["language"].isin(codes[:8])], size, {}, 99)
    assert np.isnan(few.estimate)
    assert few.p <= 1
    none = interaction(rows[rows["language"].isin(codes[:4])], size, {}, 99)
    assert np.isnan(none.rho)
    assert interaction(rows.assign(language=rows["language"].replace("ar", "xx")), size, {}, 99).absent == ("xx",)


def test_english_is_not_among_the_languages_that_are_compared():
    rows = pd.DataFrame([
        {"target": "xnli", "language": code, "intermediate_seed": "1", "target_seed": "1", "value": 1.0 + place}
        for place, code in enumerate(("en", "de", "fr", "sw", "tr", "vi"))
    ]).assign(recipe="a", design=TRUNK)  # fmt: skip
    size = dict(controls(list(rows["language"]))[SIZE])
    assert "en" not in interaction(rows, size, {}, 99).languages


def test_regret_chooses_with_one_half_and_reports_with_the_other():
    random = np.random.default_rng(0)
    scores = random.normal(0, 1, (3, 4, 5))
    halves, english, oracle, each, seeming = choose(scores, 0)
    assert halves.tolist() == [0, 1, 0, 1, 0]
    for seed in range(5):
        chosen_by = [other for other in range(5) if halves[other] != halves[seed]]
        by_english = scores[0][:, chosen_by].mean(axis=1).argmax()
        for language in range(3):
            own = scores[language][:, chosen_by].mean(axis=1).argmax()
            assert each[language, seed] == pytest.approx(
                scores[language, own, seed] - scores[language, by_english, seed]
            )
            assert oracle[language, 1 - halves[seed]] == own
        assert english[1 - halves[seed]] == by_english
    whole = scores.mean(axis=2)
    assert seeming == pytest.approx(whole.max(axis=1) - whole[:, whole[0].argmax()])
    found = lost(each[1], halves)
    squares = sum(np.var(each[1][halves == half]) * (halves == half).sum() for half in (0, 1))
    assert found.estimate == pytest.approx(each[1].mean())
    assert found.se == pytest.approx(np.sqrt(1.32 * squares / 3 / 5))
    assert float(found.df) == 3
    assert np.isnan(lost(each[1][:2], halves[:2]).low)


def test_choosing_by_english_loses_where_another_language_has_enough_earlier(asked):
    rows = table(seeds=6, tuned=1, targets=("xnli",))
    falls = (rows["language"] == "sw") & (rows["step"] > 100)
    answer = asked(rows.assign(value=rows["value"].where(~falls, rows["value"] - 10)))
    by_language = {regret.language: regret for regret in answer.regrets}
    assert by_language["sw"].english == (800.0, 800.0)
    assert by_language["sw"].oracle == (100.0, 100.0)
    assert float(by_language["sw"].lost.low) > 0
    assert float(by_language[ALL].lost.estimate) == pytest.approx(
        np.mean([float(by_language[code].lost.estimate) for code in ("de", "sw", "tr")])
    )


def test_two_designs_are_compared_at_the_steps_that_both_have(asked):
    rows = table(designs=(TRUNK, SEPARATE))
    rows = rows[~(rows["recipe"] == KeptStep("b", 100, SEPARATE).name)]
    answer = asked(rows)
    assert answer.contrasts["step"].tolist() == [200.0, 800.0]
    first = answer.contrasts.iloc[0]
    means = [
        rows[rows["recipe"] == KeptStep(name, 200, design).name].groupby("intermediate_seed")["value"].mean()
        for name, design in (("b", SEPARATE), ("a", TRUNK))
    ]
    test = stats.ttest_ind(*means)
    assert (first["estimate"], first["p"], first["df"]) == pytest.approx(
        (means[0].mean() - means[1].mean(), test.pvalue, 6)
    )
    assert (first["design"], first["against_design"]) == (SEPARATE, TRUNK)
    assert asked(table()).contrasts.empty
    with pytest.raises(InputError, match="pairs names 'c'"):
        asked(rows, pairs={"c": "a"})


def test_the_design_is_named_on_everything(asked):
    answer = asked(table(designs=(TRUNK, SEPARATE)))
    content = answer.content()
    for name in ("curves", "slopes", "interactions", "regrets", "contrasts"):
        assert content[name]
        assert {row["design"] for row in content[name]} <= {TRUNK, SEPARATE}
    assert all(TRUNK in sentence or SEPARATE in sentence for sentence in content["answer"])
    lines = [line for line in answer.text().splitlines() if line.startswith(("| a", "| b"))]
    assert lines
    assert all(TRUNK in line or SEPARATE in line for line in lines)


def test_a_table_from_elsewhere_has_its_steps_in_a_column(asked):
    rows = table(seeds=1, tuned=3)
    bare = rows.assign(recipe=rows["recipe"].str.partition("@")[0], intermediate_seed="")
    with pytest.raises(InputError, match="no recipe with scores after two"):
        asked(bare[bare["step"].isin([0, 100])])
    answer = asked(bare)
    assert {row["design"] for row in answer.content()["slopes"]} == {UNNAMED}
    assert any("does not say how the steps came about" in note for note in answer.notes)
    named = asked(bare, designs={"a": "snapshots"})
    assert {row["design"] for row in named.content()["slopes"]} == {"snapshots"}
    assert asked(bare.assign(recipe="a")).curves["gain"].to_numpy() == pytest.approx(answer.curves["gain"].to_numpy())
    with pytest.raises(InputError, match="step 'many'"):
        asked(bare.assign(step=bare["step"].astype(str).replace("800", "many")))


def test_other_recipes_of_the_table_and_lacking_runs_are_told(read, asked):
    rows = table()
    other = rows[rows["recipe"] == KeptStep("a", 100, TRUNK).name].assign(recipe="plain", step=938)
    found = curves(read(pd.concat([rows, other])), "none", {})
    assert found.of_series() == [("a", TRUNK)]
    assert found.notes == ["left out, as they have one number of steps: plain"]
    lacks = rows[~((rows["intermediate_seed"] == 0) & (rows["step"] == 200))]
    slopes = run_slopes(curves(read(lacks), "none", {}).rows)
    assert set(slopes["intermediate_seed"]) == {"1", "2", "3"}
    assert not np.isnan(asked(lacks).slopes["slope"]).any()


def test_one_run_has_no_interval_and_no_regret(asked):
    answer = asked(table(seeds=1, tuned=1))
    assert answer.slopes["low"].isna().all()
    assert not answer.regrets
    assert "no interval" in answer.answer[0]
    assert any("one intermediate seed" in note for note in answer.notes)


def test_invented_languages_have_their_sizes_from_a_file(asked, tmp_path):
    rows = table(languages=("en", "qaa", "qab"))
    assert any("no pretraining size of qaa, qab" in note for note in asked(rows).notes)
    path = tmp_path / "languages.csv"
    path.write_text("language,gib,family\nen,300,\nqaa,0.5,x\nqab,50,x\n")
    assert asked(rows, features=str(path)).tiers == {"below 3 GiB": ["qaa"], "30 GiB or more": ["qab"]}
    assert families_of(["qaa", "de"], None)["qaa"] == "qaa"


def test_steps_are_shown_in_epochs_where_the_study_says_them(asked, tmp_path):
    path = tmp_path / "steps.csv"
    names = [KeptStep("a", step, TRUNK).name for step in STEPS]
    pd.DataFrame({
        "name": names, "trained_steps": [110, 220, 880], "examples": [3520, 7040, 28160], "epochs": [0.5, 1, 4],
    }).to_csv(path, index=False)  # fmt: skip
    answer = asked(table(), axis=str(path))
    assert one(answer.curves, step=800.0, target=ALL, language=ALL)["epochs"] == 4
    assert " 0.5 " in answer.text()
    with pytest.raises(InputError, match="no file"):
        asked(table(), axis=str(tmp_path / "nothing.csv"))
    path.write_text("name\n")
    with pytest.raises(InputError, match="lacks the columns"):
        asked(table(), axis=str(path))
