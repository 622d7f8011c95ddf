"""Which results are compared with which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stilts.compare.published import PREFIX, published_row, published_rows
from stilts.compare.results import study_sides
from stilts.compare.side import Side
from stilts.errors import InputError
from stilts.settings import unknown

Pair = tuple[Side, Side]


def pairs(words: Sequence[str], recipes: Sequence[str] = (), split: str | None = None) -> list[Pair]:
    """The pairs that a command line asks for: the first operand against each of the others.

    Args:
        words: operands (study files, output folders, `published:NAME`), and `key=value` settings for the study files.
        recipes: of the studies, those to compare; default all. Recipes of two studies are matched by name, and where
            none of these is in both, each is compared with each.
        split: of published rows, where there is one operand; default what the study reports.

    Raises:
        InputError: an operand that is nothing, an unknown recipe, or recipes that have no name in common.
    """
    overrides = [word for word in words if "=" in word and not Path(word).exists()]
    operands = [word for word in words if word not in overrides]
    if not operands:
        raise InputError("nothing to compare", "a study or published:NAME", "name two, or one study")
    sides = _told_apart(operands, [_sides(word, overrides) for word in operands])
    _refuse_unknown(recipes, [one for own in sides for one in own])
    chosen = [_chosen(own, recipes) for own in sides]
    if len(sides) == 1:
        return [(a, row) for a in chosen[0] for row in _rows_for(a, split)]
    return [pair for other, word in zip(chosen[1:], operands[1:], strict=True)
            for pair in _matched(chosen[0], other, operands[0], word, bool(recipes))]  # fmt: skip


def recipe_of(side: Side) -> str:
    """The recipe's name; of a published row its own."""
    return side.name.rsplit("/", 1)[-1]


def _sides(word: str, overrides: Sequence[str]) -> list[Side]:
    if word.startswith(PREFIX):
        return [published_row(word.removeprefix(PREFIX))]
    return study_sides(Path(word), overrides)


def _told_apart(operands: Sequence[str], sides: list[list[Side]]) -> list[list[Side]]:
    """The sides, with the operand instead of the study's name where two operands have studies of one name."""
    names = [{side.name for side in own} for own in sides]
    out = []
    for number, (word, own) in enumerate(zip(operands, sides, strict=True)):
        twin = any(names[number] & other for place, other in enumerate(names) if operands[place] != word)
        out.append([replace(side, name=f"{word.rstrip('/')}/{recipe_of(side)}") for side in own] if twin else own)
    return out


def _refuse_unknown(recipes: Sequence[str], sides: Sequence[Side]) -> None:
    known = [recipe_of(side) for side in sides if not _is_published(side)]
    for name in recipes:
        if name not in known:
            raise unknown(f"recipe {name!r}", name, list(dict.fromkeys(known)), "name a recipe of a study given")


def _chosen(sides: list[Side], recipes: Sequence[str]) -> list[Side]:
    return [side for side in sides if not recipes or _is_published(side) or recipe_of(side) in recipes]


def _rows_for(side: Side, split: str | None) -> list[Side]:
    if _is_published(side):
        raise InputError(f"only {side.name}", "a study to compare it with", "name a study, too")
    found = published_rows(side.benchmark, split or side.split)
    if not found:
        raise InputError(
            f"no published row of {side.benchmark} on {split or side.split}",
            "a benchmark and split of which rows are shipped",
            "name another study, or choose --split dev or test",
        )
    return found


def _matched(first: list[Side], second: list[Side], a: str, b: str, named: bool) -> list[Pair]:
    by_name = {recipe_of(side): side for side in second}
    common = [(side, by_name[recipe_of(side)]) for side in first if recipe_of(side) in by_name]
    if common:
        return common
    one_each = len(first) == len(second) == 1
    if named or one_each or any(map(_is_published, [*first, *second])):
        return [(one, other) for one in first for other in second]
    raise InputError(
        f"{a} has the recipes {_names(first)} and {b} has {_names(second)}",
        "recipes of one name in both",
        "name those to compare with --recipe (repeatable)",
    )


def _is_published(side: Side) -> bool:
    return side.name.startswith(PREFIX)


def _names(sides: Sequence[Side]) -> str:
    return ", ".join(map(recipe_of, sides))
