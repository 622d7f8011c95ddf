"""Merging scores: complete, missing, conflicting, stale and broken ones; averages are null rather than smaller."""

from __future__ import annotations

import csv
import json
from statistics import fmean

import pytest
from scipy import stats

from stilts.status import Status, write_status
from stilts.study.collect import collect
from stilts.study.scores import KEYS


def value(cell):
    """A score that differs from cell to cell."""
    base = {"xnli": 60, "mlqa": 40, "tatoeba": 20}[cell.target] + {"en": 5, "de": 1}[cell.language]
    return base + (3 if cell.recipe == "squad" else 0) + (2 if cell.metric == "exact_match" else 0)


def results(plan):
    return json.loads((plan.folder / "results" / "xtreme.json").read_text())


def rows_of(plan, name):
    with open(plan.folder / "results" / name, newline="") as file:
        return list(csv.DictReader(file))


def test_a_complete_study(make_plan, scored, write_rows):
    plan = make_plan()
    write_rows(plan, scored(plan, value))
    collected = collect(plan)
    assert (collected.missing, collected.problems, collected.cells) == ([], [], 8)
    content = results(plan)
    assert content["missing"] == []
    assert list(content["recipes"]) == ["none", "squad"]
    none = content["recipes"]["none"]
    assert none["seeds"] == [1]
    assert none["tasks"]["xnli"] == {
        "metrics": {"accuracy": 63.0},
        "score": 63.0,
        "languages": {"en": {"accuracy": 65.0}, "de": {"accuracy": 61.0}},
    }
    assert none["tasks"]["mlqa"]["metrics"] == {"f1": 45.0, "exact_match": 47.0}
    assert none["tasks"]["mlqa"]["score"] == 46.0
    assert none["groups"] == {
        "classification": 63.0,
        "structured": None,
        "question answering": 46.0,
        "retrieval": 21.0,
    }
    assert none["average"] == pytest.approx(fmean([63.0, 46.0, 21.0]))
    assert content["recipes"]["squad"]["average"] == pytest.approx(none["average"] + 3)
    assert content["tasks_absent"] == ["pawsx", "udpos", "panx", "xquad", "tydiqa", "bucc2018"]


def test_the_other_files(make_plan, scored, write_rows):
    plan = make_plan()
    write_rows(plan, scored(plan, value))
    table = collect(plan).table
    assert sorted(path.name for path in (plan.folder / "results").iterdir()) == [
        "answers.json", "answers.md", "by_language.csv", "data.md", "deltas.csv", "problems.txt", "scores.csv",
        "statistics.json", "xtreme.csv", "xtreme.json", "xtreme.md", "xtreme.tex",
    ]  # fmt: skip
    scores = rows_of(plan, "scores.csv")
    assert tuple(scores[0]) == (*KEYS, "marks")
    assert len(scores) == len(plan.cells)
    flat = {row["recipe"]: row for row in rows_of(plan, "xtreme.csv")}
    assert (flat["none"]["difference"], flat["none"]["structured"]) == ("", "")
    assert float(flat["squad"]["difference"]) == pytest.approx(3)
    assert "–" in table
    assert "+3.0" in table
    assert (plan.folder / "results" / "xtreme.md").read_text() == table
    deltas = rows_of(plan, "deltas.csv")
    assert {row["delta"] for row in deltas} == {"3.0"}
    assert {row["p"] for row in deltas} == {""}  # one seed gives no interval
    assert {(r["target"], r["language"]) for r in deltas} == {
        ("all", "all"), ("xnli", "en"), ("xnli", "de"), ("xnli", "all"), ("mlqa", "en"), ("mlqa", "all"),
        ("tatoeba", "de"), ("tatoeba", "all"),
    }  # fmt: skip
    assert {r["n"] for r in deltas if r["target"] == "xnli"} == {"10", "20"}


def test_no_question_is_asked_of_a_large_study(make_plan, scored, write_rows, monkeypatch):
    plan = make_plan()
    write_rows(plan, scored(plan, value))
    answers = [plan.folder / "results" / name for name in ("answers.json", "answers.md")]
    collect(plan)
    assert all(path.is_file() for path in answers)
    monkeypatch.setattr("stilts.study.collect.MOST_CELLS", 7)
    collect(plan)
    assert not any(path.exists() for path in answers)


