"""The `stilts` command. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stilts.errors import InputError, MissingCells, StiltsError

if TYPE_CHECKING:
    from stilts.study.plan import Plan

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Intermediate training and zero-shot cross-lingual evaluation of multilingual encoders.",
)
StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="study file")]
Overrides = Annotated[list[str] | None, typer.Argument(metavar="key=value", help="settings that differ from the file")]
RunsAndOverrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="RUN|key=value", help="runs, default all; settings as for the others"),
]
AllowDrift = Annotated[
    list[str] | None,
    typer.Option("--allow-drift", metavar="KEY", help="let started runs go on with another KEY (repeatable)"),
]
A_SUBMISSION = 900.0  # seconds that `prepare` in a job waits for the command that submitted it
Json = Annotated[bool, typer.Option("--json", help="for programs")]


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


@app.command()
def tasks(name: Annotated[str | None, typer.Argument(help="one task in full")] = None, as_json: Json = False) -> None:
    """List the declared tasks, or show one."""
    from stilts.study.show_tasks import task_json, task_text, tasks_text
    from stilts.tasks import TASKS, get_task

    chosen = [get_task(name)] if name else list(TASKS.values())
    if as_json:
        rows = [task_json(task) for task in chosen]
        _print_json(rows[0] if name else {"tasks": rows})
    elif name:
        print(task_text(chosen[0]))
    else:
        print(tasks_text(chosen))


@app.command()
def plan(study: StudyFile, overrides: Overrides = None, as_json: Json = False, allow_drift: AllowDrift = None) -> None:
    """Show the runs of a study, and write them to its folder if it can be run."""
    from stilts.study.show import plan_json, plan_text
    from stilts.study.write import Locked, study_lock, study_text, write

    planned = _plan(study, overrides)
    if as_json:
        _print_json(plan_json(planned))
    else:
        print(plan_text(planned))
    if planned.later:
        return
    try:
        with study_lock(planned.folder):
            _notes(write(planned, study_text(study, overrides or ()), allow_drift or ()))
    except Locked:
        print("stilts: not written: the study is running", file=sys.stderr)
        return
    if not as_json:
        print(f"\nwritten to {planned.folder}/plan.jsonl and {planned.folder}/runs/")


@app.command()
def prepare(
    study: StudyFile, overrides: Overrides = None, as_json: Json = False, allow_drift: AllowDrift = None
) -> None:
    """Turn the raw data of a study into features on disk, once; a second call waits for a first one."""
    from stilts.data.shown import HEADER, prepared_facts, prepared_table, show_table
    from stilts.study.local import prepare_data, stop_signals
    from stilts.study.show import table
    from stilts.study.write import BRIEFLY, study_lock, study_text, write

    planned = _plan(study, overrides)
    planned.refuse_unfinished()
    # `submit` sends this job first, and holds the study until the last one is sent
    with study_lock(planned.folder, wait=A_SUBMISSION if "SLURM_JOB_ID" in os.environ else BRIEFLY):
        _notes(write(planned, study_text(study, overrides or ()), allow_drift or ()))
    with stop_signals():
        refs = prepare_data(planned)
    sets = prepared_facts(planned.features, refs)
    if as_json:
        _print_json({"study": planned.study.name, "features": str(planned.features), "sets": sets})
        return
    if sets:
        rows = prepared_table(sets)
        if sys.stdout.isatty():
            show_table(HEADER, rows)
        else:
            print(table(HEADER, rows))
    print(f"{len(planned.specs)} sets are prepared in {planned.features}")


@app.command()
def run(study: StudyFile, overrides: Overrides = None, allow_drift: AllowDrift = None) -> None:
    """Prepare and execute on this machine what is not done yet, then collect."""
    from stilts.report.finish import finish
    from stilts.slurm.submit import refuse_queued
    from stilts.study.local import run_study
    from stilts.study.write import study_text

    planned = _plan(study, overrides)
    refuse_queued(planned)
    finish(planned, run_study(planned, study_text(study, overrides or ()), allow_drift=allow_drift or ()))


@app.command()
def submit(
    study: StudyFile,
    overrides: Overrides = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="write the scripts and submit nothing")] = False,
    as_json: Json = False,
    allow_drift: AllowDrift = None,
) -> None:
    """Submit what is missing of a study to Slurm, as jobs that wait for each other (launch.profile: the cluster)."""
    from stilts.slurm.show import submission_json, submission_text
    from stilts.slurm.submit import submit_study
    from stilts.study.write import study_text

    planned = _plan(study, overrides)
    done = submit_study(planned, study_text(study, overrides or ()), dry_run, allow_drift or ())
    if as_json:
        _print_json(submission_json(done))
        return
    _notes(done.notes)
    print(submission_text(done, dry_run))


@app.command()
def status(
    study: StudyFile,
    overrides: Overrides = None,
    every: Annotated[bool, typer.Option("--all", help="each run also of a large study")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="show it anew until Ctrl-C")] = False,
    seconds: Annotated[float, typer.Option("--every", metavar="SECONDS", help="between two looks of --watch")] = 10.0,
    as_json: Json = False,
) -> None:
    """Show how far every run is: its folder and, where there are jobs, Slurm's queue."""
    from stilts.slurm.status_text import lists_all, whole_json, whole_text
    from stilts.slurm.watching import watch as keep_showing
    from stilts.slurm.whole import look

    planned = _plan(study, overrides)
    if as_json:
        _print_json(whole_json(look(planned)))
        return
    scores = lists_all(planned, every)
    if watch:
        keep_showing(lambda: whole_text(look(planned, scores=scores), every), max(1.0, seconds), sys.stdout)
    else:
        print(whole_text(look(planned, scores=scores), every))


