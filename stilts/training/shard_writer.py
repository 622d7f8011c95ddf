"""How DeepSpeed's checkpoint files reach the disk: hashed on the way, and without a rank that gives up alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any, cast

import torch
from deepspeed.runtime.checkpoint_engine.torch_checkpoint_engine import TorchCheckpointEngine

from stilts.errors import first_line
from stilts.training.manifest import Entry, HashingFile, entry_of


class ShardWriter(TorchCheckpointEngine):
    """The writer that a DeepSpeed engine saves with, while a checkpoint is made.

    An error of the disk is kept, not raised: DeepSpeed waits for all ranks within a save, so one that left it alone
    would leave the others waiting. The ranks compare `error` afterwards.

    Attributes:
        written: path -> size and hash of what this rank wrote.
        error: one line, or None.
    """

    def __init__(self) -> None:
        super().__init__()
        self.written: dict[Path, Entry] = {}
        self.error: str | None = None

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Make a folder."""
        try:
            os.makedirs(path, exist_ok=exist_ok)
        except OSError as error:
            self.keep(error)

    def save(self, state_dict: Any, path: str) -> None:
        """Write one of DeepSpeed's files and wait until it is on the disk."""
        if self.error is not None:
            return
        try:
            file = HashingFile(Path(path))
        except OSError as error:
            self.keep(error)
            return
        try:
            torch.save(state_dict, cast("IO[bytes]", file))
            self.written[Path(path)] = file.finish()
        except (OSError, RuntimeError) as error:  # torch's writer turns a full disk into a RuntimeError
            file.abandon()
            self.keep(error)

    def keep(self, error: Exception) -> None:
        """Note the first error."""
        cause = error.__cause__ or error.__context__
        self.error = self.error or first_line(cause if isinstance(cause, OSError) else error)


def save_shards(engine: Any, folder: Path, tag: str, rank: int) -> ShardWriter:
    """DeepSpeed's part of a checkpoint, written to `folder/tag`. A collective.

    Returns the writer of this rank with what it wrote, or its error.
    """
    writer, usual = ShardWriter(), engine.checkpoint_engine
    engine.checkpoint_engine = writer
    # a script that turns shards into weights; exports have those, and its copy would fail on rank 0 alone
    engine._copy_recovery_script = lambda path: None
    try:
        # `latest` would exist before the other ranks' shards do: our rename is the commit instead
        engine.save_checkpoint(str(folder), tag=tag, save_latest=False)
    except OSError as error:
        writer.keep(error)
    finally:
        engine.checkpoint_engine = usual
    for path in _swapped(folder / tag, rank):
        writer.written[path] = entry_of(path)
    return writer


def _swapped(folder: Path, rank: int) -> list[Path]:
    """What DeepSpeed has copied from a rank's NVMe past the writer (0.19.8, engine.py; never run here)."""
    return [path for path in (folder / "offloaded_tensors" / f"rank{rank}").rglob("*") if path.is_file()]


def bytes_of_shards(engine: Any, main: bool) -> int:
    """Bytes of the tensors in this rank's part of a checkpoint."""
    module, optimizer = engine.module, getattr(engine.optimizer, "optimizer", engine.optimizer)
    states = sum(_bytes(value) for state in optimizer.state.values() for value in state.values())
    masters = sum(_bytes(p) for group in optimizer.param_groups for p in group["params"])
    partitioned = any(hasattr(p, "ds_tensor") for p in module.parameters())
    if partitioned:
        return int(states + masters + sum(_bytes(p.ds_tensor) for p in module.parameters()))
    return int(states + masters + sum(map(_bytes, module.parameters()))) if main else int(states + masters)


def _bytes(value: Any) -> int:
    return value.numel() * value.element_size() if isinstance(value, torch.Tensor) else 0
