"""Four questions end to end on the sample: what was planted is found with its sign, and nothing where nothing is.

Planted by what the study trains, not by numbers: see the head of `studies/questions.yaml`. In the null study the same
recipes train two steps only, so they are equal in all but their seeds; where steps are the question, they train at a
rate at which nothing is learnt.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sample_study import Answers, answered, sample

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
]  # a fixture trains a study: a minute or two on idle cores

STUDY = "questions.yaml"
LANGUAGES = 24
NOTHING = [f"intermediate.{recipe}.budget={{steps: 2}}" for recipe in (1, 2, 3)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample(tmp_path_factory.mktemp("questions") / "data", LANGUAGES)


@pytest.fixture(scope="module")
def planted(data: Path) -> Answers:
    return answered(STUDY, data, "planted")


@pytest.fixture(scope="module")
def null(data: Path) -> Answers:
    return answered(STUDY, data, "nothing", *NOTHING)


def kept(data: Path, name: str, rate: float) -> Answers:
    """Question 2 of the same study: supertags after several numbers of steps, one trunk for each of four seeds."""
    return answered(
        STUDY, data, name, "intermediate=[{name: none}, {name: ccg, tasks: [ccg], keep_steps: [0, 10, 30, 90]}]",
        "target.languages=[en, qah, qap]", "target.seeds=[1]", "evaluation.conditions=[clean]", "seeds=[1, 2, 3, 4]",
        f"training.learning_rate={rate}", "target.per_task.udpos.learning_rate=1e-3",
    )  # fmt: skip


@pytest.fixture(scope="module")
def planted_steps(data: Path) -> Answers:
    return kept(data, "planted_steps", 1e-3)


@pytest.fixture(scope="module")
def null_steps(data: Path) -> Answers:
    return kept(data, "nothing_steps", 1e-6)


def gains(answers: Answers) -> dict[str, dict[str, Any]]:
    return {row["recipe"]: row for row in answers["multitask"]["deltas"] if row["language"] == "all"}


def slopes(answers: Answers) -> dict[str, dict[str, Any]]:
    return {row["recipe"]: row for row in answers["noise"]["rows"]
            if (row["measure"], row["target"], row["language"]) == ("slope", "all", "all")}  # fmt: skip


def distances(answers: Answers) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["recipe"], row["kind"]): row for row in answers["typology"]["rows"] if row["outcome"] == "gain"}


def doubling(answers: Answers) -> dict[str, Any]:
    """The slope on the doublings of the steps, over targets and languages."""
    (row,) = (row for row in answers["steps"]["slopes"]
              if (row["of"], row["target"], row["language"]) == ("target", "udpos", "all"))  # fmt: skip
    return dict(row)


def test_question_1_finds_the_task_that_helps_and_the_one_that_does_not(planted: Answers) -> None:
    found = gains(planted)
    assert found["ccg"]["low"] > 0
    assert found["ccg"]["verdict"] == "supported"
    assert found["snli"]["high"] < found["ccg"]["low"]
    assert found["snli"]["verdict"] != "supported"
    (best,) = planted["multitask"]["best_single"]
    assert best["reference"] == "ccg"
    assert best["verdict"] != "supported"
    assert any("ccg+snli" in sentence for sentence in planted["multitask"]["answer"])


def test_question_1_claims_nothing_where_nothing_was_taught(null: Answers) -> None:
    found = gains(null)
    assert set(found) == {"snli", "ccg", "ccg+snli"}
    for row in found.values():
        assert row["verdict"] not in ("supported", "reversed")
        assert row["low"] - 0.5 < 0 < row["high"] + 0.5
    (best,) = null["multitask"]["best_single"]
    assert best["verdict"] not in ("supported", "reversed")
    assert null["multitask"]["answer"][0].startswith("Not shown to beat the best single task: ccg+snli")


def test_question_2_finds_that_the_gain_rises_with_the_steps(planted_steps: Answers) -> None:
    row = doubling(planted_steps)
    assert row["low"] > 0
    assert (row["design"], row["df"], row["verdict"]) == ("trunk_cooldown", 3, "rises")
    start = "ccg (trunk_cooldown): the gain rises with the steps: +"
    assert planted_steps["steps"]["answer"][0].startswith(start)


def test_question_2_claims_nothing_where_nothing_was_taught(null_steps: Answers) -> None:
    row = doubling(null_steps)
    assert row["verdict"] == "not shown"
    assert abs(row["slope"]) < 0.5
    assert " rises " not in null_steps["steps"]["answer"][0]
    assert " falls " not in null_steps["steps"]["answer"][0]


def test_question_3_finds_that_what_words_gave_goes_with_the_words(planted: Answers) -> None:
    row = slopes(planted)["ccg"]
    assert row["high"] < 0
    assert (row["verdict"], row["p_adjusted"] < 0.05) == ("keeps less", True)
    assert any(
        text.startswith("ccg keeps less of the score than none under swap: ") for text in planted["noise"]["answer"]
    )


def test_question_3_claims_nothing_where_nothing_was_taught(null: Answers) -> None:
    assert {row["verdict"] for row in slopes(null).values()} == {"not shown"}
    assert not any(" keeps more " in text.split("that")[0] for text in null["noise"]["answer"][1:])


def test_question_4_finds_that_the_gain_fades_with_distance_and_with_which(planted: Answers) -> None:
    found = distances(planted)
    for kind in ("letters", "vocabulary"):
        marginal = next(fit for fit in found["ccg", kind]["fits"] if fit["name"] == "marginal")
        assert marginal["high"] < 0
        assert found["ccg", kind]["rho"] < -0.4
        assert len(found["ccg", kind]["languages"]) == LANGUAGES
    assert found["ccg", "letters"]["verdict"] == "related"
    assert found["ccg", "order"]["verdict"] == "not shown"  # an encoder that reads words only knows no order
    start = "Letters distance and the gain of ccg go together, beyond the controls: -"
    assert any(text.startswith(start) for text in planted["typology"]["answer"])


def test_question_4_claims_nothing_where_nothing_was_taught(null: Answers) -> None:
    found = distances(null)
    assert {row["verdict"] for row in found.values()} == {"not shown"}
    assert not any("the gain of ccg go together" in text for text in null["typology"]["answer"])
