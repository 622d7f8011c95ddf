"""Three questions end to end on the sample: what was planted is found with its sign, and nothing where nothing is.

Planted by what the study trains, not by numbers: see the head of `studies/questions.yaml`. In the null study the same
recipes train two steps only, so they are equal in all but their seeds.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cases
import pytest
from harness import run_ranks

from stilts.config import Study
from stilts.data.prepare import prepare
from stilts.sample import generate
from stilts.settings import load_yaml, read
from stilts.study.collect import collect
from stilts.study.plan import Plan, expand
from stilts.study.write import write

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # a fixture trains a whole study: two minutes on idle cores

STUDY = Path(__file__).parents[2] / "studies" / "questions.yaml"
LANGUAGES = 24
NOTHING = [f"intermediate.{recipe}.budget={{steps: 2}}" for recipe in (1, 2, 3)]
Answers = dict[str, Any]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("questions") / "data"
    generate(out, seed=1, languages=LANGUAGES, pretrained=False)
    (out / "languages.json").unlink()  # no analysis may read what the languages were made with
    return out


def answered(data: Path, name: str, *overrides: str) -> Answers:
    """What `collect` writes about the questions after all runs of the study, two at a time."""
    words = [f"name={name}", f"output_dir={data.parent}", f"data.root={data}", f"data.cache_dir={data.parent / 'sets'}",
             f"model.name={data / 'model_random'}", *overrides]  # fmt: skip
    plan = expand(read(Study, load_yaml(STUDY, words), ""))
    prepare(plan.study, plan.specs, plan.features, progress=False)
    write(plan, "")
    for kind in ("intermediate", "target"):
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda run: execute(plan, run), [run.run for run in plan.runs if run.kind == kind]))
    found = collect(plan)
    assert (found.missing, found.noisy_missing, found.problems) == ([], [], [])
    content: Answers = json.loads((found.folder / "answers.json").read_text(encoding="utf-8"))
    assert {"multitask", "noise", "typology"} <= set(content["answers"])
    return content["answers"]


def execute(plan: Plan, run: str) -> None:
    folder = plan.run_folder(run)
    run_ranks(cases.run_file, 1, plan.folder / "logs" / run, str(folder / "run.yaml"), timeout=500)


@pytest.fixture(scope="module")
def planted(data: Path) -> Answers:
    return answered(data, "planted")


@pytest.fixture(scope="module")
def null(data: Path) -> Answers:
    return answered(data, "nothing", *NOTHING)


def gains(answers: Answers) -> dict[str, dict[str, Any]]:
    return {row["recipe"]: row for row in answers["multitask"]["deltas"] if row["language"] == "all"}


def slopes(answers: Answers) -> dict[str, dict[str, Any]]:
    return {row["recipe"]: row for row in answers["noise"]["rows"]
            if (row["measure"], row["target"], row["language"]) == ("slope", "all", "all")}  # fmt: skip


def distances(answers: Answers) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["recipe"], row["kind"]): row for row in answers["typology"]["rows"] if row["outcome"] == "gain"}


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
