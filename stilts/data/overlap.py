"""The leak check: no training or selection example may recur in an evaluation set.

What counts as the same, after `normalised` (case, punctuation and spaces do not matter):

- ids, between tasks of one `Task.id_space` only (SQuAD and XQuAD), where they are unique;
- contexts of at least 8 words;
- questions of at least 8 words with the same answer. Questions alone do not tell: SQuAD dev (12 articles) and TyDiQA
  train (1,500 questions) share "who is the mayor of san francisco", about other mayors;
- first texts of multiple choice with one equal choice, together of at least 8 words. None recurs between the slices of
  HellaSwag, CosmosQA, CommonsenseQA, SocialIQA and XCOPA that were compared;
- pairs of at least 5 words, in either order. Single hypotheses recur by chance (16 between 3,000 and 1,000 rows of
  SNLI dev and test, such as "the grass was green"), whole pairs did not in any two sets that were compared;
- tagged sentences, and sentences with a marked mention, of at least 8 words. Shorter ones recur (UD English-EWT train
  and test: "Mike").

Two official splits of one data set may share some examples, which every published number carries: 4 of 152 contexts
of TyDiQA's Swahili dev are in train, one of 150 sentences of UD German-GSD dev is in test. Up to 10 % of the evaluation
set is therefore named in the log but does not stop a study, unless `data.files` replaces one of the two files. Between
different tasks a single one stops it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from stilts.errors import InputError
from stilts.tasks.base import Task
from stilts.tasks.examples import ChoiceExample, EntityExample, Example, PairExample, SpanExample, TaggingExample

MIN_WORDS, MIN_PAIR_WORDS = 8, 5
MIN_LETTERS = 24  # in scripts without spaces
TOLERATED_SHARE = 0.10
SHOWN = 12  # pairs of sets in the message

_NOT_LETTERS = re.compile(r"[\W_]+")
_NO_SPACES = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_REPEATED = re.compile(r"#\d+$")  # what the readers add to an id that is not unique

Key = tuple[str, int, tuple[int, ...], str]
"""(kind, what is counted, hashes that are looked up, text for the message)"""


@dataclass(frozen=True)
class SetName:
    """Which set is checked. `official`: its file comes from `data.root`, not from `data.files`."""

    task: Task
    split: str
    language: str
    purpose: str
    official: bool
    note: str = ""

    def __str__(self) -> str:
        return f"{self.task.name}/{self.split}/{self.language}{self.note}"


@dataclass(frozen=True)
class Overlap:
    """What one training or selection set shares with one evaluation set.

    Attributes:
        counts: kind (ids, contexts, questions, pairs, sentences) -> number shared.
        share: the largest count, as a share of the evaluation set's contexts or of its examples, 0-1.
        tolerated: few repeats between official splits of one data set.
        example: one shared text.
    """

    trained: SetName
    scored: SetName
    counts: dict[str, int]
    share: float
    tolerated: bool
    example: str

    def __str__(self) -> str:
        counts = ", ".join(f"{n} {kind}" for kind, n in self.counts.items())
        return f"{self.trained} and {self.scored} share {counts} (such as {self.example[:60]!r})"


@dataclass
class EvaluationKeys:
    """Hashes of all evaluation sets of a study; each set is added once and its examples need not be kept."""

    names: list[SetName] = field(default_factory=list)
    sizes: list[dict[str, int]] = field(default_factory=list)
    _places: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def add(self, name: SetName, examples: Iterable[Example]) -> None:
        """Take in one evaluation set."""
        number = len(self.names)
        counted: set[tuple[str, int]] = set()
        total = 0
        for total, example in enumerate(examples, start=1):  # noqa: B007
            for kind, item, probes, _ in keys(name.task, example):
                counted.add((kind, item))
                for probe in probes:
                    places = self._places.get(probe, ())
                    if number not in places:
                        self._places[probe] = (*places, number)
        self.names.append(name)
        contexts = sum(kind == "contexts" for kind, _ in counted)
        self.sizes.append({"contexts": contexts, "examples": total})

    def check(self, name: SetName, examples: Sequence[Example]) -> tuple[list[Overlap], set[int]]:
        """What a training or selection set shares with each evaluation set, and the positions of shared examples."""
        shared: dict[int, dict[str, set[int]]] = {}
        texts: dict[int, str] = {}
        hit = set()
        for position, example in enumerate(examples):
            for kind, counted, probes, text in keys(name.task, example):
                for number in {n for probe in probes for n in self._places.get(probe, ())}:
                    if self._exempt(name, self.names[number]):
                        continue
                    shared.setdefault(number, {}).setdefault(kind, set()).add(counted)
                    texts.setdefault(number, text)
                    hit.add(position)
        return [self._overlap(name, n, shared[n], texts[n]) for n in sorted(shared)], hit

    def _overlap(self, name: SetName, number: int, shared: dict[str, set[int]], text: str) -> Overlap:
        scored, size = self.names[number], self.sizes[number]
        counts = {kind: len(found) for kind, found in shared.items()}
        share = max(n / size["contexts" if kind == "contexts" else "examples"] for kind, n in counts.items())
        official = name.task == scored.task and name.split != scored.split and name.official and scored.official
        return Overlap(name, scored, counts, share, official and share <= TOLERATED_SHARE, text)

    @staticmethod
    def _exempt(name: SetName, scored: SetName) -> bool:
        # A set that is chosen on and reported is marked in the score rows instead.
        return name.purpose == "select" and (name.task.name, name.split) == (scored.task.name, scored.split)


def refuse(overlaps: Sequence[Overlap]) -> None:
    """Raise InputError with the counts of every pair of sets, unless all overlaps are tolerated."""
    leaks = [overlap for overlap in overlaps if not overlap.tolerated]
    if leaks:
        more = f"; and {len(leaks) - SHOWN} more" if len(leaks) > SHOWN else ""
        raise InputError(
            f"training or selection data overlap evaluation data: {'; '.join(map(str, leaks[:SHOWN]))}{more}",
            "no example of an evaluation set in training or selection",
            "use other training data, leave the target out, or set data.exclude_overlap: true to drop the articles",
        )


def drop(examples: Sequence[Example], hit: set[int]) -> tuple[list[Example], int]:
    """The examples without the whole articles of the shared ones, and the number of articles dropped."""
    articles = {unit(examples[position], position) for position in hit}
    kept = [example for position, example in enumerate(examples) if unit(example, position) not in articles]
    return kept, len(articles)


def unit(example: Example, position: int) -> str | int:
    """What is dropped together: a span's article (its context where there is no title), else the example itself."""
    return example.article or example.context if isinstance(example, SpanExample) else position


