"""Graded items of a run's predictions, kept beside them: a million JSON lines are read once.

`predictions/<task>/.graded.npz` has numpy arrays and JSON, no pickles. A set counts while its file has the size, time
of change and inode that it was read with; the file may be removed at any time, and is not needed where a folder
cannot be written.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stilts.analysis.items import Graded, read_graded
from stilts.config import SetRef
from stilts.files import replacing
from stilts.tasks import TASKS

STORE = ".graded.npz"
FORMAT = 1  # of the file, and of what reading makes of a prediction
Ids = dict[str, tuple[str, ...]]
"""Digest of ids -> ids: runs of one set share the object."""


def graded_of_run(run_folder: Path, sets: Sequence[SetRef], ids: Ids | None = None) -> dict[str, Graded]:
    """Language -> graded predictions of one run, for the sets of one task.

    Args:
        run_folder: `runs/<run>`.
        sets: of one task, each language once.
        ids: what calls for other runs have read, and this one adds to.

    Raises InputError for a damaged file (`read_graded`), FileNotFoundError where there is none.
    """
    known: Ids = {} if ids is None else ids
    folder = run_folder / "predictions" / sets[0].task
    files = {ref.language: folder / f"{ref.split}-{ref.language}.jsonl" for ref in sets}
    stamps = {language: _stamp(path) for language, path in files.items()}
    found = _load(folder / STORE, stamps, known)
    missing = [language for language in files if language not in found]
    if missing:
        task = TASKS[sets[0].task]
        found |= {language: read_graded(files[language], task) for language in missing}
        with contextlib.suppress(OSError):  # somebody else's folder, or a full disk: read again the next time
            _save(folder / STORE, {language: found[language] for language in files}, stamps)
    return {language: found[language] for language in files}


def _stamp(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ino]


def _load(path: Path, stamps: dict[str, list[int]], ids: Ids) -> dict[str, Graded]:
    """The sets that are kept and still count; none where the file is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as content:
            header = json.loads(bytes(content["header"]))
            if header["format"] != FORMAT:
                return {}
            return {
                own["language"]: _graded(own, content, place, ids)
                for place, own in enumerate(header["sets"])
                if own["stamp"] == stamps.get(own["language"])
            }
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error, EOFError):
        return {}


def _graded(own: dict[str, Any], content: Any, place: int, ids: Ids) -> Graded:
    if own["ids"] not in ids:
        ids[own["ids"]] = tuple(json.loads(bytes(content[f"ids{place}"])))
    table = content[f"parts{place}"]
    clusters = tuple(own["clusters"]) or ("",) * len(table)
    parts = {metric: table[:, number] for number, metric in enumerate(own["metrics"])}
    return Graded(ids[own["ids"]], clusters, parts, own["commonest"], own["share"])


def _save(path: Path, sets: dict[str, Graded], stamps: dict[str, list[int]]) -> None:
    arrays: dict[str, Any] = {}
    rows = []
    for place, (language, graded) in enumerate(sets.items()):
        text = json.dumps(graded.ids).encode()
        arrays[f"ids{place}"] = np.frombuffer(text, dtype=np.uint8)
        arrays[f"parts{place}"] = np.stack(list(graded.parts.values()), axis=1)
        rows.append({
            "language": language, "stamp": stamps[language], "ids": hashlib.sha256(text).hexdigest(),
            "clusters": list(graded.clusters) if any(graded.clusters) else [], "metrics": list(graded.parts),
            "commonest": graded.commonest, "share": graded.share,
        })  # fmt: skip
    header = json.dumps({"format": FORMAT, "sets": rows}).encode()
    with replacing(path) as file:
        np.savez_compressed(file, header=np.frombuffer(header, dtype=np.uint8), **arrays)
