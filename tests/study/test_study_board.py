"""The folder that TensorBoard is opened on: names, what is written twice, and what is there without runs or results."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from stilts.board import events
from stilts.study import board
from stilts.study.board import write_board
from stilts.study.plan import Plan


def started(plan: Plan, run: str) -> Path:
    folder = plan.run_folder(run) / "tensorboard"
    folder.mkdir(parents=True)
    (folder / "events.out.tfevents.1").write_bytes(events.file_content([(1, events.scalars({"train/loss": 2.0}))]))
    return folder


def read(folder: Path) -> EventAccumulator:
    found = EventAccumulator(str(folder))
    found.Reload()
    return found


def results(plan: Plan, gain: float) -> None:
    folder = plan.folder / "results"
    folder.mkdir(exist_ok=True)
    head = "recipe,baseline,target,language,metric,delta\n"
    (folder / "deltas.csv").write_text(f"{head}squad,none,xnli,all,accuracy,{gain}\n")
    table: dict[str, Any] = {"tasks": {"xnli": {"score": 41.0}}, "groups": {}, "average": None}
    (folder / "xtreme.json").write_text(json.dumps({"recipes": {"squad": table}}))
    (folder / "xtreme.md").write_text("| a |\n|---|\n")


def test_links_are_runs_of_the_plan_and_go_with_the_study(make_plan: Callable[..., Plan], tmp_path: Path) -> None:
    plan = make_plan()
    one, two = (run.run for run in plan.runs[:2])
    started(plan, one)
    folder = write_board(plan)
    assert {path.name for path in folder.iterdir() if path.is_symlink()} == {one}
    started(plan, two)
    (folder / "gone").symlink_to("../runs/gone/tensorboard")
    write_board(plan)
    assert {path.name for path in folder.iterdir() if path.is_symlink()} == {one, two}
    moved = tmp_path / "moved"
    shutil.move(plan.folder, moved)
    assert [event.value for event in read(moved / "tensorboard" / two).Scalars("train/loss")] == [2.0]


def test_results_are_replaced_only_where_they_changed(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan()
    folder = write_board(plan) / "collected"
    assert "results/gain" not in read(folder).Tags()["images"], "nothing was collected"
    results(plan, 1.5)
    write_board(plan)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*tfevents*")}
    assert len(before) == 2
    write_board(plan)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*tfevents*")} == before
    results(plan, 2.5)
    write_board(plan)
    assert len(list(folder.rglob("*tfevents*"))) == 2
    found = read(folder)
    (picture,) = found.Images("results/gain")
    assert picture.encoded_image_string[:4] == b"\x89PNG"
    assert (picture.width, picture.height) > (200, 100)
    assert len(found.Tensors("results/table")) == 1
    recipe = read(folder / "squad")
    assert [event.value for event in recipe.Scalars("results/gain/xnli")] == [2.5]
    assert [event.value for event in recipe.Scalars("results/score/xnli")] == [41.0]
    assert recipe.Tags()["scalars"] == ["results/score/xnli", "results/gain/xnli"], "a missing average is no number"


def test_a_folder_that_is_not_ours_to_write_is_shown_from_elsewhere(
    make_plan: Callable[..., Plan], tmp_path: Path
) -> None:
    plan = make_plan()
    started(plan, plan.runs[0].run)
    folder = write_board(plan, tmp_path / "elsewhere")
    assert [event.value for event in read(folder / plan.runs[0].run).Scalars("train/loss")] == [2.0]
    assert not (plan.folder / "tensorboard").exists()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_read_only_study_is_shown_from_a_temporary_folder(
    make_plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    plan = make_plan()
    real = board.write_board

    def write(plan: Plan, folder: Path | None = None) -> Path:
        if folder is None:
            raise OSError(number, "read-only")
        return real(plan, folder)

    monkeypatch.setattr(board, "write_board", write)
    with board._folder(plan) as folder:
        assert folder != plan.folder / "tensorboard"
        assert folder.is_dir()
    assert not folder.exists()


def test_no_torch_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom stilts.config import Study\nfrom stilts.settings import read\n"
        "from stilts.study.board import write_board\nfrom stilts.study.plan import expand\n"
        f"plan = expand(read(Study, {{'name': 'small', 'output_dir': {str(tmp_path)!r}}}, ''))\n"
        "write_board(plan)\nprint([m for m in ('torch', 'transformers', 'pandas', 'tensorflow') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
