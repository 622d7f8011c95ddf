"""report.html: what is in it, escaped, small, the same bytes each time; and what it says where results lack."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from html.parser import HTMLParser
from pathlib import Path

import pytest
from filelock import FileLock, Timeout
from made_up import NASTY, delta, make_plan, make_up, write_deltas, write_statistics
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from stilts.config import load_study
from stilts.errors import InputError
from stilts.report.results import read_results
from stilts.report.write import script_json, write_report
from stilts.study.plan import expand

ROOT = Path(__file__).resolve().parents[2]


class Page(HTMLParser):
    """Tags, texts and the embedded data of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.attributes = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, text):
        self.texts.append(text)


def page_of(plan):
    return write_report(plan).read_text(encoding="utf-8")


def data_of(text):
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL).group(1))


def write_events(folder, tasks, steps):
    """TensorBoard events of a run: a falling loss for each task."""
    writer = EventFileWriter(str(folder))
    for step in range(1, steps + 1):
        for number, task in enumerate(tasks):
            value = Summary.Value(tag=f"train/loss/{task}", simple_value=(number + 1) * 3 / step)
            writer.add_event(Event(step=step, wall_time=step, summary=Summary(value=[value])))
    writer.close()


def test_everything_from_data_is_escaped(plan):
    write_statistics(plan)
    write_deltas(plan, [delta("squad", value=2.0)])
    text = page_of(plan)
    page = Page(text)
    assert "img" not in page.tags
    assert page.tags.count("script") == 2
    assert text.count(NASTY) == 0
    assert any(NASTY in part for part in page.texts)  # in a reason, as text
    assert NASTY in " ".join(data_of(text)["words"])
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "style"]
    assert not [value for name, value in page.attributes if name in ("src", "href") and not value.startswith("#")]


def test_data_cannot_end_its_script():
    text = script_json({"a": NASTY})
    assert "<" not in text
    assert "\u2028" not in text
    assert json.loads(text) == {"a": NASTY}


def test_the_same_results_give_the_same_bytes(plan, tmp_path):
    write_statistics(plan)
    first = write_report(plan, tmp_path / "a.html").read_bytes()
    assert write_report(plan, tmp_path / "b.html").read_bytes() == first
    assert str(tmp_path / "a.html").encode() not in first


def test_the_tables_are_there_without_a_script(plan):
    write_deltas(plan, [delta("squad", "xnli", value=2.04, low=0.51, high=3.57), delta("mnli", "mlqa", value=-0.96)])
    body = page_of(plan).split("<noscript>")[1].split('<script type="application/json"')[0]
    assert "<small>+2.0\n[+0.5, +3.6]</small>" in body
    assert re.search(r'<td class="g5" data-k="xnli\|all\|squad">\+2.0</td>', body)  # the largest
    assert re.search(r'<td class="l3" data-k="mlqa\|all\|mnli">−1.0</td>', body)
    assert body.count('data-k="xnli|sw|') == 3
    assert "onerror=alert(1)&gt;" in body  # why cells are missing


def test_what_is_not_there_is_said(plan):
    text = page_of(plan)
    assert text.count("<code>results/statistics.json</code> is missing") == 3
    assert "No run has training events" in text
    write_statistics(plan, claims=[], best={}, degenerate=[], deviations=[], negative_transfer={})
    text = page_of(plan)
    assert "is missing. Run" not in text
    assert "None of the published claims is about what this study has" in text


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        ({}, ["Predictions were not looked at: no run's are here.", "Losses were not looked at: no run's are here."]),
        (
            {"examined": {"runs_with_items": 0, "runs_with_losses": 1}},
            [
                "Predictions were not looked at: no run's are here.",
                "Of 1 run with losses none has one that did not fall.",
            ],
        ),
        (
            {"examined": {"runs_with_items": 18, "runs_with_losses": 16}},
            [
                "Of 18 runs with predictions none always says the same.",
                "Of 16 runs with losses none has one that did not fall.",
            ],
        ),
    ],
    ids=("missing", "no predictions", "all"),
)
def test_what_was_not_examined_is_not_cleared(plan, changes, sentences):
    write_statistics(plan, degenerate=[], **changes)
    assert f"<p>{' '.join(sentences)}</p>".replace("'", "&#39;") in page_of(plan)
    write_statistics(plan, **changes)
    assert "none has one that did not fall" not in page_of(plan)  # one run is named


def test_supported_claims_are_no_more_than_that(plan):
    write_statistics(plan)
    assert "means that the interval lies above 0; the size may be smaller than claimed" in page_of(plan)


def test_what_was_not_used_is_named(plan):
    lines = [f"scores.jsonl line {number}: {NASTY} ignored" for number in range(60)]
    problems = plan.folder / "results" / "problems.txt"
    problems.write_text("\n".join([*lines, "missing: squad xnli de: why"]) + "\n", encoding="utf-8")
    text = page_of(plan)
    assert "60 problems in the runs&#39; files" in text
    assert "scores.jsonl line 49: &lt;/script&gt;" in text
    assert "line 50:" not in text
    assert "10 more in results/problems.txt" in text


def test_hours_are_those_of_the_ranks(plan):
    text = page_of(plan)
    assert "All runs together took 16.0 h (GPU-hours)" in text  # of 17 runs one failed before it said so
    assert "failed" in text


