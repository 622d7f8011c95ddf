"""Features, head, joint loss and score of trained retrieval."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from stilts.config import DataSettings
from stilts.data.batches import collate
from stilts.data.sources import read_examples
from stilts.data.store import PreparedSet, write_set
from stilts.errors import StiltsError
from stilts.formats import get_format
from stilts.formats.dual import DualFormat, DualHead
from stilts.model.build import _drawn_head
from stilts.tasks import get_task
from stilts.tasks.examples import SentenceExample

FORM, TASK = DualFormat(), get_task("lareqa")
RIVERS = ("The Rhine is a river.", "It is long.", "It is long.")
CITIES = ("Warsaw lies on the Vistula, which is a river, too.", "It is old.")


def example(name: str, question: str, texts: tuple[str, ...], right: int) -> SentenceExample:
    context = " ".join(texts)
    answer = texts[right].split()[0]
    return SentenceExample(name, question, context, ((answer, context.index(texts[right])),), "a", texts, right)


EXAMPLES = [
    example("1", "What is the Rhine?", RIVERS, 0),
    example("2", "How old is Warsaw?", CITIES, 1),
    example("3", "How long is it?", RIVERS, 1),
]


def test_it_is_registered() -> None:
    assert isinstance(get_format("dual"), DualFormat)


def test_a_training_row_is_a_question_and_its_sentence_with_the_context(tokenizer) -> None:
    rows = FORM.features(TASK, EXAMPLES, tokenizer, 24, training=True)
    for index, (row, one) in enumerate(zip(rows, EXAMPLES, strict=True)):
        question = tokenizer(one.question, truncation=True, max_length=24)
        pair = tokenizer(one.sentences[one.right], one.context, truncation="longest_first", max_length=24)
        assert row["example"] == index
        assert row["sizes"] == [len(question["input_ids"]), len(pair["input_ids"])]
        assert max(row["sizes"]) <= 24
        for key in ("input_ids", "token_type_ids"):
            if key in tokenizer.model_input_names:
                assert row[key] == question[key] + pair[key]
            else:
                assert key not in row
        assert FORM.outputs(row).tolist() == [0, row["sizes"][0]]


def test_a_question_has_at_most_96_tokens(wordpiece) -> None:
    long = [example("1", "why " * 300, RIVERS, 0)]
    assert FORM.features(TASK, long, wordpiece, 256, training=True)[0]["sizes"][0] == 96


def test_evaluation_rows_are_questions_then_every_sentence_once(tokenizer, tmp_path: Path) -> None:
    rows = FORM.features(TASK, EXAMPLES, tokenizer, 64, training=False)
    assert [(row["example"], row["side"]) for row in rows] == [
        (0, 0), (1, 0), (2, 0), (0, 1), (0, 1), (0, 1), (1, 1), (1, 1)
    ]  # fmt: skip
    assert rows[3]["input_ids"] == tokenizer(RIVERS[0], " ".join(RIVERS))["input_ids"]
    assert rows[0]["input_ids"] == tokenizer(EXAMPLES[0].question)["input_ids"]
    assert [FORM.outputs(row).tolist() for row in rows] == [[0]] * 8
    assert FORM.candidates("de", EXAMPLES) == ["de_1_0", "de_1_1", "de_1_2", "de_2_0", "de_2_1"]
    right = {"1": ["de_1_0"], "2": ["de_2_1"], "3": ["de_1_1", "de_1_2"]}
    assert FORM.right_candidates("de", EXAMPLES) == right, "equal sentences of one paragraph are both right"
    write_set(tmp_path / "set", "dual", EXAMPLES, rows, {})
    prepared = PreparedSet(tmp_path / "set")
    assert prepared.examples == EXAMPLES
    assert prepared.column("side").tolist() == [0, 0, 0, 1, 1, 1, 1, 1]


def test_loss_and_gradients_are_those_of_one_scaled_matrix_of_cosines() -> None:
    """As upstream's BertForRetrieval computes them: normalised vectors, a scale, softmax over the batch."""
    torch.manual_seed(0)
    head, hidden = DualHead(8), torch.randn(10, 8, requires_grad=True)
    torch.nn.init.normal_(head.dense.weight)
    batch = collate([{"input_ids": [5] * 4, "sizes": [2, 2]}] * 5, FORM)
    losses = FORM.loss(head(hidden), batch)
    wanted_hidden = hidden.detach().clone().requires_grad_()
    scale = torch.tensor([100.0], requires_grad=True)
    vectors = F.normalize(torch.tanh(F.linear(wanted_hidden, head.dense.weight.detach())), p=2, dim=1)
    scores = vectors[0::2] @ vectors[1::2].T * scale
    wanted = torch.stack([torch.logsumexp(row, 0) - row[i] for i, row in enumerate(scores)])
    torch.testing.assert_close(losses, wanted)
    losses.mean().backward()
    wanted.mean().backward()
    torch.testing.assert_close(hidden.grad, wanted_hidden.grad)
    torch.testing.assert_close(head.scale.grad, scale.grad)
    assert FORM.units(batch).tolist() == [1.0] * 5


def test_the_scale_starts_at_100_and_weights_are_drawn() -> None:
    values = _drawn_head(FORM.head(TASK, 16, 0.1), torch.Generator().manual_seed(3))
    assert values["scale"].tolist() == [100.0]
    assert values["dense.bias"].tolist() == [0.0] * 16
    assert values["dense.weight"].std() == pytest.approx(0.02, rel=0.2)


def test_grade_is_the_mean_average_precision_of_the_first_20() -> None:
    others = [f"x{i}" for i in range(30)]
    found = [
        {"id": "1", "prediction": ["de_1_0", *others[:19]], "gold": ["de_1_0", "en_1_0"]},
        {"id": "2", "prediction": [*others[:20], "de_2_1"], "gold": ["de_2_1"]},
        {"id": "3", "prediction": [others[0], "a", others[1], "b", *others[2:18]], "gold": ["a", "b"]},
    ]
    graded = FORM.grade(TASK, "de", EXAMPLES, found)
    wanted = [1 / 2, 0.0, (1 / 2 + 2 / 4) / 2]
    assert [item["average_precision"] for item in graded.items] == pytest.approx(wanted)
    assert graded.metrics == {"map_at_20": pytest.approx(100 * np.mean(wanted))}
    with pytest.raises(StiltsError, match="prediction 1 is for '2'"):
        FORM.grade(TASK, "de", EXAMPLES, found[::-1][1:] + found[:1])
    with pytest.raises(StiltsError, match="search over a pool"):
        FORM.decode(TASK, EXAMPLES[0], [], [])


def test_rows_of_real_data(tokenizer, real_data: Path) -> None:
    for language, sentences in (("en", 271), ("th", 196), ("ar", 295)):
        examples, _ = read_examples(TASK, "test", language, DataSettings(root=str(real_data)))
        rows = FORM.features(TASK, examples, tokenizer, 256, training=False)
        assert sum(row["side"] for row in rows) == len(FORM.candidates(language, examples)) == sentences
        assert len(rows) == 332 + sentences
        assert max(len(row["input_ids"]) for row in rows) <= 256
