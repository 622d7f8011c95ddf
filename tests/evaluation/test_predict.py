"""How rows are cut into batches, and which hidden state retrieval pools."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stilts.evaluation.predict import cut
from stilts.evaluation.scoring import default_layer


@given(st.lists(st.integers(1, 60), min_size=1, max_size=50), st.integers(8, 200))
def test_batches_hold_every_row_within_the_budget(lengths: list[int], tokens: int) -> None:
    sizes = np.asarray(lengths)
    batches = cut(range(len(lengths)), sizes, tokens)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= tokens for batch in batches)


def test_the_papers_layer_at_other_depths() -> None:
    assert [default_layer(layers) for layers in (24, 12, 6, 36)] == [14, 7, 4, 21]
