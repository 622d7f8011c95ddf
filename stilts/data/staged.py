"""Copies of prepared sets on a node's own disk: runs read them there if they are current, else in the study's folder.

Which of the two is read decides no result: settings and their hash say nothing about it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from stilts.config import SetRef
from stilts.data.store import MANIFEST, PreparedSet
from stilts.errors import StiltsError
from stilts.files import sync_file, sync_folder

LOCAL = "STILTS_FEATURES"
"""The variable that names the folder with copies on this node."""


def open_set(features: Path, ref: SetRef) -> PreparedSet:
    """A prepared set of the study whose sets are in `features`: its copy on this node, or itself."""
    return PreparedSet(_nearest(features, ref.folder))


def copies_of(features: Path, local: Path) -> Path:
    """Where below `local` the copies of one study's sets are; several studies may share a disk."""
    return local / hashlib.sha256(str(features.resolve()).encode()).hexdigest()[:16]


def stage_set(features: Path, folder: str, local: Path) -> int:
    """Copy a set to this node's disk unless it is there; only one process at a time copies the same set.

    Args:
        features: the study's sets.
        folder: of the set, below `features`.
        local: a folder on this node's disk.

    Returns:
        Bytes that were copied; 0 where it was there.

    Raises:
        StiltsError: it cannot be copied (also where the disk has no room); then no copy is there, not even an old one.
    """
    from filelock import FileLock

    source, copy = features / folder, copies_of(features, local) / folder
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(copy.parent / f".{copy.name}.lock"):
            return 0 if _same(source, copy) else _copy(source, copy)
    except OSError as error:
        raise StiltsError(f"{source} is not copied to {copy.parent}: {error}") from None


def _nearest(features: Path, folder: str) -> Path:
    """The copy, if its manifest is that of the set (by size and time: it is read a moment later anyway)."""
    source, local = features / folder, os.environ.get(LOCAL)
    if local:
        copy = copies_of(features, Path(local)) / folder
        try:
            if _stamp(copy / MANIFEST) == _stamp(source / MANIFEST):
                return copy
        except OSError:
            pass  # one of them is not there
    return source


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, int(found.st_mtime)  # not every file system keeps fractions


def _sizes(folder: Path) -> dict[str, int]:
    """Bytes of every file below a folder."""
    return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def _same(source: Path, copy: Path) -> bool:
    if not (copy / MANIFEST).is_file() or _sizes(source) != _sizes(copy):
        return False
    same_time = _stamp(source / MANIFEST) == _stamp(copy / MANIFEST)
    return same_time and (source / MANIFEST).read_bytes() == (copy / MANIFEST).read_bytes()


def _copy(source: Path, copy: Path) -> int:
    """Copy by a temporary folder and a rename, under the set's lock; who reads an old copy keeps its files."""
    shutil.rmtree(copy, ignore_errors=True)
    temporary = copy.with_name(f".{copy.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)  # of a process that was killed
    sizes = _sizes(source)
    needed, free = sum(sizes.values()), shutil.disk_usage(copy.parent).free
    if free < needed:
        raise OSError(f"it has {needed:,} bytes, {free:,} are free")
    try:
        shutil.copytree(source, temporary)
        if _sizes(temporary) != sizes:
            raise OSError("it was changed meanwhile")
        for path in temporary.rglob("*"):
            (sync_folder if path.is_dir() else sync_file)(path)
        sync_folder(temporary)
        temporary.rename(copy)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(copy.parent)
    return needed
