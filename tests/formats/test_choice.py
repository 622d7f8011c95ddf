"""Features, head, loss, decoding and score of multiple choice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import XLMRobertaConfig, XLMRobertaForMultipleChoice

from stilts.config import DataSettings
from stilts.data.batches import collate
from stilts.data.sources import read_examples
from stilts.data.store import PreparedSet, write_set
from stilts.errors import InputError, StiltsError
from stilts.formats import get_format
from stilts.formats.choice import ChoiceFormat
from stilts.model.encoder import load_encoder
from stilts.model.multitask import MultiTaskModel
from stilts.tasks import get_task
from stilts.tasks.examples import ChoiceExample

FORM, TASK = ChoiceFormat(), get_task("commonsenseqa")
EXAMPLES = [
    ChoiceExample("1", "Where does it rain?", ("inside", "outside, where the sky is and the clouds are"), 1),
    ChoiceExample("2", "What sleeps?", ("a stone", "a cat", "a cat"), 0),
]
CONFIG = XLMRobertaConfig(
    vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
    type_vocab_size=1, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
)  # fmt: skip

# Every labelled slice at hand.
SLICES = [
    ("hellaswag", "dev", "en"), ("cosmosqa", "dev", "en"), ("commonsenseqa", "train", "en"),
    ("commonsenseqa", "dev", "en"), ("socialiqa", "dev", "en"), ("socialiqa", "test", "en"),
    *(("xcopa", split, language) for split in ("dev", "test") for language in get_task("xcopa").languages),
]  # fmt: skip


def test_it_is_registered() -> None:
    assert isinstance(get_format("choice"), ChoiceFormat)
    with pytest.raises(InputError, match="unknown format 'choise'; expected one of pair, choice, span"):
        get_format("choise")


def test_rows_are_the_tokenizers_pairs_one_after_the_other(tokenizer) -> None:
    rows = FORM.features(TASK, EXAMPLES, tokenizer, 12, training=True)
    for index, (row, example) in enumerate(zip(rows, EXAMPLES, strict=True)):
        pairs = [
            tokenizer(example.text, choice, truncation="longest_first", max_length=12) for choice in example.choices
        ]
        assert row["sizes"] == [len(pair["input_ids"]) for pair in pairs]
        assert row["input_ids"] == [token for pair in pairs for token in pair["input_ids"]]
        if "token_type_ids" in tokenizer.model_input_names:
            assert row["token_type_ids"] == [kind for pair in pairs for kind in pair["token_type_ids"]]
        else:
            assert "token_type_ids" not in row
        starts = FORM.outputs(row)
        assert len(starts) == len(example.choices)
        assert {row["input_ids"][start] for start in starts} == {pairs[0]["input_ids"][0]}
        assert (row["example"], row["label"]) == (index, example.label)
    assert max(rows[0]["sizes"]) == 12
    assert FORM.features(TASK, EXAMPLES, tokenizer, 12, training=False)[0]["label"] == -100


@pytest.mark.parametrize("label", [None, 2, -1])
def test_training_needs_the_number_of_a_choice(wordpiece, label) -> None:
    with pytest.raises(InputError) as caught:
        FORM.features(TASK, [ChoiceExample("7", "a", ("b", "c"), label)], wordpiece, 16, training=True)
    assert f"training example '7' has the label {label!r}; expected a number from 0 to 1" in str(caught.value)


def test_loss_is_that_of_transformers_multiple_choice() -> None:
    torch.manual_seed(0)
    reference = XLMRobertaForMultipleChoice(CONFIG).eval()
    labels = torch.tensor([0, 2, 1, 1])
    out = reference(input_ids=torch.randint(5, 50, (4, 3, 7)), labels=labels)
    batch = collate([{"input_ids": [5] * 21, "sizes": [7] * 3, "label": int(label)} for label in labels], FORM)
    losses, units = FORM.loss(out.logits.reshape(12, 1), batch), FORM.units(batch)
    assert batch.outputs.tolist() == list(range(0, 84, 7)), "the head reads each sequence's first token"
    torch.testing.assert_close(losses.mean(), out.loss)
    assert (units.tolist(), losses.dtype) == ([1.0] * 4, torch.float32)


def test_a_packed_batch_gives_the_logits_loss_and_gradients_of_transformers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    reference = XLMRobertaForMultipleChoice(CONFIG)
    reference.roberta.save_pretrained(tmp_path)
    head = FORM.head(TASK, 16, 0.0)
    head.load_state_dict({
        "dense.weight": reference.roberta.pooler.dense.weight, "dense.bias": reference.roberta.pooler.dense.bias,
        "out.weight": reference.classifier.weight, "out.bias": reference.classifier.bias,
    })  # fmt: skip
    sizes, labels = torch.tensor([[7, 3, 5], [4, 4, 9]]), [2, 0]
    places = torch.arange(9)
    mask = (places < sizes[..., None]).long()
    ids = torch.where(mask.bool(), torch.randint(5, 50, (2, 3, 9)), CONFIG.pad_token_id)
    out = reference(input_ids=ids, attention_mask=mask, labels=torch.tensor(labels))
    out.loss.backward()

    rows = [
        {"input_ids": ids[row][mask[row].bool()].tolist(), "sizes": sizes[row].tolist(), "label": labels[row]}
        for row in range(2)
    ]
    model = MultiTaskModel(load_encoder(str(tmp_path), None, torch.float32, 0.0, False), {"copa": head}, {"copa": FORM})
    batch = collate(rows, FORM)
    torch.testing.assert_close(model(batch, head="copa")[:, 0], out.logits.flatten())
    loss = model(batch, head="copa", normaliser=2.0)
    torch.testing.assert_close(loss, out.loss)
    loss.backward()
    theirs = reference.roberta.embeddings.word_embeddings.weight.grad
    torch.testing.assert_close(model.encoder.embeddings.word_embeddings.weight.grad, theirs)
    torch.testing.assert_close(head.out.weight.grad, reference.classifier.weight.grad)


def test_rows_of_different_numbers_of_choices_share_a_batch(tokenizer) -> None:
    batch = collate(FORM.features(TASK, EXAMPLES, tokenizer, 32, training=True), FORM)
    assert batch.output_rows.tolist() == [0, 0, 1, 1, 1]
    assert len(batch.packing.lengths) == 5
    logits = torch.tensor([[1.0], [3.0], [0.5], [-1.0], [2.0]], requires_grad=True)
    losses = FORM.loss(logits, batch)
    expected = [
        torch.nn.functional.cross_entropy(logits[:2, 0], torch.tensor(1)),
        torch.nn.functional.cross_entropy(logits[2:, 0], torch.tensor(0)),
    ]
    torch.testing.assert_close(losses, torch.stack(expected))
    losses.sum().backward()
    assert torch.isfinite(logits.grad).all()
    unlabelled = collate(FORM.features(TASK, EXAMPLES, tokenizer, 32, training=False), FORM)
    assert FORM.loss(logits, unlabelled).tolist() == [0.0, 0.0]


def test_a_prepared_set_gives_the_same_examples_and_batch(tokenizer, tmp_path: Path) -> None:
    rows = FORM.features(TASK, EXAMPLES, tokenizer, 32, training=True)
    write_set(tmp_path / "set", "choice", EXAMPLES, rows, {})
    prepared = PreparedSet(tmp_path / "set")
    assert prepared.examples == EXAMPLES
    assert prepared.lengths.tolist() == [sum(row["sizes"]) for row in rows]
    stored, fresh = collate(prepared.read([0, 1]), FORM), collate(rows, FORM)
    assert stored.packing.lengths == fresh.packing.lengths
    assert torch.equal(stored.inputs["input_ids"], fresh.inputs["input_ids"])
    assert torch.equal(stored.outputs, fresh.outputs)
    assert torch.equal(stored.columns["label"], fresh.columns["label"])


def test_two_equal_choices_have_equal_logits_and_the_first_is_predicted() -> None:
    logits = np.array([[-1.0], [2.0], [2.0]], dtype=np.float32)
    given = FORM.decode(TASK, EXAMPLES[1], [{}], [logits])
    assert given == {"id": "2", "prediction": 1}
    graded = FORM.grade(TASK, "en", EXAMPLES, [{"id": "1", "prediction": 1}, given])
    assert graded.metrics == {"accuracy": 50.0}
    assert graded.items == [{"gold": 1, "correct": True}, {"gold": 0, "correct": False}]


def test_what_cannot_be_decoded_or_scored() -> None:
    with pytest.raises(StiltsError, match=r"example '1': 2 choices, outputs \(3, 1\)"):
        FORM.decode(TASK, EXAMPLES[0], [{}], [np.zeros((3, 1), dtype=np.float32)])
    with pytest.raises(InputError, match="carries no labels"):
        FORM.grade(TASK, "en", [ChoiceExample("1", "a", ("b", "c"), None)], [{"id": "1", "prediction": 0}])
    with pytest.raises(StiltsError, match="1 predictions for 2 examples"):
        FORM.grade(TASK, "en", EXAMPLES, [{"id": "1", "prediction": 0}])


@pytest.mark.parametrize(("name", "split", "language"), SLICES)
def test_gold_logits_score_100_on_real_data(name, split, language, tokenizer, real_data: Path) -> None:
    task = get_task(name)
    examples, _ = read_examples(task, split, language, DataSettings(root=str(real_data)), limit=600)
    rows = FORM.features(task, examples, tokenizer, 128, training=True)
    assert all(max(row["sizes"]) <= 128 and sum(row["sizes"]) == len(row["input_ids"]) for row in rows)
    predictions = [FORM.decode(task, example, [row], [_gold(row)]) for example, row in zip(examples, rows, strict=True)]
    assert FORM.grade(task, language, examples, predictions).metrics == {"accuracy": 100.0}


def _gold(row) -> np.ndarray:
    logits = np.zeros((len(row["sizes"]), 1), dtype=np.float32)
    logits[row["label"]] = 1.0
    return logits
