"""Copies the prepared sets that a run reads to the node's own disk; a job runs it once on each of its nodes.

    srun --ntasks-per-node=1 python -m stilts.slurm.stage FOLDER RUN LOCALDIR

Ranks that have STILTS_FEATURES=LOCALDIR read the copies. Sets that cannot be copied are read where they are: that is
said in a line and is no error.
"""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from stilts.config import RunSettings, load_run
from stilts.data.staged import copies_of, stage_set
from stilts.errors import StiltsError
from stilts.slurm.element import run_folder


def sets_of(run: RunSettings) -> list[str]:
    """The folders of all prepared sets that a run reads, below its `features`."""
    refs = (*run.train_sets, *run.selection_sets, *run.evaluation_sets, *run.noisy_sets, *run.support_sets)
    return list(dict.fromkeys(ref.folder for ref in refs))


def stage(features: Path, folders: Sequence[str], local: Path) -> list[str]:
    """Copy sets to `local`; returns what to say about it, a line each."""
    copied, there, lines = 0, 0, []
    for folder in folders:
        try:
            size = stage_set(features, folder, local)
        except StiltsError as error:
            lines.append(f"{error}; it is read there")
            continue
        copied += size
        there += not size
    done = len(folders) - len(lines)
    summary = f"{done} of {len(folders)} sets are in {copies_of(features, local)}"
    return [*lines, f"{summary}: {there} were there, {copied / 2**20:.1f} MiB copied"]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the study's folder")
    parser.add_argument("run")
    parser.add_argument("local", type=Path, metavar="LOCALDIR", help="a folder on the node's own disk")
    options = parser.parse_args(arguments)
    try:
        folder = run_folder(options.folder, options.run)
        run = load_run(folder / "run.yaml")
        lines = stage((folder / run.features).resolve(), sets_of(run), options.local)
    except StiltsError as error:
        print(f"stilts.slurm.stage: {error}", file=sys.stderr)
        return error.exit_code
    for line in lines:
        print(f"{socket.gethostname()}: {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