def test_missing_cells_make_averages_null(make_plan, scored, write_rows):
    plan = make_plan()
    gone = ("squad", "xnli", "de")
    rows = [row for row in scored(plan, value) if (row["recipe"], row["target"], row["language"]) != gone]
    write_rows(plan, rows)
    for run in plan.runs:
        write_status(plan.run_folder(run.run), Status("done"))
    assert [(m["recipe"], m["target"], m["language"]) for m in collect(plan).missing] == [gone]
    content = results(plan)
    squad = content["recipes"]["squad"]
    assert squad["tasks"]["xnli"]["languages"] == {"en": {"accuracy": 68.0}, "de": {"accuracy": None}}
    assert squad["tasks"]["xnli"]["score"] is None
    assert (squad["groups"]["classification"], squad["average"]) == (None, None)
    assert squad["groups"]["retrieval"] == 24.0
    assert content["recipes"]["none"]["average"] is not None
    assert "done but wrote no such score" in content["missing"][0]["reason"]
    deltas = rows_of(plan, "deltas.csv")
    assert {r["language"] for r in deltas if r["target"] == "xnli"} == {"en"}


def test_a_study_that_was_not_run(make_plan):
    plan = make_plan()
    collected = collect(plan)
    assert len(collected.missing) == collected.cells == 8
    assert results(plan)["recipes"]["none"]["average"] is None
    assert rows_of(plan, "scores.csv") == []


def test_reasons_name_the_run_to_look_at(make_plan):
    plan = make_plan()
    write_status(plan.run_folder("intermediate-squad-s1"), Status("failed", error="the loss is not finite"))
    write_status(plan.run_folder("target-none-xnli-t1"), Status("stopped", error="stopped by SIGTERM"))
    reasons = {(m["recipe"], m["target"]): m["reason"] for m in collect(plan).missing}
    assert "intermediate-squad-s1 failed: the loss is not finite" in reasons[("squad", "mlqa")]
    assert "stopped by SIGTERM" in reasons[("none", "xnli")]
    assert "not run yet" in reasons[("none", "mlqa")]


def test_the_same_score_twice_is_nothing(make_plan, scored, write_rows):
    plan = make_plan()
    rows = scored(plan, value)
    write_rows(plan, rows + rows[:2])
    collected = collect(plan)
    assert (collected.missing, collected.problems) == ([], [])
    assert len(rows_of(plan, "scores.csv")) == len(plan.cells)


def test_another_value_is_a_conflict(make_plan, scored, write_rows):
    plan = make_plan()
    rows = scored(plan, value)
    write_rows(plan, [*rows, {**rows[0], "value": 1.0}])
    collected = collect(plan)
    assert len(collected.missing) == 1
    assert collected.missing[0]["reason"].startswith("conflict: scored 65 and 1.0")
    assert any("conflict" in problem for problem in collected.problems)
    assert results(plan)["recipes"]["none"]["tasks"]["xnli"]["score"] is None


def test_scores_of_other_settings_are_stale(make_plan, scored, write_rows, score_row):
    plan = make_plan()
    rows = scored(plan, value)
    rows[0]["config_hash"] = "0" * 12
    write_rows(plan, rows)
    missing = collect(plan).missing
    assert len(missing) == 1
    assert missing[0]["reason"].startswith("stale: scored with the settings 000000000000")
    write_rows(plan, [score_row(plan, plan.cells[0], 50.0)])
    assert collect(plan).missing == []


