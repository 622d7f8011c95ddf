"""Data sets that differ in their words only, end to end: what they have in common is planted in the data.

A task helps another as far as they share words (question 5), and several tasks beat the best single one where each has
other words of the target's (question 1). The encoder has seen no text, and the analyses are given what
`evaluation.domain` and the scores say. In the null study of question 5 all data sets have the same words.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import word_domains
from sample_study import answered, sample

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
]  # each trains a study: a minute on idle cores

STUDY = "questions.yaml"
ARC = 40
INTERMEDIATE = {"snli": 0, "ccg": 16, "commonsenseqa": 32, "qqp": 48, "socialiqa": 64, "hellaswag": 80}
TARGETS = {"udpos": 4, "xnli": 28, "panx": 52, "pawsx": 76}
"""Task -> where its arc of words starts."""
ENGLISH = ("target.languages=[en]", "evaluation.conditions=[clean]")


def recipe(*tasks: str) -> str:
    named = f"name: {'+'.join(tasks)}, tasks: [{', '.join(tasks)}]"
    return f"{{{named}, sampling: {{strategy: uniform}}, budget: {{steps: 100}}}}"


def domains(folder: Path, apart: int) -> dict[str, Any]:
    """Question 5's answer where arcs of words begin `apart` times as far apart as above."""
    data = sample(folder / "data", languages=1)
    arcs, targets = ({task: (apart * start, ARC) for task, start in of.items()} for of in (INTERMEDIATE, TARGETS))
    word_domains.write(data, arcs, targets)
    found = answered(
        STUDY, data, "domains", f"intermediate=[{{name: none}}, {', '.join(recipe(task) for task in INTERMEDIATE)}]",
        f"target.tasks=[{', '.join(TARGETS)}]", "seeds=[1]", "target.seeds=[1]", "evaluation.domain=true", *ENGLISH,
    )  # fmt: skip
    return dict(found["domain"])


def by_measure(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["measure"]: row for row in answer["rows"]}


def test_question_5_finds_that_tasks_help_where_they_share_words(tmp_path: Path) -> None:
    answer = domains(tmp_path, apart=1)
    row = by_measure(answer)["js_divergence"]
    assert (row["cells"], row["verdict"]) == (len(INTERMEDIATE) * len(TARGETS), "related")
    assert [fit["name"] for fit in row["fits"]] == ["marginal", "partial"]
    assert all(fit["high"] < 0 for fit in row["fits"])
    start = "The further apart by Jensen-Shannon divergence of words, the less a target gains: -"
    assert answer["answer"][0].startswith(start)


def test_question_5_claims_nothing_where_all_have_the_same_words(tmp_path: Path) -> None:
    answer = domains(tmp_path, apart=0)
    assert {row["verdict"] for row in by_measure(answer).values()} == {"not shown"}
    assert answer["answer"][0].startswith("It is not shown that gains go with domain mismatch by Jensen-Shannon")


def test_question_1_finds_that_several_tasks_beat_the_best_where_each_has_other_words(tmp_path: Path) -> None:
    data = sample(tmp_path / "data", languages=1)
    word_domains.write(data, {"snli": (0, ARC), "ccg": (ARC, ARC)}, {"udpos": (0, 2 * ARC)})
    recipes = ", ".join(recipe(*tasks) for tasks in (("snli",), ("ccg",), ("snli", "ccg")))
    found = answered(
        STUDY, data, "several", f"intermediate=[{{name: none}}, {recipes}]", "seeds=[1, 2, 3, 4]", "target.seeds=[1]",
        *ENGLISH,
    )["multitask"]  # fmt: skip
    (best,) = found["best_single"]
    assert (best["recipe"], best["verdict"]) == ("snli+ccg", "supported")
    assert best["low"] > 0
    assert found["answer"][0].startswith("snli+ccg (2 tasks): ")
