"""The errors that end a command, each with the exit code that the command returns."""

from __future__ import annotations


class StiltsError(Exception):
    """Something failed that is not the user's input: exit code 1."""

    exit_code = 1


class InputError(StiltsError):
    """Wrong input: exit code 2 and one line on stderr, without a traceback.

    Args:
        found: what was found and where (file, row, field).
        expected: what would have been right.
        change: what the user should change.
    """

    exit_code = 2

    def __init__(self, found: str, expected: str, change: str) -> None:
        self.found, self.expected, self.change = found, expected, change
        super().__init__(" ".join(f"{found}; expected {expected}; {change}".split()))

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, str]]:
        """So that it can be pickled: it may be raised in a worker process."""
        return type(self), (self.found, self.expected, self.change)


def first_line(error: BaseException) -> str:
    """What somebody else's error says, in one line; its class where it says nothing."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


class MissingCells(StiltsError):
    """The study ended, but some cells have no score: exit code 3."""

    exit_code = 3


class Stopped(StiltsError):
    """Stopped on request after a checkpoint; run the same command again: exit code 75."""

    exit_code = 75
