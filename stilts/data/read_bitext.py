"""Reads BUCC 2018: two corpora with an id for each sentence, and the pairs of ids that are translations.

`de-en.dev.de` and `de-en.dev.en` have `id TAB sentence`, `de-en.dev.gold` has `de id TAB en id`, as XTREME lays them
out (scripts/download_data.sh and run_bucc2018.sh of google-research/xtreme at 838c13b).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stilts.data.dealing import dealt
from stilts.data.rawfile import filled_lines, malformed
from stilts.errors import InputError
from stilts.tasks.base import Task
from stilts.tasks.examples import BitextExample

ENGLISH, GOLD = ".en", ".gold"


def read_bitext(task: Task, paths: list[Path], language: str) -> Iterator[BitextExample]:
    """The sentences of both corpora; `paths` are those of `corpora`.

    They are dealt out so that the first N are a fair sample with both sentences of each of its pairs: pairs, sentences
    without a pair of either corpus, each by its share. `matches` is None for all where there is no gold file.
    """
    sides = [_sentences(path) for path in paths[:2]]
    if same := next((name for name in sides[0] if name in sides[1]), None):
        expected = "ids of its own in each corpus, such as de-000000001 and en-000000001"
        raise InputError(f"{paths[0]} and {paths[1]} both have the id {same!r}", expected, "rename them")
    pairs = _pairs(paths[2], paths, sides) if len(paths) > 2 else None
    matches: tuple[dict[str, list[str]], dict[str, list[str]]] = ({}, {})
    for one, other in pairs or ():
        matches[0].setdefault(one, []).append(other)
        matches[1].setdefault(other, []).append(one)
    paired = [(side, name) for pair in pairs or () for side, name in enumerate(pair)]
    rest = [[(side, name) for name in sides[side] if name not in matches[side]] for side in (0, 1)]
    for side, name in dealt(list(dict.fromkeys(paired)), *rest):
        found = None if pairs is None else tuple(matches[side].get(name, ()))
        yield BitextExample(name, sides[side][name], side, found)


def corpora(path: Path) -> list[Path]:
    """The language's file, the English file beside it, and the gold pairs where they are there.

    Args:
        path: the language's file, as `bucc2018/de-en.dev.de`.
    """
    english, gold = path.with_suffix(ENGLISH), path.with_suffix(GOLD)
    if path.suffix in (ENGLISH, GOLD) or not english.is_file():
        found = (
            f"no file at {english}" if path.suffix not in (ENGLISH, GOLD) else f"{path} is not the language's corpus"
        )
        raise InputError(
            found, "two corpora side by side, such as de-en.dev.de and de-en.dev.en", "name the language's"
        )
    return [path, english, *([gold] if gold.is_file() else [])]


def _sentences(path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for row, line in filled_lines(path):
        name, tab, text = line.partition("\t")
        if not tab or not name.strip():
            raise malformed(path, row, f"{line[:40]!r} has no id and sentence", "id TAB sentence", "mend the row")
        if name in found:
            raise malformed(path, row, f"the id {name!r} comes twice", "each id once", "mend the row")
        found[name] = text.strip()
    return found


def _pairs(path: Path, corpora: list[Path], sides: list[dict[str, str]]) -> list[tuple[str, str]]:
    pairs = []
    for row, line in filled_lines(path):
        one, tab, other = line.strip().partition("\t")
        if not tab:
            raise malformed(path, row, f"{line[:40]!r} is no pair of ids", "id TAB English id", "mend the row")
        for name, side, corpus in zip((one, other), sides, corpora, strict=False):
            if name not in side:
                raise malformed(path, row, f"the id {name!r} is not in {corpus}", "ids of the corpora", "mend the row")
        pairs.append((one, other))
    return list(dict.fromkeys(pairs))
