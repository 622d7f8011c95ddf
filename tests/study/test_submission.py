"""Leaderboard folders that a study writes: the same scores come back from them, and nothing is mixed or half there."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gold_files import write_labels

from stilts.config import SetRef, Study
from stilts.evaluation.scoring import ScoreFile
from stilts.formats import get_format
from stilts.formats.retrieval import english_places
from stilts.settings import read
from stilts.status import Status, write_status
from stilts.study.collect import collect
from stilts.study.plan import Plan, expand
from stilts.study.submission import Submission, _limited, _manifest
from stilts.study.write import write
from stilts.submission.layout import MANIFEST
from stilts.tasks import get_task
from stilts.tasks.examples import (
    ChoiceExample,
    PairExample,
    RetrievalExample,
    SentenceExample,
    SpanExample,
    TaggingExample,
)

TASKS = {
    "xtreme": ["xnli", "pawsx", "udpos", "xquad", "mlqa", "tydiqa", "tatoeba"],
    "xtreme_r": ["xnli", "xcopa", "udpos", "xquad", "mlqa", "tydiqa", "tatoeba", "lareqa"],
}
LEFT_OUT = {"xtreme": {"panx", "bucc2018"}, "xtreme_r": {"panx", "mewslix"}}
WORDS = ["kaz", "moli,", "riten", "the", "ein", "die", "teno", "Sulo-pan", "vudga", "ال", "el", "la"]


def examples_of(task: str, language: str) -> list[Any]:
    """Seven examples with gold, the same whenever asked for."""
    draw = random.Random(f"{task} {language}")
    declared, out = get_task(task), []
    for n in range(7):
        words = [draw.choice(WORDS) for _ in range(draw.randint(3, 9))]
        text, name = " ".join(words), f"{task}-{n}"
        if declared.format == "pair":
            out.append(PairExample(name, text, text, draw.choice(declared.labels)))
        elif declared.format == "tagging":
            tags = tuple(draw.choice(declared.labels[:4]) for _ in words)
            out.append(TaggingExample(name, tuple(words), tags))
        elif declared.format == "choice":
            out.append(ChoiceExample(name, text, ("a", "b"), draw.randrange(2)))
        elif declared.format == "span":
            out.append(SpanExample(name, "?", text, tuple((draw.choice(words), 0) for _ in range(2)), "article"))
        elif declared.format == "retrieval":
            out.append(RetrievalExample(name, text, f"{words[0]} {draw.choice('ab')} "))
        else:
            out.append(SentenceExample(name, "?", text, ((words[0], 0),), "article", tuple(words), 0))
    return out


def right_candidates(task: str) -> dict[str, list[str]]:
    """Two for each question, the same in every language."""
    return {f"{task}-{n}": [f"en_{n}_0", f"qaa_{n}_1"] for n in range(7)}


def predictions_of(ref: SetRef, seed: int, examples: list[Any]) -> list[dict[str, Any]]:
    """Random predictions as `Predictor`, `Scorer` and `Pool` write them."""
    draw, task = random.Random(f"{ref} {seed}"), get_task(ref.task)
    rows: list[dict[str, Any]] = [{"id": example.id} for example in examples]
    for place, (row, example) in enumerate(zip(rows, examples, strict=True)):
        if task.format == "pair":
            row["prediction"] = draw.choice(task.labels)
        elif task.format == "tagging":
            row["prediction"] = [tag if draw.random() < 0.6 else "X" for tag in example.tags]
        elif task.format == "choice":
            row["prediction"] = draw.randrange(2)
        elif task.format == "span":
            row["prediction"] = draw.choice([example.answers[1][0], example.context, "", "kaz"])
        elif task.format == "retrieval":
            row.update(prediction=draw.choice([place, 0]), place=english_places(examples)[place])
        else:
            names = [f"{code}_{n}_{s}" for code in ("en", "qaa") for n in range(7) for s in (0, 1)]
            row.update(prediction=draw.sample(names, 20), gold=right_candidates(ref.task)[example.id])
    return rows


def study_of(folder: Path, **changes: Any) -> Study:
    """A study over targets of every format, XTREME-R's where nothing else is said."""
    target = {"benchmark": "xtreme_r", "languages": ["en", "qaa", "qab"], **changes.pop("target", {})}
    target = {"tasks": TASKS[target["benchmark"]], **target}
    content = {
        "name": "s",
        "output_dir": str(folder / "out"),
        "target": target,
        "evaluation": {"split": "test"},
        "training": {"select": "last", "max_steps": 4},
        **changes,
    }
    return read(Study, content, "")


