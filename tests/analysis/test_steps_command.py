"""`stilts analyse steps` on tables that stilts did not make: planted, reversed and null ones, and wrong ones."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

COLUMNS = ["recipe", "target", "language", "metric", "value", "intermediate_seed", "target_seed", "step", "design"]


def scores(path, rise):
    """Four trunks of two fine-tunes each, kept at three steps, and a baseline; so many points a doubling."""
    random = np.random.default_rng(3)
    rows = []
    for target in ("xnli", "panx"):
        for language in ("en", "de", "sw", "tr"):
            cell = target, language, "f1"
            rows += [("none", *cell, 60 + random.normal(0, 0.5), "", seed, "", "") for seed in range(4)]
            for outer in range(4):
                for step in (100, 200, 400):
                    value = 60 + rise * np.log2(step / 50)
                    rows += [("mnli", *cell, value + random.normal(0, 0.5), outer, inner, step, "snapshots")
                             for inner in range(2)]  # fmt: skip
    pd.DataFrame(rows, columns=COLUMNS).to_csv(path, index=False)


@pytest.fixture
def ask(call, tmp_path):
    return lambda *words: call("analyse", "steps", "--scores", tmp_path / "scores.csv", "permutations=99", *words)


@pytest.mark.parametrize(("rise", "words"), [(1.0, "rises"), (-1.0, "falls"), (0.0, "not shown")])
def test_a_slope_comes_out_of_a_foreign_table_with_its_sign(ask, tmp_path, rise, words):
    scores(tmp_path / "scores.csv", rise)
    code, out, _ = ask("--json")
    assert code == 0
    answer = json.loads(out)
    assert answer["question"] == "steps"
    whole = next(row for row in answer["slopes"] if (row["target"], row["language"]) == ("all", "all"))
    assert (whole["verdict"], whole["design"], whole["seeds"]) == (words, "snapshots", 4)
    assert whole["low"] <= rise <= whole["high"]
    assert answer["answer"][0].startswith("mnli (snapshots): ")
    assert any("rate go together" in note for note in answer["notes"])


def test_text_and_wrong_words(ask, tmp_path):
    scores(tmp_path / "scores.csv", 1.0)
    code, out, _ = ask()
    assert code == 0
    assert "| mnli   | snapshots | 400" in out
    for words, found in (
        (["baseline=x"], "no recipe 'x'"),
        (["tiers=[30, 3]"], "tiers are [30.0, 3.0]"),
        (["design={mnli: snapshots}"], "did you mean 'designs'"),
        (["pairs={mnli: x}"], "pairs names 'x'"),
    ):
        code, _, error = ask(*words)
        assert code == 2
        assert found in error
        assert error.count("\n") == 1
