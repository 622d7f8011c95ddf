"""Windows, decoding and the loss of span tasks."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import BertConfig, BertForQuestionAnswering

from stilts.data.batches import collate
from stilts.errors import InputError
from stilts.formats.batch import Batch
from stilts.formats.span import SpanFormat
from stilts.formats.span_decoding import ANSWER_TOKENS, N_BEST, best_span
from stilts.formats.span_windows import STRIDE, question_room, tokenize_contexts, windows
from stilts.tasks import get_task
from stilts.tasks.examples import SpanExample

FORM = SpanFormat()
SQUAD, SQUAD2 = get_task("squad_v1"), get_task("squad_v2")
CONTEXT = "Warsaw is the capital of Poland. It lies on the Vistula, 260 kilometres from the Baltic Sea."
QUICK = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def packed(rows: list[dict]) -> Batch:
    return collate(rows, FORM)


def example(context: str = CONTEXT, answer: str = "the Vistula", question: str = "Where does it lie?") -> SpanExample:
    answers = ((answer, context.index(answer)),) if answer else ()
    return SpanExample("q1", question, context, answers, "a")


def rows_of(one: SpanExample, tokenizer, max_length: int = 384, training: bool = True, task=SQUAD) -> list[dict]:
    return FORM.features(task, [one], tokenizer, max_length, training)


def test_row_is_what_the_tokenizer_makes(tokenizer) -> None:
    (row,) = rows_of(example(), tokenizer)
    whole = tokenizer("Where does it lie?", CONTEXT)
    assert row["input_ids"] == whole["input_ids"]
    assert row.get("token_type_ids") == whole.get("token_type_ids")


def test_positions_hold_the_answer(tokenizer) -> None:
    (row,) = rows_of(example(), tokenizer)
    assert CONTEXT[row["char_start"][row["start"]] : row["char_end"][row["end"]]] == "the Vistula"
    inside = [first >= 0 for first in row["char_start"]]
    assert inside == [end >= 0 for end in row["char_end"]]
    assert inside.index(True) == row["own_first"]
    assert inside == [row["own_first"] <= i < row["own_end"] for i in range(len(inside))]


def test_evaluation_rows_carry_no_gold(wordpiece) -> None:
    (row,) = rows_of(example(), wordpiece, training=False)
    assert (row["start"], row["end"]) == (-100, -100)


def test_window_without_the_answer_points_at_the_first_token(tokenizer) -> None:
    context = "one two three four five six. " * 60 + "Then it ends with a platypus."
    rows = rows_of(example(context, "a platypus"), tokenizer, 128)
    assert len(rows) > 2
    assert [bool(row["start"]) for row in rows] == [False] * (len(rows) - 1) + [True]
    assert all(row["end"] == 0 for row in rows[:-1])
    assert max(len(row["input_ids"]) for row in rows) == 128


def test_no_answer_trains_on_the_first_token_and_v1_refuses_it(wordpiece) -> None:
    one = example(answer="")
    assert rows_of(one, wordpiece, task=SQUAD2)[0]["start"] == 0
    with pytest.raises(InputError, match="carries no answer"):
        rows_of(one, wordpiece)


def test_question_is_cut_to_64_tokens_or_half_a_short_row(wordpiece) -> None:
    long = "why " * 100
    (row,) = rows_of(example(question=long), wordpiece)
    assert row["char_start"].index(0) == 1 + 64 + 1
    short = rows_of(example(question=long), wordpiece, 32)
    assert short[0]["char_start"].index(0) == 1 + 14 + 1
    assert question_room(384, 3) == 64
    with pytest.raises(InputError, match="max_length 4"):
        question_room(4, 3)


def test_offsets_leave_out_leading_blanks(sentencepiece) -> None:
    """Also where the tokenizer does not split at white space first, so that a piece's characters begin with it."""
    from tokenizers.pre_tokenizers import Metaspace

    tokenizer = copy.deepcopy(sentencepiece)
    tokenizer._tokenizer.pre_tokenizer = Metaspace()
    context = "  Ein   Fluss\u3000in Polen "
    assert any(
        context[a:b].startswith(" ") for a, b in tokenizer(context, return_offsets_mapping=True)["offset_mapping"]
    )
    text = tokenize_contexts(tokenizer, [context])[context]
    pieces = [context[a:b] for a, b in zip(text.starts, text.ends, strict=True)]
    assert all(piece == piece.lstrip() for piece in pieces)
    assert "".join(context.split()) in "".join(pieces)


