"""From raw files to features on disk, once: what is there and whose sources did not change is kept.

One process at a time works on a feature folder (a lock); it plans, looks for leaks, hands the sets to worker processes
and puts each finished one in place by a rename. Killed at any moment, it leaves whole sets and temporary folders, which
the next call removes.
"""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from stilts.config import SetRef, Study
from stilts.data.build import Begun, Job, begin, usable_examples, write_piece
from stilts.data.leaks import LeakCheck
from stilts.data.provenance import Fingerprints, digest
from stilts.data.shown import Shown, unlabelled_note
from stilts.data.sizes import size_note
from stilts.data.sources import find_files, read_examples
from stilts.data.specs import SetSpec
from stilts.data.store import LAYOUT, PreparedSet, Shard, commit, temporary_of
from stilts.data.transductive import Seen, check_texts
from stilts.data.workers import Call, carry_out, warm_up, worker_count, workers
from stilts.errors import InputError, StiltsError
from stilts.files import write_text
from stilts.formats import VERSIONS
from stilts.tasks import MLM, TASKS, get_task, training_chain
from stilts.tasks.examples import Example, TaggingExample

log = logging.getLogger(__name__)

LOCK, CHECKED = ".prepare.lock", ".checked"


def prepare(study: Study, specs: Sequence[SetSpec], folder: Path, progress: bool = True) -> list[SetRef]:
    """Make every set of a study that is not there yet or whose sources changed.

    Args:
        study: gives the raw data, the model whose tokenizer is used, and the targets that messages name.
        specs: the sets, of all runs together: the leak check compares training and selection with evaluation sets.
        folder: the study's feature folder.
        progress: show a bar on a terminal, else a line a set, on stderr.

    Returns:
        One SetRef for each spec, in order.

    Raises:
        InputError: missing or malformed files, missing labels, an empty set, an overlap, an unknown model.
        StiltsError: a worker process died.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        return _Preparation(study, list(dict.fromkeys(specs)), folder).run(progress, specs)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the feature folder; wait for another process that has it."""
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"another `stilts prepare` works in {folder}: waiting for it", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@dataclass
class _Preparation:
    study: Study
    specs: list[SetSpec]
    folder: Path
    fingerprints: Fingerprints = field(default_factory=Fingerprints)
    _last: tuple[Any, list[Example]] = (None, [])
    _seen: dict[SetSpec, Seen] = field(default_factory=dict)
    _labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _read: dict[Path, int | None] = field(default_factory=dict)  # a set's folder -> size of the whole split
    _unlabelled: set[Path] = field(default_factory=set)  # the folders of sets without labels

    def run(self, progress: bool, wanted: Sequence[SetSpec]) -> list[SetRef]:
        refs = self.make(progress, wanted)
        found = [(spec, self._read[self.folder / ref.folder]) for spec, ref in zip(wanted, refs, strict=True)]
        bare = [ref for ref in dict.fromkeys(refs) if self.folder / ref.folder in self._unlabelled]
        for note in filter(None, (size_note(found, self.study.data), unlabelled_note(bare))):
            log.warning("%s", note)
        return refs

    def make(self, progress: bool, wanted: Sequence[SetSpec]) -> list[SetRef]:
        for leftover in self.folder.glob("*/.*.tmp"):  # of a process that was killed: the lock is ours
            shutil.rmtree(leftover, ignore_errors=True)
        for leftover in self.folder.glob(f".{CHECKED}.*.tmp"):
            leftover.unlink()
        reported = [spec for spec in self.specs if spec.purpose == "evaluate"]
        refs = {spec: spec.ref(self.study.model, self.study.data, reported) for spec in self.specs}
        sources = {spec: self.sources(spec) for spec in self.specs}
        scored = digest([[refs[s].folder, sources[s]] for s in self.specs if s.purpose == "evaluate"])
        facts = {spec: self.facts(spec, sources[spec], scored) for spec in self.specs}
        state = digest([[refs[s].folder, s.purpose, facts[s]] for s in self.specs])
        todo = [spec for spec in self.specs if not self.is_current(self.folder / refs[spec].folder, spec, facts[spec])]
        stamp = self.folder / CHECKED
        if not todo and stamp.is_file() and stamp.read_text() == state:
            return [refs[spec] for spec in wanted]
        todo = list({refs[s].folder: s for s in sorted(todo, key=lambda s: (s.task, s.split, s.language))}.values())
        count = worker_count(self.study.data.processes, sum(_size(sources[spec]) for spec in todo))
        warm_up(count)
        hits = self.hits(reported, sources)
        shown = Shown([(s.name, f"{s.purpose}, {s.part}") for s in todo], progress)
        self.build(todo, {spec: self.folder / refs[spec].folder for spec in todo}, facts, hits, shown, count)
        write_text(stamp, state)
        return [refs[spec] for spec in wanted]

    def may_lack_labels(self, spec: SetSpec) -> bool:
        """Whether a set is only predicted where it has no labels: what goes into a submission."""
        return spec.purpose == "evaluate" and self.study.evaluation.split == "test"

    def is_current(self, folder: Path, spec: SetSpec, facts: dict[str, Any]) -> bool:
        """Whether a set is there, made of these facts and labelled where it must be; its size is noted then."""
        try:
            prepared = PreparedSet(folder)
        except (StiltsError, OSError, ValueError):
            return False
        if prepared.manifest.get("facts") != facts or not (prepared.labelled or self.may_lack_labels(spec)):
            return False
        self.note(folder, prepared.manifest["read"], prepared.labelled)
        return True

    def note(self, folder: Path, read: int | None, labelled: bool) -> None:
        """Keep what is said of a set in the end."""
        self._read[folder] = read
        if not labelled:
            self._unlabelled.add(folder)

    def sources(self, spec: SetSpec) -> list[dict[str, Any]]:
        try:
            return self.fingerprints.of_sources(
                find_files(get_task(spec.task), spec.split, spec.language, self.study.data)
            )
        except InputError as error:
            if spec.split != "train":
                raise
            needed = f"{_who_trains_on(self.study, spec.task)} is trained on {spec.name}, but {error.found}"
            raise InputError(needed, error.expected, error.change) from None

    def facts(self, spec: SetSpec, sources: list[dict[str, Any]], scored: str) -> dict[str, Any]:
        """What the manifest keeps, and what a set is compared with before it is used again."""
        training = replace(spec, split="train") if get_task(spec.task).learns_labels else None
        compared = spec.is_text or (self.study.data.exclude_overlap and spec.learned_from)
        return {
            "spec": {**asdict(spec), "purpose": "train" if spec.purpose == "train" else "evaluate"},
            "sources": sources,
            "model": self.study.model.name,
            "tokenizer": self.fingerprints.of_tokenizer(self.study.model),
            "layout": LAYOUT,
            "format_version": VERSIONS[get_task(spec.task).format],
            "checked_against": scored if compared else None,
            "labels_from": self.sources(training) if training else None,
        }

    def hits(
        self, reported: Sequence[SetSpec], sources: dict[SetSpec, list[dict[str, Any]]]
    ) -> dict[SetSpec, set[int]]:
        """Positions of the examples to drop. Raises InputError for an overlap that is not to be dropped."""
        hits = LeakCheck(self.study.data, self.specs, self.examples).run() if reported else {}
        texts = {spec: [Path(source["path"]) for source in sources[spec]] for spec in self.specs if spec.is_text}
        self._seen = check_texts(texts, reported, self.examples, self.study.data.exclude_overlap)
        if self.study.data.exclude_overlap:
            hits |= {spec: set(seen.shared) for spec, seen in self._seen.items() if seen.shared}
        self._last = (None, [])
        return hits

    def examples(self, spec: SetSpec) -> list[Example]:
        """The examples of the spec's part, before any limit; the file read last is kept."""
        key = (spec.task, spec.split, spec.language)
        if self._last[0] != key:
            self._last = key, read_examples(get_task(spec.task), spec.split, spec.language, self.study.data)[0]
        return usable_examples(spec, self.study.data, self._last[1], self.may_lack_labels(spec))

    def build(
        self,
        todo: Sequence[SetSpec],
        folders: dict[SetSpec, Path],
        facts: dict[SetSpec, dict[str, Any]],
        hits: dict[SetSpec, set[int]],
        shown: Shown,
        count: int,
    ) -> None:
        """Make the sets with `count` processes, those with most data first, and put each in its place once whole."""
        calls: list[tuple[tuple[SetSpec, int | None], Call]] = []
        jobs, begun = {}, {}
        for spec in sorted(todo, key=lambda spec: -_size(facts[spec]["sources"])):
            temporary = temporary_of(folders[spec])
            jobs[spec] = Job(
                spec, self.study.model, self.study.data, facts[spec]["tokenizer"], temporary,
                frozenset(hits.get(spec, ())), self.labels(spec.task), self.may_lack_labels(spec),
            )  # fmt: skip
            calls.append(((spec, None), (begin, (jobs[spec],))))
        shards: dict[SetSpec, dict[int, Shard]] = {}
        with shown, workers(count) as pool:
            for (spec, number), result, waiting in carry_out(pool, count, calls):
                if number is None:
                    begun[spec], shards[spec] = result, dict(result.shards)
                    for piece in reversed(result.pieces):
                        waiting.appendleft(((spec, piece.number), (write_piece, (jobs[spec], piece))))
                else:
                    shards[spec][number] = result
                if len(shards[spec]) == max(1, len(begun[spec].pieces)):
                    self.finish(jobs.pop(spec), folders[spec], facts[spec], begun[spec], shards.pop(spec))
                    shown.done(spec.name, f"{spec.purpose}, {spec.part}", begun[spec].examples)

    def finish(self, job: Job, folder: Path, facts: dict[str, Any], begun: Begun, shards: dict[int, Shard]) -> None:
        """Put a set that is whole in its place."""
        manifest: dict[str, Any] = {
            "facts": facts, "dropped": begun.dropped, "read": begun.read, "labelled": begun.labelled,
        }  # fmt: skip
        if job.hit:
            log.warning("%s: dropped %d articles (%d examples) that overlap evaluation data", job.spec.name,
                        begun.dropped["articles"], begun.dropped["examples"])  # fmt: skip
        if job.spec in self._seen:
            manifest["transductive"] = list(self._seen[job.spec].notes)
        if job.labels:
            manifest["labels"] = job.labels
        in_order = [shards[number] for number in sorted(shards)]
        commit(job.folder, folder, get_task(job.spec.task).format, begun.examples, in_order, manifest)
        self.note(folder, begun.read, begun.labelled)

    def labels(self, name: str) -> tuple[str, ...]:
        """The labels of a task that learns them: every tag of the whole training split, sorted."""
        task = get_task(name)
        if not task.learns_labels:
            return ()
        if name not in self._labels:
            examples, _ = read_examples(task, "train", "en", self.study.data)
            tags = {tag for example in examples if isinstance(example, TaggingExample) for tag in example.tags or ()}
            self._labels[name] = tuple(sorted(tags))
        return self._labels[name]


def _size(sources: Sequence[dict[str, Any]]) -> int:
    """Bytes of raw data."""
    return sum(source["size"] for source in sources)


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
