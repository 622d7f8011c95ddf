"""The `stilts` command. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import os
import sys

import typer

from stilts.cli import data, results, studies
from stilts.errors import InputError, StiltsError

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Intermediate training and zero-shot cross-lingual evaluation of multilingual encoders.",
)
for command in (
    data.tasks, studies.plan, studies.prepare, studies.run, studies.submit, studies.status, results.collect,
    results.report, studies.cancel, studies.retry, studies.logs, studies.tensorboard, data.sample, results.score,
    results.compare, results.figures, results.analyse, data.translate, data.doctor,
):  # fmt: skip
    app.command()(command)


def main() -> None:
    """Run the command line. A wrong input or failed study ends with its exit code and one line on stderr."""
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except StiltsError as error:
        print(f"stilts: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except typer.Abort:
        sys.exit(1)
    except BrokenPipeError:  # the reader of a pipe, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        # typer carries its own click and does not export the class of usage errors.
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        print(f"stilts: {' '.join(message().split())} See `stilts --help`.", file=sys.stderr)
        sys.exit(InputError.exit_code)
