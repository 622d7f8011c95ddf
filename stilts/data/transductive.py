"""Says where text for masked LM comes from evaluation sets: such a run is transductive, which its readers must know.

The model then has seen the words it is scored on, without their labels. That is a design some studies choose, so it is
reported and not refused: in the log of `prepare`, in the plan, and in the `stilts.json` of the model. Two signs count:

- a line and a text of an evaluation set of the study are the same after `normalised` (case, punctuation and spaces do
  not matter), from 24 letters on; where mentions of entities are scored, which are single sentences of news, also a
  sentence of the line;
- a file, or the folder it lies in, is named like an evaluation set (xnli_test/de.txt), whether the study scores it or
  not: a study may score another part of it.
"""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stilts.data.overlap import MIN_LETTERS, normalised
from stilts.data.read_entities import unmarked
from stilts.data.specs import SetSpec
from stilts.tasks import get_task
from stilts.tasks.examples import EntityExample, Example

log = logging.getLogger(__name__)

_NO_TEXT = ("id", "label", "article")  # fields of an example that are no text of it
_SENTENCE = re.compile("(?<=[.!?\u061f\u0964\u3002\uff01\uff1f])\\s*")
_EVALUATION = re.compile(r"(^|[^a-z])(dev|test|eval|evaluation)($|[^a-z])")


@dataclasses.dataclass(frozen=True)
class Seen:
    """What one set of raw text shares with evaluation sets.

    Attributes:
        notes: a line for each sign.
        shared: positions of the lines that are texts of evaluation sets.
    """

    notes: tuple[str, ...]
    shared: frozenset[int]


def check_texts(
    texts: Mapping[SetSpec, Sequence[Path]],
    scored: Sequence[SetSpec],
    read: Callable[[SetSpec], list[Example]],
    drops: bool,
) -> dict[SetSpec, Seen]:
    """What every set of raw text shares with the evaluation sets; each note is logged.

    Args:
        texts: the sets of raw text, each with its files.
        scored: the study's evaluation sets.
        read: the examples of a set.
        drops: shared lines will be left out, so they make nothing transductive.
    """
    if not texts:
        return {}
    finer = any(get_task(spec.task).format == "linking" for spec in scored)
    places: dict[int, set[SetSpec]] = {}
    for spec in {spec.name: spec for spec in scored}.values():
        for key in (key for example in read(spec) for key in _keys(example)):
            places.setdefault(key, set()).add(spec)
    found = {}
    for spec, paths in texts.items():
        shared: dict[SetSpec, set[int]] = {}
        lines = read(spec)
        for position, example in enumerate(lines if drops else lines[: spec.limit]):
            for place in {place for key in _keys(example, finer) for place in places.get(key, ())}:
                shared.setdefault(place, set()).add(position)
        counts = [
            f"{len(hit)} lines of {spec.name} are texts of {place.name}"
            for place, hit in sorted(shared.items(), key=lambda item: item[0].name)
        ]
        notes = ([] if drops else counts) + named_like_evaluation(spec.name, paths)
        for note in notes:
            log.warning("transductive: %s", note)
        found[spec] = Seen(tuple(notes), frozenset[int]().union(*shared.values()))
    return found


def named_like_evaluation(name: str, paths: Iterable[Path]) -> list[str]:
    """A note for each file of the set `name` that is called like a dev or test set, or whose folder is."""
    short = [f"{path.parent.name}/{path.name}" for path in paths]
    return [f"{name} reads {file}, named like an evaluation set" for file in short if _EVALUATION.search(file.lower())]


def _keys(example: Example, finer: bool = False) -> Iterator[int]:
    """A hash of each text of an example, whatever its format; `finer`: and of each sentence of the texts."""
    if isinstance(example, EntityExample):
        example = dataclasses.replace(example, text=unmarked(example.text))
    for field in dataclasses.fields(example):
        if field.name not in _NO_TEXT:
            for text in _texts(getattr(example, field.name)):
                for part in {text, *(_SENTENCE.split(text) if finer else ())}:
                    letters = normalised(part)
                    if len(letters) >= MIN_LETTERS:
                        yield hash(letters)


def _texts(value: Any) -> Iterator[str]:
    """A text, or texts of their own (choices), or the words of one sentence."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple) and value and all(isinstance(part, str) for part in value):
        yield from (*value, " ".join(value))
