"""What the sets of a study are made of: a set whose facts have not changed is used again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from stilts.config import Study
from stilts.data.leaks import english_parallels
from stilts.data.provenance import Fingerprints, digest
from stilts.data.sources import find_files
from stilts.data.specs import SetSpec
from stilts.data.store import LAYOUT
from stilts.data.translators import translator_of
from stilts.errors import InputError
from stilts.formats import VERSIONS
from stilts.tasks import MLM, TASKS, get_task, training_chain

Source = dict[str, Any]
"""Path, size and SHA-256 of a raw file."""


class StudyFacts:
    """The facts of all sets of a study.

    Raises InputError for a file that is not there, and names who is trained on it.

    Attributes:
        reported: the evaluation sets.
        refs: set -> where it lies.
        sources: set -> its raw files.
        facts: set -> what its manifest keeps.
        state: a hash of all, with the files that only the leak check reads.
    """

    def __init__(self, study: Study, specs: Sequence[SetSpec]) -> None:
        self.study, self.fingerprints = study, Fingerprints()
        self.reported = [spec for spec in specs if spec.purpose == "evaluate"]
        self.refs = {spec: spec.ref(study.model, study.data, self.reported) for spec in specs}
        self.sources = {spec: self._sources(spec) for spec in specs}
        parallels = [self._parallel(task, split) for task, split in english_parallels(self.reported)]
        self._scored = digest([self._places(self.reported), parallels])
        self.facts = {spec: self._facts(spec) for spec in specs}
        places = [[self.refs[spec].folder, spec.purpose, self.facts[spec]] for spec in specs]
        self.state = digest([places, self._scored])

    def size(self, spec: SetSpec) -> int:
        """Bytes of a set's raw data."""
        return sum(source["size"] for source in self.sources[spec])

    def _places(self, specs: Sequence[SetSpec]) -> list[Any]:
        return [[self.refs[spec].folder, self.sources[spec]] for spec in specs]

    def _sources(self, spec: SetSpec) -> list[Source]:
        try:
            return self._files(spec.task, spec.split, spec.language, spec.translated_from)
        except InputError as error:
            if spec.split != "train":
                raise
            needed = f"{_who_trains_on(self.study, spec.task)} is trained on {spec.name}, but {error.found}"
            raise InputError(needed, error.expected, error.change) from None

    def _parallel(self, task: str, split: str) -> list[Source] | None:
        """The English file of a parallel set that is not scored in English, where there is one."""
        try:
            return self._files(task, split, "en")
        except InputError:
            return None

    def _files(self, task: str, split: str, language: str, translated_from: str | None = None) -> list[Source]:
        paths = find_files(get_task(task), split, language, self.study.data, translated_from=translated_from)
        return self.fingerprints.of_sources(paths)

    def _facts(self, spec: SetSpec) -> dict[str, Any]:
        task = get_task(spec.task)
        compared = spec.is_text or (self.study.data.exclude_overlap and spec.learned_from)
        facts = {
            "spec": spec.facts,
            "sources": self.sources[spec],
            "model": self.study.model.name,
            "tokenizer": self.fingerprints.of_tokenizer(self.study.model),
            "layout": LAYOUT,
            "format_version": VERSIONS[task.format],
            "checked_against": self._scored if compared else None,
            "labels_from": self._sources(replace(spec, split="train")) if task.learns_labels else None,
        }
        if spec.translated_from:
            facts["translated_by"] = self._translators(spec)
        if spec.noise and spec.noise.dictionary:
            facts["dictionary"] = self._dictionary(Path(spec.noise.dictionary))
        if spec.keeps_gold:
            facts["searched_by"] = digest(self._places([one for one in self.reported if one.task == spec.task]))
        return facts

    def _translators(self, spec: SetSpec) -> list[Any]:
        """What `stilts translate` says of each of a set's files: model, revision, settings; null of others' files."""
        return [translator_of(Path(source["path"])) for source in self.sources[spec]]

    def _dictionary(self, path: Path) -> Source:
        if not path.is_file():
            raise InputError(f"no dictionary at {path}", "a file in MUSE's format", "mend evaluation.conditions")
        return self.fingerprints.of_file(path)


def _who_trains_on(study: Study, task: str) -> str:
    """The targets, else the recipes, that need a training set."""
    chains = {}
    for target in study.target.tasks:
        own = study.target.per_task.get(target)
        declared = training_chain(study.training.preset, TASKS[target])
        chains[target] = own.train if own is not None and own.train is not None else declared
    needing = [target for target, chain in chains.items() if task in chain]
    recipes = [r for r in study.intermediate if task in r.tasks or (task == MLM.name and r.mlm is not None)]
    return " and ".join(needing or [f"recipe {recipe.name}" for recipe in recipes]) or task
