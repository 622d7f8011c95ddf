"""The noise itself: a pure function of a text, a kind, a level, a seed and the text's name.

Random numbers come from a hash of (version, kind, seed, example id, field), so a text is the same on any number of
processes and in any order. The level is not in the hash: what is edited at a low level is edited in the same way at a
higher one, so curves over levels compare like with like.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from random import Random

from stilts.data.noise.confusions import looks_like
from stilts.data.noise.graphemes import graphemes, is_letter, script
from stilts.data.noise.keyboards import beside
from stilts.data.noise.kinds import CHANGEABLE, KINDS, VERSION, WORDS
from stilts.data.noise.letters import in_case, plain

BREAK = "\0"
"""Parts texts that are edited together (the words of a sentence): it is never edited, and nothing crosses it."""
WINDOW = 3
"""How many words further a shuffled word may go."""
_SPACES = re.compile(rf"([\s{BREAK}]+)")
_CORE = re.compile(r"\w(?:.*\w)?", re.DOTALL)  # a word without the punctuation around it

Dictionary = Mapping[str, Sequence[str]]
"""Word in small letters -> its translations."""


@dataclass(frozen=True)
class Edited:
    """A text after the noise.

    Attributes:
        items: the graphemes, or words and gaps, of the text before.
        pieces: what each has become.
        edits: numbers of the items that were edited, ascending.
        units: number of items that the level is a share of, protected ones left out.
    """

    items: Sequence[str]
    pieces: Sequence[str]
    edits: tuple[int, ...]
    units: int

    @property
    def text(self) -> str:
        """The noisy text."""
        return "".join(self.pieces)

    @property
    def positions(self) -> tuple[int, ...]:
        """Where in the text before, in characters, each edited item begins."""
        return tuple(self._before[i] for i in self.edits)

    def moved(self, position: int) -> int:
        """Where a character of the text before is now, if it is in an item that was left as it was."""
        number = self._item(position)
        return self._after[number] + position - self._before[number]

    def part(self, begin: int, end: int) -> str:
        """What the items from one character of the text before up to another have become."""
        return self.text[self._after[self._item(begin)] : self._after[self._item(end - 1) + 1]]

    def _item(self, position: int) -> int:
        return bisect_right(self._before, position, hi=len(self.items)) - 1

    @cached_property
    def _before(self) -> list[int]:
        return [0, *accumulate(map(len, self.items))]

    @cached_property
    def _after(self) -> list[int]:
        return [0, *accumulate(map(len, self.pieces))]


def edit(
    text: str,
    kind: str,
    level: float,
    seed: int,
    example: str,
    field: str,
    language: str,
    protected: Sequence[tuple[int, int]] = (),
    dictionary: Dictionary | None = None,
) -> Edited:
    """Make one text noisy.

    Args:
        text: the text, or several joined by BREAK.
        kind: a key of `KINDS`.
        level: share of what `Kind.of` says, 0 to 1; what a kind cannot change stays, however high the level. The
            number of edits is rounded up or down at random, so that short texts have the level on average.
        seed: the noise seed.
        example, field: name the text.
        language: decides keyboard and case.
        protected: (begin, end) in characters of what must stay as it is.
        dictionary: for a code switch.
    """
    of_words = KINDS[kind].of == WORDS
    items = _SPACES.split(text) if of_words else graphemes(text)
    units = [i for i, item in enumerate(items) if (_is_word(i, item) if of_words else is_letter(item))]
    name = "\0".join((str(VERSION), kind, str(seed), example, field))
    random = Random(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))
    share = random.random()
    # two numbers for each unit, whatever becomes of it: every level draws the same ones
    drawn = {i: (random.random(), random.random()) for i in units}
    kept = _kept(items, protected)
    order = sorted((i for i in units if i not in kept), key=drawn.__getitem__)
    asked = _rounded(level * len(order), share)
    if kind in ("swap", "word_shuffle"):  # a swap edits two
        return _swapped(items, order, drawn, _rounded(level * len(order) / 2, share), WINDOW if of_words else 1)
    if kind == "drop":
        return _without_characters(items, units, order, asked)
    if kind == "word_drop":
        return _without_words(items, order, min(asked, len(units) - 1), kept)
    change = _insertion(items, units) if kind == "insert" else _change(kind, language, dictionary or {})
    new = {i: changed for i in order if (changed := change(items[i], drawn[i][1])) != items[i]}
    count = len(new) if KINDS[kind].of == CHANGEABLE else len(order)
    chosen = list(new)[: _rounded(level * count, share)]
    pieces = list(items)
    for i in chosen:
        pieces[i] = new[i]
    return Edited(items, pieces, tuple(sorted(chosen)), count)


def _rounded(asked: float, share: float) -> int:
    return int(asked) + (share < asked % 1)


def _is_word(number: int, item: str) -> bool:
    return number % 2 == 0 and any(map(str.isalnum, item))


def _kept(items: Sequence[str], protected: Sequence[tuple[int, int]]) -> set[int]:
    """The items that touch a protected range."""
    if not protected:
        return set()
    starts = [0, *accumulate(map(len, items))]
    return {
        i
        for begin, end in protected
        for i in range(max(0, bisect_right(starts, begin) - 1), len(items))
        if starts[i] < end and starts[i + 1] > begin
    }


def _change(kind: str, language: str, dictionary: Dictionary) -> Callable[[str, float], str]:
    """What turns one item and a random number (0 to 1) into another item, or the same where it cannot."""
    if kind == "diacritics":
        return lambda item, _: plain(item)
    if kind in ("lower", "upper", "swapcase"):
        return lambda item, _: in_case(item, kind, language)
    if kind == "code_switch":
        return lambda item, number: _translated(item, number, dictionary)
    options = (lambda item: beside(item, language)) if kind == "keyboard" else looks_like
    return lambda item, number: _one_of(options(item), number) or item


def _one_of(options: Sequence[str], number: float) -> str:
    return options[int(number * len(options))] if options else ""


def _translated(word: str, number: float, dictionary: Dictionary) -> str:
    """The word's translation with its punctuation and, where it has one, its capital."""
    core = _CORE.search(word)
    found = _one_of(dictionary.get(core.group().lower(), ()), number) if core else ""
    if core is None or not found:
        return word
    if core.group()[0].isupper():
        found = found[0].upper() + found[1:]
    return word[: core.start()] + found + word[core.end() :]


