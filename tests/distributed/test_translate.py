"""`stilts translate` on several ranks: each row once, and no stop, kill or number of ranks changes a byte."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import cases
import cases_translate
import psutil
import pytest
import tiny
from harness import RankFailed, run_ranks
from test_launchers import ROOT
from tiny_translator import make_translator, write_mnli, write_squad

from stilts.config import DataSettings, Study
from stilts.data.prepare import prepare
from stilts.data.sources import read_examples
from stilts.data.store import PreparedSet
from stilts.settings import read
from stilts.status import read_status
from stilts.study.plan import expand
from stilts.study.run_file import run_yaml
from stilts.tasks import get_task

ROWS, QUESTIONS = 26, 24
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model and training sets."""
    root = tmp_path_factory.mktemp("translate")
    make_translator(root / "model")
    write_mnli(root / "raw", ROWS)
    write_squad(root / "raw", QUESTIONS // 3)
    return root


@pytest.fixture(scope="module")
def straight(folder: Path) -> dict[str, bytes]:
    """What an uninterrupted call of one rank writes."""
    assert run_ranks(cases_translate.translate, 1, folder / "logs", str(folder), str(folder / "straight")) == ["done"]
    return results(folder / "straight")


def results(out: Path) -> dict[str, bytes]:
    """Everything but the run's own folder."""
    paths = [path for path in out.rglob("*") if path.is_file() and "runs" not in path.relative_to(out).parts]
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(paths)}


def status(out: Path, task: str = "mnli") -> str:
    return read_status(out / f"runs/translate-{task}").state


def test_each_row_once_in_the_order_of_the_source(folder: Path, straight: dict[str, bytes]) -> None:
    task, source = get_task("mnli"), DataSettings(root=str(folder / "raw"))
    english = read_examples(task, "train", "en", source)[0]
    for code in ("de", "sw"):
        made = json.loads(straight[f"translated/en-{code}/mnli/glue_data/MNLI/train.tsv.translation.json"])
        lost = straight[f"translated/en-{code}/mnli/glue_data/MNLI/train.tsv.lost.jsonl"].decode().splitlines()
        data = DataSettings(translations=str(folder / "straight"))
        read = read_examples(task, "train", code, data, translated_from="en")[0]
        gone = [json.loads(line)["id"] for line in lost]
        assert [e.id for e in read] == [e.id for e in english if e.id not in gone]
        assert [e.label for e in read] == [e.label for e in english if e.id not in gone]
        assert made["rows"]["source"] == ROWS == made["rows"]["written"] + len(lost)
        assert len(straight[f"XNLI/translate-train/en-{code}-translated.tsv"].splitlines()) == len(read)
    assert len({text for name, text in straight.items() if name.endswith("train.tsv")}) == 2, "two languages differ"
    assert status(folder / "straight") == "done"
    assert not list((folder / "straight/runs/translate-mnli/shards").iterdir()), "shards go when all is joined"


@pytest.mark.parametrize("ranks", [2, 3])
def test_any_number_of_ranks_writes_the_same_bytes(
    folder: Path, straight: dict[str, bytes], tmp_path: Path, ranks: int
) -> None:
    assert (
        run_ranks(cases_translate.translate, ranks, tmp_path / "l", str(folder), str(tmp_path / "out"))
        == ["done"] * ranks
    )
    assert results(tmp_path / "out") == straight


