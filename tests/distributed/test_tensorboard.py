"""TensorBoard on a study's folder, read through its HTTP API: a run that was stopped twice, the table, the results."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cases
import pytest
import tiny
import yaml
from faults import Fault, assert_fired
from harness import run_ranks

pytestmark = pytest.mark.slow

STEPS = 9
TRAINED, BASELINE = "target-mnli-s1-xnli-t1", "target-none-xnli-t1"
RETRIEVAL = "evaluation-none-tatoeba"


class Server:
    """A TensorBoard that was started by `stilts tensorboard`."""

    def __init__(self, study: Path, log: Path) -> None:
        words = [sys.executable, "-m", "stilts", "tensorboard", str(study), "--port", "0"]
        with open(log, "w") as out:
            self.process = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 90
        while not (found := re.search(r"at (http://\S+/)", log.read_text())):
            assert self.process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        self.url = found.group(1)

    def get(self, path: str, body: Any = None, **query: str) -> Any:
        """What a path of `/data` answers; bytes where it is no JSON."""
        url = f"{self.url}data/{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, content, {"Content-Type": "application/json"} if content else {})
        with urllib.request.urlopen(request, timeout=30) as answer:
            raw = answer.read()
            return json.loads(raw) if answer.headers.get_content_type() == "application/json" else raw

    def wait_for(self, runs: set[str]) -> None:
        """Until it has read the event files of these runs."""
        deadline = time.monotonic() + 60
        while not runs <= set(self.get("runs")):
            assert time.monotonic() < deadline, self.get("runs")
            time.sleep(0.5)

    def close(self) -> None:
        """End it, and see that it ends."""
        self.process.terminate()
        assert self.process.wait(timeout=30) is not None


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of three runs, one of them stopped twice; returns its YAML file."""
    top = tmp_path_factory.mktemp("board")
    folder, model = top / "out/tiny", tiny.make_model(top / "model")
    content = {
        "name": "tiny", "output_dir": str(top / "out"), "model": {"name": str(model)},
        "intermediate": [{"name": "none"}, {"name": "mnli", "tasks": ["mnli"]}],
        "target": {"tasks": ["xnli", "tatoeba"], "languages": {"xnli": ["de", "fr"], "tatoeba": ["de"]}},
        "training": {"max_steps": STEPS},
    }  # fmt: skip
    path = top / "study.yaml"
    path.write_text(yaml.safe_dump(content))
    sets = [tiny.make_set(folder, model, "xnli", 9, "dev", language) for language in ("de", "fr")]
    chosen = [tiny.make_set(folder, model, "xnli", 9, "dev", "en")]
    training = {"max_steps": STEPS, "save_every": 4, "validate_every": 3, "select": "best"}
    for number, run in enumerate((TRAINED, BASELINE)):
        own = {**training, "learning_rate": 1e-3 / (number + 1)}
        one = tiny.make_run(
            folder, model, run, {"mnli": 24}, training=own, evaluation_sets=sets, selection_sets=chosen,
            evaluates=["xnli"],
        )  # fmt: skip
        stops = [Fault("signal", 0, "step", 0, 3), Fault("kill", 0, "step", 0, 6)] if run == TRAINED else []
        run_until_done(one, stops, top)
    tatoeba = [tiny.make_set(folder, model, "tatoeba", 9, "test", "de")]
    tiny.make_run(
        folder, model, RETRIEVAL, {}, kind="evaluation", evaluation_sets=tatoeba, evaluates=["tatoeba"]
    )  # fmt: skip
    run_ranks(cases.run_file, 1, top / "logs", str(folder / "runs" / RETRIEVAL / "run.yaml"))
    (folder / "study.yaml").write_text(path.read_text())
    collected(folder)
    return path


