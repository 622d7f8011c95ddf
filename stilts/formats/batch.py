"""A micro-batch as one stream of tokens: what data hands to a model, and what formats read. No padding anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, groupby

import torch


@dataclass(frozen=True)
class Block:
    """Neighbouring sequences that are computed together, padded to the longest.

    Attributes:
        first: the stream position of its first token.
        shape: (sequences, longest).
        tokens: of the block, without padding.
        index: place within the block's tokens for every cell, 0 at padding, int64 (sequences * longest,); None where
            all are of one length and nothing is padded.
        inverse: the cell of every token, int64 (tokens,).
        mask: True where there is a token, (sequences, longest).
    """

    first: int
    shape: tuple[int, int]
    tokens: int
    index: torch.Tensor | None
    inverse: torch.Tensor
    mask: torch.Tensor

    @classmethod
    def of(cls, lengths: Sequence[int], first: int) -> Block:
        """The block of sequences of these lengths that starts at stream position `first`, on the CPU."""
        sizes, longest = torch.tensor(lengths), max(lengths)
        mask = torch.arange(longest)[None, :] < sizes[:, None]
        inverse = mask.flatten().nonzero().squeeze(1)
        index = torch.zeros(mask.numel(), dtype=torch.long).index_copy(0, inverse, torch.arange(len(inverse)))
        return cls(first, (len(lengths), longest), len(inverse), None if bool(mask.all()) else index, inverse, mask)

    @cached_property
    def bias(self) -> torch.Tensor:
        """What is added to attention scores: 0, -inf at padding, float32 (sequences, 1, longest)."""
        return torch.zeros(self.shape).masked_fill_(~self.mask, -torch.inf)[:, None, :]


@dataclass(frozen=True)
class Packing:
    """Which tokens of a stream belong together.

    Attributes:
        lengths: tokens of each sequence, in stream order; plain ints, so that a GPU need not be asked.
        offsets: where each sequence starts, and the end of the last, int32 (sequences + 1,).
    """

    lengths: tuple[int, ...]
    offsets: torch.Tensor

    @classmethod
    def of(cls, lengths: Sequence[int]) -> Packing:
        """The packing of sequences of these lengths, each at least 1."""
        return cls(tuple(lengths), torch.tensor([0, *accumulate(lengths)], dtype=torch.int32))

    @cached_property
    def groups(self) -> list[tuple[int, int]]:
        """Runs of neighbours of equal length: (sequences, tokens of each)."""
        return [(len(list(run)), length) for length, run in groupby(self.lengths)]

    @cached_property
    def blocks(self) -> list[Block]:
        """Runs of neighbours of like length: none shorter than seven tenths of the run's first or longest."""
        runs: list[list[int]] = []
        for length in self.lengths:
            if runs and min(*runs[-1], length) >= 0.7 * max(*runs[-1], length):
                runs[-1].append(length)
            else:
                runs.append([length])
        starts = accumulate((sum(run) for run in runs[:-1]), initial=0)
        return [Block.of(run, start) for run, start in zip(runs, starts, strict=True)]

    @property
    def longest(self) -> int:
        """Tokens of the longest sequence."""
        return max(self.lengths)

    def places(self) -> torch.Tensor:
        """Each token's place in its sequence, from 0, int64 (tokens,)."""
        return torch.cat([torch.arange(length) for length in self.lengths])

    def padded(self) -> tuple[torch.Tensor, torch.Tensor]:
        """For models that need padding: stream positions (sequences, longest), 0 at padding, and where tokens are."""
        place = torch.arange(self.longest, device=self.offsets.device)[None, :]
        mask = place < self.offsets.diff()[:, None]
        return torch.where(mask, self.offsets[:-1, None].long() + place, 0), mask

    def to(self, device: torch.device) -> Packing:
        """The same packing with its tensor on `device`."""
        return replace(self, offsets=self.offsets.to(device, non_blocking=True))


@dataclass(frozen=True)
class Batch:
    """A micro-batch of feature rows.

    Attributes:
        inputs: what the encoder reads, int64 (tokens,) each: `input_ids`, `places` (position in the sequence, from 0),
            and `token_type_ids` where the tokenizer has them.
        packing: where the sequences lie in the stream.
        outputs: stream positions whose hidden states the head reads (`Format.outputs`), int64 (outputs,).
        output_rows: the row that each output belongs to, int64 (outputs,).
        columns: the format's own columns: `output_columns` (outputs,), `row_columns` (rows,), int64.
        weight: 1 a row, 0 for a row that only keeps the ranks in step, float32 (rows,).
    """

    inputs: Mapping[str, torch.Tensor]
    packing: Packing
    outputs: torch.Tensor
    output_rows: torch.Tensor
    columns: Mapping[str, torch.Tensor]
    weight: torch.Tensor

    @property
    def tokens(self) -> int:
        """Tokens of the stream, those of rows with weight 0 included."""
        return sum(self.packing.lengths)

    def sum_by_row(self, values: torch.Tensor) -> torch.Tensor:
        """Values of the outputs (outputs,), summed by row: float32 (rows,)."""
        return torch.zeros_like(self.weight).index_add(0, self.output_rows, values.float())

    def to(self, device: torch.device) -> Batch:
        """The batch on `device`; itself if it is there."""
        if self.weight.device == device:
            return self

        def move(tensor: torch.Tensor) -> torch.Tensor:
            return tensor.to(device, non_blocking=True)

        return Batch(
            {name: move(tensor) for name, tensor in self.inputs.items()},
            self.packing.to(device),
            move(self.outputs),
            move(self.output_rows),
            {name: move(tensor) for name, tensor in self.columns.items()},
            move(self.weight),
        )