def test_where_a_score_is_from(plan):
    data = data_of(page_of(plan))
    words, runs, entries = data["words"], data["runs"], data["entries"]
    row = next(
        i
        for i, (run, target) in enumerate(zip(entries["run"], entries["target"], strict=True))
        if words[runs["run"][run]] == "target-squad-s1-mlqa-t2" and words[target] == "mlqa"
    )
    rows = [json.loads(line) for line in (plan.run_folder("target-squad-s1-mlqa-t2") / "scores.jsonl").open()]
    first = rows[0]
    assert [words[code] for code in entries["languages"][row]] == ["en", "de"]
    assert entries["values"][row][0][0] == pytest.approx(first["value"], abs=1e-4)
    for key in ("git", "config_hash", "selection"):
        assert words[entries[key][row]] == first[key]
    assert entries["step"][row] == first["step"]
    index = entries["run"][row]
    planned = [run.run for run in plan.runs]
    assert planned[index] == "target-squad-s1-mlqa-t2"
    assert [planned[need] for need in runs["needs"][index]] == ["intermediate-squad-s1"]
    folders = {words[folder] for folder in data["features"]["folder"]}
    assert {ref.folder for ref in plan.runs[index].evaluation_sets} <= folders


def test_a_study_that_was_not_collected_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no xtreme.json, deltas.csv, scores.csv in .*stilts collect"):
        write_report(make_plan(tmp_path))


def test_the_report_waits_for_collect(plan, monkeypatch):
    """All results are read, and the page written, by the one who holds the lock of `collect`."""
    lock = FileLock(plan.folder / ".collect.lock")
    free = []

    def reads(own):
        with contextlib.suppress(Timeout), lock.acquire(timeout=0):
            free.append(own)
        return read_results(own)

    monkeypatch.setattr("stilts.report.write.read_results", reads)
    with lock, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(write_report, plan)
        assert wait([waiting], timeout=0.2).not_done
        lock.release()
        assert waiting.result(timeout=20).is_file()
    assert free == []


def test_results_of_other_recipes_are_refused(plan, tmp_path):
    other = make_plan(tmp_path, intermediate=[{"name": "none"}, {"name": "qqp", "tasks": ["qqp"]}])
    with pytest.raises(InputError, match="has the recipes none, squad, mnli"):
        write_report(other)


@pytest.mark.parametrize(
    ("tasks", "languages", "why"),
    [
        (["xnli", "mlqa", "tatoeba", "pawsx"], {}, "the targets xnli, mlqa, tatoeba; expected .*, pawsx; run"),
        (["xnli", "mlqa", "tatoeba"], {"xnli": ["en", "de"]}, "the xnli languages en, de, sw; expected .*: en, de;"),
    ],
    ids=("a target more", "a language less"),
)
def test_results_of_other_targets_or_languages_are_refused(plan, tmp_path, tasks, languages, why):
    own = {"xnli": ["en", "de", "sw"], "mlqa": ["en", "de"], "tatoeba": ["de", "sw"], **languages}
    other = make_plan(tmp_path, target={"tasks": tasks, "languages": own, "seeds": [1, 2]})
    with pytest.raises(InputError, match=why):
        write_report(other)


def test_the_command(plan, call, tmp_path):
    study = tmp_path / "study.yaml"
    study.write_text("name: small\n")
    code, _, err = call("report", study, f"output_dir={tmp_path / 'empty'}")
    assert code == 2
    assert err.count("\n") == 1


@pytest.mark.slow
def test_the_command_needs_no_torch(plan):
    script = (
        "import sys; sys.path.insert(0, sys.argv[2]); from pathlib import Path; import made_up\n"
        "from stilts.report.write import write_report\n"
        "print(write_report(made_up.make_plan(Path(sys.argv[1]))))\n"
        "print([name for name in ('torch', 'transformers', 'datasets', 'deepspeed') if name in sys.modules])"
    )
    write_events(plan.run_folder("intermediate-squad-s1") / "tensorboard", ["squad_v1"], 5)  # TensorBoard can use torch
    words = [sys.executable, "-c", script, str(plan.folder.parents[1]), str(Path(__file__).parent)]
    lines = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines[0].endswith("report.html")
    assert lines[1] == "[]"


@pytest.mark.slow  # the questions are asked of it, too
def test_the_papers_study_is_small_enough(tmp_path):
    study = load_study(ROOT / "studies" / "phang2020.yaml", [f"output_dir={tmp_path}"])
    plan = expand(study)
    make_up(plan)
    rows = [
        delta(run, target, language, 1.23456, low=-0.98765, high=3.45678, p=0.0123456, low_test_set=-0.98765,
              high_test_set=3.45678, p_test_set=0.0123456, low_combined=-0.98765, high_combined=3.45678,
              p_combined=0.0123456, detectable=2.34567, p_adjusted=0.23456, tests=108)
        for run in (recipe.name for recipe in plan.recipes[1:])
        for target, languages in languages_of(plan).items() for language in ("all", *languages)
    ]  # fmt: skip
    write_deltas(plan, rows)
    write_statistics(plan)
    for run in [run for run in plan.runs if run.kind == "intermediate"]:
        write_events(plan.run_folder(run.run) / "tensorboard", run.trains_on, 150)
    path = write_report(plan)
    assert len(rows) > 1800
    assert path.stat().st_size < 3e6
    text = path.read_text(encoding="utf-8")
    assert text.count("<polyline") == sum(len(run.trains_on) for run in plan.runs if run.kind == "intermediate")
    assert "without training events" in text


def languages_of(plan):
    """Target -> its languages, a task's counted metrics taken for its score."""
    found = {}
    for places in plan.places.values():
        for place in places:
            found.setdefault(place.target, {})[place.language] = None
    return found