def run_until_done(path: Path, faults: list[Fault], top: Path) -> None:
    """A run with one fault a start."""
    report = top / f"{path.parent.name}.jsonl"
    for number, fault in enumerate(faults):
        if fault.kind == "kill":
            with pytest.raises(AssertionError):
                run_ranks(cases.run_with_faults, 1, top / f"logs-{number}", str(path), [fault], str(report))
        else:
            ends = run_ranks(cases.run_with_faults, 1, top / f"logs-{number}", str(path), [fault], str(report))
            assert ends == ["stopped"]
    if faults:
        assert_fired(report, faults)
    run_ranks(cases.run_file, 1, top / f"logs-end-{path.parent.name}", str(path))
    assert json.loads((path.parent / "status.json").read_text())["restarts"] == len(faults)


def collected(folder: Path) -> None:
    """Results as `stilts collect` writes them, in the columns that are read."""
    results = folder / "results"
    results.mkdir()
    (results / "deltas.csv").write_text(
        "recipe,baseline,target,language,metric,delta\nmnli,none,xnli,de,accuracy,9\nmnli,none,xnli,all,accuracy,2.5\n"
        "mnli,none,all,all,score,1.5\n"
    )
    table = {"tasks": {"xnli": {"score": 40.5}}, "groups": {"classification": 40.5}, "average": None}
    (results / "xtreme.json").write_text(json.dumps({"recipes": {"mnli": table}}))
    (results / "xtreme.md").write_text("| recipe | xnli |\n|---|---|\n| mnli | 40.5 |\n")


@pytest.fixture(scope="module")
def server(study: Path) -> Iterator[Server]:
    """TensorBoard on the study."""
    one = Server(study, study.with_name("server.log"))
    try:
        one.wait_for({TRAINED, BASELINE, RETRIEVAL, "collected", "collected/mnli"})
        yield one
    finally:
        one.close()


