"""Features, loss, decoding and score of tagging."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from gold_path import grade, predict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import BertConfig, BertForTokenClassification

from stilts.config import DataSettings
from stilts.data.batches import collate
from stilts.data.sources import read_examples
from stilts.errors import InputError, StiltsError
from stilts.formats.batch import Batch
from stilts.formats.tagging import TaggingFormat
from stilts.tasks import get_task
from stilts.tasks.examples import TaggingExample

FORM, TASK = TaggingFormat(), get_task("udpos")
QUICK = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
REAL = [(split, language) for split in ("dev", "test") for language in ("en", "de", "es", "zh", "fi", "tr", "ta")]
REAL += [("train", "en"), ("train", "ta"), ("test", "th"), ("test", "ar")]


def packed(rows: list[dict]) -> Batch:
    return collate(rows, FORM)


def gold_predictions(examples, tokenizer, max_length: int) -> list[dict]:
    """Decoded from logits that are 1 at each labelled token's gold tag and 0 elsewhere."""
    rows: dict[int, list] = {}
    for row in FORM.features(TASK, examples, tokenizer, max_length, training=True):
        assert len(row["input_ids"]) == len(row["labels"]) == len(row["word"]) <= max_length
        rows.setdefault(row["example"], []).append(row)
    table = np.vstack([np.eye(len(TASK.labels), dtype=np.float32), np.zeros(len(TASK.labels), dtype=np.float32)])
    return [
        FORM.decode(
            TASK, example, rows[i], [table[np.maximum(row["labels"], -1)][FORM.outputs(row)] for row in rows[i]]
        )
        for i, example in enumerate(examples)
    ]


@pytest.mark.parametrize("max_length", [128, 32, 8])
@pytest.mark.parametrize(("split", "language"), REAL)
def test_gold_logits_give_every_word_its_tag(
    split, language, max_length, tokenizer, real_data: Path, tmp_path: Path
) -> None:
    """Among random logits, through the real prediction path, on every slice at hand."""
    examples, _ = read_examples(TASK, split, language, DataSettings(root=str(real_data)))
    rows = FORM.features(TASK, examples, tokenizer, max_length, training=True)
    predictions = predict(tmp_path / "set", TASK, examples, rows, gold_among_distractors)
    assert [prediction["prediction"] for prediction in predictions] == [list(example.tags) for example in examples]
    assert grade(TASK, language, examples, predictions) == {"f1": 100.0}


def gold_among_distractors(batch: Batch) -> torch.Tensor:
    """Logits (outputs, tags): random ones below 4, and 5 at the gold tag."""
    labels = batch.columns["labels"]
    logits = torch.rand(len(labels), len(TASK.labels), generator=torch.Generator().manual_seed(len(labels))) * 8 - 4
    logits[torch.arange(len(labels)), labels] = 5.0
    return logits


@QUICK
@given(st.lists(st.text(min_size=1, max_size=30), max_size=40), st.integers(3, 40), st.integers(0, 2**32))
def test_no_word_is_lost(wordpiece, words, max_length, seed) -> None:
    tags = np.random.default_rng(seed).choice(TASK.labels, size=len(words)).tolist()
    example = TaggingExample("s", tuple(words), tuple(tags))
    assert gold_predictions([example], wordpiece, max_length)[0]["prediction"] == tags


@pytest.mark.parametrize("word", [" ", "\u3000", "\u200b", "\xad", "\u200d", "\x00", "\ufeff"])
def test_word_that_the_tokenizer_drops_is_the_unknown_token(tokenizer, word) -> None:
    (row,) = FORM.features(TASK, [TaggingExample("s", ("a", word, "b"), ("X", "SYM", "X"))], tokenizer, 32, True)
    place = row["word"].index(1)
    if not tokenizer(word, add_special_tokens=False)["input_ids"]:
        assert row["input_ids"][place] == tokenizer.unk_token_id
    assert row["labels"][place] == TASK.labels.index("SYM")


def test_label_on_the_first_subword_only(wordpiece) -> None:
    example = TaggingExample("s", ("unbelievably", "good"), ("ADV", "ADJ"))
    (row,) = FORM.features(TASK, [example], wordpiece, 32, training=True)
    assert row["input_ids"] == wordpiece(["unbelievably", "good"], is_split_into_words=True)["input_ids"]
    assert row["word"] == [-1, 0, *[-1] * (len(row["word"]) - 4), 1, -1]
    assert len(row["word"]) > 4
    assert [label for label in row["labels"] if label != -100] == [TASK.labels.index("ADV"), TASK.labels.index("ADJ")]
    assert row["token_type_ids"] == [0] * len(row["word"])
    assert set(FORM.features(TASK, [example], wordpiece, 32, training=False)[0]["labels"]) == {-100}


