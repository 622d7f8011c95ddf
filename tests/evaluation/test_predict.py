"""Which hidden state retrieval pools."""

from __future__ import annotations

from stilts.evaluation.scoring import default_layer


def test_the_papers_layer_at_other_depths() -> None:
    assert [default_layer(layers) for layers in (24, 12, 6, 36)] == [14, 7, 4, 21]