def run(plan: Plan, skip: Callable[[str, SetRef], bool] = lambda run, ref: False) -> Plan:
    """Write what the runs of a plan would: predictions, then the score."""
    for settings in plan.runs:
        scores = ScoreFile(plan.run_folder(settings.run), settings)
        for ref in (ref for ref in settings.evaluation_sets if not skip(settings.run, ref)):
            examples = examples_of(ref.task, ref.language)
            rows = predictions_of(ref, settings.seed, examples)
            graded = get_format(get_task(ref.task).format).grade(get_task(ref.task), ref.language, examples, rows)
            path = predictions_file(plan, settings.run, ref.task, ref.split, ref.language)
            path.parent.mkdir(parents=True, exist_ok=True)
            joined = [{**row, **item} for row, item in zip(rows, graded.items, strict=True)]
            path.write_text("".join(json.dumps(row) + "\n" for row in joined), encoding="utf-8")
            scores.add(ref, graded.metrics, {"n": len(rows), "step": 4, "layer": None, "selection": "last"})
        write_status(plan.run_folder(settings.run), Status("done"))
    return plan


def predictions_file(plan: Plan, run: str, task: str, split: str, language: str) -> Path:
    return plan.run_folder(run) / "predictions" / task / f"{split}-{language}.jsonl"


def manifest_of(plan: Plan, recipe: str = "none") -> dict[str, Any]:
    return json.loads((plan.folder / "results" / "submission" / recipe / MANIFEST).read_text())


@pytest.mark.parametrize("benchmark", TASKS)
def test_the_scores_come_back_from_the_folder(benchmark: str, tmp_path: Path, call) -> None:
    recipes = [{"name": "none"}, {"name": "m+", "tasks": ["mnli"]}]
    plan = run(expand(study_of(tmp_path, intermediate=recipes, target={"benchmark": benchmark})))
    collected = collect(plan)
    assert (collected.missing, collected.problems) == ([], [])
    labels = tmp_path / "labels"
    for settings in plan.runs:
        for ref in settings.evaluation_sets:
            examples = examples_of(ref.task, ref.language)
            write_labels(labels, ref.task, ref.language, examples, right_candidates(ref.task))
    own = json.loads((plan.folder / "results" / "xtreme.json").read_text())["recipes"]
    for one in collected.submissions:
        code, out, _ = call("score", "--predictions", one.folder, "--labels", labels, "--json")
        found = json.loads(out)
        assert code == 3
        assert {missing["task"] for missing in found["missing"]} == LEFT_OUT[benchmark]
        assert found["benchmark"] == benchmark
        for task in TASKS[benchmark]:
            wanted = own[one.folder.name]["tasks"][task]
            assert found["tasks"][task]["metrics"] == pytest.approx(wanted["metrics"])
            for language, metrics in wanted["languages"].items():
                assert found["tasks"][task]["languages"][language] == pytest.approx(metrics), (task, language)
            assert 0 < wanted["score"] < 100
        assert found["groups"]["classification"] == pytest.approx(own[one.folder.name]["groups"]["classification"])
    assert [one.folder.name for one in collected.submissions] == ["none", "m+"]


def test_the_folder_passes_the_check(tmp_path: Path, call) -> None:
    plan = run(expand(study_of(tmp_path)))
    collected = collect(plan)
    folder = plan.folder / "results" / "submission" / "none"
    found = json.loads(call("score", "--predictions", folder, "--json")[1])
    assert {one["kind"] for one in found["findings"]} == {"missing"}
    assert {(one["task"], one["language"]) for one in found["findings"]} == {("panx", None), ("mewslix", None)}
    assert sorted(path.name for path in folder.iterdir()) == sorted([*TASKS["xtreme_r"], MANIFEST])
    assert (folder / "xcopa/test-qaa.jsonl").read_text().splitlines()[0] in ('{"label": 0}', '{"label": 1}')
    assert set((folder / "xnli/test-qaa.tsv").read_text().split()) <= {"entailment", "neutral", "contradiction"}
    content = manifest_of(plan)
    assert (content["benchmark"], content["recipe"], content["complete"]) == ("xtreme_r", "none", False)
    assert [(one["task"], one["language"], one["reason"]) for one in content["missing"]] == [
        ("panx", None, "not in this study"), ("mewslix", None, "not in this study")
    ]  # fmt: skip
    entry = next(one for one in content["files"] if one["file"] == "tydiqa/test-en.json")
    assert (entry["run"], entry["split"], entry["predictions"]) == ("target-none-tydiqa-t1", "dev", 7)
    assert entry["seeds"] == {"intermediate": None, "target": 1}
    assert len(content["files"]) == len(collected.submissions[0].files) == 6 * 3 + 2 * 2
    for one in content["files"]:
        assert one["lines"] == (folder / one["file"]).read_text().count("\n")