def test_rows_of_a_pretokenized_sentence_are_the_tokenizers(sentencepiece) -> None:
    words = ("Der", "Fluss", "fließt", "durch", "Warschau", ".")
    (row,) = FORM.features(TASK, [TaggingExample("s", words, None)], sentencepiece, 64, training=False)
    assert row["input_ids"] == sentencepiece(list(words), is_split_into_words=True)["input_ids"]


def test_wrong_training_rows_are_named(wordpiece) -> None:
    for tags, message in ((None, "2 words and no tags"), (("X",), "2 words and 1 tags"), (("X", "Y"), "the tag 'Y'")):
        with pytest.raises(InputError, match=message):
            FORM.features(TASK, [TaggingExample("s", ("a", "b"), tags)], wordpiece, 16, training=True)


def test_loss_is_transformers_loss() -> None:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, num_labels=17
    )
    labels = torch.randint(0, 17, (3, 9))
    labels[0, 2:] = labels[:, 0] = labels[2] = -100
    out = BertForTokenClassification(config).eval()(input_ids=torch.randint(5, 50, (3, 9)), labels=labels)
    words = [[0 if label >= 0 else -1 for label in row] for row in labels.tolist()]
    rows = zip(labels.tolist(), words, strict=True)
    batch = packed([{"input_ids": [5] * 9, "labels": row, "word": word} for row, word in rows])
    logits = out.logits.flatten(0, 1)[batch.outputs]
    losses, units = FORM.loss(logits, batch), FORM.units(batch)
    assert len(batch.outputs) == 9, "only first sub-words of words"
    assert units.tolist() == [1.0, 8.0, 0.0]
    assert losses[2] == 0
    torch.testing.assert_close(losses.sum() / units.sum(), out.loss)


def test_missing_output_is_an_error(wordpiece) -> None:
    example = TaggingExample("s", ("a", "b", "c"), ("X", "X", "X"))
    rows = FORM.features(TASK, [example], wordpiece, 4, training=True)
    assert len(rows) == 2
    with pytest.raises(StiltsError, match="word 2 has no output"):
        FORM.decode(TASK, example, rows[:1], [np.zeros((2, 17), dtype=np.float32)])


def test_grade_counts_spans_and_words() -> None:
    examples = [TaggingExample("1", ("a", "b", "c"), ("DET", "NOUN", "NOUN")), TaggingExample("2", ("d",), ("X",))]
    given = [{"id": "1", "prediction": ["DET", "NOUN", "VERB"]}, {"id": "2", "prediction": ["X"]}]
    graded = FORM.grade(TASK, "en", examples, given)
    # gold: DET, NOUN NOUN, X; predicted: DET, NOUN, VERB, X; right: DET, X
    assert graded.metrics["f1"] == pytest.approx(100 * 2 * 2 / (3 + 4))
    assert graded.items[0] == {"gold": ["DET", "NOUN", "NOUN"], "correct": 2, "spans": [2, 3, 1]}
    with pytest.raises(InputError, match="carries no labels"):
        FORM.grade(TASK, "en", [TaggingExample("1", ("a",), None)], [{"id": "1", "prediction": ["X"]}])


def test_grade_of_supertags_is_the_share_of_right_words() -> None:
    ccg = get_task("ccg")
    examples = [TaggingExample("1", ("a", "b", "c"), ("NP/N", "N", "N")), TaggingExample("2", ("d",), ("S/S",))]
    given = [{"id": "1", "prediction": ["NP/N", "N", "NP"]}, {"id": "2", "prediction": ["N"]}]
    graded = FORM.grade(ccg, "en", examples, given)
    assert graded.metrics == {"accuracy": 50.0}
    assert graded.items == [
        {"gold": ["NP/N", "N", "N"], "correct": 2}, {"gold": ["S/S"], "correct": 0}
    ]  # fmt: skip


def test_words_of_panx_that_are_empty_or_white_space_keep_their_tag(tokenizer) -> None:
    example = TaggingExample("s", ("Rome", "", "\u3000", "\u200b", "x"), ("B-LOC", "O", "I-ORG", "B-PER", "O"))
    panx = get_task("panx")
    (row,) = FORM.features(panx, [example], tokenizer, 64, training=True)
    assert [place for place in row["word"] if place >= 0] == [0, 1, 2, 3, 4]
    assert [panx.labels[label] for label in row["labels"] if label >= 0] == list(example.tags)