@app.command()
def collect(study: StudyFile, overrides: Overrides = None) -> None:
    """Merge the scores there are into results/."""
    import gc

    from stilts.report.finish import finish
    from stilts.study.collect import collect as merge
    from stilts.study.progress import Counting

    gc.disable()  # a million scores hold no cycles, and looking for them takes a quarter of the time
    planned = _plan(study, overrides)
    planned.refuse_unfinished()
    with Counting(sys.stderr) as said:
        collected = merge(planned, check=True, said=said)
    gc.freeze()  # nor are they looked through once more at the end
    finish(planned, collected)


@app.command()
def report(study: StudyFile, overrides: Overrides = None) -> None:
    """Write results/report.html, one page without network, from what `collect` wrote."""
    from stilts.report.write import write_report

    path = write_report(_plan(study, overrides))
    print(f"report: {path} ({path.stat().st_size / 1e3:,.0f} kB)")


@app.command()
def cancel(study: StudyFile, words: RunsAndOverrides = None) -> None:
    """Cancel the jobs of a study, or of some runs, for good; runs that go are asked to save first."""
    from stilts.slurm.cancel import cancel_study

    planned, runs = _plan_and_runs(study, words)
    print("\n".join(cancel_study(planned, runs)))


@app.command()
def retry(study: StudyFile, words: RunsAndOverrides = None, as_json: Json = False) -> None:
    """Let failed runs, or some of them, start again from their last checkpoints, and submit what is missing."""
    from stilts.slurm.retry import retry_study
    from stilts.slurm.show import submission_json, submission_text
    from stilts.study.write import study_text

    planned, runs = _plan_and_runs(study, words)
    text = study_text(study, [word for word in words or () if "=" in word])
    retried = retry_study(planned, text, runs)
    if as_json:
        submitted = submission_json(retried.submission) if retried.submission else {"jobs": []}
        _print_json({"retried": retried.runs, **submitted})
        return
    print(f"{len(retried.runs)} failed runs start again from their last checkpoints")
    if retried.submission is None:
        print("start them with `stilts run`")
    else:
        _notes(retried.submission.notes)
        print(submission_text(retried.submission, dry_run=False))


@app.command()
def logs(
    study: StudyFile,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="run id, as in `stilts status`, or prepare or collect")],
    overrides: Overrides = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on with what is added, until Ctrl-C")] = False,
    rank: Annotated[int | None, typer.Option(help="what this rank printed, of a run in a Slurm job")] = None,
) -> None:
    """Print the log of one run: log.txt, or what its ranks, launcher or job said if it has none."""
    from stilts.slurm.logs import log_of, show_log

    show_log(log_of(_plan(study, overrides), run_id, rank), sys.stdout, follow)


@app.command()
def tensorboard(
    study: StudyFile,
    overrides: Overrides = None,
    port: Annotated[int, typer.Option(help="port to listen on; 0 takes a free one")] = 6006,
    host: Annotated[str, typer.Option(help="address to listen on")] = "localhost",
) -> None:
    """Start TensorBoard on the runs of a study and, where they were collected, their results."""
    from stilts.study.board import serve

    raise typer.Exit(serve(_plan(study, overrides), host, port))


@app.command()
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


