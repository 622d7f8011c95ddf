"""Which examples of a split a set holds: all, the held-out articles, or the rest; and whether they can be used."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from stilts.data.specs import SetSpec
from stilts.errors import InputError
from stilts.tasks.base import Task
from stilts.tasks.examples import (
    BitextExample,
    EntityExample,
    Example,
    PairExample,
    RetrievalExample,
    SpanExample,
    TaggingExample,
    TextExample,
)

HELD_OUT_OF = 20  # one article in this many


def take_part(examples: Sequence[Example], part: str) -> list[Example]:
    """All examples, or those whose article is ("heldout") or is not ("rest") in the held-out twentieth.

    An article is held out by its own hash, so the choice does not depend on the others; where the hash chooses none,
    the article with the smallest one is.
    """
    if part == "all":
        return list(examples)
    hashes = {name: _hash(name) for name in {article_of(example) for example in examples}}
    chosen = {name for name, value in hashes.items() if value % HELD_OUT_OF == 0}
    if not chosen and hashes:
        chosen = {min(hashes, key=lambda name: (hashes[name], name))}
    return [example for example in examples if (article_of(example) in chosen) == (part == "heldout")]


def limited(examples: Sequence[Example], limit: int | None, gold: frozenset[str]) -> list[Example]:
    """The first `limit` examples, in order; entities of `gold` take their places first, and are all kept."""
    if limit is None or not gold:
        return list(examples[:limit])
    kept = [isinstance(example, EntityExample) and example.entity in gold for example in examples]
    room = limit - sum(kept)
    out = []
    for example, is_gold in zip(examples, kept, strict=True):
        room -= not is_gold
        if is_gold or room >= 0:
            out.append(example)
    return out


def take_turn(examples: Sequence[Example], turn: str | None) -> list[Example]:
    """Of "2/3" the 2nd, 5th, 8th ... example; all where there is no turn."""
    if turn is None:
        return list(examples)
    number, of = map(int, turn.split("/"))
    return list(examples[number - 1 :: of])


def trainable(task: Task, examples: Sequence[Example], purpose: str) -> list[Example]:
    """Without pairs that lack a text or have a placeholder for it, where the set is trained on."""
    if purpose != "train":
        return list(examples)
    return [e for e in examples if not (isinstance(e, PairExample) and _lacks_text(task, e))]


def _lacks_text(task: Task, pair: PairExample) -> bool:
    return any(text in ("", *task.placeholders) for text in (pair.text_a.strip(), pair.text_b.strip()))


def article_of(example: Example) -> str:
    """What must stay on one side: article or context, premise, entity, sentence."""
    if isinstance(example, SpanExample):
        return example.article or example.context
    if isinstance(example, PairExample):
        return example.text_a
    if isinstance(example, EntityExample):
        return example.entity
    return " ".join(example.words) if isinstance(example, TaggingExample) else example.text


def check_usable(
    task: Task, spec: SetSpec, examples: Sequence[Example], paths: Sequence[Path], may_lack_labels: bool = False
) -> None:
    """Raise InputError for a set without examples or with missing labels.

    `may_lack_labels`: a set of which no example has a label will do, as it is only predicted.
    """
    name, files = spec.name, ", ".join(map(str, paths))
    if not examples:
        part = "" if spec.part == "all" else f" (part {spec.part!r})"
        raise InputError(
            f"{name}{part} has no example in {files}", "at least one", "use a larger file or another split"
        )
    bare = sum(not has_label(example) for example in examples)
    if bare and not (may_lack_labels and bare == len(examples)):
        where = task.labels_at_hand.get(spec.split, "")
        role = {"train": "training", "select": "selection"}.get(spec.purpose, "evaluation")
        raise InputError(
            f"{files} has no labels for {bare} of {len(examples)} examples of {name}",
            f"gold labels in {'an' if role == 'evaluation' else 'a'} {role} set (XTREME strips them from its copies)",
            f"take the file of the original data set ({task.home_page}{where and f'; {where}'}) and name it in "
            f"data.files.{task.name}.{spec.split}.{spec.language}",
        )


def check_pairs(spec: SetSpec, examples: Sequence[Example]) -> None:
    """Raise InputError for corpora without a gold pair, as a small limit leaves them: their F1 would say nothing."""
    bitext = [example for example in examples if isinstance(example, BitextExample)]
    if not bitext or not any(map(has_label, bitext)):
        return
    from stilts.formats.mining import gold_pairs

    if not gold_pairs(bitext):
        raise InputError(
            f"the {len(bitext)} sentences of {spec.name} hold no gold pair",
            "both sentences of one pair at least",
            f"raise data.limit.{spec.task}.{spec.split}" if spec.limit else "give a file with gold pairs",
        )


def has_label(example: Example) -> bool:
    """False where the file carries no label, tags or answers."""
    if isinstance(example, SpanExample):
        return example.answers is not None
    if isinstance(example, TaggingExample):
        return example.tags is not None
    if isinstance(example, BitextExample):
        return example.matches is not None
    return isinstance(example, RetrievalExample | EntityExample | TextExample) or example.label is not None


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
