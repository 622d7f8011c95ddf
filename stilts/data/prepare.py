"""From raw files to features on disk, once: what is there and whose sources did not change is kept."""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from stilts.config import SetRef, Study
from stilts.data.leaks import LeakCheck
from stilts.data.parts import check_usable, take_part
from stilts.data.provenance import Fingerprints, digest
from stilts.data.sources import find_files, read_examples
from stilts.data.specs import SetSpec
from stilts.data.store import PreparedSet, write_set
from stilts.data.transductive import Seen, check_texts
from stilts.errors import InputError, StiltsError
from stilts.tasks import MLM, TASKS, get_task
from stilts.tasks.examples import Example

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

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
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("another `stilts prepare` works in %s: waiting for it", folder)
        lock.acquire()
    try:
        return _Preparation(study, list(dict.fromkeys(specs)), folder).run(progress, specs)
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

    def run(self, progress: bool, wanted: Sequence[SetSpec]) -> list[SetRef]:
        for leftover in self.folder.glob("*/.*.tmp"):  # of a process that was killed: the lock is ours
            shutil.rmtree(leftover, ignore_errors=True)
        reported = [spec for spec in self.specs if spec.purpose == "evaluate"]
        refs = {spec: spec.ref(self.study.model, self.study.data, reported) for spec in self.specs}
        sources = {spec: self.sources(spec) for spec in self.specs}
        scored = digest([[refs[s].folder, sources[s]] for s in self.specs if s.purpose == "evaluate"])
        facts = {spec: self.facts(spec, sources[spec], scored) for spec in self.specs}
        state = digest([[refs[s].folder, s.purpose, facts[s]] for s in self.specs])
        todo = [spec for spec in self.specs if not _is_current(self.folder / refs[spec].folder, facts[spec])]
        stamp = self.folder / CHECKED
        if not todo and stamp.is_file() and stamp.read_text() == state:
            return [refs[spec] for spec in wanted]
        hits = LeakCheck(self.study.data, self.specs, self.examples).run()
        texts = {spec: [Path(source["path"]) for source in sources[spec]] for spec in self.specs if spec.is_text}
        self._seen = check_texts(texts, reported, self.examples, self.study.data.exclude_overlap)
        if self.study.data.exclude_overlap:
            hits |= {spec: set(seen.shared) for spec, seen in self._seen.items() if seen.shared}
        todo = list({refs[s].folder: s for s in sorted(todo, key=lambda s: (s.task, s.split, s.language))}.values())
        with quiet():
            for spec in _shown(todo, progress):
                self.build(spec, self.folder / refs[spec].folder, facts[spec], hits.get(spec, set()))
        temporary = stamp.with_suffix(".tmp")
        temporary.write_text(state)
        temporary.replace(stamp)
        return [refs[spec] for spec in wanted]

    def sources(self, spec: SetSpec) -> list[dict[str, Any]]:
        try:
            return self.fingerprints.of_sources(
                find_files(get_task(spec.task), spec.split, spec.language, self.study.data)
            )
        except InputError as error:
            if spec.split != "train":
                raise
            needed = f"{_who_trains_on(self.study, spec.task)} is trained on {_name(spec)}, but {error.found}"
            raise InputError(needed, error.expected, error.change) from None

    def facts(self, spec: SetSpec, sources: list[dict[str, Any]], scored: str) -> dict[str, Any]:
        """What the manifest keeps, and what a set is compared with before it is used again."""
        compared = spec.is_text or (self.study.data.exclude_overlap and spec.learned_from)
        return {
            "spec": {**asdict(spec), "purpose": "train" if spec.purpose == "train" else "evaluate"},
            "sources": sources,
            "model": self.study.model.name,
            "tokenizer": self.fingerprints.of_tokenizer(self.study.model),
            "checked_against": scored if compared else None,
        }

    def examples(self, spec: SetSpec) -> list[Example]:
        """The examples of the spec's part, before any limit; the file read last is kept."""
        key = (spec.task, spec.split, spec.language)
        task = get_task(spec.task)
        if self._last[0] != key:
            self._last = key, read_examples(task, spec.split, spec.language, self.study.data)[0]
        part = take_part(self._last[1], spec.part)
        check_usable(task, spec, part, find_files(task, spec.split, spec.language, self.study.data))
        return part

    def build(self, spec: SetSpec, folder: Path, facts: dict[str, Any], hit: set[int]) -> None:
        """Read, drop, limit, tokenize and write one set."""
        from stilts.data.overlap import drop
        from stilts.formats import get_format

        task, every = get_task(spec.task), self.examples(spec)
        examples, articles = drop(every, hit)
        dropped = {"examples": len(every) - len(examples), "articles": articles}
        if hit:
            log.warning("%s: dropped %d articles (%d examples) that overlap evaluation data", _name(spec), articles,
                        dropped["examples"])  # fmt: skip
        examples = examples[: spec.limit]
        if not examples:
            raise InputError(f"{_name(spec)} is empty without the overlap", "examples that remain", "use other data")
        rows = get_format(task.format).features(
            task, examples, self.tokenizer, spec.max_length, training=spec.purpose == "train"
        )
        if not rows:
            raise StiltsError(f"{_name(spec)} has {len(examples)} examples but no feature row")
        manifest: dict[str, Any] = {"facts": facts, "dropped": dropped}
        if spec in self._seen:
            manifest["transductive"] = list(self._seen[spec].notes)
        write_set(folder, task.format, examples, rows, manifest)

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        from transformers import AutoTokenizer

        model = self.study.model
        try:
            tokenizer = AutoTokenizer.from_pretrained(model.name, revision=model.revision or "main")
        except (OSError, ValueError, KeyError) as error:
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise InputError(
                f"no tokenizer for model.name {model.name!r} ({first})",
                "a hub id or a folder with a tokenizer",
                "mend model.name or model.revision",
            ) from None
        longest = max(spec.max_length for spec in self.specs)
        if longest > tokenizer.model_max_length:  # a tokenizer that does not say has a very large one
            raise InputError(
                f"max_length {longest} of the study",
                f"at most {tokenizer.model_max_length} tokens, what {model.name} takes",
                "lower training.max_length or target.per_task",
            )
        return tokenizer


