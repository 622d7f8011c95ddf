"""Runs the leak check over the sets of a study, in one pass over each file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stilts.config import DataSettings
from stilts.data.overlap import EvaluationKeys, Overlap, SetName, refuse
from stilts.data.sources import is_official, read_examples
from stilts.data.specs import SetSpec
from stilts.errors import InputError
from stilts.tasks import get_task
from stilts.tasks.base import Task
from stilts.tasks.examples import Example

log = logging.getLogger(__name__)


def english_parallels(reported: Sequence[SetSpec]) -> list[tuple[str, str]]:
    """(task, split) of the parallel evaluation sets that are not scored in English: it stands for their languages."""
    languages: dict[tuple[str, str], set[str]] = {}
    for spec in reported:
        languages.setdefault((spec.task, spec.split), set()).add(spec.language)
    return sorted(key for key, codes in languages.items() if get_task(key[0]).parallel and "en" not in codes)


@dataclass
class LeakCheck:
    """Compares what a study trains and chooses on with what it scores.

    Args:
        data: the study's data settings.
        specs: all sets of the study.
        read: gives the examples of a spec's part, without its limit: sets are compared whole, so that a study with
            limits (a first try) is refused like the same study without.
    """

    data: DataSettings
    specs: list[SetSpec]
    read: Callable[[SetSpec], list[Example]]

    def run(self) -> dict[SetSpec, set[int]]:
        """Positions (in `read(spec)`) of the examples to drop.

        Raises InputError with all overlaps, unless data.exclude_overlap is set.
        """
        scored = self._scored()
        overlaps: list[Overlap] = []
        hits: dict[SetSpec, set[int]] = {}
        others = [spec for spec in self.specs if spec.learned_from]
        for spec in sorted(others, key=lambda s: (s.task, s.split, s.language)):
            found, hit = scored.check(self._name(spec), self.read(spec))
            overlaps += found
            if hit and not self._is_scored(spec):
                hits[spec] = hit
        if not self.data.exclude_overlap:
            refuse(overlaps)
            hits = {}
        for overlap in dict.fromkeys(map(str, overlaps)):
            log.warning("%s", overlap)
        return hits

    def _scored(self) -> EvaluationKeys:
        keys = EvaluationKeys()
        specs = {(s.task, s.split, s.language): s for s in self.specs if s.purpose == "evaluate"}
        for _, spec in sorted(specs.items()):
            keys.add(self._name(spec), self.read(spec))
        for name, split in english_parallels(list(specs.values())):
            keys_of_english = self._english(get_task(name), split)
            if keys_of_english is not None:
                keys.add(*keys_of_english)
        return keys

    def _english(self, task: Task, split: str) -> tuple[SetName, list[Example]] | None:
        """The English parallel of an evaluation set that is not scored in English, where its file exists."""
        try:
            examples, _ = read_examples(task, split, "en", self.data)
        except InputError:
            return None
        official = is_official(task, split, "en", self.data)
        return SetName(task, split, "en", "evaluate", official, " (English parallel)"), examples

    def _name(self, spec: SetSpec) -> SetName:
        task = get_task(spec.task)
        official = is_official(task, spec.split, spec.language, self.data)
        return SetName(task, spec.split, spec.language, spec.purpose, official)

    def _is_scored(self, spec: SetSpec) -> bool:
        return any(
            (s.task, s.split, s.language, s.part) == (spec.task, spec.split, spec.language, spec.part)
            for s in self.specs
            if s.purpose == "evaluate"
        )