def test_tatoeba_is_in_the_order_of_the_leaderboard(tmp_path: Path) -> None:
    """Line k: what was found for the k-th English sentence in alphabetical order."""
    plan = run(expand(study_of(tmp_path)))
    collect(plan)
    examples = examples_of("tatoeba", "qaa")
    rows = [
        json.loads(line)
        for line in predictions_file(plan, "evaluation-none-tatoeba", "tatoeba", "test", "qaa").read_text().splitlines()
    ]
    by_english = sorted(zip(examples, rows, strict=True), key=lambda pair: pair[0].english.strip())
    text = (plan.folder / "results/submission/none/tatoeba/test-qaa.tsv").read_text()
    assert text.split() == [str(row["prediction"]) for _, row in by_english]


def test_several_seeds_are_not_mixed(tmp_path: Path) -> None:
    """The first seed's predictions, and none where it has none."""

    def skip(name: str, ref: SetRef) -> bool:
        return name.endswith("xnli-t2") and ref.language == "qab"

    study = study_of(tmp_path, seeds=[2, 1], target={"tasks": ["xnli", "tatoeba"]},
                     intermediate=[{"name": "a", "tasks": ["mnli"], "seeds": [5, 4]}])  # fmt: skip
    plan = run(expand(study), skip)
    assert len(collect(plan).missing) == 1
    content = manifest_of(plan, "a")
    runs = {(one["task"], one["run"]) for one in content["files"]}
    assert runs == {("xnli", "target-a-s5-xnli-t2"), ("tatoeba", "evaluation-a-s5-tatoeba")}
    gone = next(one for one in content["missing"] if one["language"])
    assert (gone["task"], gone["language"], gone["file"]) == ("xnli", "qab", "xnli/test-qab.tsv")
    assert "done but wrote no such score" in gone["reason"]
    folder = plan.folder / "results/submission/a"
    assert sorted(path.name for path in (folder / "xnli").iterdir()) == ["test-en.tsv", "test-qaa.tsv"]
    predicted = [
        json.loads(line)["prediction"]
        for line in predictions_file(plan, "target-a-s5-xnli-t2", "xnli", "test", "qaa").read_text().splitlines()
    ]
    assert (folder / "xnli/test-qaa.tsv").read_text().split() == predicted


def test_a_task_under_a_limit_is_named(tmp_path: Path, call) -> None:
    """Seven examples were read: a limit of seven may have cut more off, one of eight has not."""
    limits = {"xnli": {"test": 7, "dev": 3}, "udpos": {"test": 8}, "tatoeba": {"dev": 2, "test": 7}}
    target = {"languages": ["de"], "benchmark": "xtreme", "tasks": list(limits)}
    study = study_of(tmp_path, data={"limit": limits}, target=target)
    plan = run(expand(study))
    (submission,) = collect(plan).submissions
    content = manifest_of(plan)
    assert content["limited"] == [
        {"task": "xnli", "split": "test", "limit": 7}, {"task": "tatoeba", "split": "test", "limit": 7}
    ]  # fmt: skip
    found = json.loads(call("score", "--predictions", submission.folder, "--json")[1])["findings"]
    said = {one["task"]: one["reason"] for one in found if one["kind"] == "size" and one["language"] is None}
    assert said == dict.fromkeys(("xnli", "tatoeba"), "data.limit cut off the test set at 7")


def test_a_limit_alone_makes_a_submission_incomplete(tmp_path: Path) -> None:
    limited = expand(study_of(tmp_path, data={"limit": {"xnli": {"test": 7}}}, target={"tasks": ["xnli"]}))
    for plan in (limited, expand(study_of(tmp_path, target={"tasks": ["xnli"]}))):
        one = Submission(tmp_path, files=[{"task": "xnli", "language": "de", "predictions": 7}])
        one.limited += _limited(plan, "xnli", one.files)
        assert _manifest(plan, "none", one)["complete"] == (plan is not limited)


