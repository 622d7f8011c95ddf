"""Reads the score files of one run and compares every row with the plan: a pure function, which processes can share."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from stilts.config import CLEAN
from stilts.study.plan import NoisyPlace, Place

SCORES, PREDICTED = "scores.jsonl", "predicted.jsonl"
KEYS = (
    "study", "run", "recipe", "target", "language", "split", "metric", "value", "n", "intermediate_seed",
    "target_seed", "condition", "noise_seed", "step", "layer", "selection", "task_version", "git", "config_hash",
)  # fmt: skip
CHOSEN_ON, SAME_DATA = "chosen_on", "same_data"
CONFLICT = "conflict"
_KEYS = frozenset(KEYS)
_values = itemgetter(*KEYS)
_BEST = "best:"
UNPLANNED = 2**62  # the number of a condition that is not in the plan
_MOST = 2**53  # examples: more are no whole number in JSON
Stamp = tuple[int, int, int]
"""Size in bytes, time of the last change in ns, inode: what a file that was not touched keeps."""
NO_FILE: Stamp = (-1, -1, -1)
FRESH = 2_000_000_000  # ns: a file that changed so shortly before may change again and keep its stamp


class Expected(NamedTuple):
    """What the plan says about one run's scores.

    Attributes:
        folder: `runs/<run>`.
        seeds: of the intermediate run and of the fine-tune.
        places: the scores to expect; equal objects for runs with the same sets.
        same_data: targets that are fine-tuned on data of the recipe.
        marked: target and language of cells that another seed's row marks `chosen_on`.
        noisy: the scores to expect under noisy conditions; equal objects for runs with the same sets.
    """

    run: str
    folder: str
    recipe: str
    seeds: tuple[int | None, int | None]
    settings_hash: str
    places: tuple[Place, ...]
    same_data: frozenset[str] = frozenset()
    marked: frozenset[tuple[str, str]] = frozenset()
    noisy: tuple[NoisyPlace, ...] = ()


@dataclass
class RunRead:
    """What the files of one run say; numbers are indices into `Expected.places`.

    Attributes:
        values: the scores in points, None where there is none or two that differ.
        counts: scored examples, 0 where there is no score.
        reasons: why a row cannot be used, for places without a value.
        predicted: predictions of sets without labels.
        chosen: places whose own row says that the checkpoint was chosen on that very set.
        signed: places whose row in `csv` is marked `chosen_on`.
        problems: file name, line number and how the line that says what is wrong goes on; the line 0 is the
            whole file.
        torn: file name and number of a last line that was not written to its end.
        repeated: rows that repeat a score with the same value.
        stamps: of scores.jsonl and predicted.jsonl, from before they were read.
        csv: the lines of scores.csv, UTF-8.
        noisy: index into `Expected.noisy` -> points and scored examples.
    """

    values: list[float | None]
    counts: list[int]
    reasons: dict[int, str] = field(default_factory=dict)
    predicted: dict[int, int] = field(default_factory=dict)
    chosen: list[int] = field(default_factory=list)
    signed: list[int] = field(default_factory=list)
    problems: list[tuple[str, int, str]] = field(default_factory=list)
    torn: list[tuple[str, int]] = field(default_factory=list)
    repeated: int = 0
    stamps: tuple[Stamp, Stamp] = (NO_FILE, NO_FILE)
    csv: bytes = b""
    noisy: dict[int, tuple[float, int]] = field(default_factory=dict)


def read_run(expected: Expected) -> RunRead:
    """Read a run's scores.jsonl and predicted.jsonl. No broken file stops it: what cannot be used is named."""
    return _Reader(expected).read()


def stamp(folder: str, name: str) -> Stamp:
    """The stamp of a file, NO_FILE where there is none."""
    try:
        return stamp_of(os.stat(f"{folder}/{name}"))
    except OSError:
        return NO_FILE


def stamp_of(found: os.stat_result) -> Stamp:
    """The stamp of a file that was looked at."""
    return found.st_size, found.st_mtime_ns, found.st_ino & (2**63 - 1)


@lru_cache(1024)  # rows have few selections, and there may be a million rows
def chosen_sets(selection: str) -> frozenset[str]:
    """The sets `<task>/<split>/<language>` that a score row's `selection` names; empty for the last checkpoint."""
    return frozenset(selection.removeprefix(_BEST).split("+") if selection.startswith(_BEST) else ())


