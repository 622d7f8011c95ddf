"""The check of a folder without labels: the benchmark's mock data, a whole made-up one, and what is wrong in others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stilts.errors import InputError
from stilts.submission.check import check_folder
from stilts.submission.layout import (
    LAYOUTS,
    MANIFEST,
    expected_size,
    file_name,
    languages_in,
)
from stilts.tasks import BENCHMARKS, TASKS, languages_of, target_tasks


def content(task: str, language: str) -> str:
    """A file as large as the test set is declared to be (3 where it is not), always with the same predictions."""
    n, form = expected_size(task, language) or 3, LAYOUTS[task]
    if task == "bucc2018":
        return f"{language}-000000001\ten-000000002\n"
    if task == "tatoeba":
        return "".join(f"{i}\n" for i in range(n))
    if task in ("udpos", "panx"):
        return "\n".join(["PUNCT\n" if task == "udpos" else "O\n"] * n)
    if form.suffix == "tsv":
        return f"{form.labels[0]}\n" * n  # type: ignore[attr-defined]
    if form.suffix == "jsonl":
        return '{"label": 1}\n' * n
    return json.dumps({f"q{i}": ["a"] if form.metrics == ("map_at_20",) else "a" for i in range(n)})


def write(folder: Path, benchmark: str) -> Path:
    """All files of a benchmark."""
    for task in target_tasks(benchmark):
        (folder / task).mkdir(parents=True)
        for language in languages_of(task, benchmark):
            (folder / task / file_name(task, language)).write_text(content(task, language))
    return folder


def test_the_mock_data_have_the_layout(real_data: Path, call) -> None:
    mock = real_data / "xtreme_mock_test_data" / "predictions"
    checked = check_folder(mock)
    assert {one.kind for one in checked.findings} == {"size"}  # the mock sets are tiny
    assert {task: len(counts) for task, counts in checked.counts.items()} == {
        "xnli": 15, "pawsx": 7, "udpos": 33, "panx": 40, "xquad": 11, "mlqa": 7, "tydiqa": 9, "bucc2018": 4,
        "tatoeba": 36,
    }  # fmt: skip
    code, out, err = call("score", "--predictions", mock)
    assert code == 2
    assert "size: " in out
    assert "xnli/test-ar.tsv: 10 predictions, the set has 5010 examples (and" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("benchmark", ["xtreme", "xtreme_r"])
def test_a_whole_folder_passes(benchmark: str, tmp_path: Path, call) -> None:
    folder = write(tmp_path / "p", benchmark)
    code, out, err = call("score", "--predictions", folder, "--benchmark", benchmark)
    assert (code, err) == (0, "")
    assert "the folder is as the leaderboard wants it" in out
    found = json.loads(call("score", "--predictions", folder, "--benchmark", benchmark, "--json")[1])
    assert found["passed"] is True
    assert found["predictions"]["xnli"]["sw"] == 5010
    assert list(found["predictions"]) == list(target_tasks(benchmark))


WRONG = {
    "no folder": ("xnli", None, "missing", "no such folder"),
    "no file": ("xnli/test-sw.tsv", None, "missing", "no such file"),
    "too few": ("mlqa/test-de.json", '{"q": "a"}', "size", "1 predictions, the set has 4517 examples"),
    "another label": ("pawsx/test-de.tsv", "2\n", "wrong", "row 1: '2' is no label of the task; expected one of 0, 1"),
    "words": ("xnli/test-de.tsv", "1\n", "wrong", "row 1: '1' is no label of the task; expected one of contradiction"),
    "no sentence": ("tatoeba/test-jv.tsv", "205\n" * 205, "wrong", "row 1: 205 is not below 205"),
    "other ids": ("bucc2018/test-de.tsv", "fr-1\ten-1\n", "wrong", "row 1: 'fr-1' is no id of BUCC's de sentences"),
    "a pair twice": ("bucc2018/test-de.tsv", "de-1\ten-1\n" * 2, "wrong", "row 2 repeats row 1"),
    "a ranking of nothing": ("mewslix/test-de.json", '{"q": []}', "wrong", "'q' has no candidate"),
    "a third choice": ("xcopa/test-et.jsonl", '{"label": 2}\n' * 500, "wrong", "row 1: field 'label' is 2"),
    "no label": ("xcopa/test-et.jsonl", '{"idx": 1}\n' * 500, "wrong", "row 1: field 'label' is None"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(name: str, tmp_path: Path, call) -> None:
    file, text, kind, message = WRONG[name]
    benchmark = "xtreme_r" if file.startswith(("mewslix", "xcopa")) else "xtreme"
    folder = write(tmp_path / "p", benchmark)
    if text is not None:
        (folder / file).write_text(text)
    else:
        for path in [folder / file] if (folder / file).is_file() else list((folder / file).iterdir()):
            path.unlink()
        if (folder / file).is_dir():
            (folder / file).rmdir()
    found = check_folder(folder, benchmark).of_kind(kind)
    assert found
    assert found[0].file == str(folder / file)
    assert message in found[0].reason
    code, out, err = call("score", "--predictions", folder, "--benchmark", benchmark)
    assert code == (3 if kind == "missing" else 2)
    assert kind in out
    assert len(err.splitlines()) == 1


def test_many_odd_rows_are_counted(tmp_path: Path) -> None:
    folder = write(tmp_path / "p", "xtreme")
    (folder / "bucc2018/test-de.tsv").write_text("".join(f"x-{i}\ten-{i}\n" for i in range(50)))
    reasons = [one.reason for one in check_folder(folder).of_kind("wrong")]
    assert len(reasons) == 4
    assert reasons[-1] == "47 more of the kind"


def test_invented_languages_are_checked_by_themselves(tmp_path: Path) -> None:
    """A study on the sample benchmark: its own languages, no sizes, and what its manifest says is missing."""
    folder = tmp_path / "p"
    (folder / "xnli").mkdir(parents=True)
    for language in ("en", "qaa"):
        (folder / "xnli" / f"test-{language}.tsv").write_text("neutral\n")
    assert languages_in("xnli", "xtreme", [folder]) == ("en", "qaa")
    missing = [{"task": "xnli", "language": "qab", "file": "xnli/test-qab.tsv", "reason": "run x failed"}]
    (folder / MANIFEST).write_text(json.dumps({"benchmark": "xtreme_r", "missing": missing}))
    checked = check_folder(folder)
    assert checked.benchmark == "xtreme_r"
    assert {one.kind for one in checked.findings} == {"missing"}
    assert [(one.language, one.reason) for one in checked.findings if one.task == "xnli" and one.kind == "missing"] == [
        ("qab", "run x failed")
    ]
    (folder / MANIFEST).write_text("{}")
    with pytest.raises(InputError, match="is no manifest"):
        check_folder(folder)


def test_the_table_of_layouts_is_whole() -> None:
    assert set(LAYOUTS) == {task for name in BENCHMARKS for task in target_tasks(name)}
    assert [len(languages_of(task, "xtreme")) for task in target_tasks("xtreme")] == [
        15, 7, 33, 40, 11, 7, 9, 4, 36
    ]  # fmt: skip
    assert [len(languages_of(task, "xtreme_r")) for task in target_tasks("xtreme_r")] == [
        15, 11, 38, 48, 12, 7, 9, 41, 11, 11
    ]  # fmt: skip
    for task in TASKS.keys() & LAYOUTS.keys():
        assert set(TASKS[task].metrics) == set(LAYOUTS[task].metrics)
        assert set(TASKS[task].score_metrics) == set(LAYOUTS[task].metrics)
