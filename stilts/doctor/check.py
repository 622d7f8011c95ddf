"""One line of what `stilts doctor` finds."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

OK, WARNING, PROBLEM = "ok", "warning", "problem"


@dataclass(frozen=True)
class Check:
    """What one look found.

    Attributes:
        name: what was looked at; unlike those of all other checks.
        state: "ok", "warning" (runs can work) or "problem" (runs of this kind cannot).
        found: one line.
        fix: what to do; empty where it is ok.
    """

    name: str
    state: str
    found: str
    fix: str = ""


def ok(name: str, found: str) -> Check:
    """Nothing is to be done."""
    return Check(name, OK, _line(found))


def warning(name: str, found: str, fix: str) -> Check:
    """Something that a run may need, or will be slower without."""
    return Check(name, WARNING, _line(found), _line(fix))


def problem(name: str, found: str, fix: str) -> Check:
    """Something without which a run fails."""
    return Check(name, PROBLEM, _line(found), _line(fix))


def count(checks: Iterable[Check], state: str) -> int:
    """How many checks ended so."""
    return sum(check.state == state for check in checks)


def merged(nodes: Sequence[tuple[str, Sequence[Check]]]) -> list[Check]:
    """The checks of several machines as one list: what is the same everywhere once, the rest with the hosts' names.

    Args:
        nodes: host name and checks of each machine.
    """
    found: dict[str, dict[Check, list[str]]] = {}
    for host, checks in nodes:
        for check in checks:
            found.setdefault(check.name, {}).setdefault(check, []).append(host)
    lines = []
    for name, kinds in found.items():
        for check, hosts in kinds.items():
            where = name if len(hosts) == len(nodes) else f"{name} on {' '.join(hosts)}"
            lines.append(Check(where, check.state, check.found, check.fix))
    return lines


def this_host() -> str:
    """The machine's name, as other machines know it."""
    return socket.gethostname()


def _line(text: str) -> str:
    return " ".join(text.split())
