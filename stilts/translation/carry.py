"""Translates the rows of a shard: cuts texts, has the pieces translated, joins them and finds the answers again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stilts.tasks.base import Task
from stilts.translation.markers import Markers, choose, unmark
from stilts.translation.pieces import join, pieces
from stilts.translation.records import Record
from stilts.translation.settings import TranslationSettings

EMPTY, MARKERS = "empty translation", "answer lost"
"""Why a row is lost."""
BY_MARKERS, BY_FALLBACK = "markers", "fallback"
"""How an answer was found."""


@dataclass(frozen=True)
class Piece:
    """A piece's translation; `cut`: it was ended by its greatest length."""

    text: str
    cut: bool = False


@dataclass(frozen=True)
class Translated:
    """One row's translation.

    Attributes:
        texts: as the record's; without markers.
        answer: (first character in the last text, text), where the record has one.
        found: how the answer was: "markers" or "fallback"; "" where there is none.
        lost: why the row cannot be used; "" where it can.
        cut: whether a piece of it was ended by its greatest length.
    """

    texts: tuple[str, ...]
    answer: tuple[int, str] | None = None
    found: str = ""
    lost: str = ""
    cut: bool = False


Translate = Callable[[Sequence[str]], Mapping[str, Piece]]
"""Each text of a list -> its translation."""


@dataclass(frozen=True)
class _Work:
    """One row's texts as pieces; `markers` are around its answer in the last one."""

    texts: list[list[str]]
    markers: Markers | None


class Carrier:
    """Translates records of one task into one language.

    Args:
        fits: whether a piece is short enough for the translator.
    """

    def __init__(self, task: Task, language: str, settings: TranslationSettings, fits: Callable[[str], bool]) -> None:
        self.task, self.language, self.settings, self.fits = task, language, settings, fits

    def carry(self, records: Sequence[Record], translate: Translate) -> list[Translated]:
        """A translation for each record, in order."""
        works = [self._work(record) for record in records]
        known = dict(translate(list(dict.fromkeys(p for work in works for text in work.texts for p in text))))
        done = [self._whole(*pair, known) for pair in zip(records, works, strict=True)]
        if self.settings.fallback:
            again = [number for number, one in enumerate(done) if one.lost == MARKERS]
            known |= translate([p for p in self._plain_pieces(records, again) if p not in known])
            for number in again:
                done[number] = self._fall_back(records[number], done[number], known)
        return done

    def _work(self, record: Record) -> _Work:
        *others, last = record.texts
        markers = choose(last, self.settings.markers) if record.answer else None
        return _Work([*map(self._pieces, others), self._pieces(last, record.answer, markers)], markers)

    def _pieces(self, text: str, answer: tuple[int, int] | None = None, markers: Markers | None = None) -> list[str]:
        if text.strip() in self.task.placeholders:
            return []
        return pieces(text, self.settings.sentences, self.fits, answer, markers)

    def _whole(self, record: Record, work: _Work, known: Mapping[str, Piece]) -> Translated:
        texts = [self._join(text, own, known) for text, own in zip(record.texts, work.texts, strict=True)]
        cut = any(known[piece].cut for own in work.texts for piece in own)
        lost = EMPTY if self._lacks_text(record, texts) else ""
        if record.answer is None:
            return Translated(tuple(texts), lost=lost, cut=cut)
        found = unmark(texts[-1], work.markers) if work.markers else None
        if found is None:
            return Translated(tuple(texts), lost=lost or MARKERS, cut=cut)
        context, start, answer = found
        assert context[start : start + len(answer)] == answer, (context, start, answer)
        return Translated((*texts[:-1], context), (start, answer), BY_MARKERS, lost, cut)

    def _join(self, text: str, own: Sequence[str], known: Mapping[str, Piece]) -> str:
        """A text's translation; placeholders and texts without a letter to translate stay."""
        return join([known[piece].text for piece in own], self.language) if own else text

    @staticmethod
    def _lacks_text(record: Record, texts: Sequence[str]) -> bool:
        return any(given.strip() and not made.strip() for given, made in zip(record.texts, texts, strict=True))

    # ---- without markers

    def _plain_pieces(self, records: Sequence[Record], numbers: Sequence[int]) -> list[str]:
        wanted = [p for n in numbers for p in (*self._pieces(records[n].texts[-1]), *self._pieces(_answer(records[n])))]
        return list(dict.fromkeys(wanted))

    def _fall_back(self, record: Record, done: Translated, known: Mapping[str, Piece]) -> Translated:
        """The context translated without markers, where the answer's own translation is in it exactly once."""
        parts = [self._pieces(record.texts[-1]), self._pieces(_answer(record))]
        context, answer = (join([known[piece].text for piece in part], self.language) for part in parts)
        if not answer or context.count(answer) != 1:
            return done
        cut = done.cut or any(known[piece].cut for part in parts for piece in part)
        return Translated((*done.texts[:-1], context), (context.index(answer), answer), BY_FALLBACK, "", cut)


def _answer(record: Record) -> str:
    assert record.answer is not None
    return record.texts[-1][record.answer[0] : record.answer[1]]