class _Reader:
    """The rows of one run's files, sorted into good, stale and conflicting ones."""

    def __init__(self, expected: Expected) -> None:
        self.expected = expected
        self.own = (expected.run, expected.recipe, *expected.seeds)
        self.index = {place[:3]: number for number, place in enumerate(expected.places)}
        # noisy scores are numbered after the clean ones
        self.noisy = {
            (*place[:3], place.condition, str(place.noise_seed)): number
            for number, place in enumerate(expected.noisy, len(expected.places))
        }
        self.rows: dict[int, dict[str, Any]] = {}
        self.found = RunRead([None] * len(expected.places), [0] * len(expected.places))

    def read(self) -> RunRead:
        stamps = self._read(SCORES, self._add), self._read(PREDICTED, self._add_predicted)
        found, clean = self.found, len(self.expected.places)
        places: list[Place | NoisyPlace] = [*self.expected.places, *self.expected.noisy]
        found.stamps = stamps
        lines = []
        for number in sorted(self.rows):
            row = self.rows[number]
            if found.reasons.get(number, "").startswith(CONFLICT):
                continue
            found.reasons.pop(number, None)  # a stale row beside the one that counts
            if number < clean:
                found.values[number], found.counts[number] = float(row["value"]), int(row["n"])
            else:
                found.noisy[number - clean] = float(row["value"]), int(row["n"])
            lines.append((*_values(row), self._marks(number, places[number], str(row["selection"]))))
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(lines)
        found.csv = out.getvalue().encode()
        found.reasons = {number: reason for number, reason in found.reasons.items() if number < clean}
        return found

    def _marks(self, number: int, place: Place | NoisyPlace, selection: str) -> str:
        """The marks of a row, as scores.csv has them (`stilts.study.marks`); a noisy score has its clean one's."""
        own = selection.startswith(_BEST) and f"{place.target}/{place.split}/{place.language}" in chosen_sets(selection)
        clean = number < len(self.expected.places)
        if own and clean:
            self.found.chosen.append(number)
        if own or (place.target, place.language) in self.expected.marked:
            self.found.signed += [number] if clean else []
            return f"{CHOSEN_ON} {SAME_DATA}" if place.target in self.expected.same_data else CHOSEN_ON
        return SAME_DATA if place.target in self.expected.same_data else ""

    def _read(self, name: str, add: Callable[[Any], str | None]) -> Stamp:
        """Give every row of a file to `add`, which says what is wrong with it."""
        try:
            with open(f"{self.expected.folder}/{name}", encoding="utf-8", errors="replace") as file:
                before = stamp_of(os.fstat(file.fileno()))
                lines = file.read().split("\n")
        except FileNotFoundError:
            return NO_FILE
        except OSError as error:
            self.found.problems.append((name, 0, f" cannot be read: {error.strerror}"))
            return NO_FILE
        for number, line in enumerate(lines, 1):
            if not line or line.isspace():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                if number == len(lines):
                    self.found.torn.append((name, number))
                else:
                    self.found.problems.append((name, number, " is no JSON: ignored"))
                continue
            problem = add(row)
            if problem:
                self.found.problems.append((name, number, f": {problem}"))
        return before

    def _add(self, row: Any) -> str | None:
        """Take one score; what is wrong with it, or None."""
        if not isinstance(row, dict) or row.keys() != _KEYS:
            wrong = sorted(_KEYS ^ set(row)) if isinstance(row, dict) else row
            return f"the keys of a score row differ in {wrong}: ignored"
        key = target, language, metric = row["target"], row["language"], row["metric"]
        if not (isinstance(target, str) and isinstance(language, str) and isinstance(metric, str)):
            return "target, language and metric are no texts: ignored"
        number = self.index.get(key)
        if number is None:
            return f"{' '.join(key)} is not in the plan of this run: ignored"
        if row["condition"] != CLEAN:
            condition = str(row["condition"]), str(row["noise_seed"])
            number = self.noisy.get((*key, *condition), UNPLANNED)
        if row["config_hash"] != self.expected.settings_hash:
            stale = f"stale: scored with the settings {row['config_hash']}, the plan has {self.expected.settings_hash}"
            self.found.reasons.setdefault(number, stale)
            return f"{' '.join(key)} is {stale}"
        problem = self._differs(row, self._place(number))
        if problem:
            return problem
        first = self.rows.setdefault(number, row)
        if first is row:
            return None
        if first["value"] == row["value"]:
            self.found.repeated += 1
            return None
        conflict = f"{CONFLICT}: scored {first['value']} and {row['value']} in run {self.expected.run}"
        self.found.reasons[number] = conflict
        return f"{' '.join(key)}: {conflict}"

    def _place(self, number: int) -> Place | NoisyPlace | None:
        if number == UNPLANNED:
            return None
        clean = self.expected.places
        return clean[number] if number < len(clean) else self.expected.noisy[number - len(clean)]

    def _differs(self, row: dict[str, Any], place: Place | NoisyPlace | None) -> str | None:
        """What of a row is not as planned or no score, or None."""
        if place is None:
            seed = "" if row["noise_seed"] is None else f" seed {row['noise_seed']}"
            return f"condition {row['condition']!r}{seed} is not in the plan: ignored"
        if (row["run"], row["recipe"], row["intermediate_seed"], row["target_seed"]) != self.own or (
            row["split"] != place.split
        ):
            names = ("run", "recipe", "split", "intermediate_seed", "target_seed")
            plan = (*self.own[:2], place.split, *self.own[2:])
            key, value = next((key, value) for key, value in zip(names, plan, strict=True) if row[key] != value)
            return f"{key} is {row[key]!r}, the plan has {value!r}: ignored"
        value, n = row["value"], row["n"]
        if not _number(value) or not 0 <= value <= 100:
            return f"value {value!r} of {place.target} {place.language} is not in points (0-100): ignored"
        if not _number(n) or not 1 <= n < _MOST:
            return f"n {n!r} of {place.target} {place.language} is no number of examples: ignored"
        return None

    def _add_predicted(self, row: Any) -> str | None:
        """Take one row that says that a set without labels was predicted; what is wrong with it, or None."""
        if not isinstance(row, dict) or not _number(row.get("n")) or not 1 <= row["n"] < _MOST:
            return "no row with a number of predictions: ignored"
        key = str(row.get("target")), str(row.get("language")), row.get("split")
        numbers = [i for i, p in enumerate(self.expected.places) if (p.target, p.language, p.split) == key]
        if not numbers:
            return f"{' '.join(map(str, key))} is not in the plan of this run: ignored"
        if row.get("config_hash") != self.expected.settings_hash:
            return f"{' '.join(key[:2])} is stale: predicted with the settings {row.get('config_hash')}: ignored"
        self.found.predicted.update(dict.fromkeys(numbers, int(row["n"])))
        return None


def _number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
