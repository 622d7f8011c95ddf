"""Cuts English texts into the pieces that a translator takes at once, and joins their translations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stilts.data.sentences import sentences
from stilts.translation.markers import Markers, mark

WITHOUT_SPACES = ("zh", "ja")
"""Languages that put no space between sentences."""


def pieces(
    text: str,
    by_sentence: bool,
    fits: Callable[[str], bool],
    answer: tuple[int, int] | None = None,
    markers: Markers | None = None,
) -> list[str]:
    """The sentences of a text, those that do not fit cut at the space that is nearest to their middle, and so on.

    Args:
        by_sentence: False takes the text as one sentence.
        fits: whether a piece is short enough for the translator.
        answer: (first character, end) of a part that sentences are not cut in.
        markers: what is put around the answer.
    """
    spans = sentences(text) if by_sentence else [(0, len(text))]
    if answer is not None:
        spans = _joined_over(spans, *answer)
    out: list[str] = []
    for first, end in spans:
        piece = text[first:end]
        if answer is not None and markers is not None and first <= answer[0] < end:
            piece = mark(piece, answer[0] - first, answer[1] - first, markers)
        out += [part for part in _fitting(piece.strip(), fits) if part]
    return out


def join(translations: Sequence[str], language: str) -> str:
    """The translations of a text's pieces as one text."""
    return ("" if language in WITHOUT_SPACES else " ").join(part.strip() for part in translations if part.strip())


def _joined_over(spans: Sequence[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    """The sentences that hold a part of `start` to `end` as one, the others as they are."""
    touched = [span for span in spans if span[0] < end and span[1] > start]
    if len(touched) < 2:
        return list(spans)
    one = touched[0][0], touched[-1][1]
    return [span for span in spans if span[1] <= one[0]] + [one] + [span for span in spans if span[0] >= one[1]]


def _fitting(piece: str, fits: Callable[[str], bool]) -> list[str]:
    if fits(piece) or len(piece) < 2:
        return [piece]
    middle = len(piece) // 2
    spaces = [at for at, character in enumerate(piece) if character.isspace() and 0 < at < len(piece) - 1]
    cut = min(spaces, key=lambda at: abs(at - middle), default=middle)
    return [*_fitting(piece[:cut].strip(), fits), *_fitting(piece[cut:].strip(), fits)]
