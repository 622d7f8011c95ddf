"""Reads single tensors of a published checkpoint, without its other weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers.utils import cached_file

from stilts.errors import InputError

# in the order in which transformers looks for weights
_FILES = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")


class Checkpoint:
    """The weights of a Hugging Face folder or hub id: safetensors or PyTorch's zip files, whole or sharded.

    Only data are read: safetensors, or `torch.load(weights_only=True)`; both map the file into memory.

    Args:
        name: hub id or folder.
        revision: hub revision, for ids only.
    """

    def __init__(self, name: str, revision: str | None) -> None:
        self.name, self.revision = name, revision
        found = next(((file, path) for file in _FILES if (path := self._find(file)) is not None), None)
        if found is None:
            raise InputError(f"model.name {name!r} has no weights", f"one of {', '.join(_FILES)}", "change model.name")
        file, path = found
        self._tensors: dict[Path, Callable[[str], torch.Tensor]] = {}
        if file.endswith(".index.json"):
            shards: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
            self._file_of = dict(shards)
        else:
            self._file_of = dict.fromkeys(_open(path)[0], file)

    def keys(self) -> set[str]:
        """Names of all tensors."""
        return set(self._file_of)

    def read(self, key: str) -> torch.Tensor:
        """One tensor, fp32. Raises KeyError for a name that is not there."""
        path = self._find(self._file_of[key])
        if path is None:
            raise InputError(
                f"model.name {self.name!r} lacks the shard {self._file_of[key]}",
                "every file that its index names",
                "download the model again",
            )
        if path not in self._tensors:
            self._tensors[path] = _open(path)[1]
        return self._tensors[path](key).float()

    def _find(self, file: str) -> Path | None:
        path = cached_file(self.name, file, revision=self.revision, _raise_exceptions_for_missing_entries=False)
        return None if path is None else Path(path)


def _open(path: Path) -> tuple[list[str], Callable[[str], torch.Tensor]]:
    """The names in one file, and how a tensor of it is read."""
    if path.suffix == ".safetensors":
        from safetensors import safe_open

        stored: Any = safe_open(str(path), framework="pt")
        return list(stored.keys()), stored.get_tensor
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except RuntimeError:  # the format before PyTorch 1.6 cannot be mapped
        weights = torch.load(path, map_location="cpu", weights_only=True)
    return list(weights), weights.__getitem__
