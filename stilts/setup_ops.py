"""Builds the DeepSpeed operators that runs on this machine need, so that no run waits for a compiler.

    python -m stilts.setup_ops

On the CPU: the shared-memory collective, which every multi-rank run loads, and Adam for optimizer offload. On CUDA:
fused Adam and Adam for offload; both are only needed by DeepSpeed configurations that ask for them, so a machine
without nvcc is told and goes on.

DeepSpeed compiles an operator at its first use, within PyTorch's extension folder, and holds a file called `lock`
there while it does. A process that is killed leaves the lock, and every later process would wait on it without a word:
set-up and each start of a run remove such locks.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stilts.errors import StiltsError

log = logging.getLogger("stilts")
REMOVED = "removed %s: the process that was compiling there is gone"
SETTLE = 0.5  # seconds between the two looks at a lock that nobody holds
GUARD_SECONDS = 60.0  # for another rank to end its looks
OTHER_MACHINES = 900.0  # seconds that a build on another machine may take
_LOCAL_SIZE = ("LOCAL_WORLD_SIZE", "LOCAL_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE")
FOLDER_VARIABLE = "TORCH_EXTENSIONS_DIR"
OPERATORS: dict[str, dict[str, bool]] = {
    "cpu": {"ShareMemCommBuilder": True, "CPUAdamBuilder": True},
    "cuda": {"FusedAdamBuilder": False, "CPUAdamBuilder": False},
}
"""Accelerator -> DeepSpeed's builder -> whether set-up fails where it cannot be built."""


def use_own_folder() -> None:
    """Let compiled operators lie in the virtual environment, and find its ninja where it is not activated.

    PyTorch's own folder is shared by all environments of a user; the compiler's command line names the environment,
    so two environments would compile over each other for ever. A value that is set already is kept: give a folder on
    a local disk where the environment lies on a shared one. Call it before anything of DeepSpeed is loaded.
    """
    scripts = str(Path(sys.executable).parent)
    if scripts not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join(filter(None, [scripts, os.environ.get("PATH")]))
    if sys.prefix != sys.base_prefix and os.access(sys.prefix, os.W_OK):
        os.environ.setdefault(FOLDER_VARIABLE, str(Path(sys.prefix) / "torch_extensions"))


def extensions_folder() -> Path:
    """Where PyTorch compiles extensions to."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen)
    from torch.utils.cpp_extension import get_default_build_root

    return Path(get_default_build_root())


def remove_stale_locks(folder: Path, older_than: float = 0.0) -> list[Path]:
    """Delete the locks below `folder` that no process of this machine holds open; the paths that were deleted.

    PyTorch's lock is an empty file that its owner keeps open until the build ends. Without any lock this costs two
    looks into the folder. Several processes may call it at once: what one deletes, no other takes for its own.

    Args:
        folder: where operators are compiled.
        older_than: age in seconds under which a lock is left alone, for folders that other machines build in.
    """
    if not _locks(folder):
        return []
    import filelock

    try:
        with filelock.FileLock(folder / "stale.guard", timeout=GUARD_SECONDS):
            stale = _unheld(_locks(folder), older_than)
            if stale:
                time.sleep(SETTLE)  # an owner closes the lock first and deletes it then
                now = _unheld(_locks(folder), older_than)
                stale = {path: identity for path, identity in stale.items() if now.get(path) == identity}
            for path in stale:
                path.unlink(missing_ok=True)
            return sorted(stale)
    except filelock.Timeout:
        return []


def free_operators(ranks: int) -> None:
    """Delete stale locks at the start of a run, on every rank before DeepSpeed loads an operator.

    Args:
        ranks: of the run; where some are on other machines, these may share the folder and build there, so that only
            locks older than `OTHER_MACHINES` seconds go.
    """
    for path in remove_stale_locks(extensions_folder(), 0.0 if _on_one_machine(ranks) else OTHER_MACHINES):
        log.warning(REMOVED, path)


def build(builders: dict[str, bool], accelerator: Any) -> None:
    """Compile and load each operator, one line before and one after.

    Args:
        builders: name of DeepSpeed's builder class -> whether it is required.
        accelerator: DeepSpeed's accelerator, whose `create_op_builder` makes the builder.

    Raises:
        StiltsError: a required operator cannot be built.
    """
    for name, required in builders.items():
        builder = accelerator.create_op_builder(name)
        if builder is None or not builder.is_compatible(verbose=False):
            _fail(name, "DeepSpeed says that it does not fit this machine", required)
            continue
        present = next(iter(extensions_folder().glob(f"**/{builder.name}.so")), None)
        doing = "checking" if present else "compiling (about a minute)"
        print(f"DeepSpeed operator {builder.name}: {doing} ...", flush=True)
        started = time.monotonic()
        try:
            builder.load(verbose=False)
        except Exception as error:  # the compiler's errors come as several types
            _fail(builder.name, str(error), required)
            continue
        print(f"DeepSpeed operator {builder.name}: ready after {time.monotonic() - started:.0f} s", flush=True)


def main() -> int:
    """Remove stale locks and build what this machine's accelerator needs."""
    use_own_folder()
    for path in remove_stale_locks(extensions_folder()):
        print(REMOVED % path, flush=True)
    from deepspeed.accelerator import get_accelerator

    accelerator = get_accelerator()
    try:
        build(OPERATORS.get(accelerator.device_name(), {}), accelerator)
    except StiltsError as error:
        print(f"stilts: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _fail(name: str, reason: str, required: bool) -> None:
    if required:
        raise StiltsError(f"DeepSpeed operator {name} cannot be built (needs g++ and ninja): {reason}")
    print(f"DeepSpeed operator {name}: left out ({reason.splitlines()[0]}); only some configurations need it")


def _on_one_machine(ranks: int) -> bool:
    if nodes := os.environ.get("SLURM_STEP_NUM_NODES"):
        return nodes == "1"
    return next((int(os.environ[name]) for name in _LOCAL_SIZE if name in os.environ), ranks) >= ranks


def _locks(folder: Path) -> dict[Path, tuple[int, int]]:
    """Every lock with what tells it from a later one of the same name."""
    found = {}
    for path in (path for pattern in ("*/lock", "*/*/lock") for path in folder.glob(pattern)):
        with contextlib.suppress(OSError):  # gone by now
            status = path.stat()
            found[path] = (status.st_ino, status.st_mtime_ns)
    return found


def _unheld(locks: dict[Path, tuple[int, int]], older_than: float) -> dict[Path, tuple[int, int]]:
    held = _open_files() if locks else set()
    old = time.time_ns() - int(older_than * 1e9)
    return {path: key for path, key in locks.items() if key[1] <= old and str(path.resolve()) not in held}


def _open_files() -> set[str]:
    import psutil

    return {opened for process in psutil.process_iter() for opened in _files_of(process)}


def _files_of(process: Any) -> Iterable[str]:
    import psutil

    try:
        return [entry.path for entry in process.open_files()]
    except (psutil.Error, OSError):
        return []


if __name__ == "__main__":
    sys.exit(main())
