"""How DeepSpeed's checkpoint files reach the disk: hashed, and without a rank that gives up alone."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from deepspeed.runtime.checkpoint_engine.torch_checkpoint_engine import TorchCheckpointEngine

from stilts.errors import first_line
from stilts.files import sync_file
from stilts.training.manifest import Entry, entry_of


class ShardWriter(TorchCheckpointEngine):
    """The writer that a DeepSpeed engine saves with, while a checkpoint is made.

    An error of the disk is kept, not raised: DeepSpeed waits for all ranks within a save, so one that left it alone
    would leave the others waiting. The ranks compare `error` afterwards.

    Attributes:
        written: the files of this rank.
        error: one line, or None.
    """

    def __init__(self) -> None:
        super().__init__()
        self.written: list[Path] = []
        self.error: str | None = None

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Make a folder."""
        try:
            os.makedirs(path, exist_ok=exist_ok)
        except OSError as error:
            self.keep(error)

    def save(self, state_dict: Any, path: str) -> None:
        """Write one of DeepSpeed's files."""
        if self.error is not None:
            return
        try:
            torch.save(state_dict, path)
            self.written.append(Path(path))
        except OSError as error:
            self.keep(error)
        except RuntimeError as error:  # what torch's writer makes of a full disk: "basic_ios::clear: iostream error"
            free = shutil.disk_usage(Path(path).parent).free
            self.keep(OSError(f"{path} could not be written, {free:,} bytes are free: {first_line(error)}"))

    def keep(self, error: OSError) -> None:
        """Note the first error."""
        self.error = self.error or first_line(error)


class Syncing:
    """Hashes files and waits until they are on the disk, in a thread, while training goes on."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._entries: dict[Path, Entry] = {}
        self._problem = ""
        self._thread = threading.Thread(target=self._run, args=(list(paths),), name="checkpoint", daemon=True)
        self._thread.start()

    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return not self._thread.is_alive()

    def result(self) -> tuple[str, dict[Path, Entry]]:
        """What went wrong, or nothing; and size and hash of each file. Waits for the end."""
        self._thread.join()
        return self._problem, self._entries

    def _run(self, paths: list[Path]) -> None:
        try:
            for path in paths:
                self._entries[path] = entry_of(path)
                sync_file(path)
        except OSError as error:
            self._problem = str(error)


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
    writer.written += _swapped(folder / tag, rank)
    return writer


def _swapped(folder: Path, rank: int) -> list[Path]:
    """What DeepSpeed has copied from a rank's NVMe past the writer (0.19.8, engine.py; never run here)."""
    return [path for path in (folder / "offloaded_tensors" / f"rank{rank}").rglob("*") if path.is_file()]


def bytes_of_shards(engine: Any, main: bool) -> int:
    """Bytes of the tensors in this rank's part of a checkpoint."""
    zero, inner = engine.zero_optimization(), getattr(engine.optimizer, "optimizer", engine.optimizer)
    if not (zero or main):
        return 0  # without ZeRO rank 0 writes everything
    # the groups of ZeRO-3's optimizer are empty between steps
    flats = getattr(engine.optimizer, "fp32_partitioned_groups_flat", None)
    masters = flats or [p for group in inner.param_groups for p in group["params"]]
    states = [value for state in inner.state.values() for value in state.values() if isinstance(value, torch.Tensor)]
    weights = [getattr(p, "ds_tensor", p) for p in engine.module.parameters()]
    partitioned = any(hasattr(p, "ds_tensor") for p in engine.module.parameters())
    tensors = [*masters, *states, *(weights if main or partitioned else [])]
    # in fp32 without ZeRO the masters are the weights
    return sum({id(tensor): tensor.numel() * tensor.element_size() for tensor in tensors}.values())
