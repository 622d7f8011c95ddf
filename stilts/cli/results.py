"""The commands about results: tables, pages, figures, comparisons and answers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from stilts.cli.common import Json, Overrides, StudyFile, plan_of, print_json
from stilts.errors import InputError, MissingCells


def collect(study: StudyFile, overrides: Overrides = None) -> None:
    """Merge the scores there are into results/."""
    import gc

    from stilts.report.finish import finish
    from stilts.study.collect import collect as merge
    from stilts.study.progress import Counting

    gc.disable()  # a million scores hold no cycles, and looking for them takes a quarter of the time
    planned = plan_of(study, overrides)
    planned.refuse_unfinished()
    with Counting(sys.stderr) as said:
        collected = merge(planned, check=True, said=said)
    gc.freeze()  # nor are they looked through once more at the end
    finish(planned, collected)


def report(study: StudyFile, overrides: Overrides = None) -> None:
    """Write results/report.html, one page without network, from what `collect` wrote."""
    from stilts.report.write import write_report

    path = write_report(plan_of(study, overrides))
    print(f"report: {path} ({path.stat().st_size / 1e3:,.0f} kB)")


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
    print_json(comparisons_json(found)) if as_json else print(comparisons_text(found))


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

        answer = ask_study(plan_of(Path(studies[0]), None), question, settings)
    print_json(answer.content()) if as_json else print(answer.text())


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
        print_json(checked.content()) if as_json else print(checked.text())
        checked.refuse()
        return
    scores = score_folder(predictions, labels, benchmark)
    print_json(scores.content) if as_json else print(scores.text())
    if scores.missing:
        raise MissingCells(f"{len(scores.missing)} files or folders are missing")
