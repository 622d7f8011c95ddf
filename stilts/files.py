"""Files that are never seen half-written."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def write_text(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old text or the new one."""
    with replacing(path) as out:
        out.write(text.encode())


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A temporary file that takes the path's place by a rename when all is written, and is removed after an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """The process's umask; without changing it where the system tells, as other threads make files meanwhile."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("Umask:")), 8)
    except (OSError, StopIteration, ValueError):
        mask = os.umask(0o022)
        os.umask(mask)
        return mask


def append_line(path: Path, line: str) -> None:
    """Add a whole line in one write, and wait until it is on the disk. One that was torn before stays a line."""
    with open(path, "a+b") as file:
        torn = b""
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            torn = b"" if file.read(1) == b"\n" else b"\n"
        file.write(torn + line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def sync_files(folder: Path) -> None:
    """Wait until every file directly in a folder, and the folder itself, is on the disk."""
    for path in folder.iterdir():
        sync_file(path)
    sync_folder(folder)


def sync_file(path: Path) -> None:
    """Wait until a file is on the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until a folder's entries (files made, renamed or removed in it) are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_folder(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files (path below the folder -> text or bytes) to a temporary folder that is then renamed.

    A folder that was there is renamed away first and removed: a reader sees the old one, for a moment none, or the new.
    What a call that was killed has left is put right by the next, so one process at a time may write a folder.
    """
    temporary, old = folder.with_name(f".{folder.name}.tmp"), folder.with_name(f".{folder.name}.old")
    _put_right(folder, temporary, old)
    try:
        for name, content in files.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        if folder.exists():
            os.rename(folder, old)
        os.rename(temporary, folder)
    finally:
        _put_right(folder, temporary, old)


def _put_right(folder: Path, temporary: Path, old: Path) -> None:
    """Leave one folder: what is there, else the one that was renamed away."""
    shutil.rmtree(temporary, ignore_errors=True)
    if old.exists() and not folder.exists():
        os.rename(old, folder)
    shutil.rmtree(old, ignore_errors=True)