WRONG = {
    "unknown language": {"language": "fr"},
    "unknown metric": {"metric": "bleu"},
    "no text": {"target": ["xnli"]},
    "other run": {"run": "target-none-mlqa-t1"},
    "other recipe": {"recipe": "squad"},
    "other split": {"split": "test"},
    "other seed": {"target_seed": 2},
    "noise": {"condition": "typo"},
    "not finite": {"value": float("nan")},
    "infinite": {"value": float("inf")},
    "text": {"value": "65"},
    "true": {"value": True},
    "above 100": {"value": 100.5},
    "below 0": {"value": -1},
    "no examples": {"n": 0},
    "more keys": {"more": 1},
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_rows_are_named_and_left_out(make_plan, scored, name, write_rows):
    plan = make_plan()
    rows = scored(plan, value)
    first = rows.pop(0)
    write_rows(plan, rows)
    folder = plan.run_folder(first["run"])
    with open(folder / "scores.jsonl", "a") as out:
        out.write(json.dumps({**first, **WRONG[name]}) + "\n")
    collected = collect(plan)
    assert [(m["target"], m["language"]) for m in collected.missing] == [(first["target"], first["language"])]
    assert len(collected.problems) == 1
    assert f"{folder / 'scores.jsonl'} line 2" in collected.problems[0]


def test_a_broken_last_line(make_plan, scored, write_rows):
    plan = make_plan()
    write_rows(plan, scored(plan, value), tail='{"study": "sm')
    collected = collect(plan)
    assert collected.missing == []
    assert "was not written to its end" in collected.problems[0]


def test_a_line_that_is_still_being_written(make_plan, scored, write_rows):
    plan = make_plan()
    rows = scored(plan, value)
    run = rows[-1]["run"]
    write_rows(plan, [row for row in rows if row["run"] != run])
    own = [row for row in rows if row["run"] == run]
    write_rows(plan, own[:-1])
    for one in plan.runs:
        write_status(plan.run_folder(one.run), Status("done"))
    write_status(plan.run_folder(run), Status("running", ranks=[{"host": "elsewhere", "pid": 1}]))
    path = plan.run_folder(run) / "scores.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as out:
        out.write(json.dumps(own[-1])[:40])
    collected = collect(plan)
    assert collected.problems == [f"{path} line {len(own)} is still being written by run {run}"]
    assert [f"run {run} is running" in one["reason"] for one in collected.missing] == [True]
    with open(path, "a") as out:
        out.write(json.dumps(own[-1])[40:] + "\n")
    write_status(plan.run_folder(run), Status("done"))
    collected = collect(plan)
    assert (collected.missing, collected.problems) == ([], [])


DELTAS = "deltas.csv"
FAULTS = {
    "a language without a score": ("xnli", "en", None, "is done but wrote no such score", None),
    "a conflicting value": ("xnli", "en", {"value": 1.0}, "conflict: scored", "conflict: scored"),
    "a row of another configuration": ("xnli", "en", {"config_hash": "0" * 12}, "stale: scored with", "is stale"),
    "not a number": ("xnli", "en", {"value": float("nan")}, "wrote no such score", "value nan of"),
    "infinite": ("xnli", "en", {"value": float("inf")}, "wrote no such score", "value inf of"),
    "out of range": ("xnli", "en", {"value": 100.1}, "wrote no such score", "is not in points (0-100)"),
    "of the wrong type": ("xnli", "en", {"value": "65"}, "wrote no such score", "is not in points (0-100)"),
    "not in the plan": ("xnli", "en", {"language": "fr"}, "wrote no such score", "is not in the plan of this run"),
    "cut off": ("xnli", "en", "half", "wrote no such score", "was not written to its end"),
    "of a failed run": ("xnli", "en", "failed", "failed: the loss is not finite", None),
    "of a run still writing": ("xnli", "en", "running", "is running", "is still being written by run"),
}


def inject(plan, rows, fault, write_rows):
    """Write all rows, one of them with the fault; the cell that has it."""
    target, language, change, *_ = FAULTS[fault]
    for run in plan.runs:
        write_status(plan.run_folder(run.run), Status("done"))
    wrong = next(r for r in rows if (r["recipe"], r["target"], r["language"]) == ("squad", target, language))
    others = [row for row in rows if row is not wrong]
    tail = ""
    if isinstance(change, dict):
        bad = {**wrong, **change}
        others += [wrong, bad] if "conflict" in fault else [bad]
    elif change in ("half", "running"):
        tail = json.dumps(wrong)[:99]
        others.sort(key=lambda row: row["run"] == wrong["run"])  # the tail goes to the file of the last row
    if change in ("failed", "running"):
        status = Status(change, error="the loss is not finite" if change == "failed" else None,
                        ranks=[{"host": "elsewhere", "pid": 1}])  # fmt: skip
        write_status(plan.run_folder(wrong["run"]), status)
    write_rows(plan, others, tail)
    return "squad", target, language


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_named_and_never_averaged(make_plan, scored, write_rows, fault):
    plan = make_plan(seeds=[1, 2])
    reason, problem = FAULTS[fault][3:]
    cell = inject(plan, scored(plan, value), fault, write_rows)
    for call in ("first", "second, with what the first has kept"):
        collected = collect(plan)
        assert [(m["recipe"], m["target"], m["language"]) for m in collected.missing] == [cell], call
        content = results(plan)
        assert [reason in one["reason"] for one in content["missing"]] == [True]
        assert len(collected.problems) == (problem is not None)
        assert problem is None or problem in collected.problems[0]
        lines = (plan.folder / "results" / "problems.txt").read_text().splitlines()
        assert lines[:-1] == collected.problems
        assert lines[-1].startswith(f"missing: {' '.join(cell)}: ")
        assert reason in lines[-1]
        squad, target, language = content["recipes"]["squad"], *cell[1:]
        assert squad["tasks"][target]["languages"][language]["accuracy"] is None  # not the mean of the other seeds
        assert (squad["tasks"][target]["score"], squad["average"], squad["groups"]["classification"]) == (None,) * 3
        assert content["recipes"]["none"]["average"] is not None
        row = next(r for r in rows_of(plan, "by_language.csv") if (r["recipe"], r["target"], r["language"]) == cell)
        assert (row["value"], row["sd"]) == ("", "")
        assert ("squad", target, "all") not in {
            (r["recipe"], r["target"], r["language"]) for r in rows_of(plan, "deltas.csv")
        }


def test_repeated_rows_are_counted(make_plan, scored, write_rows):
    plan = make_plan()
    rows = scored(plan, value)
    write_rows(plan, rows + rows[:2] + rows[:1])
    assert collect(plan).repeated == 3
    text = (plan.folder / "results" / "problems.txt").read_text()
    assert text == "3 score rows repeat another one with the same value: each score counts once\n"


def test_runs_that_are_not_in_the_plan(make_plan, scored, write_rows):
    plan = make_plan()
    write_rows(plan, scored(plan, value))
    smaller = make_plan(intermediate=[{"name": "none"}])
    collected = collect(smaller)
    assert collected.missing == []
    assert len(collected.problems) == 3
    assert all("belongs to no run" in problem for problem in collected.problems)


def test_two_seeds(make_plan, scored, write_rows):
    plan = make_plan(seeds=[1, 2])
    write_rows(
        plan, scored(plan, lambda cell: value(cell) + (cell.target_seed or 0) + 10 * (cell.intermediate_seed or 0))
    )
    assert collect(plan).missing == []
    squad = results(plan)["recipes"]["squad"]
    assert squad["seeds"] == [1, 2]
    assert squad["tasks"]["xnli"]["languages"]["en"]["accuracy"] == pytest.approx(68 + 1.5 + 15)
    row = next(
        r
        for r in rows_of(plan, "by_language.csv")
        if (r["recipe"], r["target"], r["language"]) == ("none", "xnli", "en")
    )
    assert (float(row["value"]), row["seeds"]) == (66.5, "2")
    assert float(row["sd"]) == pytest.approx(0.5**0.5)
    deltas = {(r["target"], r["language"], r["metric"]): r for r in rows_of(plan, "deltas.csv")}
    xnli = deltas[("xnli", "en", "accuracy")]
    assert (xnli["seeds"], xnli["n"]) == ("2", "10")  # two intermediate seeds, each with the mean of its fine-tunes
    assert float(xnli["delta"]) == pytest.approx(18)
    # by hand: squad's intermediate seeds have means 79.5 and 89.5; target seeds differ by 1 in all three pairs
    between, within = 10**2 / 2 / 2, 0.5 / 2  # variances of the two means
    df = (between + within) ** 2 / (between**2 / 1 + within**2 / 3)
    half = stats.t.ppf(0.975, df) * (between + within) ** 0.5
    p = 2 * stats.t.sf(18 / (between + within) ** 0.5, df)
    found = [float(xnli[key]) for key in ("low", "high", "p", "df")]
    assert found == pytest.approx([18 - half, 18 + half, p, df])
    assert xnli["low_test_set"] == xnli["low_combined"] == xnli["stars"] == "", "no predictions, and too few seeds"
    assert float(deltas["all", "all", "score"]["delta"]) == pytest.approx(18)


def test_one_seed_of_two_is_missing(make_plan, scored, write_rows):
    plan = make_plan(seeds=[1, 2])
    rows = scored(plan, value)
    gone = next(row for row in rows if row["recipe"] == "none" and row["target_seed"] == 2)
    write_rows(plan, [row for row in rows if row is not gone])
    missing = collect(plan).missing
    assert [(m["recipe"], m["target"], m["language"]) for m in missing] == [("none", gone["target"], gone["language"])]
    assert results(plan)["recipes"]["none"]["tasks"][gone["target"]]["score"] is None
    row = next(
        r for r in rows_of(plan, "by_language.csv") if (r["recipe"], r["language"]) == ("none", gone["language"])
    )
    assert (row["value"], row["sd"], row["seeds"]) == ("", "", "1")


def test_without_a_baseline_there_are_no_deltas(make_plan, scored, write_rows):
    plan = make_plan(intermediate=[{"name": "squad", "tasks": ["squad_v1"]}])
    write_rows(plan, scored(plan, value))
    assert collect(plan).missing == []
    assert rows_of(plan, "deltas.csv") == []
    assert rows_of(plan, "xtreme.csv")[0]["difference"] == ""


def test_another_benchmark_has_other_groups(make_plan, scored, settings, write_rows):
    plan = make_plan(target={**settings["target"], "benchmark": "xtreme_r"})
    write_rows(plan, scored(plan, value))
    assert "# XTREME-R" in collect(plan).table
    assert "lareqa" in results(plan)["tasks_absent"]