@pytest.mark.parametrize("word", ["हिन्दी", "ภาษาไทย ที่", "naïve cafe\u0301", "مُحَمَّد"])
def test_dropped_marks_belong_to_their_character(wordpiece, word) -> None:
    """Uncased BERT drops combining marks: a span over all tokens must still reach the end of the text."""
    text = tokenize_contexts(wordpiece, [word])[word]
    assert (text.starts[0], text.ends[-1]) == (0, len(word))
    middle = tokenize_contexts(wordpiece, [word + " x"])[word + " x"]
    assert middle.ends[-2] == len(word)


def test_windows_of_the_reference() -> None:
    """384 tokens, 12 of them question and special: steps of 128, the last window is the first that reaches the end."""
    cut = windows(700, 372)
    assert [(window.first, window.end) for window in cut] == [(0, 372), (128, 500), (256, 628), (384, 700)]
    assert [window.first for window in windows(100, 40)] == [0, 20, 40, 60]


@QUICK
@given(st.integers(0, 1500), st.integers(1, 400))
def test_every_token_is_in_a_window_and_has_one_owner(tokens, room) -> None:
    cut = windows(tokens, room)
    assert all(window.end - window.first <= room for window in cut)
    assert all(b.first - a.first <= STRIDE for a, b in itertools.pairwise(cut))
    owners = [(number, token) for number, window in enumerate(cut) for token in range(window.own_first, window.own_end)]
    assert [token for _, token in owners] == list(range(tokens))
    for number, token in owners:

        def surroundings(window, token=token) -> float:
            if not window.first <= token < window.end:
                return -1.0
            return min(token - window.first, window.end - 1 - token) + 0.01 * (window.end - window.first)

        assert number == int(np.argmax([surroundings(window) for window in cut]))


@QUICK
@given(
    st.text(max_size=300), st.text(min_size=1, max_size=40), st.integers(8, 64), st.integers(0, 2**32), st.booleans()
)
def test_prediction_is_a_substring(wordpiece, context, question, max_length, seed, no_answer) -> None:
    one, draw = SpanExample("q", question, context, None, "a"), np.random.default_rng(seed)
    task = SQUAD2 if no_answer else SQUAD
    rows = rows_of(one, wordpiece, max_length, training=False)
    outputs = [draw.normal(size=(len(row["input_ids"]), 2)).astype(np.float32) for row in rows]
    prediction = FORM.decode(task, one, rows, outputs)
    assert prediction["prediction"] in context
    if no_answer:
        assert prediction["span"] in context
        assert prediction["prediction"] == ("" if prediction["null_difference"] > 0 else prediction["span"])
    elif any(first >= 0 for row in rows for first in row["char_start"]):
        assert prediction["prediction"]


def pairs_by_hand(row: dict, logits: np.ndarray) -> list[tuple[float, int, int]]:
    """All (score, start, end) of one window, written as the reference's loops are."""
    best = [sorted(range(len(logits)), key=lambda i, side=side: -logits[i, side])[:N_BEST] for side in (0, 1)]
    return [
        (float(logits[s, 0]) + float(logits[e, 1]), s, e)
        for s in best[0]
        for e in best[1]
        if row["own_first"] <= s < row["own_end"] and row["char_start"][e] >= 0 and s <= e < s + ANSWER_TOKENS
    ]


@QUICK
@given(st.integers(0, 2**32), st.integers(100, 128))
def test_best_span_is_the_best_of_all_pairs(wordpiece, seed, max_length) -> None:
    draw = np.random.default_rng(seed)
    one = example(CONTEXT * 4)
    rows = rows_of(one, wordpiece, max_length)
    outputs = [draw.normal(size=(len(row["input_ids"]), 2)).astype(np.float32) for row in rows]
    pairs = [(pair, row) for row, logits in zip(rows, outputs, strict=True) for pair in pairs_by_hand(row, logits)]
    (score, start, end), row = max(pairs, key=lambda item: item[0][0])
    span = best_span(rows, outputs)
    assert (span.first, span.end) == (row["char_start"][start], row["char_end"][end])
    assert span.score == pytest.approx(score)


def test_a_span_is_found_where_the_best_positions_do_not_pair(wordpiece) -> None:
    """The 20 highest starts all lie behind the 20 highest ends: the reference would answer with a place holder."""
    one = example(CONTEXT * 3)
    (row,) = rows_of(one, wordpiece)
    logits = np.zeros((len(row["input_ids"]), 2), dtype=np.float32)
    logits[40:65, 0] = logits[8:33, 1] = 5.0
    assert FORM.decode(SQUAD, one, [row], [logits])["prediction"]


