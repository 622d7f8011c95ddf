"""Masked language modelling on raw text: the objective that BERT and XLM-R were trained with, continued.

15 % of a row's tokens are predicted; of these 80 % are replaced by the mask token, 10 % by a random token, and 10 %
stay (Devlin et al. 2019, section 3.1). The masks are drawn anew each time a row is trained on (RoBERTa, Liu et al.
2019, section 4.1). Rates and what counts as special are those of transformers' `DataCollatorForLanguageModeling`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from stilts.errors import InputError, StiltsError
from stilts.formats.base import TRUNCATED, Feature, Format, Graded, Prediction
from stilts.formats.batch import Batch
from stilts.formats.layers import IGNORE
from stilts.formats.tokens import layout, token_ids
from stilts.tasks.base import Task
from stilts.tasks.examples import TextExample
from stilts.tasks.text import PREDICTED

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MASKED, SWAPPED = 0.8, 0.1
"""Of these: share that the mask token replaces, and share that a random token replaces; the rest stays."""
AT_ONCE = 2**24
"""Logits that the loss turns into fp32 at once."""


class MlmFormat(Format):
    """Columns `maskable` (positions of tokens that are not special), `mask_token` and `vocabulary`.

    A row carries what `fresh` needs of the tokenizer, so `fresh` is a function of the row and the generator alone: a
    prepared set means the same in every process, and ranks need no tokenizer.
    """

    name: ClassVar[str] = "mlm"
    output_columns: ClassVar[Sequence[str]] = ("labels",)
    published_head: ClassVar[bool] = True
    whole: ClassVar[bool] = True

    def features(
        self,
        task: Task,
        examples: Sequence[TextExample],
        tokenizer: PreTrainedTokenizerBase,
        max_length: int,
        training: bool,
    ) -> list[Feature]:
        """One row a text, cut at `max_length`; none for a text without a token that can be masked.

        For evaluation (not `training`) the masks are drawn here, once, from a generator that the row's number seeds.
        """
        if tokenizer.mask_token_id is None:
            raise InputError(
                f"the tokenizer {type(tokenizer).__name__} has no mask token",
                "a model that was trained by masked LM",
                "change model.name, or remove mlm from the recipe",
            )
        single = layout(tokenizer, pair=False)
        room = max_length - single.specials
        special = set(tokenizer.all_special_ids)
        before, words = len(single.before), len(tokenizer)
        rows: list[Feature] = []
        for index, ids in enumerate(token_ids(tokenizer, [example.text for example in examples])):
            kept = ids[: max(room, 0)]
            maskable = [before + place for place, token in enumerate(kept) if token not in special]
            if maskable:
                row = {"example": index, "maskable": maskable, "mask_token": tokenizer.mask_token_id}
                rows.append({**single.row(kept), **row, "vocabulary": words, TRUNCATED: len(kept) < len(ids)})
        return rows if training else [self.fresh(row, np.random.default_rng(i)) for i, row in enumerate(rows)]

    def fresh(self, row: Feature, generator: np.random.Generator) -> Feature:
        """The row with masks drawn: new `input_ids`, and `labels` with the original tokens at what is predicted.

        Each token is drawn by itself; where none is, one is chosen, so that every row trains.
        """
        ids, maskable = np.array(row["input_ids"], dtype=np.int64), np.asarray(row["maskable"], dtype=np.int64)
        drawn = generator.random(len(maskable)) < PREDICTED
        if not drawn.any():
            drawn[generator.integers(len(maskable))] = True
        chosen = maskable[drawn]
        labels = np.full(len(ids), IGNORE, dtype=np.int64)
        labels[chosen] = ids[chosen]
        fate = generator.random(len(chosen))
        swapped = chosen[(fate >= MASKED) & (fate < MASKED + SWAPPED)]
        ids[chosen[fate < MASKED]] = row["mask_token"]
        ids[swapped] = generator.integers(row["vocabulary"], size=len(swapped))
        return {**row, "input_ids": ids, "labels": labels}

    def head(self, task: Task, hidden_size: int, dropout: float) -> torch.nn.Module:
        """There is no fresh one: raises StiltsError. `stilts.model.lm_head` continues the published one."""
        raise StiltsError(f"{task.name} has no fresh head: it continues the encoder's own (stilts.model.lm_head)")

    def outputs(self, row: Feature) -> np.ndarray:
        """The predicted tokens of a row that `fresh` drew masks for: logits of all others would be thrown away."""
        return np.flatnonzero(np.asarray(row["labels"]) != IGNORE)

    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross entropy summed over a row's predicted tokens."""
        losses: torch.Tensor = TokenLoss.apply(logits, batch.columns["labels"])
        return batch.sum_by_row(losses)

    def units(self, batch: Batch) -> torch.Tensor:
        """The predicted tokens of each row, float32 (rows,)."""
        return batch.sum_by_row(torch.ones_like(batch.output_rows))

    def decode(
        self, task: Task, example: TextExample, rows: Sequence[Feature], outputs: Sequence[np.ndarray]
    ) -> Prediction:
        """There is nothing to decode: raises StiltsError."""
        raise StiltsError(f"{task.name} is trained on and not scored: it has no predictions")

    def grade(
        self, task: Task, language: str, examples: Sequence[TextExample], predictions: Sequence[Prediction]
    ) -> Graded:
        """There is no metric: raises StiltsError."""
        raise StiltsError(f"{task.name} is trained on and not scored: it has no metric")


class TokenLoss(torch.autograd.Function):
    """Cross entropy of each output over a large vocabulary: (outputs, words), (outputs,) -> float32 (outputs,).

    Computed in fp32 as `torch.nn.functional.cross_entropy(logits.float(), ...)` is, a few outputs at a time: nothing of
    the size of the logits is kept but the logits, and their gradient has their precision. In 16 bits that is 4 bytes a
    logit where the plain form takes 14; a GPU's micro-batch of 16,384 tokens has 614 million of XLM-R's.
    """

    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The negative log-probability of each label."""
        totals = torch.cat([torch.logsumexp(part.float(), dim=-1) for part in logits.split(_outputs_at_once(logits))])
        ctx.save_for_backward(logits, labels, totals)
        return totals - logits.gather(1, labels[:, None])[:, 0].float()

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Probabilities less 1 at the label, times the gradient."""
        logits, labels, totals = ctx.saved_tensors
        out = torch.empty_like(logits)
        for start in range(0, len(labels), _outputs_at_once(logits)):
            part = slice(start, start + _outputs_at_once(logits))
            found = (logits[part].float() - totals[part, None]).exp_()
            found[torch.arange(len(found), device=found.device), labels[part]] -= 1
            out[part] = found.mul_(grads[0][part, None])
        return out, None


def _outputs_at_once(logits: torch.Tensor) -> int:
    return max(1, AT_ONCE // logits.shape[1])
