"""Formats: how examples become features, which head and loss, how outputs become predictions and scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilts.errors import InputError

if TYPE_CHECKING:
    from stilts.formats.base import Format


VERSIONS = {
    "pair": 1, "choice": 1, "span": 1, "tagging": 1, "retrieval": 1, "mining": 1, "dual": 1, "linking": 1, "mlm": 1,
}  # fmt: skip
"""Raised whenever the features of a format change: its prepared sets are then made again."""


def get_format(name: str) -> Format:
    """The format called `name` (each module is imported only when it is asked for: heads need torch)."""
    if name == "pair":
        from stilts.formats.pair import PairFormat

        return PairFormat()
    if name == "choice":
        from stilts.formats.choice import ChoiceFormat

        return ChoiceFormat()
    if name == "span":
        from stilts.formats.span import SpanFormat

        return SpanFormat()
    if name == "tagging":
        from stilts.formats.tagging import TaggingFormat

        return TaggingFormat()
    if name == "retrieval":
        from stilts.formats.retrieval import RetrievalFormat

        return RetrievalFormat()
    if name == "mining":
        from stilts.formats.mining import MiningFormat

        return MiningFormat()
    if name == "dual":
        from stilts.formats.dual import DualFormat

        return DualFormat()
    if name == "linking":
        from stilts.formats.linking import LinkingFormat

        return LinkingFormat()
    if name == "mlm":
        from stilts.formats.mlm import MlmFormat

        return MlmFormat()
    raise InputError(f"unknown format {name!r}", f"one of {', '.join(VERSIONS)}", "mend the task's declaration")
