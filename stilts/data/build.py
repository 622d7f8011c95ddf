"""Makes one prepared set, a step at a time, in any process: read its examples, then write its shards of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stilts.config import DataSettings, ModelSettings
from stilts.data.noise.sets import made_noisy, refuse_unchanged
from stilts.data.overlap import drop
from stilts.data.parts import check_pairs, check_usable, has_label, limited, take_part, take_turn, trainable
from stilts.data.sizes import size_of
from stilts.data.sources import find_files, read_examples
from stilts.data.specs import SetSpec
from stilts.data.store import EXAMPLES, Shard, load_examples, save_examples, write_shard
from stilts.errors import InputError, StiltsError, first_line
from stilts.formats.base import Feature
from stilts.tasks import get_task
from stilts.tasks.base import Task
from stilts.tasks.examples import Example

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SHARD = 16384
"""Examples in one file of rows, and the work that one process takes at a time."""
BATCH = 2048
"""Examples whose rows are in memory at once: 100 to 200 MB of span windows."""


@dataclass(frozen=True)
class Job:
    """One set to be made.

    Attributes:
        spec, model, data: what it is made of.
        tokenizer: the hash that tells the model's tokenizer from another one of the same name.
        folder: the temporary folder to make it in.
        hit: positions of examples that overlap evaluation data, to be dropped with their articles.
        labels: those of a task that learns them; empty where it declares them.
        may_lack_labels: the set may be one that is only predicted.
        gold: entities that candidates keep under a limit.
    """

    spec: SetSpec
    model: ModelSettings
    data: DataSettings
    tokenizer: str
    folder: Path
    hit: frozenset[int] = frozenset()
    labels: tuple[str, ...] = ()
    may_lack_labels: bool = False
    gold: frozenset[str] = frozenset()

    @property
    def task(self) -> Task:
        """The declared task, with the labels that were learned."""
        task = get_task(self.spec.task)
        return replace(task, labels=self.labels) if self.labels else task


@dataclass(frozen=True)
class Piece:
    """A shard that is to be written: its number, its first example and byte in the file of examples, its examples."""

    number: int
    first: int
    start: int
    count: int


@dataclass(frozen=True)
class Begun:
    """A set whose examples are written.

    Attributes:
        examples: how many the set holds.
        counts: for the manifest: `read`, the size of the whole split (`size_of`); `labelled`, whether there are labels;
            `dropped`, how many examples and articles were left out for their overlap; `without_text`, how many because
            they lack a text (`trainable`); `noise`, what was done to noisy inputs (`made_noisy`).
        pieces: the shards to write; empty where the set is small and its only shard is in `shards`.
    """

    examples: int
    counts: dict[str, Any]
    pieces: tuple[Piece, ...] = ()
    shards: dict[int, Shard] = field(default_factory=dict)


def begin(job: Job) -> Begun:
    """Read, drop, limit and write the examples of a set; a small set's rows as well.

    Raises InputError for anything wrong in its files, for missing labels and for a set that is empty.
    """
    from stilts.formats import get_format

    spec, task = job.spec, job.task
    found = read_examples(task, spec.split, spec.language, job.data, translated_from=spec.translated_from)[0]
    every = usable_examples(spec, job.data, found, job.may_lack_labels)
    examples, articles = drop(every, set(job.hit))
    counts: dict[str, Any] = {
        "read": size_of(found),
        "labelled": has_label(every[0]),
        "dropped": {"examples": len(every) - len(examples), "articles": articles},
        "without_text": len(take_part(found, spec.part)) - len(every),
    }
    examples = take_turn(limited(examples, spec.limit, job.gold), spec.turn)
    if not examples:
        raise InputError(f"{spec.name} is empty without the overlap", "examples that remain", "use other data")
    check_pairs(spec, examples)
    if spec.noise:
        tokenizer = load_tokenizer(job.model, job.tokenizer, spec.max_length)
        examples, done = made_noisy(examples, spec.noise, spec.language, tokenizer)
        refuse_unchanged(spec, done, job.model.name)
        counts["noise"] = done
    whole = get_format(task.format).whole and spec.purpose != "train"
    size, batch = (len(examples), len(examples)) if whole else (SHARD, BATCH)
    starts = save_examples(job.folder / EXAMPLES, examples, size)
    if len(starts) == 1:
        return Begun(len(examples), counts, shards={0: _write(job, 0, examples, batch)})
    firsts = range(0, len(examples), size)
    pieces = tuple(
        Piece(number, first, start, min(size, len(examples) - first))
        for number, (first, start) in enumerate(zip(firsts, starts, strict=True))
    )
    return Begun(len(examples), counts, pieces)


def write_piece(job: Job, piece: Piece) -> Shard:
    """Write one shard of a long set from its examples."""
    examples = load_examples(job.folder / EXAMPLES, get_task(job.spec.task).format, piece.start, piece.count)
    return _write(job, piece.number, examples, BATCH, piece.first)


def usable_examples(
    spec: SetSpec, data: DataSettings, found: Sequence[Example], may_lack_labels: bool = False
) -> list[Example]:
    """Those examples of the whole split that are of the spec's part, before any limit."""
    task = get_task(spec.task)
    part = trainable(task, take_part(found, spec.part), spec.purpose)
    paths = find_files(task, spec.split, spec.language, data, translated_from=spec.translated_from)
    check_usable(task, spec, part, paths, may_lack_labels)
    return part


def _write(job: Job, number: int, examples: Sequence[Example], batch: int, first: int = 0) -> Shard:
    return write_shard(job.folder, number, _batches(job, examples, batch, first))


def _batches(job: Job, examples: Sequence[Any], batch: int, first: int) -> Iterator[list[Feature]]:
    from stilts.formats import get_format

    spec, task = job.spec, job.task
    form, found = get_format(task.format), False
    tokenizer = load_tokenizer(job.model, job.tokenizer, spec.max_length)
    for start in range(0, len(examples), batch):
        part = examples[start : start + batch]
        rows = form.features(task, part, tokenizer, spec.max_length, training=spec.purpose == "train")
        for row in rows:
            row["example"] += first + start
        if rows:
            found = True
            yield rows
    if not found:
        raise StiltsError(f"{spec.name} has {len(examples)} examples but no feature row")


def load_tokenizer(model: ModelSettings, version: str, max_length: int) -> PreTrainedTokenizerBase:
    """The model's tokenizer. Raises InputError where there is none, or where the model takes no rows this long."""
    tokenizer = _tokenizer(model.name, model.revision, version)
    if max_length > tokenizer.model_max_length:  # a tokenizer that does not say has a very large one
        raise InputError(
            f"max_length {max_length} of the study",
            f"at most {tokenizer.model_max_length} tokens, what {model.name} takes",
            "lower training.max_length or target.per_task",
        )
    return tokenizer


@lru_cache(maxsize=1)
def _tokenizer(name: str, revision: str | None, version: str) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(name, revision=revision or "main")
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"no tokenizer for model.name {name!r} ({first_line(error)})",
            "a hub id or a folder with a tokenizer",
            "mend model.name or model.revision",
        ) from None