def keys(task: Task, example: Example) -> Iterator[Key]:
    """Everything of an example that must not recur; equal things of equal formats have equal hashes."""
    if isinstance(example, SpanExample):
        yield from _span_keys(task, example)
    elif isinstance(example, ChoiceExample):
        yield from _choice_keys(example)
    elif isinstance(example, PairExample):
        if len(example.text_a.split()) + len(example.text_b.split()) >= MIN_PAIR_WORDS or _long(example.text_a):
            text = " / ".join(sorted((normalised(example.text_a), normalised(example.text_b))))
            yield _key("pairs", text, f"{example.text_a} / {example.text_b}")
    elif isinstance(example, TaggingExample) and len(example.words) >= MIN_WORDS:
        sentence = " ".join(example.words)
        yield _key("sentences", normalised(sentence), sentence)
    elif isinstance(example, EntityExample) and _long(example.text):
        yield _key("sentences", normalised(example.text), example.text)


def _span_keys(task: Task, example: SpanExample) -> Iterator[Key]:
    if task.id_space is not None and not _REPEATED.search(example.id):
        yield _key("ids", f"{task.id_space} {example.id}", example.id)
    if _long(example.context):
        yield _key("contexts", normalised(example.context), example.context)
    if _long(example.question):
        question = normalised(example.question)
        answers = [text for text, _ in example.answers or ()]
        wanted = {f"{question} / {normalised(answer)}" for answer in answers} or {f"{question} / "}
        probes = tuple(hash(("questions", text)) for text in wanted)
        yield "questions", hash(("questions", question)), probes, example.question


def _choice_keys(example: ChoiceExample) -> Iterator[Key]:
    text = normalised(example.text)
    wanted = {f"{text} / {normalised(choice)}" for choice in example.choices if _long(f"{example.text} {choice}")}
    if wanted:
        probes = tuple(hash(("questions", pair)) for pair in wanted)
        yield "questions", hash(("questions", text)), probes, example.text


def _key(kind: str, text: str, shown: str) -> Key:
    number = hash((kind, text))
    return kind, number, (number,), shown


def normalised(text: str) -> str:
    """Letters and digits only, in one case and one Unicode form (NFKC)."""
    return _NOT_LETTERS.sub("", unicodedata.normalize("NFKC", text).casefold())


def _long(text: str) -> bool:
    return len(text.split()) >= MIN_WORDS or (len(text) >= MIN_LETTERS and _NO_SPACES.search(text) is not None)
