"""Files of lines: a label, a tag or a pair of ids each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from stilts.data.rawfile import filled_lines, lines, malformed
from stilts.errors import InputError
from stilts.metrics.accuracy import accuracy, f1
from stilts.metrics.seqeval import entity_f1
from stilts.submission.base import Form, Row, Scored, nothing_in, prediction_of
from stilts.tasks.languages import is_invented

Line = tuple[int, str]  # row from 1, text


@dataclass(frozen=True)
class LabelLines(Form):
    """One of `labels` a line, in the order of the examples."""

    labels: tuple[str, ...]
    suffix: ClassVar[str] = "tsv"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy",)

    def read(self, path: Path) -> list[Line]:
        """Every label with its row."""
        found = [(row, text.strip()) for row, text in filled_lines(path)]
        if not found:
            raise nothing_in(path)
        for row, label in found:
            if not self.allowed(label):
                raise malformed(path, row, f"{label!r:.60} is no label of the task", self.expected, "mend the row")
        return found

    def allowed(self, label: str) -> bool:
        """Whether a line may hold this."""
        return label in self.labels

    @property
    def expected(self) -> str:
        """What a line may hold, in words."""
        return f"one of {', '.join(self.labels)}"

    def score(self, given: Path, gold: Path, language: str) -> Scored:
        """Accuracy."""
        answers, right = self.read(given), self.read(gold)
        same_number(given, len(answers), gold, len(right), "rows")
        return Scored({"accuracy": accuracy([text for _, text in right], [text for _, text in answers])}, len(right))

    def text(self, rows: Sequence[Row]) -> str:
        """The labels in order."""
        found = [prediction_of(rows, number, str) for number in range(len(rows))]
        for number, label in enumerate(found, start=1):
            if not self.allowed(label):
                raise InputError(f"row {number} predicts {label!r:.60}", self.expected, "run it again")
        return "".join(f"{label}\n" for label in found)


@dataclass(frozen=True)
class IndexLines(LabelLines):
    """Tatoeba: line k is for the k-th English sentence in alphabetical order, the number (from 0) of its translation.

    XTREME sorts the English side to hide the answers and leaves the other one as it is (tatoeba_preprocess in
    utils_preprocess.py at 0918248), and searches the other side for each English sentence (utils_retrieve.py).
    """

    labels: tuple[str, ...] = ()

    def allowed(self, label: str) -> bool:
        """Whole numbers from 0."""
        return re.fullmatch(r"0|[1-9][0-9]*", label) is not None

    @property
    def expected(self) -> str:
        """What a line may hold, in words."""
        return "the number of a sentence, from 0"

    def odd(self, predictions: Sequence[Line], language: str, size: int | None) -> Iterator[str]:
        """Numbers that no sentence has."""
        for row, text in predictions:
            if size is not None and int(text) >= size:
                yield f"row {row}: {text} is not below {size}, the number of sentences"

    def text(self, rows: Sequence[Row]) -> str:
        """The numbers, sorted by `place`: where XTREME's sorted English side has the example's English sentence."""
        found: dict[int, int] = {}
        for number, row in enumerate(rows):
            if not isinstance(row.get("place"), int):
                raise InputError(
                    f"row {number + 1} has no place among the English sentences in alphabetical order",
                    "a search for the translation of each English sentence",
                    "set target.per_task.tatoeba.retrieval.query_side: english",
                )
            found[row["place"]] = prediction_of(rows, number, int)
        assert sorted(found) == list(range(len(rows)))
        return "".join(f"{found[place]}\n" for place in range(len(rows)))


@dataclass(frozen=True)
class Sentence:
    """The tags of one sentence and the row of the first."""

    row: int
    tags: tuple[str, ...]


@dataclass(frozen=True)
class TagLines(Form):
    """One of `labels` a line, and a blank line between sentences."""

    labels: tuple[str, ...]
    suffix: ClassVar[str] = "tsv"
    metrics: ClassVar[tuple[str, ...]] = ("f1",)

    def read(self, path: Path) -> list[Sentence]:
        """The sentences. A blank line more than needed is one of no words, but for those at the end of the file."""
        sentences = _sentences(path)
        for sentence in sentences:
            for row, tag in enumerate(sentence.tags, start=sentence.row):
                if tag not in self.labels:
                    expected = f"one of {', '.join(self.labels)}"
                    raise malformed(path, row, f"{tag!r:.60} is no tag of the task", expected, "mend the row")
        return sentences

    def score(self, given: Path, gold: Path, language: str) -> Scored:
        """F1 over the spans of equal tags, as seqeval 0.0.12 counts them."""
        answers, right = self.read(given), _sentences(gold)
        same_number(given, len(answers), gold, len(right), "sentences")
        for number, (answer, wanted) in enumerate(zip(answers, right, strict=True), start=1):
            if len(answer.tags) != len(wanted.tags):
                found = f"sentence {number} has {len(answer.tags)} tags"
                raise malformed(given, answer.row, found, f"{len(wanted.tags)}, as row {wanted.row} of {gold} begins",
                                "write a tag for every word")  # fmt: skip
        score = entity_f1([sentence.tags for sentence in right], [sentence.tags for sentence in answers])
        return Scored({"f1": score}, len(right))

    def text(self, rows: Sequence[Row]) -> str:
        """The tags of each sentence, a blank line between two."""
        sentences = [prediction_of(rows, number, list) for number in range(len(rows))]
        for number, tags in enumerate(sentences, start=1):
            if not tags or not set(tags) <= set(self.labels):
                raise InputError(f"row {number} predicts {tags!r:.60}", "a tag for every word", "run it again")
        return "\n".join("".join(f"{tag}\n" for tag in tags) for tags in sentences)


@dataclass(frozen=True)
class PairLines(Form):
    """BUCC: the ids of a sentence and of its English translation, separated by a tab, for every pair that was found."""

    suffix: ClassVar[str] = "tsv"
    metrics: ClassVar[tuple[str, ...]] = ("f1",)
    sized: ClassVar[bool] = False

    def read(self, path: Path) -> list[tuple[int, tuple[str, str]]]:
        """Every pair with its row; a file may be empty."""
        found = []
        for row, text in filled_lines(path):
            ids = tuple(field.strip() for field in text.split("\t"))
            if len(ids) != 2 or not all(ids):
                raise malformed(path, row, f"{text!r:.60} are no two ids", "an id, a tab and an id", "mend the row")
            found.append((row, (ids[0], ids[1])))
        return found

    def score(self, given: Path, gold: Path, language: str) -> Scored:
        """F1 over the sets of pairs."""
        right = {pair for _, pair in self.read(gold)}
        found = {pair for _, pair in self.read(given)}
        if not right:
            raise nothing_in(gold)
        return Scored({"f1": f1(len(right & found), len(found), len(right))}, len(right))

    def odd(self, predictions: Sequence[tuple[int, tuple[str, str]]], language: str, size: int | None) -> Iterator[str]:
        """Repeated pairs, and ids that are not of the language and of English."""
        seen: dict[tuple[str, str], int] = {}
        for row, pair in predictions:
            if seen.setdefault(pair, row) != row:
                yield f"row {row} repeats row {seen[pair]}"
            for name, code in zip(pair, (language, "en"), strict=True):
                if not is_invented(language) and not name.startswith(f"{code}-"):
                    yield f"row {row}: {name!r:.60} is no id of BUCC's {code} sentences ({code}-...)"

    def text(self, rows: Sequence[Row]) -> str:
        """The pairs: a row's id and its prediction, where there is one."""
        kept = [number for number, row in enumerate(rows) if row.get("prediction") is not None]
        return "".join(f"{rows[number]['id']}\t{prediction_of(rows, number, str)}\n" for number in kept)


def same_number(given: Path, answers: int, gold: Path, right: int, what: str) -> None:
    """Raise InputError if there are more or fewer predictions than labels."""
    if answers != right:
        raise InputError(f"{given} has {answers} {what}", f"{right}, as {gold} has", "predict every example once")


def _sentences(path: Path) -> list[Sentence]:
    found: list[Sentence] = []
    tags: list[str] = []
    start = 1
    for row, text in lines(path):
        tag = text.strip()
        if len(tag.split()) > 1:
            raise malformed(path, row, f"{text!r:.60} is more than a tag", "a tag and nothing else", "mend the row")
        if tag:
            tags.append(tag)
            continue
        found.append(Sentence(start, tuple(tags)))
        tags, start = [], row + 1
    found.append(Sentence(start, tuple(tags)))
    while found and not found[-1].tags:
        found.pop()
    if not found:
        raise nothing_in(path)
    return found