def test_limits_that_no_count_shows(tmp_path: Path) -> None:
    """Pairs are fewer than the sentences read, and candidates are no predictions."""
    limits = {"bucc2018": {"test": 100, "dev": 9}, "mewslix": {"candidates": 50, "test": 100}}
    plan = expand(study_of(tmp_path, data={"limit": limits}))
    files = [{"language": "de", "predictions": 30}]
    assert list(_limited(plan, "bucc2018", files)) == [{"task": "bucc2018", "split": "test", "limit": 100}]
    assert list(_limited(plan, "mewslix", files)) == [{"task": "mewslix", "split": "candidates", "limit": 50}]
    assert list(_limited(plan, "mewslix", [])) == []


def test_a_limit_as_large_as_the_official_set_is_none(tmp_path: Path) -> None:
    plan = expand(study_of(tmp_path, data={"limit": {"xnli": {"test": 5010}}}))
    assert list(_limited(plan, "xnli", [{"language": "de", "predictions": 5010}])) == []


def test_a_study_of_dev_sets_writes_none(tmp_path: Path) -> None:
    plan = run(expand(study_of(tmp_path, evaluation={"split": "dev"}, target={"tasks": ["xnli", "xquad"]})))
    assert collect(plan).submissions == []
    assert not (plan.folder / "results" / "submission").exists()


def test_languages_and_tasks_that_a_study_leaves_out(tmp_path: Path, call) -> None:
    study = study_of(tmp_path, target={"tasks": ["xnli"], "languages": ["en", "de"], "benchmark": "xtreme"})
    plan = expand(study)
    write(plan, "")
    collect(run(plan))
    missing = {(one["task"], one["language"]) for one in manifest_of(plan)["missing"]}
    assert ("xnli", "sw") in missing
    assert ("xnli", "de") not in missing
    assert ("bucc2018", None) in missing
    code, out, _ = call("collect", _study_file(tmp_path))
    assert code == 0
    assert "submission: " in out
    assert "(2 files, 21 entries missing: see submission.json)" in out
    code, out, _ = call("score", "--predictions", plan.folder / "results/submission/none")
    assert code == 2  # seven examples are not the test set
    assert "missing: xnli ar bg el es fr hi ru sw th tr ur vi zh: no such file" in out
    assert "test-de.tsv: 7 predictions, the set has 5010 examples" in out


def _study_file(folder: Path) -> Path:
    path = folder / "study.yaml"
    path.write_text(
        f"name: s\noutput_dir: {folder / 'out'}\ntarget: {{tasks: [xnli], languages: [en, de]}}\n"
        "evaluation: {split: test}\ntraining: {select: last, max_steps: 4}\n"
    )
    return path


BROKEN = {
    "no file": ("xnli", lambda rows: None, "there is no such file"),
    "a row too few": ("xnli", lambda rows: rows[1:], "6 predictions; expected 7, as were made"),
    "an unknown label": ("xnli", lambda rows: [{**rows[0], "prediction": "yes"}, *rows[1:]], "row 1 predicts 'yes'"),
    "no prediction": ("xcopa", lambda rows: [{"id": "a"}, *rows[1:]], "row 1 predicts None"),
    "a yes": ("xcopa", lambda rows: [{"prediction": True}, *rows[1:]], "row 1 predicts True"),
    "an unknown tag": ("udpos", lambda rows: [{"prediction": ["Y"]}, *rows[1:]], "row 1 predicts ['Y']"),
    "no tag": ("udpos", lambda rows: [{"prediction": []}, *rows[1:]], "row 1 predicts []"),
    "an id twice": ("mlqa", lambda rows: [rows[1], *rows[1:]], "row 2 repeats the id 'mlqa-1'"),
    "queries of the other side": (
        "tatoeba",
        lambda rows: [{k: v for k, v in row.items() if k != "place"} for row in rows],
        "row 1 has no place among the English sentences",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_written_is_missing(name: str, tmp_path: Path) -> None:
    task, change, reason = BROKEN[name]
    plan = run(expand(study_of(tmp_path)))
    collect(plan)
    settings = next(one for one in plan.runs if task in one.evaluates)
    path = predictions_file(plan, settings.run, task, "test", "qaa")
    rows = change([json.loads(line) for line in path.read_text().splitlines()])
    path.unlink()
    if rows is not None:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert collect(plan).missing == []
    folder = plan.folder / "results" / "submission" / "none"
    gone = next(one for one in manifest_of(plan)["missing"] if one["task"] == task)
    assert gone["language"] == "qaa"
    assert reason in gone["reason"]
    assert not (folder / gone["file"]).exists()  # an older file went with the folder
    assert len(manifest_of(plan)["files"]) == 21 == len(list(folder.glob("*/test-*")))
    assert [path.name for path in folder.parent.iterdir()] == ["none"]  # no temporary folder is left