def _insertion(items: Sequence[str], units: Sequence[int]) -> Callable[[str, float], str]:
    """Puts one of the text's characters of the same script and case behind a character."""
    alike: dict[tuple[str, bool], list[str]] = {}
    for i in units:
        alike.setdefault((script(items[i]), items[i].isupper()), []).append(items[i])
    return lambda item, number: item + _one_of(alike[script(item), item.isupper()], number)


def _swapped(
    items: Sequence[str], order: Sequence[int], drawn: Mapping[int, tuple[float, float]], count: int, window: int
) -> Edited:
    """`count` pairs of items that differ change places, the second at most `window` units behind the first.

    Characters change places within a word.
    """
    pieces, edits, free = list(items), set[int](), set(order)
    step = 2 if window > 1 else 1  # words have gaps between them
    for i in order:
        if len(edits) >= 2 * count:
            break
        nearby = range(i + step, i + step * window + 1, step) if i not in edits else ()
        others = [j for j in nearby if j in free and j not in edits and items[j] != items[i]]
        if not others:
            continue
        j = others[int(drawn[i][1] * len(others))]
        pieces[i], pieces[j] = items[j], items[i]
        edits |= {i, j}
    return Edited(items, pieces, tuple(sorted(edits)), len(order))


def _without_characters(items: Sequence[str], units: Sequence[int], order: Sequence[int], count: int) -> Edited:
    """Without `count` characters; of each word one stays."""
    word, left = {}, [0]
    for before, i in zip([-2, *units], units, strict=False):
        if i != before + 1:
            left.append(0)
        word[i] = len(left) - 1
        left[-1] += 1
    pieces, edits = list(items), list[int]()
    for i in order:
        if len(edits) < count and left[word[i]] > 1:
            left[word[i]] -= 1
            pieces[i] = ""
            edits.append(i)
    return Edited(items, pieces, tuple(sorted(edits)), len(order))


def _without_words(items: Sequence[str], order: Sequence[int], count: int, kept: set[int]) -> Edited:
    """Without `count` words, each with a gap beside it; one word stays."""
    pieces, edits = list(items), list[int]()
    for i in order[: max(0, count)]:
        pieces[i] = ""
        edits.append(i)
        # the gap behind it, or at the end the next one before it that is still there
        gap = next((j for j in (i + 1, *range(i - 1, -1, -2)) if j < len(items) and pieces[j]), None)
        if gap is not None and gap not in kept:
            pieces[gap] = ""
    return Edited(items, pieces, tuple(sorted(edits)), len(order))
