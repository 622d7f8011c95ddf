"""Keeps what was read of each run's score files, so that the next `collect` reads only those that have changed.

The numbers are in one file, the rows are those of scores.csv. Neither is trusted over the files: an entry counts while
the files of its run have the size, time of change and inode that they were read with and the plan says the same about
the run, and nothing counts once scores.csv was touched. Both may be removed at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import IO, Any, BinaryIO

from stilts.files import replacing
from stilts.study.score_rows import FRESH, PREDICTED, SCORES, Expected, RunRead, Stamp, stamp, stamp_of

FORMAT = 2  # of the file, and of what reading makes of a row: another number is read anew
_SPARSE = ("reasons", "predicted", "chosen", "signed", "problems", "torn", "repeated", "noisy")
Part = tuple[BinaryIO, int, int]
"""An open file, and where in it the lines of a run begin and how many bytes they have."""


class ScoreStore:
    """What an earlier call read, and the lines of what this one reads.

    Args:
        path: the file of numbers.
        csv: scores.csv.

    Attributes:
        started: what `refuse_other_settings` found and is to be given the next time.
    """

    def __init__(self, path: Path, csv: Path) -> None:
        self._path, self._csv = path, csv
        self._spool: IO[bytes] | None = None
        self._old_csv: BinaryIO | None = None
        self._places: dict[int, tuple[Any, str]] = {}  # by identity of the places, which it keeps
        self._old: dict[str, int] = {}
        self._parts: dict[str, tuple[bool, int, int]] = {}  # run -> whether in the old scores.csv, from, bytes
        self._kept: dict[str, tuple[str, RunRead]] = {}
        self.started: dict[str, tuple[Stamp, str]] = {}
        self._began = time.time_ns()
        try:
            self._load()
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error, EOFError):
            self._old = {}

    def known(self, expected: Expected) -> RunRead | None:
        """What was read of a run's files, if neither they nor the plan have changed since."""
        number = self._old.get(expected.run)
        if number is None or self._facts[number] != self._digest(expected):
            return None
        stamps = stamp(expected.folder, SCORES), stamp(expected.folder, PREDICTED)
        if (*stamps[0], *stamps[1]) != self._stamps[number]:
            return None
        begin, end = self._begin[number], self._begin[number + 1]
        values: list[float | None] = self._values[begin:end].tolist()
        sparse = self._sparse.get(str(number), {})
        found = RunRead(values, self._counts[begin:end].tolist(), stamps=stamps)
        for name in _SPARSE:
            if name in sparse:
                content = sparse[name]
                by_place = name in ("reasons", "predicted", "noisy")
                setattr(found, name, {int(k): v for k, v in content.items()} if by_place else content)
        if 0 in found.counts:
            found.values = [value if n else None for value, n in zip(values, found.counts, strict=True)]
        found.problems = [(name, line, text) for name, line, text in found.problems]
        found.torn = [(name, line) for name, line in found.torn]
        found.noisy = {place: (value, n) for place, (value, n) in found.noisy.items()}
        begin, size = self._chunks[number]
        self._parts[expected.run] = (True, begin, size)
        self._keep(expected, found)
        return found

    def add(self, expected: Expected, found: RunRead) -> None:
        """Take what was read now; its lines are put aside."""
        if self._spool is None:
            self._csv.parent.mkdir(parents=True, exist_ok=True)
            self._spool = tempfile.TemporaryFile(dir=self._csv.parent)  # noqa: SIM115 (`close` does)
        self._parts[expected.run] = (False, self._spool.tell(), len(found.csv))
        self._spool.write(found.csv)
        found.csv = b""
        self._keep(expected, found)

    def write_csv(self, header: str, runs: Iterable[str]) -> Future[None]:
        """Write scores.csv in the order of `runs`, while the caller goes on."""
        pool = ThreadPoolExecutor(1)
        try:
            return pool.submit(self._write_csv, header, list(runs))
        finally:
            pool.shutdown(wait=False)

    def save(self) -> None:
        """Keep what is known now. After scores.csv was written."""
        import numpy as np

        names = [name for name in self._parts if name in self._kept]
        kept = [self._kept[name] for name in names]
        sparse: dict[int, dict[str, Any]] = {}
        for number, (_, found) in enumerate(kept):
            if own := {name: content for name in _SPARSE if (content := getattr(found, name))}:
                sparse[number] = own
        header = {"format": FORMAT, "csv": stamp(str(self._csv.parent), self._csv.name), "runs": names,
                  "facts": [facts for facts, _ in kept], "sparse": sparse, "started": self.started}  # fmt: skip
        arrays: dict[str, Any] = {
            "header": np.frombuffer(json.dumps(header).encode(), np.uint8),
            "stamps": np.array([(*one.stamps[0], *one.stamps[1]) for _, one in kept], np.int64).reshape(-1, 6),
            "chunks": np.array([self._parts[name][1:] for name in names], np.int64).reshape(-1, 2),
            "sizes": np.array([len(one.values) for _, one in kept], np.int64),
            "values": np.fromiter(chain.from_iterable(one.values for _, one in kept), np.float64),  # None becomes NaN
            "counts": np.fromiter(chain.from_iterable(one.counts for _, one in kept), np.int64),
        }
        with replacing(self._path) as out:
            np.savez(out, allow_pickle=False, **arrays)

    def close(self) -> None:
        """Let go of the files."""
        for file in (self._spool, self._old_csv):
            if file is not None:
                file.close()

    def _keep(self, expected: Expected, found: RunRead) -> None:
        """Remember what was read, unless the files have just been changed."""
        if all(self._began - changed > FRESH for _, changed, _ in found.stamps):
            self._kept[expected.run] = (self._digest(expected), found)

    def _load(self) -> None:
        if not self._path.is_file():
            return
        import numpy as np

        with np.load(self._path, allow_pickle=False) as file:
            header = json.loads(file["header"].tobytes())
            self._old_csv = open(self._csv, "rb")  # noqa: SIM115 (`close` does)
            now = stamp_of(os.fstat(self._old_csv.fileno()))
            if header["format"] != FORMAT or tuple(header["csv"]) != now:
                return
            self.started = {name: (tuple(stamp), facts) for name, (stamp, facts) in header["started"].items()}
            self._facts, self._sparse = header["facts"], header["sparse"]
            self._stamps: list[tuple[int, ...]] = list(map(tuple, file["stamps"].tolist()))
            self._chunks: list[list[int]] = file["chunks"].tolist()
            self._begin: list[int] = [0, *np.cumsum(file["sizes"]).tolist()]
            self._values, self._counts = file["values"], file["counts"]
        self._old = {name: number for number, name in enumerate(header["runs"])}

    def _digest(self, expected: Expected) -> str:
        """Everything that the plan says about a run's scores."""
        for places in (expected.places, expected.noisy):
            if id(places) not in self._places:
                self._places[id(places)] = (places, _hashed(places))
        return _hashed((
            expected.run, expected.recipe, expected.seeds, expected.settings_hash, sorted(expected.same_data),
            self._places[id(expected.places)][1], self._places[id(expected.noisy)][1],
        ))  # fmt: skip

    def _write_csv(self, header: str, runs: list[str]) -> None:
        if self._is_written(header, runs):
            return
        new: dict[str, int] = {}
        with replacing(self._csv) as out:
            out.write(header.encode())
            todo: Part | None = None
            position = len(header.encode())
            for run in runs:
                old, begin, size = self._parts[run]
                new[run] = position
                position += size
                source = self._old_csv if old else self._spool
                assert source is not None
                if todo is not None and todo[0] is source and todo[1] + todo[2] == begin:
                    todo = (source, todo[1], todo[2] + size)
                    continue
                _copy(todo, out)
                todo = (source, begin, size)  # type: ignore[assignment]
            _copy(todo, out)
        for run, begin in new.items():
            self._parts[run] = (True, begin, self._parts[run][2])

    def _is_written(self, header: str, runs: list[str]) -> bool:
        """Whether the old scores.csv has the lines of just these runs, in this order."""
        position = len(header.encode())
        for run in runs:
            old, begin, size = self._parts[run]
            if not old or begin != position:
                return False
            position += size
        return self._old_csv is not None and position == os.fstat(self._old_csv.fileno()).st_size


def _hashed(facts: Any) -> str:
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:20]


def _copy(part: Part | None, out: IO[bytes]) -> None:
    if part is None:
        return
    source, begin, left = part
    source.flush()
    out.flush()
    while left > 0:  # within the kernel: the statistics go on meanwhile
        sent = os.sendfile(out.fileno(), source.fileno(), begin, left)
        if not sent:
            raise OSError(f"{source.name} was cut off while it was read")
        begin, left = begin + sent, left - sent
