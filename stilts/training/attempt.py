"""One start of a run, fenced off from earlier ones: ranks of a dead node may still run and must not commit.

Everything that a start commits (checkpoints, exported models) is written below a staging folder of its own and renamed
from there. The next start moves that folder away, so that a rename by an old start fails in the file system itself;
there is no moment between a check and a rename.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from stilts.distributed import World
from stilts.errors import StiltsError
from stilts.files import sync_folder, write_text
from stilts.status import this_rank

TOKEN_FILE, LOCK_FILE = "attempt.json", ".attempt.lock"
_STAGING, _SWEPT = ".attempt-", ".swept-"


class Superseded(StiltsError):
    """A later start of the same run has taken over: this one must not write any more."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(f"a later start of this run has taken over {folder}: nothing more is written by this one")

    def __reduce__(self) -> tuple[type[Superseded], tuple[Path]]:
        """So that every rank can be told of it."""
        return type(self), (self.folder,)


@dataclass(frozen=True)
class Attempt:
    """A start of the run in `folder`.

    Attributes:
        folder: the run's folder.
        token: what tells it from every other start.
    """

    folder: Path
    token: str

    @property
    def staging(self) -> Path:
        """Where it writes what is not committed yet; on the file system of the run's folder."""
        return self.folder / f"{_STAGING}{self.token}"

    @classmethod
    def begin(cls, folder: Path, world: World) -> Attempt:
        """Take the run over: from now on earlier starts cannot commit, and what they left half-done is removed.

        A collective.
        """

        def take_over() -> Attempt:
            try:
                return _take_over(folder)
            except OSError as error:
                raise StiltsError(f"the run cannot be started in {folder}: {error}; make room there") from None

        attempt: Attempt = world.on_main(take_over)
        return attempt

    def current(self) -> bool:
        """Whether no later start has taken over."""
        try:
            return bool(json.loads((self.folder / TOKEN_FILE).read_text(encoding="utf-8"))["token"] == self.token)
        except (OSError, ValueError, KeyError):
            return False

    def check(self) -> None:
        """Raise Superseded where a later start has taken over."""
        if not self.current():
            raise Superseded(self.folder)

    def stage(self, name: str) -> Path:
        """A new empty folder `name` below the staging folder."""
        path = self.staging / name
        shutil.rmtree(path, ignore_errors=True)
        try:
            path.mkdir()
        except FileNotFoundError:
            raise Superseded(self.folder) from None
        return path

    def commit(self, staged: Path, final: Path) -> None:
        """Make the staged folder appear as `final` by one rename; an old `final` goes first."""
        self.discard(final)
        try:
            staged.rename(final)
        except FileNotFoundError:
            raise Superseded(self.folder) from None
        sync_folder(final.parent)

    def discard(self, path: Path) -> None:
        """Remove a committed folder: by a rename first, so that nobody finds a part of it."""
        if not path.exists():
            return
        away = self.staging / f"{path.name}.{uuid.uuid4().hex[:8]}.old"
        try:
            path.rename(away)
        except FileNotFoundError:
            raise Superseded(self.folder) from None
        shutil.rmtree(away, ignore_errors=True)

    def close(self) -> None:
        """Remove the staging folder of a run that has ended; rank 0."""
        shutil.rmtree(self.staging, ignore_errors=True)


def _take_over(folder: Path) -> Attempt:
    from filelock import FileLock

    attempt = Attempt(folder, uuid.uuid4().hex)
    with FileLock(folder / LOCK_FILE):  # two starts at once take over one after the other
        write_text(folder / TOKEN_FILE, json.dumps({"token": attempt.token, **this_rank()}) + "\n")
        attempt.staging.mkdir()
        for old in [*folder.glob(f"{_STAGING}*"), *folder.glob(f"{_SWEPT}*")]:
            if old.is_dir() and old != attempt.staging:
                _sweep(old)
    return attempt


def _sweep(folder: Path) -> None:
    swept = folder.with_name(f"{_SWEPT}{uuid.uuid4().hex[:8]}")
    with contextlib.suppress(FileNotFoundError):
        os.rename(folder, swept)
        shutil.rmtree(swept, ignore_errors=True)
