#!/usr/bin/env python
"""Trains and scores one run of a study, under any launcher: deepspeed, torchrun, mpirun, srun or plain python.

    deepspeed train.py RUN.yaml [key=value ...]
    deepspeed train.py --plan plan.jsonl --index N [key=value ...]

Exit codes: 0 done, 1 failed, 2 wrong input, 75 stopped after a checkpoint. Launchers may change a rank's code:
status.json in the run's folder is the authority.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from stilts.errors import InputError, StiltsError


def parse(arguments: list[str]) -> tuple[Path, list[str]]:
    """The run file and the overrides that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", help="run.yaml of one run")
    parser.add_argument("overrides", nargs="*", help="key=value")
    parser.add_argument("--plan", type=Path, help="plan.jsonl of a study, instead of RUN.yaml")
    parser.add_argument("--index", type=int, help="row of the plan, from 0")
    parser.add_argument("--local_rank", "--local-rank", type=int, help=argparse.SUPPRESS)  # the deepspeed launcher's
    options = parser.parse_args(arguments)
    words = [word for word in (options.run, *options.overrides) if word is not None]
    if options.plan is None:
        if not words or "=" in words[0]:
            raise InputError("no run is named", "RUN.yaml, or --plan and --index", "see train.py --help")
        return Path(words[0]), words[1:]
    rows = options.plan.read_text(encoding="utf-8").splitlines() if options.plan.is_file() else []
    if options.index is None or not 0 <= options.index < len(rows):
        raise InputError(
            f"row {options.index} of {options.plan}", f"one of {len(rows)} rows", "change --plan or --index"
        )
    return options.plan.parent / "runs" / json.loads(rows[options.index])["run"] / "run.yaml", words


def main(arguments: list[str]) -> int:
    """Run one run and return the exit code."""
    try:
        path, overrides = parse(arguments)
        from stilts.config import load_run

        settings = load_run(path, overrides)
        from stilts.training.orphans import end_with_parent

        end_with_parent()
        from stilts.training.run import execute

        execute(settings, path.parent)
    except StiltsError as error:
        print(f"train.py: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
