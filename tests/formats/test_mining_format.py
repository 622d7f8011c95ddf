"""Features and score of bitext mining."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stilts.errors import StiltsError
from stilts.formats import get_format
from stilts.formats.mining import MiningFormat
from stilts.tasks import get_task
from stilts.tasks.examples import BitextExample

FORM, TASK = MiningFormat(), get_task("bucc2018")
EXAMPLES = [
    BitextExample("de-1", "Guten Morgen!", 0, ("en-2",)),
    BitextExample("en-1", "It rains.", 1, ("de-3",)),
    BitextExample("de-2", "Ein Hund.", 0, ()),
    BitextExample("en-2", "Good morning, and a good day to all of you!", 1, ("de-1",)),
    BitextExample("de-3", "Es regnet.", 0, ("en-1",)),
]


def test_one_row_a_sentence(tokenizer) -> None:
    assert isinstance(get_format("mining"), MiningFormat)
    rows = FORM.features(TASK, EXAMPLES, tokenizer, 8, training=False)
    assert [(row["example"], row["side"]) for row in rows] == [(0, 0), (1, 1), (2, 0), (3, 1), (4, 0)]
    for row, example in zip(rows, EXAMPLES, strict=True):
        whole = tokenizer(example.text, truncation=True, max_length=8)
        assert row["input_ids"] == whole["input_ids"]
        assert row.get("token_type_ids") == whole.get("token_type_ids")


def test_f1_over_what_was_extracted() -> None:
    given = [("de-1", "en-2"), ("de-2", "en-1"), ("de-3", None)]
    graded = FORM.grade(TASK, "de", EXAMPLES, [{"id": one, "prediction": other} for one, other in given])
    assert graded.metrics == {"f1": 50.0}  # 1 right of 2 found, 1 of 2 gold
    assert [item["gold"] for item in graded.items] == [["en-2"], [], ["en-1"]]
    nothing = [{"id": one, "prediction": None} for one, _ in given]
    assert FORM.grade(TASK, "de", EXAMPLES, nothing).metrics == {"f1": 0.0}
    with pytest.raises(StiltsError, match="predictions for 3 examples"):
        FORM.grade(TASK, "de", EXAMPLES, nothing[:2])


def test_the_mock_data_has_the_benchmarks_score(real_data: Path) -> None:
    """XTREME's evaluate.py prints 55.0 for it (facts)."""
    root, scores = real_data / "xtreme_mock_test_data", []
    for code in TASK.languages:
        gold, found = (
            dict(
                line.split("\t") for line in (root / part / f"bucc2018/test-{code}.tsv").read_text().split("\n") if line
            )
            for part in ("labels", "predictions")
        )
        names = list(dict.fromkeys([*gold, *found]))
        examples = [BitextExample(name, name, 0, (gold[name],) if name in gold else ()) for name in names]
        examples += [BitextExample(name, name, 1, ()) for name in dict.fromkeys([*gold.values(), *found.values()])]
        given = [{"id": name, "prediction": found.get(name)} for name in names]
        scores.append(FORM.grade(TASK, code, examples, given).metrics["f1"])
    assert sum(scores) / len(scores) == pytest.approx(55.0, abs=1e-6)


def test_nothing_is_trained() -> None:
    assert not FORM.has_head
    for call in (
        lambda: FORM.head(TASK, 8, 0.1),
        lambda: FORM.loss(torch.zeros(1), {}),
        lambda: FORM.decode(TASK, EXAMPLES[0], [], []),
        lambda: FORM.features(TASK, EXAMPLES, None, 8, training=True),
    ):
        with pytest.raises(StiltsError):
            call()
