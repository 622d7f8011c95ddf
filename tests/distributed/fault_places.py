"""The places where `faults.Injector` is asked: wrappers around the trainer, the model and what writes files."""

from __future__ import annotations

import errno
import functools
import importlib
import importlib.util
import io
import os
import sys
from collections.abc import Callable
from typing import Any

from faults import Injector

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CPP_DISK_FULL = "basic_ios::clear: iostream error"  # what torch.save's writer says on a full disk
_current: list[Injector] = []  # an audit hook cannot be removed, so it asks who is there


def wrap(injector: Injector) -> None:
    """Let the trainer, the model and the file operations of this process ask `injector`, until it is closed."""
    if any(fault.place != "file" or fault.step is not None for fault in injector.armed):
        _wrap_training(injector)
    if injector.folders:
        _wrap_files(injector)


def _replace(injector: Injector, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    real = getattr(owner, name)
    setattr(owner, name, functools.wraps(real)(make(real)))
    injector.undo.append(lambda: setattr(owner, name, real))


# ---- training


def trainer_class() -> Any:
    """The class whose `step(number)` runs an optimizer step."""
    for module in ("stilts.training.trainer", "stilts.training.loop"):
        if importlib.util.find_spec(module) and hasattr(importlib.import_module(module), "Trainer"):
            return importlib.import_module(module).Trainer
    raise AssertionError("the class Trainer is somewhere else now")


def _wrap_training(injector: Injector) -> None:
    from stilts.model.multitask import MultiTaskModel

    running = [False]

    def step(real: Any) -> Any:
        def wrapped(self: Any, number: int) -> Any:
            injector.start_step(number)
            injector.hit("step")
            running[0] = True
            try:
                result = real(self, number)
            finally:
                running[0] = False
            injector.hit("after_step")
            return result

        return wrapped

    def forward(real: Any) -> Any:
        def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
            if not self.training:
                injector.hit("forward")
            hit = injector.hit("micro_batch") if self.training and running[0] else None
            out = real(self, *args, **kwargs)
            return out * float("nan") if hit is not None and hit.kind == "nan" else out

        return wrapped

    _replace(injector, trainer_class(), "step", step)
    _replace(injector, MultiTaskModel, "forward", forward)


# ---- files


def _wrap_files(injector: Injector) -> None:
    import safetensors.torch
    import torch

    _listen()
    _current.append(injector)
    injector.undo.append(lambda: _current.remove(injector))
    for name in ("fsync", "fdatasync"):
        _replace(injector, os, name, lambda real: _flushing(injector, real))
    _replace(injector, torch, "save", lambda real: _saving(injector, real, "save"))
    _replace(injector, safetensors.torch, "serialize_file", lambda real: _saving(injector, real, "safetensors"))


@functools.cache
def _listen() -> None:
    sys.addaudithook(_audit)


def _hit_file(injector: Injector, event: str, path: Any, to: Any = "", folder: int = -1, to_folder: int = -1) -> None:
    """Ask for each watched folder that one of the paths is in; paths may be relative to an open folder."""
    full, full_to = _absolute(path, folder), _absolute(to, to_folder) if to else ""
    for watched in list(injector.folders):
        if any(name == watched or name.startswith(watched + os.sep) for name in (full, full_to)):
            injector.hit("file", watched, event, full, full_to)


def _absolute(path: Any, folder: int) -> str:
    base = os.readlink(f"/proc/self/fd/{folder}") if isinstance(folder, int) and folder >= 0 else os.getcwd()
    name = os.path.join(base, os.fsdecode(path))
    return os.path.join(os.path.realpath(os.path.dirname(name)), os.path.basename(name))


def _audit(event: str, values: tuple[Any, ...]) -> None:
    """Python's audit events come before the operation; what is raised here becomes the operation's error."""
    if not _current:
        return
    injector = _current[-1]
    if event == "open":
        path, _, flags = values
        if isinstance(path, (str, bytes)) and isinstance(flags, int) and flags & WRITES:
            _hit_file(injector, event, path)
    elif event in ("os.rename", "os.link"):
        _hit_file(injector, event, values[0], values[1], values[2], values[3])
    elif event in ("os.remove", "os.rmdir"):
        _hit_file(injector, event, values[0], folder=values[1])
    elif event == "os.mkdir":
        _hit_file(injector, event, values[0], folder=values[2])
    elif event == "os.truncate":
        _hit_file(
            injector, event, os.readlink(f"/proc/self/fd/{values[0]}") if isinstance(values[0], int) else values[0]
        )


def _flushing(injector: Injector, real: Any) -> Any:
    def wrapped(file: Any) -> None:
        descriptor = file if isinstance(file, int) else file.fileno()
        _hit_file(injector, "fsync", os.readlink(f"/proc/self/fd/{descriptor}"))
        real(file)

    return wrapped


def _saving(injector: Injector, real: Any, event: str) -> Any:
    """Asks before something is saved to a path or an open file, when half of its bytes are there, and when all are."""

    def to_path(what: Any, path: Any, *args: Any, **kwargs: Any) -> None:
        try:
            _hit_file(injector, event, path)
            real(what, path, *args, **kwargs)
            size = os.path.getsize(path)
            with injector.quiet(), open(path, "r+b") as file:
                file.seek(size // 2)
                rest = file.read()
                file.truncate(size // 2)
            _hit_file(injector, f"{event} half", path)
            with injector.quiet(), open(path, "ab") as file:
                file.write(rest)
        except OSError as error:  # the writers in C++ and Rust have errors of their own
            if error.errno != errno.ENOSPC:
                raise
            raise RuntimeError(CPP_DISK_FULL) from error
        _hit_file(injector, f"{event} end", path)

    def to_file(what: Any, file: Any, *args: Any, **kwargs: Any) -> None:
        buffer = io.BytesIO()
        _hit_file(injector, event, file.name)
        real(what, buffer, *args, **kwargs)
        content = buffer.getvalue()
        file.write(content[: len(content) // 2])
        if hasattr(file, "flush"):
            file.flush()
        _hit_file(injector, f"{event} half", file.name)
        file.write(content[len(content) // 2 :])
        _hit_file(injector, f"{event} end", file.name)

    def wrapped(what: Any, target: Any, *args: Any, **kwargs: Any) -> None:
        if isinstance(target, (str, os.PathLike)):
            to_path(what, target, *args, **kwargs)
        elif isinstance(getattr(target, "name", None), (str, os.PathLike)):
            to_file(what, target, *args, **kwargs)
        else:  # in memory: no file of ours
            real(what, target, *args, **kwargs)

    return wrapped
