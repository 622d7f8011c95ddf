"""`stilts analyse domain` on tables that stilts did not make: planted, null and confounded ones, and wrong ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from stilts.analysis.domain_answer import DomainSettings, ask
from stilts.analysis.score_table import read_scores
from stilts.tasks import TASKS
from stilts.two_by_two import cell_of

TASK_NAMES = ("mnli", "qqp", "squad_v1", "squad_v2", "hellaswag", "commonsenseqa", "cosmosqa", "ccg")
TARGETS = ("xnli", "pawsx", "udpos", "panx", "xquad", "mlqa", "tydiqa", "tatoeba")
COLUMNS = ["recipe", "target", "language", "metric", "value", "intermediate_seed", "target_seed"]


def away(seed: int = 5, planted: float = 0.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    found = random.uniform(0.2, 0.8, (len(TASK_NAMES), len(TARGETS))) - planted * alike()
    found[:, TARGETS.index("mlqa")] = found[:, TARGETS.index("xquad")]
    return found


def alike() -> np.ndarray:
    return np.array([[float(TASKS[a].format == TASKS[b].format) for b in TARGETS] for a in TASK_NAMES])


def scores(path: Path, pull: np.ndarray, seed: int = 11, targets: tuple[str, ...] = TARGETS) -> None:
    """Two languages; every recipe twice, the baseline four times."""
    random = np.random.default_rng(seed)
    rows = []
    own = random.normal(0, 2, len(TASK_NAMES))
    for column, target in enumerate(TARGETS):
        if target in targets:
            level, pairs = random.uniform(40, 70), random.normal(0, 0.3, len(TASK_NAMES))
            for language in ("de", "ru"):
                rows += [("none", target, language, level + random.normal(0, 0.3), "", s) for s in range(4)]
                for row, task in enumerate(TASK_NAMES):
                    gain = own[row] + pairs[row] + pull[row, column]
                    rows += [(task, target, language, level + gain + random.normal(0, 0.3), s, 0) for s in range(2)]
    table = pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "metric"]).assign(metric="accuracy")
    table[COLUMNS].to_csv(path, index=False)


def measures(path: Path, **matrices: np.ndarray) -> Path:
    rows = [(task, target, name, matrix[i, j]) for name, matrix in matrices.items()
            for i, task in enumerate(TASK_NAMES) for j, target in enumerate(TARGETS)]  # fmt: skip
    pd.DataFrame(rows, columns=["intermediate", "target", "measure", "value"]).to_csv(path, index=False)
    return path


def asked(call, tmp_path: Path, *words: object) -> tuple[int, str, str]:
    return call("analyse", "domain", "--scores", tmp_path / "scores.csv", "permutations=999", *words)


def test_a_planted_effect_comes_out_of_a_foreign_table(call, tmp_path: Path) -> None:
    far = away()
    scores(tmp_path / "scores.csv", -5 * far)
    path = measures(tmp_path / "m.csv", js_divergence=far, mmd=away(6))
    code, out, _ = asked(call, tmp_path, f"measures={path}", "--json")
    assert code == 0
    answer = json.loads(out)
    assert answer["question"] == "domain"
    planted, other = answer["rows"]
    assert (planted["measure"], planted["verdict"], other["verdict"]) == ("js_divergence", "related", "not shown")
    assert planted["columns"] == ["xnli", "pawsx", "udpos", "panx", "xquad+mlqa", "tydiqa", "tatoeba"]
    assert planted["same_data"] == [["mnli", "xnli"], ["squad_v1", "xquad+mlqa"], ["squad_v2", "xquad+mlqa"]]
    assert planted["cells"] == len(planted["points"]) == 8 * 7 - 3
    for fit in planted["fits"]:
        assert fit["low"] < -5 * planted["sd"] < fit["high"] < 0
        assert fit["p_holm"] <= 0.01
    assert answer["answer"][0].startswith("The further apart by Jensen-Shannon divergence of words, the less a target")
    assert "It is not shown that gains go with domain mismatch by maximum mean" in answer["answer"][1]
    assert asked(call, tmp_path, f"measures={path}", "--json")[1] == out
    code, text, _ = asked(call, tmp_path, f"measures={path}")
    assert text.startswith(answer["answer"][0])
    assert "note: left out, as both phases train on the same data: mnli > xnli," in text
    scores(tmp_path / "scores.csv", 5 * far)
    answer = json.loads(asked(call, tmp_path, f"measures={path}", "--json")[1])
    assert "the more a target gains: +" in answer["answer"][0]


def test_the_slope_is_that_of_a_regression_over_cells(call, tmp_path: Path) -> None:
    far = away()
    scores(tmp_path / "scores.csv", -5 * far)
    row = json.loads(asked(call, tmp_path, f"measures={measures(tmp_path / 'm.csv', m=far)}", "--json")[1])["rows"][0]
    table = pd.read_csv(tmp_path / "scores.csv")
    means = table.groupby(["recipe", "target"])["value"].mean().unstack()
    cells = []
    for i, task in enumerate(TASK_NAMES):
        for column in row["columns"]:
            if [task, column] not in row["same_data"]:
                own = column.split("+")
                gain = np.mean([means.loc[task, t] - means.loc["none", t] for t in own])
                cells.append((task, column, gain, far[i, TARGETS.index(own[0])], alike()[i, TARGETS.index(own[0])]))
    frame = pd.DataFrame(cells, columns=["task", "column", "gain", "far", "alike"])
    assert row["sd"] == pytest.approx(frame["far"].std())
    frame["far"] /= frame["far"].std()
    for fit, more in zip(row["fits"], ("", " + alike"), strict=True):
        expected = smf.ols(f"gain ~ C(task) + C(column) + far{more}", frame).fit()
        assert fit["slope"] == pytest.approx(expected.params["far"])
        assert fit["df"] == expected.df_resid + 1


def test_a_null_table_shows_nothing(call, tmp_path: Path) -> None:
    scores(tmp_path / "scores.csv", np.zeros((8, 8)))
    path = measures(tmp_path / "m.csv", js_divergence=away(), mmd=away(6), cosine=away(7))
    answer = json.loads(asked(call, tmp_path, f"measures={path}", "--json")[1])
    assert {row["verdict"] for row in answer["rows"]} == {"not shown"}
    assert len(answer["answer"]) == 1


def test_a_planted_confound_is_named(call, tmp_path: Path) -> None:
    scores(tmp_path / "scores.csv", 4 * alike())
    path = measures(tmp_path / "m.csv", js_divergence=away(planted=0.5))
    row = json.loads(asked(call, tmp_path, f"measures={path}", "--json")[1])["rows"][0]
    assert row["verdict"] == "not apart from the format"
    assert row["fits"][0]["p_holm"] <= 0.05 < row["fits"][1]["p_holm"]


def test_a_small_matrix_is_said_to_be_too_small(call, tmp_path: Path) -> None:
    far = away()
    scores(tmp_path / "scores.csv", -9 * far, targets=("pawsx", "udpos"))
    path = measures(tmp_path / "m.csv", js_divergence=far)
    table = pd.read_csv(tmp_path / "scores.csv")
    table[table["recipe"].isin(["none", "mnli", "qqp", "hellaswag"])].to_csv(tmp_path / "scores.csv", index=False)
    code, out, _ = asked(call, tmp_path, f"measures={path}")
    assert code == 0
    said = (
        "too small to say anything of Jensen-Shannon divergence of words: 3 tasks x 2 targets, their permutations allow"
    )
    assert said in out
    assert "no p below .167, so none below .05 is possible" in out
    table[table["recipe"].isin(["none", "mnli", "qqp"])].to_csv(tmp_path / "scores.csv", index=False)
    _, out, _ = asked(call, tmp_path, f"measures={path}")
    assert "2 tasks x 2 targets, too few cells are left" in out


def test_columns_of_a_file_decide(call, tmp_path: Path) -> None:
    far = away()
    scores(tmp_path / "scores.csv", -5 * far)
    table = pd.read_csv(measures(tmp_path / "m.csv", js_divergence=far))
    table["same_data"] = np.where((table["intermediate"] == "ccg") & (table["target"] == "udpos"), "yes", "")
    table["column"] = table["target"].replace({"udpos": "tags", "panx": "tags"})
    table.to_csv(tmp_path / "m.csv", index=False)
    row = json.loads(asked(call, tmp_path, f"measures={tmp_path / 'm.csv'}", "--json")[1])["rows"][0]
    assert row["columns"] == ["xnli", "pawsx", "udpos+panx", "xquad", "mlqa", "tydiqa", "tatoeba"]
    assert row["same_data"] == [["ccg", "udpos+panx"]]


def test_one_recipe_a_task(call, tmp_path: Path) -> None:
    scores(tmp_path / "scores.csv", -5 * away())
    path = measures(tmp_path / "m.csv", m=away())
    first = json.loads(asked(call, tmp_path, f"measures={path}", "--json")[1])
    table = pd.read_csv(tmp_path / "scores.csv")
    longer = table[table["recipe"] == "qqp"].assign(recipe="longer", value=90.0)
    arm = table[table["recipe"] == "qqp"].assign(recipe="qqp--long", value=90.0)
    pd.concat([longer, table, arm]).to_csv(tmp_path / "scores.csv", index=False)
    answer = json.loads(asked(call, tmp_path, f"measures={path}", "recipes={longer: qqp}", "--json")[1])
    assert answer["rows"] == first["rows"]
    assert answer["notes"][0] == "not compared, as another recipe or arm has the same task: longer, qqp--long"


def two_by_two(tmp_path: Path, near: float = 0.0, names: dict[str, str] | None = None) -> pd.DataFrame:
    """Four recipes with four intermediate seeds each, on two targets; matched is 2 points better."""
    random, rows = np.random.default_rng(3), []
    for domain in ("matched", "mismatched"):
        for language in ("english", "near"):
            name = f"{domain}-{language}"
            for seed in range(4):
                gain = 2 * (domain == "matched") + near * (language == "near") + random.normal(0, 0.4)
                rows += [((names or {}).get(name, name), target, code, "f1", 50 + gain + random.normal(0, 0.2), seed, 1)
                         for target in ("xnli", "tydiqa") for code in ("fi", "sw")]  # fmt: skip
    table = pd.DataFrame(rows, columns=COLUMNS)
    table.to_csv(tmp_path / "scores.csv", index=False)
    return table


def test_the_two_by_two(call, tmp_path: Path) -> None:
    table = two_by_two(tmp_path)
    answer = json.loads(asked(call, tmp_path, "--json")[1])
    assert answer["rows"] == []
    effects = {(row["effect"], row["target"]): row for row in answer["effects"]}
    assert set(effects) == {(e, t) for e in ("domain", "language", "interaction") for t in ("xnli", "tydiqa", "all")}
    assert answer["answer"][0].startswith("Matched domains against mismatched ones: +")
    assert answer["answer"][1].startswith("It is not shown that a near language changes the score: ")
    runs = table[table["target"] == "xnli"].groupby(["recipe", "intermediate_seed"])["value"].mean().reset_index()
    runs["d"] = np.where(runs["recipe"].str.startswith("matched"), 0.5, -0.5)
    runs["l"] = np.where(runs["recipe"].str.endswith("near"), 0.5, -0.5)
    fit = smf.ols("value ~ d * l", runs).fit()
    for name, term in (("domain", "d"), ("language", "l"), ("interaction", "d:l")):
        row = effects[name, "xnli"]
        low, high = fit.conf_int().loc[term]
        found = (row["estimate"], row["se"], row["p"], row["low"], row["high"])
        assert found == pytest.approx((fit.params[term], fit.bse[term], fit.pvalues[term], low, high))
        assert row["df"] == fit.df_resid == 12
    whole = [effects[name, "all"] for name in ("domain", "language", "interaction")]
    assert {row["tests"] for row in whole} == {3}


def test_cells_and_languages_may_be_named(call, tmp_path: Path) -> None:
    names = {"matched-english": "a", "matched-near": "b", "mismatched-english": "c", "mismatched-near": "d"}
    two_by_two(tmp_path, near=3.0, names=names)
    assert asked(call, tmp_path)[0] == 2
    cells = "cells={" + ", ".join(f"{short}: {name}" for name, short in names.items()) + "}"
    answer = json.loads(asked(call, tmp_path, cells, "near=[fi]", "--json")[1])
    assert "Intermediate data in a near language against English: +" in answer["answer"][1]
    assert "2 x 2: matched english is a, matched near is b" in answer["notes"][0]
    table = pd.read_csv(tmp_path / "scores.csv")
    mean = table[table["language"] == "fi"].groupby(["recipe", "target"])["value"].mean()
    shown = {(row["recipe"], row["target"]): row["score"] for row in answer["means"] if row["target"] != "all"}
    assert shown == pytest.approx(mean.to_dict())


def test_the_two_by_two_is_scored_on_the_targets_whose_domain_is_matched(call, tmp_path: Path) -> None:
    table = two_by_two(tmp_path)
    table.loc[table["target"] == "xnli", "value"] = 0.0
    table.to_csv(tmp_path / "scores.csv", index=False)
    answer = json.loads(asked(call, tmp_path, "near=[fi]", "targets=[tydiqa]", "--json")[1])
    assert {row["target"] for row in answer["effects"]} == {"tydiqa"}
    assert answer["answer"][0].startswith("Matched domains against mismatched ones (tydiqa): +")
    assert "; scored in fi on tydiqa; " in answer["notes"][0]
    assert "; scored in fi, sw on xnli, tydiqa; " in json.loads(asked(call, tmp_path, "--json")[1])["notes"][0]
    code, _, err = asked(call, tmp_path, "targets=[mlqa]")
    assert (code, "no score of 'mlqa'" in err) == (2, True)


def test_measures_are_compared_where_the_two_by_two_is_not_scored_yet(call, tmp_path: Path) -> None:
    far = away()
    path = measures(tmp_path / "m.csv", js_divergence=far)
    scores(tmp_path / "scores.csv", -5 * far)
    table = pd.read_csv(tmp_path / "scores.csv", keep_default_na=False)
    four = two_by_two(tmp_path)
    four = four[(four["target"] == "xnli") & (four["recipe"] != "none")]
    pd.concat([table, four]).to_csv(tmp_path / "scores.csv", index=False)
    answer = json.loads(asked(call, tmp_path, f"measures={path}", "targets=[tydiqa]", "--json")[1])
    assert answer["rows"][0]["verdict"] == "related"
    assert answer["effects"] == []
    assert answer["answer"][-1].startswith("The 2 x 2 is not compared: no score of 'tydiqa' in the languages of")
    assert not any(note.startswith("2 x 2") for note in answer["notes"])


def test_four_recipes_without_a_target_in_common_are_an_error(call, tmp_path: Path) -> None:
    table = two_by_two(tmp_path)
    lost = (table["recipe"] == "matched-near") != (table["target"] == "xnli")
    table[lost | (table["recipe"] == "none")].to_csv(tmp_path / "scores.csv", index=False)
    code, _, err = asked(call, tmp_path)
    assert (code, "no target with scores of all four recipes" in err) == (2, True)


def test_one_seed_gives_no_interval(tmp_path: Path) -> None:
    table = two_by_two(tmp_path)
    table[table["intermediate_seed"] == 0].to_csv(tmp_path / "scores.csv", index=False)
    answer = ask(read_scores(tmp_path / "scores.csv"), DomainSettings())
    assert answer.effects["low"].isna().all()
    assert all(line.endswith("one seed a recipe, so no interval.") for line in answer.answer)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("matched-near", ("matched", "near")),
        ("Mismatched english", ("mismatched", "english")),
        ("squad_v1--matched-english", ("matched", "english")),
        ("matched", None),
        ("near-mismatched-matched", None),
        ("nearmatched", None),
    ],
)
def test_names_of_cells(text: str, cell: tuple[str, str] | None) -> None:
    assert cell_of(text) == cell


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "no measures and no recipes of the 2 x 2; expected one of them"),
        (("measures=none.csv",), "no file at none.csv"),
        (("measures=M", "baseline=x"), "no recipe 'x' in the table"),
        (("measures=M", "languages=[fr]"), "no score in 'fr'"),
        (("cells={mnli: matched-near}",), "no recipe is matched-english, mismatched-english, mismatched-near"),
        (("cells={mnli: near}",), "cells.mnli is 'near'; expected one of matched-english, "),
        (("cells={x: matched-near}",), "no recipe 'x' in the table"),
        (("measures=M", "recipes={mnl: qqp}"), "unknown recipe 'mnl'"),
        (("measure=M",), "did you mean 'measures'"),
    ],
)
def test_wrong_settings(call, tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    scores(tmp_path / "scores.csv", np.zeros((8, 8)))
    path = measures(tmp_path / "m.csv", m=away())
    code, out, err = asked(call, tmp_path, *(word.replace("=M", f"={path}") for word in words))
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("intermediate,target,value\nmnli,xnli,1\n", "lacks measure"),
        ("intermediate,target,measure,value\n", "has no rows"),
        ("intermediate,target,measure,value\nmnli,xnli,m,far\n", "row 2: value is 'far'"),
        ("intermediate,target,measure,value\nqqp,udpos,m,1\nqqp,udpos,m,2\n", "row 3: qqp udpos m comes twice"),
        ("intermediate,target,measure,value\nother,udpos,m,1\n", "has no pair of a recipe's task and a target"),
    ],
)
def test_wrong_measures(call, tmp_path: Path, lines: str, message: str) -> None:
    scores(tmp_path / "scores.csv", np.zeros((8, 8)))
    (tmp_path / "m.csv").write_text(lines)
    code, out, err = asked(call, tmp_path, f"measures={tmp_path / 'm.csv'}")
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
