#!/usr/bin/env python
"""Trains and scores one run of a study, under any launcher: deepspeed, torchrun, mpirun, srun or plain python.

    deepspeed train.py RUN.yaml [key=value ...] [--allow-drift KEY ...]
    deepspeed train.py --plan plan.jsonl --index N [key=value ...]

Exit codes: 0 done, 1 failed, 2 wrong input, 75 stopped after a checkpoint. Launchers may change a rank's code:
status.json in the run's folder is the authority.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from dataclasses import replace
from pathlib import Path

from stilts.errors import InputError, StiltsError


def parse(arguments: list[str]) -> tuple[Path, list[str], list[str]]:
    """The run file, the overrides and the settings that may drift, as the command line names them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", help="run.yaml of one run")
    parser.add_argument("overrides", nargs="*", help="key=value")
    parser.add_argument("--plan", type=Path, help="plan.jsonl of a study, instead of RUN.yaml")
    parser.add_argument("--index", type=int, help="row of the plan, from 0")
    parser.add_argument(
        "--allow-drift", action="append", default=[], metavar="KEY",
        help="go on from a checkpoint that was made with another KEY (also one above it; repeatable)",
    )  # fmt: skip
    parser.add_argument("--local_rank", "--local-rank", type=int, help=argparse.SUPPRESS)  # the deepspeed launcher's
    options = parser.parse_intermixed_args(arguments)  # options may stand between overrides
    words = [word for word in (options.run, *options.overrides) if word is not None]
    if options.plan is None:
        if not words or "=" in words[0]:
            raise InputError("no run is named", "RUN.yaml, or --plan and --index", "see train.py --help")
        return Path(words[0]), words[1:], options.allow_drift
    rows = options.plan.read_text(encoding="utf-8").splitlines() if options.plan.is_file() else []
    if options.index is None or not 0 <= options.index < len(rows):
        raise InputError(
            f"row {options.index} of {options.plan}", f"one of {len(rows)} rows", "change --plan or --index"
        )
    run = json.loads(rows[options.index])["run"]
    return options.plan.parent / "runs" / run / "run.yaml", words, options.allow_drift


def main(arguments: list[str]) -> int:
    """Run one run and return the exit code."""
    try:
        path, overrides, allow_drift = parse(arguments)
        from stilts.training.stopping import REQUEST

        REQUEST.install()  # before anything that takes seconds to load
        from stilts.config import load_run

        settings = load_run(path, overrides)
        settings = replace(settings, allow_drift=[*settings.allow_drift, *allow_drift])
        from stilts.training.orphans import end_with_parent

        end_with_parent(settings.training.save_grace)
        from stilts.training.run import execute

        execute(settings, path.parent)
    except StiltsError as error:
        print(f"train.py: {error}", file=sys.stderr)
        return error.exit_code
    except Exception:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    from stilts.training.orphans import end_process

    end_process(main(sys.argv[1:]))
