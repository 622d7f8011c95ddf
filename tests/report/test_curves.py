"""Learning curves: which runs are shown, which are not, and the points that are left of many."""

from __future__ import annotations

import pytest
from test_report import write_events

from stilts.report import curves
from stilts.report.chart import line_chart, ticks
from stilts.report.curves import read_curves, thinned


def test_few_points_stay_as_they_are():
    assert thinned([(1, 3.0), (2, 2.0)]) == [(1.0, 3.0), (2.0, 2.0)]


def test_many_points_become_means():
    line = thinned([(step, float(step)) for step in range(1, 10_001)])
    assert len(line) == 100
    assert line[0] == pytest.approx((50.5, 50.5), abs=1)
    assert all(step == value for step, value in line)
    assert line == sorted(line)


def test_intermediate_runs_come_first_and_the_rest_is_counted(plan, monkeypatch):
    for run in plan.runs:
        if run.trains_on and run.run != "target-mnli-s1-xnli-t2":
            write_events(plan.run_folder(run.run) / "tensorboard", run.trains_on, 5)
    found, left_out = read_curves(plan)
    first = ["intermediate-squad-s1", "intermediate-mnli-s1", "target-none-xnli-t1"]
    assert [curve.run for curve in found[:3]] == first
    assert found[0].tasks == {"squad_v1": [(step, pytest.approx(3 / step)) for step in range(1, 6)]}
    assert left_out == "Not shown: 1 run without training events."
    monkeypatch.setattr(curves, "MOST_RUNS", 3)
    found, left_out = read_curves(plan)
    trained = sum(bool(run.trains_on) for run in plan.runs)
    assert len(found) == 3
    assert f"{trained - 3} runs left out after the first 3" in left_out
    monkeypatch.setattr(curves, "MOST_BYTES", 10)
    assert read_curves(plan)[0] == []


def test_steps_that_were_done_again_count_once(plan):
    folder = plan.run_folder("intermediate-squad-s1") / "tensorboard"
    write_events(folder, ["squad_v1"], 5)
    first = read_curves(plan)[0][0].tasks
    write_events(folder, ["squad_v1"], 5)
    assert read_curves(plan)[0][0].tasks == first


def test_a_loss_that_is_not_finite_is_left_out(plan):
    folder = plan.run_folder("intermediate-squad-s1") / "tensorboard"
    write_events(folder, [], 1)
    assert read_curves(plan)[0] == []


def test_ticks_are_round_and_reach_the_top():
    assert ticks(0, 3.6) == [0, 1, 2, 3, 4]
    assert ticks(0, 0.9) == [0, 0.25, 0.5, 0.75, 1.0]
    assert ticks(0, 0)[-1] > 0


def test_a_chart_says_what_it_shows():
    text = line_chart('loss of "<x>"', [[(1, 2.0), (10, 1.0)]], 10)
    assert 'aria-label="loss of &quot;&lt;x&gt;&quot;"' in text
    assert text.count("<polyline") == 1
