"""Trained retrieval: one encoder turns questions and candidate answers into vectors; the right ones are to be near.

The recipe is that of LAReQA in XTREME-R (google-research/xtreme: train_lareqa.sh and utils_lareqa.py at e23cf42,
bert.py at 4fd68dc, evaluate_retrieval.py at 68ff4be). A candidate is a sentence, read together with its paragraph. The
pool holds every sentence of every paragraph in all languages; each question has a right candidate in each of them, and
its score is the average precision of the 20 nearest.

Two things differ from upstream's code, on purpose. Its softmax goes over the 4 rows that a GPU holds at once; here it
goes over the optimizer step's whole batch, whatever the hardware. And it scores candidates as one text, sentence and
paragraph glued together without a space; here they are the same pair of texts that is trained on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch.nn import functional as F

from stilts.errors import StiltsError
from stilts.formats.base import TRUNCATED, Feature, Format, Graded, Prediction
from stilts.formats.batch import Batch
from stilts.formats.layers import HeadLinear
from stilts.formats.tokens import CHUNK, was_cut
from stilts.metrics.accuracy import aligned
from stilts.metrics.ranking import average_precision
from stilts.tasks.base import Task
from stilts.tasks.examples import SentenceExample

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

QUESTION_TOKENS = 96
"""Longest question in tokens, special ones included (XTREME-R); a candidate's is the set's max_length."""
LOGIT_SCALE = 100.0
"""What cosines are multiplied with at the start of training (XTREME-R)."""
DEPTH = 20
"""Candidates that are looked at for each question (XTREME-R)."""
QUESTION, CANDIDATE = 0, 1
"""Values of the column `side`."""


class DualHead(torch.nn.Module):
    """A dense layer with tanh on the first token, brought to length 1, times the root of a learned scale.

    The inner product of two outputs is then scale * cosine, the logit of upstream's `BertForRetrieval`; its dense layer
    is the encoder's pooler. There is no dropout: both passes of a joint loss give the same vectors.
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.dense = HeadLinear(hidden_size, hidden_size)
        self.scale = torch.nn.Parameter(torch.full((1,), LOGIT_SCALE))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Vectors (sequences, hidden), float32, from the first tokens' hidden states (sequences, hidden)."""
        vectors = F.normalize(torch.tanh(self.dense(hidden)).float(), dim=-1)
        return vectors * self.scale.float().sqrt()


