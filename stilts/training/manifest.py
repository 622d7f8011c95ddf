"""What a checkpoint is made of: every file's size and hash, so that what comes back is what was written.

A flipped bit loads silently through torch.load and safetensors. The hash is XXH3-128: it finds accidents at the speed
of memory, where SHA-256 takes about as long as writing the file. It is no proof against someone who can write to the
run's folder, who could change the manifest as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import xxhash

from stilts.files import write_text

MANIFEST = "manifest.json"
_CHUNK = 1 << 24
_OF_NFS = ".nfs"  # a removed file that somebody has open still, on NFS

Entry = dict[str, Any]
"""`{"size": bytes, "xxh3_128": hex digits}` of one file."""


def entry_of(path: Path) -> Entry:
    """Size and hash of a file as it is on the disk."""
    found = xxhash.xxh3_128()
    with open(path, "rb", buffering=0) as file:
        buffer = memoryview(bytearray(_CHUNK))
        while count := file.readinto(buffer):
            found.update(buffer[:count])
        size = file.tell()
    return {"size": size, "xxh3_128": found.hexdigest()}


def write_manifest(folder: Path, files: Mapping[str, Entry]) -> None:
    """Write the manifest, which is the last file of a checkpoint. `files`: path below the folder -> entry."""
    content = {"files": dict(sorted(files.items())), "checksum": _checksum(files)}
    write_text(folder / MANIFEST, json.dumps(content, indent=1))


def read_manifest(folder: Path) -> dict[str, Entry]:
    """The files of a checkpoint.

    Raises:
        ValueError: with one line, where the manifest is missing or damaged.
        OSError: it cannot be read now, which says nothing about what is in it.
    """
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files: dict[str, Entry] = content["files"]
        good = content["checksum"] == _checksum(files)
    except FileNotFoundError:
        raise ValueError(f"{folder} has no {MANIFEST}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        good = False
    if not good:
        raise ValueError(f"{folder / MANIFEST} is damaged")
    return files


def strangers(folder: Path, files: Mapping[str, Entry]) -> list[str]:
    """Files below the folder that the manifest does not name, and files of it that are not there; a line each."""
    paths = [path for path in folder.rglob("*") if not path.is_dir() and not path.name.startswith(_OF_NFS)]
    there = {str(path.relative_to(folder)) for path in paths} - {MANIFEST}
    foreign = [f"{folder / name} does not belong to the checkpoint" for name in sorted(there - set(files))]
    return foreign + [f"{folder / name} is missing" for name in sorted(set(files) - there)]


def damages(folder: Path, files: Mapping[str, Entry], names: Iterable[str]) -> list[str]:
    """What is wrong with the named files: size first, which is cheap, then the hash; a line each.

    Raises OSError where one cannot be read now, which says nothing about what is in it.
    """
    found = []
    for name in names:
        path, entry = folder / name, files[name]
        try:
            size = path.stat().st_size
            if size != entry["size"]:
                found.append(f"{path} has {size} bytes instead of {entry['size']}")
            elif entry_of(path) != entry:
                found.append(f"{path} is damaged: its hash is not the one that was written")
        except FileNotFoundError:
            found.append(f"{path} is missing")
    return found


def _checksum(files: Mapping[str, Entry]) -> str:
    return xxhash.xxh3_128(json.dumps(files, sort_keys=True).encode()).hexdigest()