@contextmanager
def quiet() -> Iterator[None]:
    """Without the bars that `datasets` shows for every set it writes."""
    import datasets

    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


def _is_current(folder: Path, facts: dict[str, Any]) -> bool:
    try:
        return bool(PreparedSet(folder).manifest.get("facts") == facts)
    except (StiltsError, OSError, ValueError):
        return False


def _who_trains_on(study: Study, task: str) -> str:
    """The targets, else the recipes, that need a training set."""
    chains = {}
    for target in study.target.tasks:
        own = study.target.per_task.get(target)
        declared = TASKS[target].trains_on if target in TASKS else ()
        chains[target] = own.train if own is not None and own.train is not None else declared
    needing = [target for target, chain in chains.items() if task in chain]
    recipes = [r for r in study.intermediate if task in r.tasks or (task == MLM.name and r.mlm is not None)]
    return " and ".join(needing or [f"recipe {recipe.name}" for recipe in recipes]) or task


def _name(spec: SetSpec) -> str:
    return f"{spec.task}/{spec.split}/{spec.language}"


def _shown(specs: Sequence[SetSpec], progress: bool) -> Iterator[SetSpec] | Iterable[SetSpec]:
    """The same specs, with a bar on a terminal or a line each."""
    if not progress:
        return specs
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import track

        return track(specs, description="preparing", console=Console(stderr=True))
    return _lines(specs)


def _lines(specs: Sequence[SetSpec]) -> Iterator[SetSpec]:
    for number, spec in enumerate(specs, start=1):
        print(
            f"preparing {number}/{len(specs)}: {_name(spec)} ({spec.purpose}, {spec.part})", file=sys.stderr, flush=True
        )
        yield spec