def test_stopped_by_signals_to_either_rank_again_and_again(
    folder: Path, straight: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for turn, (how, rank, number) in enumerate(
        [("SIGTERM", 0, 0), ("SIGUSR1", 1, 3), ("SIGINT", 0, 6), ("SIGUSR2", 1, 1)]
    ):
        args = (str(folder), str(out), how, rank, number)
        assert run_ranks(cases_translate.hurt, 2, tmp_path / f"l{turn}", *args) == ["stopped"] * 2
        assert (tmp_path / "out.hurt").is_file()
        (tmp_path / "out.hurt").unlink()
        assert status(out) == "stopped"
        assert "at rank" in (read_status(out / "runs/translate-mnli").error or "")
        if turn == 0:
            assert len(list(out.rglob("0*.jsonl"))) <= 1, "the other rank's shard"
            assert not results(out), "nothing half-done looks finished"
    assert run_ranks(cases_translate.translate, 2, tmp_path / "end", str(folder), str(out)) == ["done"] * 2
    assert results(out) == straight


def test_killed_at_any_batch(folder: Path, straight: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "out"
    for turn, (rank, number) in enumerate([(1, 2), (0, 5)]):
        with pytest.raises(RankFailed, match="died with exit code -9"):
            run_ranks(cases_translate.hurt, 2, tmp_path / f"l{turn}", str(folder), str(out), "SIGKILL", rank, number)
        assert (tmp_path / "out.hurt").is_file()
        (tmp_path / "out.hurt").unlink()
        assert not list(out.rglob("*.translation.json"))
    shards = sorted(out.rglob("0*.jsonl"))
    assert shards
    shards[0].write_bytes(shards[0].read_bytes()[:-20])  # as a disk may leave it
    assert run_ranks(cases_translate.translate, 3, tmp_path / "end", str(folder), str(out)) == ["done"] * 3
    assert results(out) == straight


def test_other_settings_on_resume_are_one_line(folder: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    assert run_ranks(cases_translate.hurt, 1, tmp_path / "a", str(folder), out, "SIGTERM", 0, 2) == ["stopped"]
    [line] = run_ranks(cases_translate.with_settings, 1, tmp_path / "b", str(folder), out, ["beams=2"])
    assert line == (
        f"the translation in {out}/runs/translate-mnli was begun with other settings: beams 1 -> 2; expected the "
        "settings of its start; give the old values back, or name another --out"
    )


def test_lost_answers_are_named_and_the_others_read(folder: Path, tmp_path: Path) -> None:
    """With a rule in the model's place, as a random model keeps no marker."""
    out = tmp_path / "out"
    assert run_ranks(cases_translate.squad_by_rule, 2, tmp_path / "l", str(folder), str(out)) == ["done"] * 2
    path = out / "translated/en-de/squad/train-v1.1.json"
    made = json.loads(path.with_name("train-v1.1.json.translation.json").read_text())["rows"]
    lost = [json.loads(line) for line in path.with_name("train-v1.1.json.lost.jsonl").read_text().splitlines()]
    assert made["source"] == QUESTIONS == made["written"] + len(lost)
    assert made["lost"] == {"answer lost": len(lost)}
    assert made["fallback"] > 0
    assert lost
    data = DataSettings(translations=str(out), root=str(folder / "raw"))
    english = {e.id: e for e in read_examples(get_task("squad_v1"), "train", "en", data)[0]}
    read = read_examples(get_task("squad_v1"), "train", "de", data, translated_from="en")[0]
    assert [e.id for e in read] == [name for name in english if name not in {line["id"] for line in lost}]
    for example in read:
        [(text, start)] = example.answers
        assert example.context[start : start + len(text)] == text == english[example.id].answers[0][0].swapcase()
    assert results(out)["SQuAD/translate-train/squad.translate.train.en-de.json"] == path.read_bytes()


def test_a_random_model_loses_the_answers_and_says_so(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run_ranks(cases_translate.squad, 2, tmp_path / "l", str(folder), str(out)) == ["done"] * 2
    path = out / "translated/en-de/squad/train-v1.1.json.translation.json"
    made = json.loads(path.read_text())["rows"]
    assert made["source"] == QUESTIONS == made["written"] + sum(made["lost"].values())


@pytest.fixture
def words(folder: Path, tmp_path: Path) -> list[str]:
    """The command line of the straight run, on two ranks."""
    made = ["translate", "mnli", "--model", str(folder / "model"), "--root", str(folder / "raw")]
    return [
        sys.executable,
        "-m",
        "stilts",
        *made,
        "--out",
        str(tmp_path / "out"),
        "processes=2",
        *cases_translate.QUICK,
    ]


def test_the_command_is_stopped_by_a_signal_and_goes_on(
    straight: dict[str, bytes], words: list[str], tmp_path: Path
) -> None:
    """Under the deepspeed launcher: exit code 75, no process left, and the second call ends with the same bytes."""
    out, command = tmp_path / "out", [*words, "--to", "de,sw", "--json"]
    with open(tmp_path / "said", "w") as said:
        process = subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=said)
        end = time.monotonic() + 120
        while not list(out.rglob("0*.jsonl")):
            assert process.poll() is None, (tmp_path / "said").read_text()
            assert time.monotonic() < end, (tmp_path / "said").read_text()
            time.sleep(0.02)
        process.terminate()
        code = process.wait(90)
    text = (tmp_path / "said").read_text()
    assert code == 75, text
    assert "stopped by SIGTERM" in text
    assert status(out) == "stopped"
    ranks = read_status(out / "runs/translate-mnli").ranks
    assert len(ranks) == 2
    assert not any(psutil.pid_exists(rank["pid"]) for rank in ranks)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert "translate-mnli: 2 ranks" in done.stderr
    assert " shards" in done.stderr
    summary = json.loads(done.stdout)
    assert summary["languages"]["sw"]["rows"]["source"] == ROWS
    assert results(out) == straight
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (again.returncode, json.loads(again.stdout)) == (0, summary)
    assert "ranks" not in again.stderr, "what is done starts nothing"


def test_json_is_all_that_one_process_prints(straight: dict[str, bytes], words: list[str], tmp_path: Path) -> None:
    command = [*words, "processes=1", "--to", "de,sw", "--json"]
    one = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=one, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["languages"]["de"]["rows"]["source"] == ROWS
    assert results(tmp_path / "out") == straight


def test_a_wrong_language_fails_with_code_2_on_any_number_of_ranks(words: list[str]) -> None:
    done = subprocess.run([*words, "--to", "eu"], cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 2, done.stderr
    assert "the model has no token for 'eu'" in done.stderr.splitlines()[-1]


def test_a_study_trains_on_what_was_written(folder: Path, straight: dict[str, bytes], tmp_path: Path) -> None:
    """From the plan to a model whose card says it: two languages with the rows of one."""
    recipe = {"name": "mt", "tasks": ["mnli"], "translated_from": "en", "languages": ["de", "sw"]}
    content = {
        "name": "s",
        "output_dir": str(tmp_path),
        "model": {"name": str(tiny.make_model(tmp_path / "model"))},
        "data": {"root": str(folder / "raw"), "translations": str(folder / "straight")},
        "intermediate": [{"name": "none"}, {**recipe, "budget": {"epochs": 1}}],
        "target": {"tasks": ["xnli"], "languages": ["en"]},
        "training": {"select": "last", "max_length": 64, "batch_size": 8, "precision": "fp32"},
    }
    plan = expand(read(Study, content, ""))
    specs = [spec for spec in plan.specs if spec.translated_from]
    refs = prepare(plan.study, specs, plan.features, progress=False)
    sizes = [len(PreparedSet(plan.features / ref.folder).examples) for ref in refs]
    assert sizes == [-(-ROWS // 2), ROWS // 2]
    run = next(run for run in plan.runs if run.recipe == "mt" and run.kind == "intermediate")
    path = plan.run_folder(run.run) / "run.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(run_yaml(run))
    run_ranks(cases.run_file, 2, tmp_path / "l", str(path))
    facts = json.loads((path.parent / "model/stilts.json").read_text())
    assert facts["steps"] == -(-ROWS // 8)
    assert facts["settings"]["translated_from"] == "en"
    card = (path.parent / "model/README.md").read_text()
    assert "| machine-translated | the training sets of all languages but en, from en |" in card
    assert "| languages of this run's training sets | de sw |" in card
