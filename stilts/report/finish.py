"""The end of `stilts collect` and `stilts run`: TensorBoard's folder, the report, and what a person is told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from stilts.errors import MissingCells
from stilts.report.write import REPORT, write_report
from stilts.study.board import write_board
from stilts.study.collect import MOST_CELLS, REPEATED, Collected
from stilts.study.plan import Plan
from stilts.study.terminal import show


def finish(plan: Plan, collected: Collected) -> None:
    """Bring TensorBoard's folder and the report up to date; print the table and what could not be used or is missing.

    Raises MissingCells if something is missing.
    """
    if sys.stdout.isatty():
        show(collected.table)
    else:
        print(collected.table)
    for line in _notes(collected):
        print(line)
    if collected.seconds >= 1:
        print(f"statistics: {collected.seconds:.1f} s", file=sys.stderr)
    if collected.cells <= MOST_CELLS:
        _or_say_why("TensorBoard's folder", lambda: write_board(plan))
        _or_say_why("the report", lambda: print(f"report: {write_report(plan)}"))
    else:
        (collected.folder / REPORT).unlink(missing_ok=True)  # that of an earlier call
        print(
            f"{collected.cells} cells take a while: `stilts report` writes the report, `stilts tensorboard` its folder,"
            " `stilts analyse` answers the questions"
        )
    scored = collected.cells - len(collected.missing) - len(collected.unlabelled)
    print(f"results: {collected.folder} ({scored} of {collected.cells} cells)")
    if collected.missing:
        sys.stdout.flush()
        raise MissingCells(f"{len(collected.missing)} of {collected.cells} cells are missing")
    if collected.noisy_missing:
        sys.stdout.flush()
        raise MissingCells("scores under noisy inputs are missing")


def _or_say_why(what: str, write: Callable[[], object]) -> None:
    """Write what is made of the results: where it fails, they stand all the same."""
    try:
        write()
    except Exception as error:  # of any library
        print(f"note: {what} is not written: {type(error).__name__}: {error}")


def _notes(collected: Collected) -> Iterator[str]:
    """What could not be used, what is missing, and the submissions, a line each."""
    for problem in collected.problems:
        yield f"note: {problem}"
    if collected.repeated:
        yield f"note: {REPEATED.format(collected.repeated)}"
    for cell in collected.missing:
        yield f"missing: {cell['recipe']} {cell['target']} {cell['language']}: {cell['reason']}"
    for line in collected.noisy_missing:
        yield f"missing: {line}"
    for one in collected.submissions:
        lacks = f", {len(one.missing)} entries missing: see submission.json" if one.missing else ""
        cut = f", limited: {' '.join(dict.fromkeys(limit['task'] for limit in one.limited))}" if one.limited else ""
        yield f"submission: {one.folder} ({len(one.files)} files{lacks}{cut})"
    yield from collected.unlabelled_lines()
