"""`stilts analyse typology` on tables that stilts did not make: planted, null and confounded ones, and wrong ones."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from stilts.analysis.language_effects import GAIN
from stilts.analysis.typology_rows import ANCOVA, MARGINAL, PARTIAL


def scores(path, pull, recipes=("a",), languages=24):
    """A table that stilts did not make: invented languages, two targets, five baseline seeds, 2 x 2 a recipe."""
    random = np.random.default_rng(11)
    codes = [f"qa{chr(97 + i)}" for i in range(languages)]
    level = dict(zip(codes, random.normal(55, 8, languages), strict=True))
    rows = []
    for target in ("xnli", "panx"):
        for code in ["en", *codes]:
            base = level.get(code, 75.0)
            arms = [("none", "", s, 0.0) for s in range(5)]
            arms += [(r, i, s, 2 + pull.get(code, 0.0)) for r in recipes for i in (1, 2) for s in (1, 2)]
            rows += [(r, target, code, "f1", base + gain + random.normal(0, 0.7), i, s) for r, i, s, gain in arms]
    columns = ["recipe", "target", "language", "metric", "value", "intermediate_seed", "target_seed"]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    return codes


@pytest.fixture
def invented(tmp_path):
    """Languages with four features each of order, four of sound, and a size that has nothing to do with them."""
    random = np.random.default_rng(12)
    codes = [f"qa{chr(97 + i)}" for i in range(24)]
    table = pd.DataFrame(random.integers(0, 2, (25, 12)), index=["en", *codes],
                         columns=[f"{kind}:{i}" for kind in ("order", "sound") for i in range(6)])  # fmt: skip
    table.loc["en"] = 1
    table["gib"] = 10 ** random.uniform(0, 2, 25).round(2)
    table["family"] = ["F0", *(f"F{i // 3}" for i in range(24))]
    table.to_csv(tmp_path / "languages.csv", index_label="language")
    away = 1 - np.sqrt(table.loc[codes, [c for c in table if c.startswith("order")]].mean(axis=1))
    return tmp_path / "languages.csv", ((away - away.mean()) / away.std()).to_dict(), table


def ask(call, tmp_path, *words):
    return call("analyse", "typology", "--scores", tmp_path / "scores.csv", "permutations=999", *words)


@pytest.mark.slow
def test_a_planted_effect_comes_out_of_a_foreign_table(call, tmp_path, invented):
    languages, away, _ = invented
    scores(tmp_path / "scores.csv", {code: -2 * z for code, z in away.items()})
    code, out, _ = ask(call, tmp_path, f"features={languages}", "--json")
    assert code == 0
    answer = json.loads(out)
    assert answer["question"] == "typology"
    rows = {(row["outcome"], row["kind"]): row for row in answer["rows"]}
    planted = rows[GAIN, "order"]
    assert planted["verdict"] == "related"
    marginal, ancova, partial = planted["fits"]
    assert [fit["name"] for fit in planted["fits"]] == [MARGINAL, ANCOVA, PARTIAL]
    for fit in (marginal, ancova, partial):
        assert fit["low"] < -2 < fit["high"]
        assert fit["p_holm"] < 0.05
    assert partial["covariates"] == ["log_size"]  # no script was given, and 24 languages allow two controls
    assert rows[GAIN, "sound"]["verdict"] == "not shown"
    assert planted["mixed"]["converged"]
    assert answer["answer"][0].startswith("Order distance and the gain of a go together, beyond the controls: -")
    code, again, _ = ask(call, tmp_path, f"features={languages}", "--json")
    assert again == out
    code, text, _ = ask(call, tmp_path, f"features={languages}")
    assert text.startswith(answer["answer"][0])
    assert "not held equal: script: not known" in text


@pytest.mark.slow
def test_a_null_table_shows_nothing(call, tmp_path, invented):
    scores(tmp_path / "scores.csv", {})
    _, out, _ = ask(call, tmp_path, f"features={invented[0]}", "--json")
    answer = json.loads(out)
    assert {row["verdict"] for row in answer["rows"]} == {"not shown"}
    assert answer["answer"][0].startswith("It is not shown that the gain of a goes with order or sound distance; 0.")


@pytest.mark.slow
def test_a_planted_confound_is_named(call, tmp_path, invented):
    path, away, table = invented
    size = 2 + 0.6 * np.array([-away[code] for code in away]) + np.random.default_rng(1).normal(0, 0.3, 24)
    table.loc[list(away), "gib"] = 10**size
    table.to_csv(path, index_label="language")
    scores(tmp_path / "scores.csv", dict(zip(away, 3 * (size - 2), strict=True)))
    _, out, _ = ask(call, tmp_path, f"features={path}", "--json")
    row = next(r for r in json.loads(out)["rows"] if (r["outcome"], r["kind"]) == (GAIN, "order"))
    assert row["verdict"] == "not apart from the controls"
    assert row["fits"][0]["p_holm"] < 0.05 < row["fits"][-1]["p_holm"]


@pytest.mark.parametrize("seed", ["", "0"])
def test_a_target_with_one_score_of_the_baseline(call, tmp_path, invented, seed):
    """Retrieval by the encoder as it is has no seed; without seeds of both halves there is no covariate."""
    scores(tmp_path / "scores.csv", {})
    table = pd.read_csv(tmp_path / "scores.csv", dtype=str)
    panx = table["target"] == "panx"
    table.loc[panx & (table["recipe"] == "none") & (table["target_seed"] == "0"), "target_seed"] = seed
    table = table[~panx | (table["recipe"] != "none") | (table["target_seed"] == seed)]
    table.to_csv(tmp_path / "scores.csv", index=False)
    code, out, err = ask(call, tmp_path, f"features={invented[0]}", "--json")
    assert (code, err) == (0, "")
    row = next(row for row in json.loads(out)["rows"] if row["outcome"] == GAIN)
    assert (ANCOVA in [fit["name"] for fit in row["fits"]]) == (seed == "")


def test_few_languages_end_to_end(call, tmp_path, invented):
    path, away, _ = invented
    few = dict(list(away.items())[:9])
    scores(tmp_path / "scores.csv", {code: -3 * z for code, z in few.items()}, languages=9)
    code, out, _ = ask(call, tmp_path, f"features={path}")
    assert code == 0
    assert "rank correlation -" in out
    assert "so few languages allow no more than ranks" in out
    assert "goes with sound distance: 9 languages show strong relations of ranks only." in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "no entry in URIEL for qaa, qab, "),
        (("baseline=x",), "no recipe 'x' in the table"),
        (("controls=[size]",), "unknown control 'size'; expected one of log_size"),
        (("fill=all",), "unknown value 'all' of fill"),
        (("permutation=9",), "did you mean 'permutations'"),
        (("features=none.csv",), "no file at none.csv"),
    ],
)
def test_wrong_settings(call, tmp_path, words, message):
    scores(tmp_path / "scores.csv", {}, languages=6)
    code, out, err = ask(call, tmp_path, *words)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_wrong_commands(call, tmp_path):
    scores(tmp_path / "scores.csv", {}, languages=6)
    code, _, err = call("analyse", "topology", "--scores", tmp_path / "scores.csv")
    assert code == 2
    assert "unknown question 'topology'; expected one of " in err
    assert "did you mean 'typology'?" in err
    code, _, err = call("analyse", "typology")
    assert code == 2
    assert "--scores" in err
    (tmp_path / "english.csv").write_text("recipe,target,language,metric,value\na,t,en,f1,1\n")
    code, _, err = call("analyse", "typology", "--scores", tmp_path / "english.csv")
    assert code == 2
    assert "no score but of English" in err
    (tmp_path / "part.csv").write_text("language,order:a\nqaa,1\n")
    code, _, err = ask(call, tmp_path, f"features={tmp_path / 'part.csv'}")
    assert code == 2
    assert "part.csv has no row for en, qab, qac" in err
