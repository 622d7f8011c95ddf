"""Faults that tests put into a rank: what happens, where, and the proof that it happened.

    install([Fault("kill", rank=1, place="micro_batch", step=3)], report, rank)   # in the rank, before the run
    assert_fired(report, faults)                                                  # in the test, afterwards

A fault fires once, also when the run is started again: the report (JSON lines) remembers. Counting starts at 0. With
`step` a fault counts from the start of that optimizer step to the start of the next one, so validation and the save
after step s belong to s; without it, from the start of the process.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

KINDS = (
    "kill", "signal", "hang", "hang_hard", "delay", "nan", "disk_full", "flip", "truncate", "record",
)  # fmt: skip
PLACES = ("micro_batch", "step", "after_step", "forward", "file")
VARIABLE = "STILTS_TEST_FAULTS"


@dataclass(frozen=True)
class Fault:
    """One fault of one rank.

    Attributes:
        kind: kill (SIGKILL to itself), signal (`signal` to itself), hang (for ever, signals are served), hang_hard
            (in C, the GIL is kept, no Python runs again), delay (`seconds`), nan (the micro-batch's loss), disk_full
            (the operation raises as on a full disk), flip (a bit in the middle of the operation's file), truncate
            (that file to half); record notes the file operations and harms nothing. Files are flipped and cut where
            they are written by then: at "save end", fsync or os.rename.
        place: micro_batch (a forward pass in training), step and after_step (of Trainer.step), forward (a forward pass
            of validation or prediction), file (an operation that writes below `folder`).
        number: which one of its place and step.
        step: optimizer step from 0.
    """

    kind: str
    rank: int
    place: str
    number: int = 0
    step: int | None = None
    seconds: float = 0.0
    signal: str = "SIGTERM"
    folder: str = ""

    def __post_init__(self) -> None:
        assert self.kind in KINDS, self.kind
        assert self.place in PLACES, self.place
        assert self.kind != "nan" or self.place == "micro_batch"
        assert self.kind not in ("disk_full", "flip", "truncate", "record") or self.place == "file"
        assert self.place != "file" or self.folder


@dataclass(frozen=True)
class Operation:
    """A recorded file operation: the `number`-th of its rank; `path` (and of a rename `to`) below the folder."""

    rank: int
    number: int
    event: str
    path: str
    to: str = ""


def fired(report: Path) -> list[Fault]:
    """The faults that fired, in order."""
    return [Fault(**line["fault"]) for line in _lines(report) if "fault" in line]


def assert_fired(report: Path, faults: Sequence[Fault]) -> None:
    """Fail where a fault did not fire: the test has shown nothing then."""
    missing = [fault for fault in faults if fault not in fired(report)]
    assert not missing, f"did not fire: {missing}; fired: {fired(report)}"


def operations(report: Path, rank: int | None = None) -> list[Operation]:
    """The file operations that `record` noted, in order; those of one rank."""
    found = [Operation(**line["operation"]) for line in _lines(report) if "operation" in line]
    return [one for one in found if rank is None or one.rank == rank]


def environment(faults: Sequence[Fault], report: Path) -> dict[str, str]:
    """The environment variable that carries faults to ranks which a launcher starts."""
    return {VARIABLE: json.dumps({"report": str(report), "faults": [asdict(fault) for fault in faults]})}


def from_environment(variables: Mapping[str, str]) -> Injector | None:
    """Install the faults that the environment names, for the rank that it names; None where it names none."""
    if VARIABLE not in variables:
        return None
    value = json.loads(variables[VARIABLE])
    names = ("RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID")
    rank = next((int(variables[name]) for name in names if name in variables), 0)
    return install([Fault(**fault) for fault in value["faults"]], Path(value["report"]), rank)


def install(faults: Sequence[Fault], report: Path, rank: int) -> Injector:
    """Arm those of `faults` that are this rank's and have not fired yet."""
    import fault_places

    done = fired(report)
    injector = Injector([fault for fault in faults if fault.rank == rank and fault not in done], report, rank)
    fault_places.wrap(injector)
    return injector


class Injector:
    """The armed faults of one process. `hit` is called at every place; the faults that are due there fire."""

    def __init__(self, faults: Sequence[Fault], report: Path, rank: int) -> None:
        self.armed, self.report, self.rank = list(faults), report, rank
        self.folders = {os.path.realpath(fault.folder) for fault in faults if fault.place == "file"}
        self.step: int | None = None
        self._seen: Counter[tuple[str, str, bool]] = Counter()
        self._lock, self._acting = threading.RLock(), threading.local()
        self.undo: list[Any] = []

    def close(self) -> None:
        """Take the wrappers off again."""
        self.armed.clear()
        self.folders.clear()
        for undo in reversed(self.undo):
            undo()
        self.undo.clear()

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """For the time of the block, what this thread does to files is the injector's own and is not counted."""
        before = getattr(self._acting, "quiet", False)
        self._acting.quiet = True
        try:
            yield
        finally:
            self._acting.quiet = before

    def start_step(self, number: int) -> None:
        """Optimizer step `number` starts here: count anew for the faults that name a step."""
        with self._lock:
            self.step = number
            for key in [key for key in self._seen if key[2]]:
                del self._seen[key]

    def hit(self, place: str, folder: str = "", event: str = "", path: str = "", to: str = "") -> Fault | None:
        """Fire what is due at this place; the last fault that fired and let the process go on.

        Raises OSError (no space left) for disk_full.
        """
        if getattr(self._acting, "quiet", False):
            return None
        with self.quiet():
            with self._lock:
                whole, in_step = self._count(place, folder, False), self._count(place, folder, True)
                due = [fault for fault in self.armed if self._due(fault, place, folder, whole, in_step)]
                for fault in due:
                    self._note(fault, in_step if fault.step is not None else whole, event, path, to)
            for fault in due:
                act(fault, Path(path))
        return next((fault for fault in reversed(due) if fault.kind != "record"), None)

    def _count(self, place: str, folder: str, in_step: bool) -> int:
        self._seen[place, folder, in_step] += 1
        return self._seen[place, folder, in_step] - 1

    def _due(self, fault: Fault, place: str, folder: str, whole: int, in_step: int) -> bool:
        if fault.place != place or (place == "file" and os.path.realpath(fault.folder) != folder):
            return False
        if fault.step is not None and fault.step != self.step:
            return False
        return fault.kind == "record" or fault.number == (whole if fault.step is None else in_step)

    def _note(self, fault: Fault, number: int, event: str, path: str, to: str) -> None:
        if fault.kind == "record":
            base = os.path.realpath(fault.folder)
            below = [os.path.relpath(name, base) if name else "" for name in (path, to)]
            line: dict[str, Any] = {"operation": asdict(Operation(self.rank, number, event, *below))}
        else:
            self.armed.remove(fault)
            line = {"fault": asdict(fault), "pid": os.getpid(), "time": time.time(), "event": event, "path": path}
        descriptor = os.open(self.report, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.write(descriptor, (json.dumps(line) + "\n").encode())
        os.fsync(descriptor)
        os.close(descriptor)


def act(fault: Fault, path: Path) -> None:
    """Do what the fault says to this process, or to the file at `path` (of a folder: the largest file below)."""
    if fault.kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif fault.kind == "signal":
        os.kill(os.getpid(), signal.Signals[fault.signal])
    elif fault.kind == "hang":
        while True:
            time.sleep(3600)
    elif fault.kind == "hang_hard":
        hang_hard()
    elif fault.kind == "delay":
        time.sleep(fault.seconds)
    elif fault.kind == "disk_full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    elif fault.kind in ("flip", "truncate"):
        damage = flip_bit if fault.kind == "flip" else truncate
        damage(path if path.is_file() else max((p for p in path.rglob("*") if p.is_file()), key=_size))


def hang_hard() -> None:
    """Wait for ever in C with the GIL: the mutex is this thread's own already. Signals are not served."""
    library = ctypes.PyDLL(None)  # unlike CDLL it keeps the GIL
    mutex = (ctypes.c_char * 256)()  # zeros are PTHREAD_MUTEX_INITIALIZER on Linux
    library.pthread_mutex_lock(mutex)
    library.pthread_mutex_lock(mutex)


def flip_bit(path: Path, at: int | None = None) -> None:
    """Flip the lowest bit of the byte `at` (the middle one if not given)."""
    with open(path, "r+b") as file:
        at = _size(path) // 2 if at is None else at
        file.seek(at)
        value = file.read(1)[0]
        file.seek(at)
        file.write(bytes([value ^ 1]))


def truncate(path: Path) -> None:
    """Cut the file in half."""
    os.truncate(path, _size(path) // 2)


def _size(path: Path) -> int:
    return path.stat().st_size


def _lines(report: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in report.read_text().splitlines()] if report.is_file() else []
