"""Features, head, loss, decoding and score of pair classification."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import XLMRobertaConfig, XLMRobertaForSequenceClassification

from stilts.data.batches import collate
from stilts.errors import InputError, StiltsError
from stilts.formats.batch import Batch
from stilts.formats.pair import PairFormat
from stilts.tasks import get_task
from stilts.tasks.examples import PairExample

FORM, TASK = PairFormat(), get_task("mnli")
EXAMPLES = [
    PairExample("1", "A man sleeps.", "A man is awake, and he has been for many hours.", TASK.labels[2]),
    PairExample("2", "It rains.", "The street is wet.", TASK.labels[0]),
]
CONFIG = XLMRobertaConfig(
    vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, num_labels=3
)


def packed(rows: list[dict]) -> Batch:
    return collate(rows, FORM)


def test_rows_are_the_tokenizers_pairs(tokenizer) -> None:
    rows = FORM.features(TASK, EXAMPLES, tokenizer, 12, training=True)
    for index, (row, example) in enumerate(zip(rows, EXAMPLES, strict=True)):
        whole = tokenizer(example.text_a, example.text_b, truncation="longest_first", max_length=12)
        assert row["input_ids"] == whole["input_ids"]
        assert row.get("token_type_ids") == whole.get("token_type_ids")
        assert (row["example"], TASK.labels[row["label"]]) == (index, example.label)
    assert len(rows[0]["input_ids"]) == 12
    assert FORM.features(TASK, EXAMPLES, tokenizer, 12, training=False)[0]["label"] == -100


@pytest.mark.parametrize("label", [None, "maybe"])
def test_training_needs_a_label_of_the_task(wordpiece, label) -> None:
    with pytest.raises(InputError, match=f"training example '7' has the label {label!r}"):
        FORM.features(TASK, [PairExample("7", "a", "b", label)], wordpiece, 16, training=True)


def test_head_is_robertas(reference: XLMRobertaForSequenceClassification) -> None:
    theirs, ours = reference.classifier, FORM.head(TASK, 16, 0.1).eval()
    ours.load_state_dict({
        "dense.weight": theirs.dense.weight, "dense.bias": theirs.dense.bias,
        "out.weight": theirs.out_proj.weight, "out.bias": theirs.out_proj.bias,
    })  # fmt: skip
    hidden = torch.randn(4, 6, 16)
    torch.testing.assert_close(ours(hidden[:, 0]), theirs(hidden))


def test_fresh_head_has_small_weights_and_no_bias() -> None:
    torch.manual_seed(0)
    head = FORM.head(TASK, 512, 0.1)
    assert float(head.dense.weight.detach().std()) == pytest.approx(0.02, rel=0.02)
    assert not head.dense.bias.any()
    assert not head.out.bias.any()


def test_loss_is_transformers_loss(reference: XLMRobertaForSequenceClassification) -> None:
    labels = torch.tensor([0, 2, 1, 1])
    out = reference(input_ids=torch.randint(5, 50, (4, 7)), labels=labels)
    batch = packed([{"input_ids": [5] * 7, "label": int(label)} for label in labels])
    losses, units = FORM.loss(out.logits, batch), FORM.units(batch)
    assert batch.outputs.tolist() == [0, 7, 14, 21], "the head reads first tokens"
    torch.testing.assert_close(losses.mean(), out.loss)
    assert (units.tolist(), losses.dtype) == ([1.0] * 4, torch.float32)


def test_decode_and_grade() -> None:
    given = [
        FORM.decode(TASK, example, [{}], [np.eye(3, dtype=np.float32)[[wanted]]])
        for example, wanted in zip(EXAMPLES, (2, 1), strict=True)
    ]
    assert given[0] == {"id": "1", "prediction": TASK.labels[2]}
    graded = FORM.grade(TASK, "en", EXAMPLES, given)
    assert graded.metrics == {"accuracy": 50.0}
    assert graded.items == [
        {"gold": TASK.labels[2], "correct": True},
        {"gold": TASK.labels[0], "correct": False},
    ]


def test_grade_refuses_what_it_cannot_score() -> None:
    given = [{"id": "1", "prediction": "x"}]
    with pytest.raises(InputError, match="carries no labels"):
        FORM.grade(get_task("xnli"), "sw", [PairExample("1", "a", "b", None)], given)
    with pytest.raises(StiltsError, match="1 predictions for 2 examples"):
        FORM.grade(TASK, "en", EXAMPLES, given)
    with pytest.raises(StiltsError, match="prediction 1 is for '2', expected '1'"):
        FORM.grade(TASK, "en", EXAMPLES, [{"id": "2", "prediction": "x"}] * 2)


@pytest.fixture
def reference() -> XLMRobertaForSequenceClassification:
    torch.manual_seed(0)
    return XLMRobertaForSequenceClassification(CONFIG).eval()
