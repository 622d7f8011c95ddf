"""The paper's claims: planted differences for each verdict of each claim."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from stilts.analysis.claims import RecipeFacts, checklist

SUPPORTED, REFUSED, SHORT, ABSENT = "supported", "not supported", "underpowered", "not in this study"
NINE = ("anli_plus", "mnli", "qqp", "squad_v2", "squad_v1", "hellaswag", "ccg", "cosmosqa", "commonsenseqa")
RECIPES = [
    *(RecipeFacts(name, (name,)) for name in NINE),
    RecipeFacts("multi", NINE),
    RecipeFacts("multi+mlm", NINE, mlm=True),
    RecipeFacts("mnli-de", ("mnli",), translated=True),
]
SINGLE = {"single:squad": "squad_v2", "single:mnli": "mnli", "single:hellaswag": "hellaswag", "multi": "multi"}


def rows(found: dict[tuple[str, str], tuple[float, float]]) -> pd.DataFrame:
    """Recipe, target -> difference and half its interval's length, as rows of `differences` over languages."""
    return pd.DataFrame([
        {"recipe": recipe, "target": target, "language": "all", "delta": delta, "low_seeds": delta - half,
         "high_seeds": delta + half, "detectable": 1.4 * half, "p_adjusted": 0.01 if abs(delta) > half else 0.5,
         "seeds": 3 if np.isfinite(half) else 1}
        for (recipe, target), (delta, half) in found.items()
    ])  # fmt: skip


def check(found, claim, best=None, recipes=RECIPES, against=None, scores=None):
    """The entry of one claim."""
    table = rows(found) if found else pd.DataFrame()
    pairs = against or {}
    all_of = checklist(table, recipes, best or {}, "none", scores or {},
                       lambda mine, theirs: rows({(mine, "all"): pairs[mine, theirs]}) if (mine, theirs) in pairs
                       else pd.DataFrame())  # fmt: skip
    assert len({one["claim"] for one in all_of}) == len(all_of) == 11
    return next(one for one in all_of if one["claim"] == claim)


@pytest.mark.parametrize("claim", SINGLE)
@pytest.mark.parametrize(("delta", "half", "verdict"), [
    (8.0, 2.0, SUPPORTED), (1.5, 1.0, SUPPORTED), (0.5, 1.0, REFUSED), (-3.0, 1.0, REFUSED), (5.0, 9.0, SHORT),
    (5.0, np.nan, SHORT),
])  # fmt: skip
def test_a_recipe_that_gains(claim, delta, half, verdict):
    found = check({(SINGLE[claim], "all"): (delta, half)}, claim)
    assert (found["verdict"], found["recipe"], found["delta"]) == (verdict, SINGLE[claim], delta)
    assert found["source"] == "arXiv 2005.13013 v2"
    assert found["published"] in (8.2, 7.5, 7.0, 8.7)
    assert ("smaller than the paper's" in found["note"]) == (delta == 1.5)
    assert (found["low"] is None) == np.isnan(half)
    absent = check({}, claim)
    assert (absent["verdict"], absent["delta"]) == (ABSENT, None)
    assert check({}, claim, recipes=[])["verdict"] == ABSENT


@pytest.mark.parametrize("target", ["bucc2018", "tatoeba", "tydiqa"])
@pytest.mark.parametrize(("gains", "half", "verdict"), [
    ([9.0] * 9, 2.0, SUPPORTED), ([9.0] * 8 + [0.0], 2.0, SUPPORTED), ([9.0] * 5 + [-9.0] * 4, 2.0, REFUSED),
    ([1.0] * 9, 2.0, SHORT), ([9.0] * 7 + [1.0] * 2, 2.0, SHORT),
])  # fmt: skip
def test_targets_that_nearly_all_recipes_help(target, gains, half, verdict):
    found = check(
        {(name, target): (gain, half) for name, gain in zip(NINE, gains, strict=True)}, f"consistent:{target}"
    )
    assert found["verdict"] == verdict
    assert found["delta"] == pytest.approx(np.mean(gains))
    assert check({}, f"consistent:{target}")["verdict"] == ABSENT


@pytest.mark.parametrize(("gains", "half", "verdict"), [
    ([0.1] * 9, 0.5, SUPPORTED), ([-2.0] * 9, 0.5, SUPPORTED), ([0.1] * 8 + [3.0], 0.5, REFUSED),
    ([0.1] * 9, 2.0, SHORT), ([0.1] * 8 + [0.9], 0.5, SHORT),
])  # fmt: skip
def test_xnli_gains_nothing(gains, half, verdict):
    found = {(name, "xnli"): (gain, half) for name, gain in zip(NINE, gains, strict=True)}
    if verdict == SHORT and half == 0.5:  # above 0 by its own interval, and not after correction
        table = rows(found)
        table["p_adjusted"] = 0.2
        one = next(c for c in checklist(table, RECIPES, {}, "none", {}, lambda *_: pd.DataFrame())
                   if c["claim"] == "none:xnli")  # fmt: skip
    else:
        one = check(found, "none:xnli")
    assert one["verdict"] == verdict
    assert check({}, "none:xnli")["verdict"] == ABSENT


@pytest.mark.parametrize(("winners", "scores", "verdict"), [
    (["mnli", "qqp", None], 70.0, SUPPORTED), (["mnli", None, None], 70.0, SHORT), ([None] * 3, 70.0, SHORT),
    (["none", "none", None], 60.0, REFUSED),
])  # fmt: skip
def test_the_best_of_each_target(winners, scores, verdict):
    best = {f"t{n}": {"winner": name, "score": scores} for n, name in enumerate(winners)}
    found = check({}, "best", best, scores={f"t{n}": 60.0 for n in range(3)})
    assert (found["verdict"], found["delta"]) == (verdict, scores - 60)
    assert check({}, "best")["verdict"] == ABSENT


@pytest.mark.parametrize(("claim", "pair"), [("mlm", ("multi+mlm", "multi")), ("translated", ("mnli-de", "mnli"))])
@pytest.mark.parametrize(("delta", "half", "verdict"), [
    (0.0, 0.5, SUPPORTED), (-3.0, 1.0, SUPPORTED), (3.0, 1.0, REFUSED), (0.5, 1.0, SHORT), (0.5, np.nan, SHORT),
])  # fmt: skip
def test_what_is_no_better_than_plain_english(claim, pair, delta, half, verdict):
    found = check({}, f"no better:{claim}", against={pair: (delta, half)})
    assert (found["verdict"], found["delta"]) == (verdict, delta)
    assert found["note"] == f"{pair[0]} less {pair[1]}: {delta:+.1f}"
    assert check({}, f"no better:{claim}")["verdict"] == ABSENT


def test_pairs_without_scores_do_not_lend_their_names():
    recipes = [RecipeFacts("mnli", ("mnli",)), RecipeFacts("mnli-de", ("mnli",), translated=True),
               RecipeFacts("qqp", ("qqp",)), RecipeFacts("qqp-de", ("qqp",), translated=True),
               RecipeFacts("qqp-de+mlm", ("qqp",), mlm=True, translated=True)]  # fmt: skip
    against = {("qqp-de", "qqp"): (2.0, 1.0), ("qqp-de+mlm", "qqp"): (9.0, 1.0)}
    found = check({}, "no better:translated", recipes=recipes, against=against)
    assert found["note"] == "qqp-de less qqp: +2.0", "and what differs in two things tells nothing of one"
    assert check({}, "no better:mlm", recipes=recipes, against=against)["verdict"] == ABSENT
