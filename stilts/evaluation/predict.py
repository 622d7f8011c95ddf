"""Runs a model over prepared sets, shared over the ranks, and brings the predictions together on rank 0.

Every rank runs the same number of forward passes: under ZeRO-3 a rank without rows would otherwise leave the others
waiting in a gather (uneven shards).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from stilts.data.balance import cut
from stilts.data.batches import collate
from stilts.data.store import PreparedSet
from stilts.distributed import World
from stilts.evaluation.search import pool
from stilts.formats import get_format
from stilts.formats.base import Feature, Prediction
from stilts.model.multitask import MultiTaskModel
from stilts.tasks.base import Task

TOKENS_A_BATCH = 16384  # tokens a forward pass, on one rank


class Predictor:
    """Predicts with one model on all ranks.

    Args:
        model: a `MultiTaskModel`, or the DeepSpeed engine's module (ZeRO-3 gathers weights in its hooks).
        world: this rank's place.
        tokens: tokens a forward pass.
        check: a collective called before each forward pass; it may raise to end the prediction on all ranks.
    """

    def __init__(
        self,
        model: MultiTaskModel,
        world: World,
        tokens: int = TOKENS_A_BATCH,
        check: Callable[[str], None] = lambda where: None,
    ) -> None:
        self.model, self.world, self.tokens, self.check = model, world, tokens, check

    @torch.no_grad()
    def predict(self, task: Task, head: str, prepared: PreparedSet) -> list[Prediction] | None:
        """Predictions of every example in file order, on rank 0; None elsewhere. A collective."""
        form = get_format(task.format)
        mine = self._my_examples(prepared)
        decoded: dict[int, Prediction] = {}
        waiting: dict[int, list[tuple[int, Feature, np.ndarray]]] = {}
        rows_of = _rows_by_example(prepared, mine)
        rows = [row for example in mine for row in rows_of[example]]
        for numbers, features, output in self._outputs(prepared, rows, head=head):
            ends = np.cumsum([len(form.outputs(feature)) for feature in features])
            for number, feature, logits in zip(numbers, features, np.split(output, ends[:-1]), strict=True):
                example = int(feature["example"])
                done = waiting.setdefault(example, [])
                done.append((number, feature, logits))
                if len(done) == len(rows_of[example]):
                    parts = sorted(waiting.pop(example), key=lambda part: part[0])
                    rows_in_order, outputs = [p[1] for p in parts], [p[2] for p in parts]
                    decoded[example] = form.decode(task, prepared.examples[example], rows_in_order, outputs)
        gathered = self.world.gather(decoded)
        if gathered is None:
            return None
        merged = {example: prediction for part in gathered for example, prediction in part.items()}
        return [merged[i] for i in range(len(prepared.examples))]

    @torch.no_grad()
    def embed(self, prepared: PreparedSet, layer: int, pooling: str) -> tuple[np.ndarray, np.ndarray] | None:
        """L2-normalised float32 vectors of both sides, each (examples, hidden), on rank 0; None elsewhere."""
        return self._sides(prepared, layer=layer, pooling=pooling)

    @torch.no_grad()
    def vectors(self, prepared: PreparedSet, head: str) -> tuple[np.ndarray, np.ndarray] | None:
        """What a head makes of questions and of candidates, float32 (rows of the side, hidden) each, on rank 0."""
        return self._sides(prepared, head=head)

    def _sides(self, prepared: PreparedSet, **what: Any) -> tuple[np.ndarray, np.ndarray] | None:
        """One vector a row, in row order, apart by the column `side` (0, 1), on rank 0; None elsewhere."""
        order = np.argsort(-prepared.lengths, kind="stable")
        mine = order[self.world.rank :: self.world.size].tolist()
        numbers: list[int] = []
        found: list[np.ndarray] = []
        for rows, _, output in self._outputs(prepared, mine, **what):
            numbers += rows
            found += list(output)
        gathered = self.world.gather(dict(zip(numbers, found, strict=True)))
        if gathered is None:
            return None
        merged = {row: vector for part in gathered for row, vector in part.items()}
        whole = np.stack([merged[row] for row in range(len(prepared))])
        side = prepared.column("side")
        return whole[side == 0], whole[side == 1]

    def _my_examples(self, prepared: PreparedSet) -> list[int]:
        """This rank's examples: dealt out by length, so that ranks have like amounts of work."""
        tokens = np.zeros(len(prepared.examples), dtype=np.int64)
        np.add.at(tokens, prepared.example_of_row, prepared.lengths)
        order = np.argsort(-tokens, kind="stable")
        return [int(i) for i in order[self.world.rank :: self.world.size]]

    def _outputs(
        self, prepared: PreparedSet, rows: Sequence[int], pooling: str = "", **what: Any
    ) -> Iterator[tuple[list[int], list[Feature], np.ndarray]]:
        """Row numbers, features and float32 outputs of one batch after another."""
        form = get_format(prepared.manifest["format"])
        was_training = self.model.training
        self.model.eval()
        longest_first = sorted(rows, key=lambda i: -int(prepared.lengths[i]))
        mine = cut(longest_first, prepared.lengths, self.model.cost(self.tokens))
        passes = int(self.world.all_gather([len(mine)]).max())
        for number in range(passes):
            self.check("while predicting")
            numbers = mine[number] if number < len(mine) else []
            features = prepared.read(numbers or [0])
            batch = collate(features, form).to(self.world.device)
            output = self.model(batch, **what)
            if pooling:
                output = pool(output, batch.packing, pooling)
            if numbers:
                yield numbers, features, output.float().cpu().numpy()
        self.model.train(was_training)


def _rows_by_example(prepared: PreparedSet, examples: Sequence[int]) -> dict[int, list[int]]:
    wanted: dict[int, list[int]] = {example: [] for example in examples}
    for row, example in enumerate(prepared.example_of_row.tolist()):
        if example in wanted:
            wanted[example].append(row)
    return wanted
