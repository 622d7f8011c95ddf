"""JSON files: answers by question, choices a line, rankings by question."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from stilts.data.rawfile import filled_lines, load_json, load_json_row, malformed
from stilts.errors import InputError
from stilts.metrics.accuracy import accuracy
from stilts.metrics.ranking import mean_average_precision
from stilts.submission.base import Form, Row, Scored, nothing_in, prediction_of
from stilts.submission.lines import same_number

DEPTH = 20
"""Candidates of a ranking that are looked at (XTREME-R)."""
Rule = Callable[[str, Sequence[str], str], tuple[float, float]]
"""(answer, gold answers, language) -> exact match and F1, 0-1."""


@dataclass(frozen=True)
class Answers(Form):
    """Predictions {question id: answer}; labels in SQuAD's format. `rule` scores one answer."""

    rule: Rule
    suffix: ClassVar[str] = "json"
    metrics: ClassVar[tuple[str, ...]] = ("f1", "exact_match")

    def read(self, path: Path) -> dict[str, str]:
        """Question id -> answer."""
        answers = _object(path, "{question id: answer}")
        for key, answer in answers.items():
            if not isinstance(answer, str):
                raise InputError(f"{path}: the answer to {key!r} is {answer!r:.60}", "text", "mend the answer")
        return answers

    def score(self, given: Path, gold: Path, language: str) -> Scored:
        """Mean exact match and F1 over the questions of the labels; one without an answer counts as 0, as upstream."""
        answers = self.read(given)
        golds = list(_questions(gold))
        if not golds:
            raise nothing_in(gold)
        scores = [self.rule(answers[key], texts, language) for key, texts in golds if key in answers]
        exact, f1 = (100.0 * sum(one[part] for one in scores) / len(golds) for part in (0, 1))
        return Scored({"f1": f1, "exact_match": exact}, len(golds), len(golds) - len(scores))

    def text(self, rows: Sequence[Row]) -> str:
        """The object. Raises InputError where an id repeats: it can hold one answer only."""
        return _json(rows, str)


@dataclass(frozen=True)
class ChoiceRows(Form):
    """XCOPA: {"label": number of the choice, from 0} a line; labels may have more fields."""

    choices: int
    suffix: ClassVar[str] = "jsonl"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy",)

    def read(self, path: Path) -> list[int]:
        """The numbers."""
        found = []
        for row, text in filled_lines(path):
            label = load_json_row(path, row, text).get("label")
            if not isinstance(label, int) or isinstance(label, bool) or not 0 <= label < self.choices:
                expected = f"a whole number from 0 to {self.choices - 1}"
                raise malformed(path, row, f"field 'label' is {label!r:.60}", expected, "mend the row")
            found.append(label)
        if not found:
            raise nothing_in(path)
        return found

    def score(self, given: Path, gold: Path, language: str) -> Scored:
        """Accuracy."""
        answers, right = self.read(given), self.read(gold)
        same_number(given, len(answers), gold, len(right), "rows")
        return Scored({"accuracy": accuracy(right, answers)}, len(right))

    def text(self, rows: Sequence[Row]) -> str:
        """The numbers in order."""
        return "".join(json.dumps({"label": prediction_of(rows, n, int)}) + "\n" for n in range(len(rows)))


@dataclass(frozen=True)
class Rankings(Form):
    """Predictions {question id: [candidates, the best first]}; labels {question id: [right candidates]}."""

    suffix: ClassVar[str] = "json"
    metrics: ClassVar[tuple[str, ...]] = ("map_at_20",)

    def read(self, path: Path) -> dict[str, list[str]]:
        """Question id -> candidates, each once."""
        rankings = _object(path, "{question id: [candidates]}")
        for key, names in rankings.items():
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise InputError(f"{path}: the value of {key!r} is {names!r:.60}", "a list of names", "mend the value")
            if len(set(names)) < len(names):
                raise InputError(f"{path}: {key!r} has a candidate twice", "each once", "mend the list")
        return rankings

    def score(self, given: Path, gold: Path, language: str) -> Scored:
        """Mean average precision of the first 20; a question that is not in the predictions counts as 0."""
        rankings, right = self.read(given), self.read(gold)
        right = {key: [name.strip() for name in names] for key, names in right.items()}
        for key, names in right.items():
            if not names:
                raise InputError(f"{gold}: {key!r} has no right candidate", "one or more", "give a labelled file")
        value = mean_average_precision(right, rankings, DEPTH)
        return Scored({"map_at_20": value}, len(right), len(right.keys() - rankings.keys()))

    def odd(self, predictions: Mapping[str, list[str]], language: str, size: int | None) -> Iterator[str]:
        """Rankings that name nothing."""
        for key, names in predictions.items():
            if not names:
                yield f"{key!r} has no candidate"

    def text(self, rows: Sequence[Row]) -> str:
        """The object, with the first 20 candidates. Raises InputError where an id repeats."""
        return _json(rows, list)


def _object(path: Path, expected: str) -> dict[str, Any]:
    value = load_json(path)
    if not isinstance(value, dict) or not value:
        raise InputError(f"{path} is {'empty' if not value else 'no object'}", expected, "mend the file")
    return value


def _questions(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Id and gold answers of every question. Raises InputError where the answers were taken out of the file."""
    content = load_json(path)
    try:
        articles = content["data"] if isinstance(content, dict) else content
        questions = [one for article in articles for part in article["paragraphs"] for one in part["qas"]]
        golds = [(str(one["id"]), [str(answer["text"]) for answer in one["answers"]]) for one in questions]
    except (KeyError, TypeError) as error:
        expected = "data, paragraphs, qas, id, answers, text as SQuAD has them"
        raise InputError(f"{path} lacks {error}", expected, "give labels in SQuAD's format") from None
    for key, texts in golds:
        if not any(texts):
            raise InputError(f"{path}: question {key!r} carries no answer", "a labelled set", "give a labelled file")
        yield key, texts


def _json(rows: Sequence[Row], kind: type) -> str:
    found: dict[str, Any] = {}
    for number, row in enumerate(rows):
        if row["id"] in found:
            raise InputError(f"row {number + 1} repeats the id {row['id']!r}", "ids that are unique", "mend the data")
        value = prediction_of(rows, number, kind)
        found[row["id"]] = value[:DEPTH] if kind is list else value
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"
