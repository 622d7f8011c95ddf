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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from stilts.config import SetRef, Study
from stilts.data.build import Begun, Job, begin, usable_examples, write_piece
from stilts.data.facts import StudyFacts
from stilts.data.leaks import LeakCheck
from stilts.data.shown import Shown, unlabelled_note
from stilts.data.sizes import size_note
from stilts.data.sources import read_examples
from stilts.data.specs import SetSpec
from stilts.data.store import PreparedSet, Shard, commit, temporary_of
from stilts.data.transductive import Seen, check_texts
from stilts.data.workers import Call, carry_out, warm_up, worker_count, workers
from stilts.errors import StiltsError, first_line
from stilts.files import write_text
from stilts.tasks import get_task
from stilts.tasks.examples import EntityExample, Example, TaggingExample

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
        StiltsError: a worker process died, or the system refuses to read or write (no space left).
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            return _Preparation(study, list(dict.fromkeys(specs)), folder).run(progress, specs)
    except OSError as error:
        again = "run the command again when there is room and permission"
        raise StiltsError(f"nothing can be read or written: {first_line(error)}; {again}") from None


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
    _last: tuple[Any, list[Example]] = (None, [])
    _seen: dict[SetSpec, Seen] = field(default_factory=dict)
    _labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _read: dict[Path, int | None] = field(default_factory=dict)  # a set's folder -> size of the whole split
    _unlabelled: set[Path] = field(default_factory=set)  # the folders of sets without labels

    def run(self, progress: bool, wanted: Sequence[SetSpec]) -> list[SetRef]:
        self.clear()
        try:
            refs = self.make(progress, wanted)
        finally:
            self.clear()
        found = [(spec, self._read[self.folder / ref.folder]) for spec, ref in zip(wanted, refs, strict=True)]
        bare = [ref for ref in dict.fromkeys(refs) if self.folder / ref.folder in self._unlabelled]
        for note in filter(None, (size_note(found, self.study.data), unlabelled_note(bare))):
            log.warning("%s", note)
        return refs

    def make(self, progress: bool, wanted: Sequence[SetSpec]) -> list[SetRef]:
        known = StudyFacts(self.study, self.specs)
        folders = {spec: self.folder / ref.folder for spec, ref in known.refs.items()}
        todo = [spec for spec in self.specs if not self.is_current(folders[spec], spec, known.facts[spec])]
        stamp = self.folder / CHECKED
        if not todo and stamp.is_file() and stamp.read_text() == known.state:
            return [known.refs[spec] for spec in wanted]
        todo = list({folders[s]: s for s in sorted(todo, key=lambda s: (s.task, s.split, s.language))}.values())
        count = worker_count(self.study.data.processes, sum(map(known.size, todo)))
        warm_up(count)
        hits = self.hits(known)
        gold = {spec: self.gold(spec, known.reported) for spec in todo if spec.keeps_gold}
        shown = Shown([(s.name, f"{s.purpose}, {s.part}") for s in todo], progress)
        jobs = [
            Job(
                spec, self.study.model, self.study.data, known.facts[spec]["tokenizer"], temporary_of(folders[spec]),
                frozenset(hits.get(spec, ())), self.labels(spec.task), self.may_lack_labels(spec),
                gold.get(spec, frozenset()),
            )
            for spec in sorted(todo, key=lambda spec: -known.size(spec))
        ]  # fmt: skip
        self.build(jobs, folders, known.facts, shown, count)
        write_text(stamp, known.state)
        return [known.refs[spec] for spec in wanted]

    def clear(self) -> None:
        """Remove unfinished sets, also those of a process that was killed: the lock is ours."""
        for leftover in self.folder.glob("*/.*.tmp"):
            shutil.rmtree(leftover, ignore_errors=True)
        for leftover in self.folder.glob(f".{CHECKED}.*.tmp"):
            leftover.unlink()

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

    def hits(self, known: StudyFacts) -> dict[SetSpec, set[int]]:
        """Positions of the examples to drop. Raises InputError for an overlap that is not to be dropped."""
        hits = LeakCheck(self.study.data, self.specs, self.examples).run() if known.reported else {}
        texts = {s: [Path(source["path"]) for source in known.sources[s]] for s in self.specs if s.is_text}
        self._seen = check_texts(texts, known.reported, self.examples, self.study.data.exclude_overlap)
        if self.study.data.exclude_overlap:
            hits |= {spec: set(seen.shared) for spec, seen in self._seen.items() if seen.shared}
        self._last = (None, [])
        return hits

    def gold(self, spec: SetSpec, reported: Sequence[SetSpec]) -> frozenset[str]:
        """The entities that the reported sets of a task ask for, which its candidates keep under a limit."""
        asked = [example for one in reported if one.task == spec.task for example in self.examples(one)[: one.limit]]
        return frozenset(example.entity for example in asked if isinstance(example, EntityExample))

    def examples(self, spec: SetSpec) -> list[Example]:
        """The examples of the spec's part, before any limit; the file read last is kept."""
        key = (spec.task, spec.split, spec.language, spec.translated_from)
        if self._last[0] != key:
            found, _ = read_examples(
                get_task(spec.task), spec.split, spec.language, self.study.data, translated_from=spec.translated_from
            )
            self._last = key, found
        return usable_examples(spec, self.study.data, self._last[1], self.may_lack_labels(spec))

    def build(
        self,
        jobs: Sequence[Job],
        folders: dict[SetSpec, Path],
        facts: dict[SetSpec, dict[str, Any]],
        shown: Shown,
        count: int,
    ) -> None:
        """Make the sets with `count` processes, in this order, and put each in its place once whole."""
        left = {job.spec: job for job in jobs}
        calls: list[tuple[tuple[SetSpec, int | None], Call]] = [((job.spec, None), (begin, (job,))) for job in jobs]
        begun: dict[SetSpec, Begun] = {}
        shards: dict[SetSpec, dict[int, Shard]] = {}
        with shown, workers(count) as pool:
            for (spec, number), result, waiting in carry_out(pool, count, calls):
                if number is None:
                    begun[spec], shards[spec] = result, dict(result.shards)
                    for piece in reversed(result.pieces):
                        waiting.appendleft(((spec, piece.number), (write_piece, (left[spec], piece))))
                else:
                    shards[spec][number] = result
                if len(shards[spec]) == max(1, len(begun[spec].pieces)):
                    self.finish(left.pop(spec), folders[spec], facts[spec], begun[spec], shards.pop(spec))
                    shown.done(spec.name, f"{spec.purpose}, {spec.part}", begun[spec].examples)

    def finish(self, job: Job, folder: Path, facts: dict[str, Any], begun: Begun, shards: dict[int, Shard]) -> None:
        """Put a set that is whole in its place."""
        manifest: dict[str, Any] = {"facts": facts, **begun.counts}
        self.say(job, begun)
        if job.spec in self._seen:
            manifest["transductive"] = list(self._seen[job.spec].notes)
        if job.labels:
            manifest["labels"] = job.labels
        in_order = [shards[number] for number in sorted(shards)]
        commit(job.folder, folder, get_task(job.spec.task).format, begun.examples, in_order, manifest)
        self.note(folder, begun.counts["read"], begun.counts["labelled"])

    def say(self, job: Job, begun: Begun) -> None:
        """Name what was left out of a set, or kept beyond its limit."""
        name, dropped, bare = job.spec.name, begun.counts["dropped"], begun.counts["without_text"]
        if job.hit:
            log.warning("%s: dropped %d articles (%d examples) that overlap evaluation data", name,
                        dropped["articles"], dropped["examples"])  # fmt: skip
        if bare:
            log.warning("%s: left out %d examples that lack a text", name, bare)
        if job.gold and begun.examples > (job.spec.limit or 0):
            log.warning("%s: kept all %d entities that are asked for, beyond its limit", name, begun.examples)

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
