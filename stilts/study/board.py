"""A study in TensorBoard: a folder in which every run has its id for a name, with the collected results beside them."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stilts.errors import InputError
from stilts.files import write_folder
from stilts.study.plan import Plan

RESULTS = "collected"  # the name of the results among the runs; TensorBoard lays its pages out as the first name says
FOLLOW = 10.0  # seconds between looks for runs that have been started


def serve(plan: Plan, host: str, port: int) -> int:
    """Run TensorBoard on a study until it is stopped; its exit code. Raises InputError where no run was started."""
    runs = plan.folder / "runs"
    if not runs.is_dir():
        raise InputError(f"no runs in {runs}", "a study that was started", "start it with `stilts run`")
    from tensorboard import default, main_lib, program

    with _folder(plan) as folder:
        threading.Thread(target=_follow, args=(plan, folder), daemon=True).start()
        main_lib.global_init()
        server = program.TensorBoard(default.get_plugins())
        server.configure(("tensorboard", "--logdir", str(folder), "--host", host, "--port", str(port)))
        return int(server.main() or 0)


def write_board(plan: Plan, folder: Path | None = None) -> Path:
    """Bring `<study>/tensorboard/` (or `folder`) up to date: a link a run, and `collected/`; returns it.

    `collected/` is replaced where it says something else than the files in `results/` say now.
    """
    from filelock import FileLock

    folder = folder or plan.folder / "tensorboard"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock", mode=0o664):
        link_runs(plan, folder)
        _write_results(plan, folder / RESULTS)
    return folder


def link_runs(plan: Plan, folder: Path) -> None:
    """Link the event files of every run that has some as `<run>`, and remove links to runs that are no more."""
    wanted = {run.run: plan.run_folder(run.run) / "tensorboard" for run in plan.runs}
    wanted = {name: target for name, target in wanted.items() if target.is_dir()}
    inside = folder.parent == plan.folder  # then the links stay right where the study is moved or mounted elsewhere
    for path in folder.iterdir():
        if path.is_symlink() and path.name not in wanted:
            path.unlink()
    for name, target in wanted.items():
        with contextlib.suppress(FileExistsError):
            (folder / name).symlink_to(os.path.relpath(target, folder) if inside else target.resolve())


@contextlib.contextmanager
def _folder(plan: Plan) -> Iterator[Path]:
    """What TensorBoard is opened on: the study's own folder, or a temporary one where that cannot be written."""
    own: Path | None = None
    try:
        own = write_board(plan)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
    if own is not None:
        yield own
        return
    with tempfile.TemporaryDirectory(prefix="stilts-tensorboard-") as folder:
        yield write_board(plan, Path(folder))


def _follow(plan: Plan, folder: Path) -> None:
    """Link runs as they are started."""
    while True:
        time.sleep(FOLLOW)
        with contextlib.suppress(OSError):
            link_runs(plan, folder)


def _write_results(plan: Plan, folder: Path) -> None:
    results = plan.folder / "results"
    texts = {name: _text(results / name) for name in ("xtreme.json", "deltas.csv", "xtreme.md")}
    texts["study"] = _text(plan.folder / "study.yaml")
    texts["plan"] = json.dumps([run.settings_hash for run in plan.runs])
    digest = hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]
    if any(path.name.endswith(f".{digest}") for path in folder.glob("*tfevents*")):
        return
    # a new name each time: a server that is running reads a file on from where it was
    name = f"events.out.tfevents.{int(time.time()):010d}.{digest}"
    write_folder(folder, {f"{part}{name}": content for part, content in _files(plan, texts).items()})


def _files(plan: Plan, texts: dict[str, str]) -> dict[str, bytes]:
    """Folder below `collected/` -> its event file: the study's, and one for each recipe's scores and gains."""
    from stilts.board import events
    from stilts.board.hparams import experiment
    from stilts.board.layout import layout
    from stilts.board.scores import score_tags
    from stilts.board.texts import fenced
    from stilts.figures.heat_map import gains

    trains, validates = any(run.trains_on for run in plan.runs), any(run.selection_sets for run in plan.runs)
    tags = score_tags((place.target, place.language) for places in plan.places.values() for place in places)
    summaries = [experiment(plan.study.name, plan.runs, tags), layout(trains, validates, plan.targets)]
    if texts["study"]:
        summaries.append(events.text("study", fenced(texts["study"], "yaml")))
    if texts["xtreme.md"]:
        summaries.append(events.text("results/table", texts["xtreme.md"]))
    picture = _heat_map(plan.folder / "results")
    if picture:
        summaries.append(events.image("results/gain", picture))
    files = {"": events.file_content((0, summary) for summary in summaries)}
    scores = _scores(json.loads(texts["xtreme.json"] or "{}"))
    if texts["deltas.csv"]:
        for (recipe, target), (value, _) in gains(plan.folder / "results" / "deltas.csv").items():
            scores.setdefault(recipe, {})[f"results/gain/{target}"] = value
    files |= {f"{recipe}/": events.file_content([(0, events.scalars(own))]) for recipe, own in scores.items() if own}
    return files


def _scores(content: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Recipe -> tag -> points, of an xtreme.json; what is missing has no value."""
    scores: dict[str, dict[str, float]] = {}
    for recipe, table in content.get("recipes", {}).items():
        values = {target: task["score"] for target, task in table["tasks"].items()}
        values |= {f"group {name}": value for name, value in table["groups"].items()}
        values["average"] = table["average"]
        scores[recipe] = {f"results/score/{key}": value for key, value in values.items() if value is not None}
    return scores


def _heat_map(results: Path) -> bytes | None:
    """The heat map of gains as a PNG, or None where there are none."""
    import io

    from stilts.figures.heat_map import heat_map

    figure, out = heat_map(results), io.BytesIO()
    if figure is None:
        return None
    figure.savefig(out, format="png", dpi=110)
    return out.getvalue()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