@app.command()
def score(
    predictions: Annotated[
        Path, typer.Option(metavar="DIR", help="a folder for each task, with test-{language} files")
    ],
    labels: Annotated[Path | None, typer.Option(metavar="DIR", help="the same with gold labels")] = None,
    benchmark: Annotated[
        str | None, typer.Option(help="xtreme or xtreme_r; default what submission.json says, else xtreme")
    ] = None,
    as_json: Json = False,
) -> None:
    """Score a folder in the leaderboard's layout, as the benchmark does; without --labels, check its layout."""
    from stilts.submission.check import check_folder
    from stilts.submission.score import score_folder

    if labels is None:
        checked = check_folder(predictions, benchmark)
        _print_json(checked.content()) if as_json else print(checked.text())
        checked.refuse()
        return
    scores = score_folder(predictions, labels, benchmark)
    _print_json(scores.content) if as_json else print(scores.text())
    if scores.missing:
        raise MissingCells(f"{len(scores.missing)} files or folders are missing")


@app.command()
def compare(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="A [B ...] [key=value]",
            help="study files, output folders or published:NAME; a study alone is compared with all published rows",
        ),
    ],
    recipe: Annotated[
        list[str] | None, typer.Option("--recipe", metavar="NAME", help="a recipe to compare (repeatable), default all")
    ] = None,
    split: Annotated[str | None, typer.Option(help="of published rows: dev or test, default the study's")] = None,
    as_json: Json = False,
) -> None:
    """Compare collected studies with each other, or with rows that others published."""
    from stilts.compare.compare import compare as compare_sides
    from stilts.compare.intervals import with_intervals
    from stilts.compare.pairs import pairs
    from stilts.compare.show import IN_FULL, comparisons_json, comparisons_text

    found = [compare_sides(a, b) for a, b in pairs(words, recipe or (), split)]
    if as_json or len(found) <= IN_FULL:
        found = [with_intervals(one) for one in found]
    _print_json(comparisons_json(found)) if as_json else print(comparisons_text(found))


@app.command()
def figures(
    study: StudyFile,
    overrides: Overrides = None,
    formats: Annotated[str, typer.Option("--format", help="png, svg and pdf, with commas")] = "png,svg",
    recipe: Annotated[
        list[str] | None, typer.Option("--recipe", metavar="NAME", help="a recipe to draw (repeatable), default all")
    ] = None,
) -> None:
    """Write the figures of a collected study to results/figures/, for papers."""
    from stilts.config import load_study
    from stilts.figures.write import write_figures

    folder = load_study(study, overrides or ()).folder / "results"
    for path in write_figures(folder, [name.strip() for name in formats.split(",")], recipe or ()):
        print(path)


@app.command()
def analyse(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="multitask, steps, noise, typology or domain")],
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[STUDY.yaml] [key=value]", help="a collected study; settings of the question"),
    ] = None,
    scores: Annotated[
        Path | None, typer.Option(metavar="FILE", help="instead: score rows, CSV or JSON lines, also from elsewhere")
    ] = None,
    as_json: Json = False,
) -> None:
    """Answer a question about transfer from a study's scores or a table of them, with its uncertainty."""
    settings = [word for word in words or () if "=" in word]
    studies = [word for word in words or () if "=" not in word]
    if len(studies) != (scores is None):
        found = f"{len(studies)} studies {'without' if scores is None else 'and'} --scores"
        raise InputError(found, "one study, or --scores FILE", "name what has the scores")
    if scores is not None:
        from stilts.analysis.questions import analyse as answer_to

        answer = answer_to(question, scores, settings)
    else:
        from stilts.study.answers import ask_study

        answer = ask_study(_plan(Path(studies[0]), None), question, settings)
    _print_json(answer.content()) if as_json else print(answer.text())


@app.command()
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
        _print_json(done) if as_json else print(summary_text(done))


@app.command()
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


def _plan(study: Path, overrides: list[str] | None) -> Plan:
    from stilts.config import load_study
    from stilts.study.plan import expand

    return expand(load_study(study, overrides or ()))


def _plan_and_runs(study: Path, words: list[str] | None) -> tuple[Plan, list[str]]:
    """The plan, and those of the words that are runs; the others are settings. Raises InputError for an unknown run."""
    from stilts.study.local import known_run

    planned = _plan(study, [word for word in words or () if "=" in word])
    return planned, [known_run(planned, word) for word in words or () if "=" not in word]


def _notes(lines: list[str]) -> None:
    for line in lines:
        print(f"note: {line}", file=sys.stderr)


def _print_json(content: Any) -> None:
    print(json.dumps(content, indent=2, ensure_ascii=False))