def scores(study: Path, run: str) -> dict[str, float]:
    """The score rows of a run by their tags."""
    lines = (study.parent / "out/tiny/runs" / run / "scores.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return {f"eval/{row['target']}/{row['language']}/{row['metric']}": row["value"] for row in rows}


def test_runs_are_named_by_their_ids_with_the_expected_tags(server: Server) -> None:
    assert set(server.get("runs")) == {TRAINED, BASELINE, RETRIEVAL, "collected", "collected/mnli"}
    tags = {run: set(own) for run, own in server.get("plugin/scalars/tags").items()}
    curves = {
        "train/loss", "train/loss/mnli", "train/learning_rate", "train/grad_norm", "train/validation/score",
        "train/validation/xnli/en/accuracy", "perf/tokens_per_second", "perf/examples_per_second", "perf/micro_batches",
        "perf/imbalance", "mem/process_gib", "health/finite", "health/skipped_steps",
    }  # fmt: skip
    final = {f"eval/xnli/{language}/accuracy" for language in ("de", "fr", "all")}
    assert tags[TRAINED] == tags[BASELINE] == curves | final
    assert tags[RETRIEVAL] == {"eval/tatoeba/de/accuracy", "eval/tatoeba/all/accuracy"}
    assert tags["collected/mnli"] == {
        "results/score/xnli", "results/score/group classification", "results/gain/xnli", "results/gain/all",
    }  # fmt: skip


def test_one_point_a_step_after_two_resumes(server: Server) -> None:
    tags = server.get("plugin/scalars/tags")[TRAINED]
    points = {tag: server.get("plugin/scalars/scalars", run=TRAINED, tag=tag) for tag in tags}
    for tag, own in points.items():
        steps = [step for _, step, _ in own]
        assert steps == sorted(set(steps)), tag
    every = [step for _, step, _ in points["train/loss"]]
    assert every == list(range(1, STEPS + 1))
    assert [step for _, step, _ in points["train/validation/score"]] == [3, 6, 9]
    assert len(points["eval/xnli/de/accuracy"]) == 1
    assert len(points["train/learning_rate"]) == STEPS


def test_the_table_has_what_differs_and_the_final_scores(server: Server, study: Path) -> None:
    body = {"experimentName": "", "includeMetrics": True, "allowedStatuses": ["STATUS_SUCCESS"], "sliceSize": 100}
    experiment = server.get("plugin/hparams/experiment", {"experimentName": "", "includeMetrics": True})
    columns = {info["name"]: info for info in experiment["hparamInfos"]}
    assert {
        "recipe", "kind", "trains_on", "target", "model", "preset", "learning_rate", "batch_size", "steps",
        "target_seed",
    } <= set(columns)  # fmt: skip
    assert columns["recipe"]["differs"]
    metrics = [info["name"]["tag"] for info in experiment["metricInfos"]]
    assert metrics == [
        "eval/xnli/all/accuracy", "eval/tatoeba/all/accuracy", "eval/xnli/de/accuracy", "eval/xnli/fr/accuracy",
        "eval/tatoeba/de/accuracy",
    ]  # fmt: skip
    asked = {**body, "colParams": [{"metric": info["name"]} for info in experiment["metricInfos"]]}
    groups = server.get("plugin/hparams/session_groups", asked)["sessionGroups"]
    rows = {group["name"]: group for group in groups}
    assert set(rows) == {TRAINED, BASELINE, RETRIEVAL}
    assert all(len(row["sessions"]) == 1 for row in rows.values())
    assert rows[TRAINED]["hparams"]["learning_rate"] == 1e-3
    assert rows[BASELINE]["hparams"]["learning_rate"] == 5e-4
    assert rows[TRAINED]["hparams"]["target"] == "xnli"
    for run, row in rows.items():
        found = {one["name"]["tag"]: one["value"] for one in row["metricValues"]}
        for tag, value in scores(study, run).items():
            assert found[tag] == pytest.approx(value, abs=1e-4)
    found = {one["name"]["tag"]: one["value"] for one in rows[TRAINED]["metricValues"]}
    own = scores(study, TRAINED).values()
    assert found["eval/xnli/all/accuracy"] == pytest.approx(sum(own) / 2, abs=1e-4)


def test_texts_are_there_once_a_start(server: Server) -> None:
    assert {"configuration", "environment"} <= set(server.get("plugin/text/tags")[TRAINED])
    (configuration,) = server.get("plugin/text/text", run=TRAINED, tag="configuration")
    assert f"run: {TRAINED}" in configuration["text"]
    assert "<code" in configuration["text"]
    starts = server.get("plugin/text/text", run=TRAINED, tag="environment")
    assert [start["step"] for start in starts] == [1, 4, 5], "stopped before step 4; killed in step 7, saved at step 4"
    assert all("deepspeed" in start["text"] and "<table>" in start["text"] for start in starts)
    assert "name: tiny" in server.get("plugin/text/text", run="collected", tag="study")[0]["text"]


def test_layout_and_heat_map(server: Server) -> None:
    layout = {
        page["title"]: [chart["title"] for chart in page["chart"]]
        for page in server.get("plugin/custom_scalars/layout")["category"]
    }
    assert list(layout) == ["training", "classification", "retrieval", "performance"]
    assert layout["training"] == [
        "loss", "loss by task", "learning rate", "gradient norm", "validation score",
    ]  # fmt: skip
    assert layout["classification"] == ["xnli: mean over languages", "xnli: by language"]
    (picture,) = server.get("plugin/images/images", run="collected", tag="results/gain", sample="0")
    png = server.get(f"plugin/images/individualImage?{picture['query']}")
    assert png[:8] == b"\x89PNG\r\n\x1a\n"


def test_python_reader_sees_the_same(study: Path) -> None:
    """The loader without the fast server keeps what is not dropped by the mark of a new start."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(study.parent / "out/tiny/runs" / TRAINED / "tensorboard"))
    events.Reload()
    for tag in events.Tags()["scalars"]:
        steps = [event.step for event in events.Scalars(tag)]
        assert steps == sorted(set(steps)), tag
    assert [event.step for event in events.Scalars("train/loss")] == list(range(1, STEPS + 1))
    assert len(events.Tensors("configuration")) == 1
    assert len(events.Tensors("custom_scalars__config__")) == 1
    assert len(events.Tensors("_hparams_/session_start_info")) == 1
