"""The declarations: complete, consistent and importable without anything heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stilts.errors import InputError
from stilts.formats import VERSIONS
from stilts.tasks import (
    BENCHMARKS,
    LANGUAGES,
    MULTIPLE,
    TASKS,
    check_language,
    data_of,
    get_language,
    get_task,
    languages_of,
    target_tasks,
)

CHOICE = {"hellaswag", "commonsenseqa", "cosmosqa", "socialiqa", "copa"}
INTERMEDIATE = {"snli", "mnli", "anli", "anli_plus", "qqp", "squad_v1", "squad_v2", "ccg", "mlm"} | CHOICE
TARGETS = {"xnli", "pawsx", "udpos", "panx", "mlqa", "xquad", "tydiqa", "bucc2018", "tatoeba"} | {
    "xcopa",
    "lareqa",
    "mewslix",
}


def test_the_declared_tasks() -> None:
    assert {name for name, task in TASKS.items() if task.kind == "intermediate"} == INTERMEDIATE
    assert {name for name, task in TASKS.items() if task.kind == "target"} == TARGETS


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_declaration_is_complete(name: str) -> None:
    task = TASKS[name]
    assert task.name == name
    assert all((task.title, task.licence, task.citation))
    assert task.home_page.startswith("https://")
    assert set(task.score_metrics) <= set(task.metrics)
    assert bool(task.labels) == (task.format in ("pair", "tagging") and not task.learns_labels)
    assert task.learns_labels == bool(task.label_count)
    assert set(task.unverified) <= set(task.sizes)
    assert set(task.labels_at_hand) <= set(task.files)
    known = {"*", MULTIPLE, *languages_of(task, "xtreme_r")}
    assert all(code in known for sizes in task.sizes.values() for code in sizes)
    assert all(code in LANGUAGES for code in task.languages + task.languages_added_by_xtreme_r)
    assert len(set(languages_of(task, "xtreme_r"))) == len(languages_of(task, "xtreme_r"))
    assert all(train in TASKS and "train" in TASKS[train].files for train in task.trains_on)
    assert all(TASKS[train].format == task.format for train in task.trains_on)
    if task.kind == "target":
        assert set(task.reported) == {"dev", "test"}
        assert set(task.reported.values()) <= set(task.files)
        assert any(name in groups.get(task.group or "", ()) for groups in BENCHMARKS.values())


@pytest.mark.parametrize(
    ("name", "xtreme", "xtreme_r"),
    [("xnli", 15, 15), ("pawsx", 7, 7), ("xquad", 11, 12), ("mlqa", 7, 7), ("tydiqa", 9, 9), ("udpos", 33, 38),
     ("panx", 40, 48), ("bucc2018", 4, 4), ("tatoeba", 36, 41), ("xcopa", 11, 11), ("lareqa", 11, 11),
     ("mewslix", 11, 11), ("mnli", 1, 1)],
)  # fmt: skip
def test_number_of_languages_as_in_the_benchmarks(name: str, xtreme: int, xtreme_r: int) -> None:
    assert len(languages_of(name, "xtreme")) == xtreme
    assert len(languages_of(get_task(name), "xtreme_r")) == xtreme_r


def test_benchmarks_name_only_known_tasks() -> None:
    for benchmark in BENCHMARKS:
        assert set(target_tasks(benchmark)) <= set(TASKS)
    assert set(target_tasks("xtreme_r")) - set(target_tasks("xtreme")) == {"xcopa", "lareqa", "mewslix"}
    assert set(target_tasks("xtreme")) - set(target_tasks("xtreme_r")) == {"pawsx", "bucc2018"}


def test_every_format_has_a_version_and_every_version_a_task() -> None:
    assert {task.format for task in TASKS.values()} == set(VERSIONS)


def test_an_unknown_task_is_refused_with_a_suggestion() -> None:
    with pytest.raises(InputError, match="did you mean 'xquad'"):
        get_task("xqaud")


def test_languages() -> None:
    assert (get_language("sw").name, get_language("sw").iso3) == ("Swahili", "swh")
    assert get_language("qtz").code == "qtz"
    check_language("qaa", allowed=("en", "de"))
    for wrong in ("xx", "qua", "EN", "qa"):
        with pytest.raises(InputError):
            check_language(wrong)
    with pytest.raises(InputError, match="one of en, de"):
        check_language("fr", allowed=("en", "de"), where="target.languages")


def test_sizes_of_facts() -> None:
    assert sum(TASKS["mlqa"].sizes["test"].values()) == 42245
    assert TASKS["tatoeba"].sizes["test"]["jv"] == 205
    panx = TASKS["panx"].sizes["test"]
    assert (len(panx), panx["de"], panx["tl"], panx["yo"]) == (40, 10000, 1000, 100)
    assert sum(panx.values()) == 25 * 10000 + 12 * 1000 + 3 * 100
    assert sum(TASKS[name].sizes["train"]["en"] for name in ("snli", "mnli")) == 549367 + 392702
    sizes = {name: TASKS[name].sizes["train"]["en"] for name in (*CHOICE, "anli_plus", "qqp")}
    assert sizes == {
        "hellaswag": 39905, "commonsenseqa": 9741, "cosmosqa": 25262, "socialiqa": 33410, "copa": 400,
        "anli_plus": 1104934, "qqp": 363846,
    }  # fmt: skip


def test_tasks_import_nothing_heavy() -> None:
    code = (
        "import sys, stilts.tasks; "
        "print([m for m in ('torch', 'transformers', 'datasets', 'deepspeed', 'pandas', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_data_of_a_task() -> None:
    assert data_of("anli_plus") == {"snli", "mnli", "anli"}
    assert data_of("squad_v2") == data_of("lareqa") == {"squad"}
    assert data_of("mewslix") == {"mewslix"}
    assert data_of("of others") == {"of others"}
