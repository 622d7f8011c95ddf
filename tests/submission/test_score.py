"""`stilts score` on the benchmark's own mock data, and on folders in which something is missing or wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# What evaluate.py of google-research/xtreme at 838c13b prints for its mock data.
METRICS = {
    "pawsx": {"accuracy": 51.428571},
    "xnli": {"accuracy": 30.666667},
    "panx": {"f1": 57.507937},
    "udpos": {"f1": 70.217460},
    "bucc2018": {"f1": 55.0},
    "tatoeba": {"accuracy": 53.611111},
    "xquad": {"exact_match": 77.272727, "f1": 79.958678},
    "mlqa": {"exact_match": 57.142857, "f1": 81.768707},
    "tydiqa": {"exact_match": 88.888889, "f1": 97.222222},
    "mewslix": {"map_at_20": 14.390252},
}
GROUPS = {
    "classification": 41.047619, "structured": 63.862698, "question answering": 80.375680, "retrieval": 54.305556,
}  # fmt: skip


@pytest.fixture
def mock(real_data: Path, tmp_path: Path) -> Path:
    """A copy of the mock data that a test may change: predictions/ and labels/."""
    for part in ("predictions", "labels"):
        shutil.copytree(real_data / "xtreme_mock_test_data" / part, tmp_path / part)
    return tmp_path


@pytest.fixture
def score(call, mock):
    """Call `stilts score` on the copy."""
    folders = ("--predictions", mock / "predictions", "--labels", mock / "labels")
    return lambda *words: call("score", *folders, *words)


def test_what_the_benchmark_prints(score) -> None:
    code, out, err = score("--json")
    assert (code, err) == (0, "")
    content = json.loads(out)
    found = {task: one["metrics"] for task, one in content["tasks"].items()}
    assert {task: {name: round(value, 6) for name, value in one.items()} for task, one in found.items()} == METRICS
    assert {name: round(value, 6) for name, value in content["groups"].items()} == GROUPS
    assert round(content["average"], 6) == 62.173199
    assert content["missing"] == []
    assert content["tasks"]["tydiqa"]["languages"]["en"] == {"f1": 100.0, "exact_match": 100.0}
    assert {len(content["tasks"][task]["languages"]) for task in ("panx", "udpos", "tatoeba")} == {40, 33, 36}


def test_the_table(score) -> None:
    code, out, _ = score()
    assert code == 0
    assert "| mlqa     | question answering | 7 of 7    | f1 81.77, exact_match 57.14  | 69.46 |" in out
    assert "| average            | 62.17 |" in out
    assert "| mewslix  | –" in out  # scored, in no group of XTREME's
    assert "missing" not in out


def test_xtreme_r_lacks_languages_and_tasks(score) -> None:
    code, out, err = score("--benchmark", "xtreme_r", "--json")
    content = json.loads(out)
    assert code == 3
    assert err.strip().endswith("files or folders are missing")
    assert (content["average"], content["groups"]["retrieval"]) == (None, None)
    assert round(content["tasks"]["mewslix"]["metrics"]["map_at_20"], 6) == 14.390252
    assert content["tasks"]["panx"]["metrics"] == {"f1": None}
    assert content["tasks"]["panx"]["languages"]["qu"] == {"f1": None}
    assert content["tasks"]["panx"]["languages"]["de"]["f1"] is not None
    missing = {(one["task"], one["language"]) for one in content["missing"]}
    assert {("xcopa", None), ("lareqa", None), ("xquad", "ro"), ("tatoeba", "az"), ("udpos", "wo")} <= missing
    assert content["tasks"]["lareqa"]["languages"]["zh"] == {"map_at_20": None}
    lines = score("--benchmark", "xtreme_r")[1].splitlines()
    assert any(line.startswith("missing: udpos lt pl uk wo ro: no test-{language}.tsv in ") for line in lines)
    assert any(line.startswith("missing: xcopa all languages: no folder xcopa in ") for line in lines)


@pytest.mark.parametrize("side", ["predictions", "labels"])
def test_a_missing_file_makes_averages_null(score, mock: Path, side: str) -> None:
    (mock / side / "xnli" / "test-sw.tsv").unlink()
    shutil.rmtree(mock / side / "mewslix")
    code, out, _ = score("--json")
    content = json.loads(out)
    assert code == 3
    assert (content["average"], content["groups"]["classification"]) == (None, None)
    assert content["tasks"]["xnli"]["languages"]["sw"] == {"accuracy": None}
    assert content["tasks"]["xnli"]["languages"]["en"]["accuracy"] is not None
    assert round(content["groups"]["retrieval"], 6) == GROUPS["retrieval"]
    assert "mewslix" not in content["tasks"]  # not XTREME's, so it is not missed
    assert [(one["task"], one["language"]) for one in content["missing"]] == [("xnli", "sw")]
    assert content["missing"][0]["file"] == str(mock / side / "xnli" / "test-sw.tsv")
    assert side in content["missing"][0]["reason"]


def test_unanswered_questions_count_as_wrong(score, mock: Path) -> None:
    path = mock / "predictions/xquad/test-ar.json"
    answers = json.loads(path.read_text())
    del answers["56beb4343aeaaa14008c925c"]
    path.write_text(json.dumps(answers))
    code, out, _ = score()
    assert code == 0
    assert "note: xquad/test-ar.json leaves 1 of 2 questions out: they count as 0" in out
    assert json.loads(score("--json")[1])["tasks"]["xquad"]["languages"]["ar"] == {"f1": 50.0, "exact_match": 50.0}


WRONG = {
    "a label too many": ("xnli/test-de.tsv", lambda old: old + "neutral\n", "test-de.tsv has 11 rows; expected 10"),
    "an unknown label": ("xnli/test-de.tsv", lambda old: "neutrl\n" + old, "test-de.tsv, row 1: 'neutrl' is no label"),
    "a blank line": ("pawsx/test-de.tsv", lambda old: old.replace("1\n", "\n", 1), "row 3: the row is blank"),
    "a sentence too few": ("udpos/test-de.tsv", lambda old: old.replace("\n\n", "\n", 1), "sentences; expected"),
    "a tag too few": (
        "panx/test-de.tsv",
        lambda old: old.split("\n", 1)[1],
        "row 1: sentence 1 has 4 tags; expected 5",
    ),
    "an unknown tag": ("panx/test-de.tsv", lambda old: old.replace("I-PER", "I-PRE", 1), "row 2: 'I-PRE' is no tag"),
    "a word beside the tag": ("udpos/test-de.tsv", lambda old: "der\t" + old, "row 1: 'der\\tDET' is more than a tag"),
    "one id": ("bucc2018/test-fr.tsv", lambda old: old.replace("\t", " ", 1), "row 1: "),
    "no number": (
        "tatoeba/test-af.tsv",
        lambda old: old + "one\n",
        "row 11: 'one' is no label of the task; expected the",
    ),
    "below zero": ("tatoeba/test-af.tsv", lambda old: old + "-1\n", "row 11: '-1' is no label of the task"),
    "broken JSON": ("mlqa/test-de.json", lambda old: old.replace("}", ""), "row 4: broken JSON at column 1"),
    "a list": ("mlqa/test-de.json", lambda old: "[1]", "test-de.json is no object"),
    "an answer that is a list": ("tydiqa/test-en.json", lambda old: '{"q": ["a"]}', "the answer to 'q' is ['a']"),
    "a candidate twice": ("mewslix/test-de.json", lambda old: '{"q": ["a", "a"]}', "'q' has a candidate twice"),
    "no list of names": ("mewslix/test-de.json", lambda old: '{"q": "a"}', "the value of 'q' is 'a'"),
    "empty": ("xnli/test-de.tsv", lambda old: "\n", "test-de.tsv is empty"),
    "nothing tagged": ("udpos/test-de.tsv", lambda old: "\n\n", "test-de.tsv is empty"),
}


@pytest.mark.parametrize("name", WRONG)
def test_malformed_predictions(score, mock: Path, name: str) -> None:
    file, change, message = WRONG[name]
    path = mock / "predictions" / file
    path.write_text(change(path.read_text()))
    code, out, err = score()
    assert (code, out) == (2, "")
    assert str(path) in err
    assert message in err
    assert len(err.splitlines()) == 1


WRONG_LABELS = {
    "answers taken out": ("xquad/test-de.json", '"text": "308"', '"text": ""', "carries no answer"),
    "no SQuAD file": ("xquad/test-de.json", '"paragraphs"', '"parts"', "lacks 'paragraphs'"),
    "no right candidate": ("mewslix/test-de.json", '"Q156913"', "", "has no right candidate"),
}


@pytest.mark.parametrize("name", WRONG_LABELS)
def test_malformed_labels(score, mock: Path, name: str) -> None:
    file, old, new, message = WRONG_LABELS[name]
    path = mock / "labels" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    code, _, err = score()
    assert code == 2
    assert f"{path}" in err
    assert message in err


def test_a_byte_that_is_not_utf8(score, mock: Path) -> None:
    path = mock / "predictions/xnli/test-de.tsv"
    path.write_bytes(path.read_bytes() + b"\xe9\n")
    assert "row 11: byte 0xe9 is not UTF-8" in score()[2]


def test_line_ends_and_blank_lines_at_the_end_do_not_count(score, mock: Path) -> None:
    for task in ("xnli", "udpos", "bucc2018", "tatoeba"):
        path = mock / "predictions" / task / "test-de.tsv" if task != "udpos" else mock / "labels/udpos/test-de.tsv"
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n\r\n")
    assert round(json.loads(score("--json")[1])["average"], 6) == 62.173199


def test_wrong_folders(call, mock: Path) -> None:
    code, _, err = call("score", "--predictions", mock, "--labels", mock / "labels")
    assert code == 2
    assert "has no folder of a task; expected folders such as xnli" in err
    assert "is no folder" in call("score", "--predictions", mock / "nowhere")[2]
    assert "is no folder" in call("score", "--predictions", mock / "labels", "--labels", mock / "nowhere")[2]
    words = ("score", "--predictions", mock / "labels", "--benchmark", "xtreme-r")
    assert "unknown benchmark 'xtreme-r'" in call(*words)[2]
    assert call(*words)[0] == 2
    assert "--predictions" in call("score", "--labels", mock / "labels")[2]


@pytest.mark.slow
def test_no_torch_is_imported(mock: Path) -> None:
    script = (
        "import sys; sys.argv = ['stilts', 'score', '--predictions', 'predictions', '--labels', 'labels']\n"
        "from stilts.cli import main\n"
        "try: main()\n"
        "finally: print([m for m in ('torch', 'transformers', 'datasets') if m in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=mock)
    assert (done.returncode, done.stderr.strip()) == (0, "[]")