def test_no_answer_where_the_first_token_wins(wordpiece) -> None:
    one = example()
    (row,) = rows_of(one, wordpiece, training=False, task=SQUAD2)
    logits = np.zeros((len(row["input_ids"]), 2), dtype=np.float32)
    place = row["char_start"].index(CONTEXT.index("Vistula"))
    logits[0], logits[place, 0], logits[place, 1] = 2.0, 3.0, 0.5
    won = FORM.decode(SQUAD2, one, [row], [logits])
    assert (won["prediction"], won["null_difference"]) == ("", 0.5)
    assert won["span"].startswith("Vi")
    logits[place, 0] = 4.0
    lost = FORM.decode(SQUAD2, one, [row], [logits])
    assert (lost["prediction"], lost["null_difference"]) == (lost["span"], -0.5)


def test_loss_is_transformers_loss_and_padding_is_out() -> None:
    torch.manual_seed(0)
    config = BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    model = BertForQuestionAnswering(config).eval()
    batch = {
        "input_ids": torch.randint(5, 50, (3, 11)),
        "start": torch.tensor([0, 4, 10]),
        "end": torch.tensor([0, 6, 10]),
    }
    out = model(input_ids=batch["input_ids"], start_positions=batch["start"], end_positions=batch["end"])
    logits = torch.stack([out.start_logits, out.end_logits], dim=-1)
    row = {"input_ids": [5] * 11, "own_first": 0, "own_end": 11}
    gold = zip(batch["start"].tolist(), batch["end"].tolist(), strict=True)
    rows = [{**row, "start": start, "end": end} for start, end in gold]
    ours = packed(rows)
    losses = FORM.loss(logits.flatten(0, 1), ours)
    torch.testing.assert_close(losses.mean(), out.loss)
    assert (losses.shape, losses.dtype) == ((3,), torch.float32)
    assert FORM.loss(logits.flatten(0, 1).bfloat16(), ours).dtype == torch.float32
    short = packed([rows[0], {**rows[1], "input_ids": [5] * 8}, rows[2]])
    cut = torch.cat([logits[0], logits[1, :8], logits[2]])
    apart = FORM.loss(logits[1, :8], packed([{**rows[1], "input_ids": [5] * 8}]))
    torch.testing.assert_close(FORM.loss(cut, short), torch.stack([losses[0], apart[0], losses[2]]))


def test_loss_does_not_overflow() -> None:
    rows = packed([{"input_ids": [5] * 4, "start": 1, "end": 2, "own_first": 0, "own_end": 4}] * 2)
    logits = torch.tensor([[1e4, -1e4]] * 8, requires_grad=True)
    losses = FORM.loss(logits, rows)
    losses.sum().backward()
    torch.testing.assert_close(losses, torch.full((2,), float(np.log(4))))
    assert torch.isfinite(logits.grad).all()


def test_head_gives_a_start_and_an_end_logit_a_token() -> None:
    head = FORM.head(SQUAD, 16, 0.1)
    assert head(torch.zeros(7, 16)).shape == (7, 2)
    assert sorted(head.state_dict()) == ["out.bias", "out.weight"]


def test_grade_refuses_a_set_without_labels() -> None:
    for answers in (None, (), (("", 0),)):
        one = SpanExample("q1", "Why?", CONTEXT, answers, "a")
        with pytest.raises(InputError, match=r"tydiqa sw: example 1 \(id 'q1'\) carries no labels"):
            FORM.grade(get_task("tydiqa"), "sw", [one], [{"id": "q1", "prediction": "x"}])


def test_grade_uses_the_tasks_own_rules() -> None:
    one = SpanExample("q1", "¿Quién?", "la casa de Ana", (("la casa", 0),), "a")
    answer = [{"id": "q1", "prediction": "casa"}]
    assert FORM.grade(get_task("mlqa"), "es", [one], answer).metrics == {"exact_match": 100.0, "f1": 100.0}
    assert FORM.grade(get_task("xquad"), "es", [one], answer).metrics["exact_match"] == 0.0
    nothing = SpanExample("q1", "Who?", CONTEXT, (), "a")
    graded = FORM.grade(SQUAD2, "en", [nothing], [{"id": "q1", "prediction": ""}])
    assert graded.metrics == {"exact_match": 100.0, "f1": 100.0}
    assert graded.items == [{"gold": [], "exact_match": 1.0, "f1": 1.0}]
