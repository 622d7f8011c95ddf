"""The commands about tasks, data and this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from stilts.cli.common import Json, print_json


def tasks(name: Annotated[str | None, typer.Argument(help="one task in full")] = None, as_json: Json = False) -> None:
    """List the declared tasks, or show one."""
    from stilts.study.show_tasks import task_json, task_text, tasks_text
    from stilts.tasks import TASKS, get_task

    chosen = [get_task(name)] if name else list(TASKS.values())
    if as_json:
        rows = [task_json(task) for task in chosen]
        print_json(rows[0] if name else {"tasks": rows})
    elif name:
        print(task_text(chosen[0]))
    else:
        print(tasks_text(chosen))


def sample(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="new folder for data and models")],
    seed: Annotated[int, typer.Option(help="everything drawn follows from it")] = 1,
    languages: Annotated[int, typer.Option(help="invented languages beside English")] = 16,
    shuffle_labels: Annotated[
        list[str] | None, typer.Option(metavar="TASK", help="shuffle the training labels of TASK (repeatable)")
    ] = None,
) -> None:
    """Write the generated sample benchmark and its tiny pretrained model (two minutes, the second time seconds)."""
    from stilts.sample import generate

    generate(out, seed, languages, shuffle_labels or ())
    print(f"sample benchmark written to {out}")


def translate(
    task: Annotated[str, typer.Argument(metavar="TASK", help="whose English training set is translated")],
    to: Annotated[str, typer.Option(metavar="CODES", help="languages to translate into, as de,sw")],
    model: Annotated[str, typer.Option(metavar="MODEL", help="M2M-100, NLLB, mBART or Marian: a hub id or a folder")],
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[key=value]", help="settings, as beams=4: docs/translate.md")
    ] = None,
    revision: Annotated[str | None, typer.Option(help="of the model on the hub")] = None,
    study: Annotated[Path | None, typer.Option(metavar="STUDY.yaml", help="read what its data settings name")] = None,
    root: Annotated[Path | None, typer.Option(metavar="DIR", help="read official files here, instead")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="default data.translations of the study, else translations/")
    ] = None,
    as_json: Json = False,
) -> None:
    """Machine-translate a training set with a sequence-to-sequence model; a second call goes on where one stopped."""
    from stilts.translation.job import summary_text
    from stilts.translation.start import translate as translate_task

    done = translate_task(task, to, model, revision, study, root, out, words or (), sys.argv[1:])
    if done is not None:
        print_json(done) if as_json else print(summary_text(done))


def doctor(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[STUDY.yaml] [key=value]", help="a study, or data.root=FOLDER")
    ] = None,
    as_json: Json = False,
    job: Annotated[
        bool, typer.Option("--job", help="started on every rank of a job: `srun stilts doctor --job`")
    ] = False,
) -> None:
    """Check this machine and a study's data for what runs need; exit code 1 where there is a problem."""
    from stilts.doctor.examine import doctor as examine

    raise typer.Exit(examine(words or (), as_json, job))
