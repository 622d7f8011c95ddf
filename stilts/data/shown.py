"""How `prepare` shows its progress: a bar on a terminal, a line a set otherwise; and the table of what is prepared."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from stilts.config import SetRef
from stilts.data.store import PreparedSet
from stilts.table import print_whole

if TYPE_CHECKING:
    from rich.progress import Progress

_BARS = " ▁▂▃▄▅▆▇█"
HEADER = ("set", "part", "examples", "rows", "tokens", "mean", "median", "95 %", "longest", "truncated", "lengths")


class Shown:
    """The progress over some sets, on stderr.

    Args:
        names: (name, remark) of each set.
        wanted: show anything at all.
    """

    def __init__(self, names: Sequence[tuple[str, str]], wanted: bool) -> None:
        self.total, self.count, self.wanted = len(names), 0, wanted and bool(names)
        self._bar: Progress | None = None

    def __enter__(self) -> Shown:
        if self.wanted and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            text = TextColumn("[progress.description]{task.description}")
            self._bar = Progress(
                text, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=Console(stderr=True)
            )
            self._bar.start()
            self._bar.add_task("preparing", total=self.total)
        elif self.wanted:
            print(f"preparing {self.total} sets", file=sys.stderr, flush=True)
        return self

    def done(self, name: str, remark: str, examples: int) -> None:
        """Take note of a set that is whole."""
        self.count += 1
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], advance=1, description=name)
        elif self.wanted:
            line = f"prepared {self.count}/{self.total}: {name} ({remark}), {examples:,} examples"
            print(line, file=sys.stderr, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def unlabelled_note(refs: Sequence[SetRef]) -> str:
    """One line that names the sets without labels; empty where there are none."""
    languages: dict[str, list[str]] = {}
    for ref in refs:
        languages.setdefault(f"{ref.task}/{ref.split}", []).append(ref.language)
    named = "; ".join(f"{name}/{','.join(codes)}" for name, codes in languages.items())
    return f"no labels, so predictions for a submission and no scores: {named}" if named else ""


def prepared_facts(folder: Path, refs: Sequence[SetRef]) -> list[dict[str, Any]]:
    """What is prepared, one dict a set, each set once: counts, token lengths, what was truncated and dropped."""
    out = []
    for ref in {ref.folder: ref for ref in refs}.values():
        manifest = PreparedSet(folder / ref.folder).manifest
        spec = manifest["facts"]["spec"]
        kept = {key: manifest[key] for key in ("examples", "rows", "truncated", "tokens", "dropped")}
        kept |= {"noise": {**spec["noise"], **manifest["noise"]}} if "noise" in manifest else {}
        kept |= {"labelled": manifest.get("labelled", True), "without_text": manifest.get("without_text", 0)}
        named = {key: spec[key] for key in ("task", "split", "language", "part", "limit", "max_length")}
        out.append({**named, "folder": ref.folder, **kept, "truncated_share": manifest["truncated"] / manifest["rows"]})
    return out


def prepared_table(sets: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """The rows of a table with the columns `HEADER`."""
    return [
        (
            f"{one['task']}/{one['split']}/{one['language']}",
            _part(one),
            f"{one['examples']:,}",
            f"{one['rows']:,}",
            f"{one['tokens']['total']:,}",
            f"{one['tokens']['mean']:.1f}",
            one["tokens"]["median"],
            one["tokens"]["p95"],
            one["tokens"]["longest"],
            f"{one['truncated_share']:.1%}",
            _sparkline([count for _, count in one["tokens"]["histogram"]]),
        )
        for one in sets
    ]


def _part(one: dict[str, Any]) -> str | None:
    limit = None if one["limit"] is None else f"first {one['limit']:,}"
    bare = None if one["labelled"] else "no labels"
    parts = (None if one["part"] == "all" else one["part"], limit, bare, _noise(one.get("noise")))
    return ", ".join(filter(None, parts)) or None


def _noise(facts: dict[str, Any] | None) -> str | None:
    if facts is None:
        return None
    changed = f"{facts['changed_subwords']:.1%} of subwords, {facts['changed_examples']:.1%} of examples changed"
    return f"{facts['condition']} seed {facts['seed']}: {facts['rate']:.1%} edited, {changed}"


def show_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table for a terminal: numbers to the right, and no line broken."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=box.SIMPLE_HEAD)
    for number, name in enumerate(header):
        shown.add_column(name, justify="right" if 1 < number < len(header) - 1 else "left", no_wrap=True)
    for row in rows:
        shown.add_row(*("" if value is None else str(value) for value in row))
    print_whole(shown, Console())


def _sparkline(counts: Sequence[int]) -> str:
    """The histogram in one word: a bar for each bin, from no sequence to the most."""
    most = max(counts, default=1)
    return "".join(_BARS[-(-count * (len(_BARS) - 1) // most)] for count in counts)
