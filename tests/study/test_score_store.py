"""What collect keeps of the runs' files: used where nothing has changed, never believed over the files."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import threading

import pytest

from stilts.errors import InputError
from stilts.status import Status, write_status
from stilts.study import score_store, scores, started
from stilts.study.collect import collect
from stilts.study.score_rows import SCORES
from stilts.study.write import write

LONG_AGO = 1_700_000_000


def value(cell):
    return 50 + len(cell.target) + len(cell.language) + (cell.target_seed or 0) / 7 + (cell.intermediate_seed or 0) / 3


def age(plan):
    """Let every file of the runs be an old one: what has just been changed is always read again."""
    for path in (plan.folder / "runs").glob("*/*"):
        os.utime(path, (LONG_AGO, LONG_AGO))


def digests(plan):
    folder = plan.folder / "results"
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.fixture
def read_now(monkeypatch):
    """The runs whose files the last calls of collect have read."""
    names = []
    real = scores.read_runs

    def spy(runs):
        names.extend(run.run for run in runs)
        return real(runs)

    monkeypatch.setattr(scores, "read_runs", spy)
    return names


@pytest.fixture
def plan(make_plan, scored, write_rows):
    made = make_plan(seeds=[1, 2, 3])
    write_rows(made, scored(made, value))
    age(made)
    return made


def anew(plan):
    """The results that a first call gives."""
    (plan.folder / ".collect.npz").unlink(missing_ok=True)
    collect(plan)
    return digests(plan)


def test_a_second_call_reads_nothing_and_gives_the_same_bytes(plan, read_now):
    collect(plan)
    first = digests(plan)
    assert sorted(read_now) == sorted(plan.places)
    read_now.clear()
    collected = collect(plan)
    assert (read_now, digests(plan)) == ([], first)
    assert (collected.missing, collected.problems) == ([], [])


def test_only_changed_runs_are_read(plan, read_now, score_row, write_rows):
    gone, other = list(plan.places)[:2]
    lines = (plan.run_folder(gone) / SCORES).read_text()
    (plan.run_folder(gone) / SCORES).unlink()
    assert {one["reason"] for one in collect(plan).missing} == {f"run {gone} was not run yet"}
    (plan.run_folder(gone) / SCORES).write_text(lines)
    text = (plan.run_folder(other) / SCORES).read_text()
    (plan.run_folder(other) / SCORES).write_text(text.replace('"step": 4', '"step": 5'))  # of the same size
    read_now.clear()
    assert collect(plan).missing == []
    assert sorted(read_now) == sorted([gone, other])
    assert digests(plan) == anew(plan)


def test_what_is_wrong_is_said_again(plan, write_rows, score_row, read_now):
    cells = plan.cells
    wrong = [score_row(plan, cells[0], 1.0), score_row(plan, cells[2], 1.0, config_hash="old")]
    wrong += [score_row(plan, cells[1], value(cells[1])), score_row(plan, cells[-1], 101.0)]
    write_rows(plan, wrong, tail="{")
    first = collect(plan)
    age(plan)
    assert (len(first.problems), first.repeated) == (4, 1)
    collect(plan)
    read_now.clear()
    again = collect(plan)
    assert (again.problems, again.missing, again.repeated) == (first.problems, first.missing, first.repeated)
    assert read_now == []


def test_a_file_that_has_just_changed_is_read_again(plan, read_now):
    name = next(iter(plan.places))
    (plan.run_folder(name) / SCORES).touch()
    collect(plan)
    read_now.clear()
    collect(plan)
    assert read_now == [name]


@pytest.mark.parametrize("damage", ["cut", "flipped", "other format", "no file", "scores.csv", "no scores.csv"])
def test_a_store_that_is_not_as_it_was_is_not_used(plan, read_now, monkeypatch, damage):
    collect(plan)
    first, path, table = digests(plan), plan.folder / ".collect.npz", plan.folder / "results" / "scores.csv"
    content = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(content[:-100])
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif damage == "other format":
        monkeypatch.setattr(score_store, "FORMAT", 0)
    elif damage == "scores.csv":
        table.write_text(table.read_text().replace("xnli", "xnlj"))
    else:
        (path if damage == "no file" else table).unlink()
    read_now.clear()
    collect(plan)
    assert (sorted(read_now), digests(plan)) == (sorted(plan.places), first)


def test_other_settings_make_what_is_known_stale(plan, make_plan, read_now):
    collect(plan)
    read_now.clear()
    changed = make_plan(seeds=[1, 2, 3], training={"select": "last", "max_steps": 5})
    missing = collect(changed).missing
    assert sorted(read_now) == sorted(name for name, run in {r.run: r for r in changed.runs}.items() if run.evaluates)
    assert any(one["reason"].startswith("stale") for one in missing)


def test_a_mark_of_another_seed_that_comes_later(make_plan, scored, write_rows):
    plan = make_plan(seeds=[1, 2])
    rows = scored(plan, value)
    xnli = [row for row in rows if row["target"] == "xnli"]
    chosen, last = xnli[0], next(row for row in xnli if row["target_seed"] == 2)
    chosen["selection"] = f"best:xnli/{chosen['split']}/{chosen['language']}"
    assert (chosen["language"], chosen["recipe"]) == (last["language"], last["recipe"])
    write_rows(plan, [row for row in rows if row["run"] != chosen["run"]])
    age(plan)
    collect(plan)
    write_rows(plan, [row for row in rows if row["run"] == chosen["run"]])
    collect(plan)
    lines = (plan.folder / "results" / "scores.csv").read_text().splitlines()
    marked = [line for line in lines if line.endswith(",chosen_on")]
    assert [f",{chosen['run']}," in line or f",{last['run']}," in line for line in marked] == [True, True]
    age(plan)
    collect(plan)
    assert digests(plan) == anew(plan)


def test_the_order_of_files_and_rows_changes_no_byte(make_plan, scored, write_rows):
    plan = make_plan(seeds=[1, 2, 3])
    rows = scored(plan, value)
    seen = []
    for order in range(3):
        random.Random(order).shuffle(rows)
        for path in (plan.folder / "runs").glob(f"*/{SCORES}"):
            path.unlink()
        write_rows(plan, rows)
        seen.append(anew(plan))
    assert seen[0] == seen[1] == seen[2]


def test_several_processes_give_the_same(plan, monkeypatch):
    first = anew(plan)
    calls = []
    monkeypatch.setattr("stilts.study.read_runs.BYTES_A_PROCESS", 1)
    monkeypatch.setattr("stilts.study.parallel.os.sched_getaffinity", lambda _: {0, 1}, raising=False)

    class Broken(contextlib.nullcontext):
        def __init__(self, count, mp_context):
            calls.append(count)
            super().__init__(self)

        def map(self, work, jobs, chunksize):
            yield work(jobs[0])
            raise OSError("no more processes")

    monkeypatch.setattr("stilts.study.parallel.ProcessPoolExecutor", Broken)
    assert (anew(plan), calls) == (first, [2])


@pytest.mark.slow
def test_processes_read_what_one_reads(plan, monkeypatch):
    first = anew(plan)
    monkeypatch.setattr("stilts.study.read_runs.BYTES_A_PROCESS", 1)
    monkeypatch.setattr("stilts.study.parallel.os.sched_getaffinity", lambda _: {0, 1}, raising=False)
    assert anew(plan) == first


@pytest.mark.slow
def test_two_collectors_at_once(plan):
    first = anew(plan)
    errors = []

    def call():
        try:
            collect(plan)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert digests(plan) == first
    assert not list((plan.folder / "results").glob(".*"))


def test_run_files_are_read_once_and_other_settings_still_refused(plan, make_plan, monkeypatch):
    write(plan, "name: small\n")
    for run in plan.runs:
        write_status(plan.run_folder(run.run), Status("done", 1))
    age(plan)
    looked_at = []
    real = started._started
    monkeypatch.setattr(
        started, "_started", lambda plan, run, texts: looked_at.append(run.run) or real(plan, run, texts)
    )
    collect(plan, check=True)
    assert len(looked_at) == len(plan.runs)
    looked_at.clear()
    collect(plan, check=True)
    assert looked_at == []
    with pytest.raises(InputError, match="max_steps 4 -> 5"):
        collect(make_plan(seeds=[1, 2, 3], training={"select": "last", "max_steps": 5}), check=True)
    path = plan.run_folder(plan.runs[0].run) / "run.yaml"
    path.write_text(path.read_text().replace(plan.runs[0].settings_hash, "0" * 12))
    with pytest.raises(InputError, match="done with other settings"):
        collect(plan, check=True)


def test_the_file_is_json_and_numbers(plan):
    import numpy as np

    collect(plan)
    with np.load(plan.folder / ".collect.npz", allow_pickle=False) as file:
        header = json.loads(file["header"].tobytes())
        assert header["runs"] == list(plan.places)
        assert file["values"].tolist() == pytest.approx([value(cell) for cell in plan.cells])