class DualFormat(Format):
    """Training: a row is a question and its right candidate, one sequence each.

    Evaluation: a row is one sequence, a question (column `side` 0) or a candidate (1). A set's candidates are the
    sentences of its contexts, once each; a candidate's row belongs to the first question about its context.
    """

    name: ClassVar[str] = "dual"
    joint: ClassVar[bool] = True
    searches: ClassVar[bool] = True
    whole: ClassVar[bool] = True

    def features(
        self,
        task: Task,
        examples: Sequence[SentenceExample],
        tokenizer: PreTrainedTokenizerBase,
        max_length: int,
        training: bool,
    ) -> list[Feature]:
        """Rows for all examples: questions, and in evaluation the candidates after them.

        `max_length` is that of a candidate. Of sentence and context the longer is cut first.
        """
        questions = encoded(tokenizer, [(example.question,) for example in examples], min(QUESTION_TOKENS, max_length))
        if training:
            pairs = [(example.sentences[example.right], example.context) for example in examples]
            answers = encoded(tokenizer, pairs, max_length)
            return [
                {**joined(*sides), "example": index} for index, sides in enumerate(zip(questions, answers, strict=True))
            ]
        owners = [
            (first, sentence) for first in _paragraphs(examples).values() for sentence in examples[first].sentences
        ]
        candidates = encoded(tokenizer, [(text, examples[first].context) for first, text in owners], max_length)
        rows = [{**row, "example": index, "side": QUESTION} for index, row in enumerate(questions)]
        return rows + [
            {**row, "example": first, "side": CANDIDATE} for row, (first, _) in zip(candidates, owners, strict=True)
        ]

    def head(self, task: Task, hidden_size: int, dropout: float) -> torch.nn.Module:
        """A fresh head, the same for both sides."""
        return DualHead(hidden_size)

    def outputs(self, row: Feature) -> np.ndarray:
        """The first token of every sequence."""
        return np.cumsum([0, *row.get("sizes", ())[:-1]])

    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The joint loss of a batch that is all there is."""
        return self.joint_loss(logits.view(len(batch.weight), 2, -1))

    def joint_loss(self, outputs: torch.Tensor) -> torch.Tensor:
        """Cross entropy of each row's own candidate among those of all rows: (rows, 2, hidden) -> float32 (rows,)."""
        scores = outputs[:, QUESTION] @ outputs[:, CANDIDATE].T
        return F.cross_entropy(scores, torch.arange(len(scores), device=scores.device), reduction="none")

    def candidates(self, language: str, examples: Sequence[SentenceExample]) -> list[str]:
        """A name for each candidate row of an evaluation set, in order, as upstream's `Candidate.uid`.

        Language, paragraph (from 1), sentence (from 0): "en_1_0".
        """
        return [
            f"{language}_{number}_{sentence}"
            for number, first in enumerate(_paragraphs(examples).values(), start=1)
            for sentence in range(len(examples[first].sentences))
        ]

    def right_candidates(self, language: str, examples: Sequence[SentenceExample]) -> dict[str, list[str]]:
        """The right candidates of each question: its sentence, and any equal one in the same paragraph."""
        numbers = {context: number for number, context in enumerate(_paragraphs(examples), start=1)}
        return {
            example.id: [
                f"{language}_{numbers[example.context]}_{place}"
                for place, sentence in enumerate(example.sentences)
                if sentence == example.sentences[example.right]
            ]
            for example in examples
        }

    def decode(
        self, task: Task, example: SentenceExample, rows: Sequence[Feature], outputs: Sequence[np.ndarray]
    ) -> Prediction:
        """There is none: a prediction needs the whole pool (`stilts.evaluation.pool`). Raises StiltsError."""
        raise StiltsError(f"{task.name} is decoded by a search over a pool, not an example at a time")

    def grade(
        self, task: Task, language: str, examples: Sequence[SentenceExample], predictions: Sequence[Prediction]
    ) -> Graded:
        """Mean average precision at 20. A prediction's `gold` names the right candidates in the pool it comes from."""
        found = aligned(f"{task.name} {language}", [example.id for example in examples], predictions)
        if not found:
            raise StiltsError(f"{task.name} {language}: nothing to score")
        precisions = [
            average_precision(prediction["gold"], ranked, DEPTH)
            for prediction, ranked in zip(predictions, found, strict=True)
        ]
        items = [{"average_precision": precision} for precision in precisions]
        return Graded({"map_at_20": 100.0 * sum(precisions) / len(precisions)}, items)


def _paragraphs(examples: Sequence[SentenceExample]) -> dict[str, int]:
    """Each context with the index of the first example that has it, in order."""
    found: dict[str, int] = {}
    for index, example in enumerate(examples):
        found.setdefault(example.context, index)
    return found


def encoded(tokenizer: PreTrainedTokenizerBase, texts: Sequence[tuple[str, ...]], max_length: int) -> Iterator[Feature]:
    """`input_ids` and, where the model has them, `token_type_ids` of texts or pairs of texts, all of one kind."""
    for start in range(0, len(texts), CHUNK):
        part = texts[start : start + CHUNK]
        encoded = tokenizer(
            *(list(side) for side in zip(*part, strict=True)),
            truncation="longest_first",
            max_length=max_length,
            return_attention_mask=False,
            return_token_type_ids="token_type_ids" in tokenizer.model_input_names,
        )
        for index in range(len(part)):
            yield {**{key: encoded[key][index] for key in encoded}, TRUNCATED: was_cut(encoded, index, max_length)}


def joined(question: Feature, answer: Feature) -> Feature:
    """Both sequences one after the other, and their lengths."""
    row: Feature = {key: question[key] + answer[key] for key in question if key != TRUNCATED}
    cut = question[TRUNCATED] or answer[TRUNCATED]
    return {**row, "sizes": [len(question["input_ids"]), len(answer["input_ids"])], TRUNCATED: cut}
