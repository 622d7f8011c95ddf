"""Which split plays which part, as the benchmark's table has it."""

from __future__ import annotations

import pytest

from stilts.study.show_tasks import task_text
from stilts.tasks import TASKS, get_task
from stilts.tasks.roles import chosen_on, roles

PUBLIC = "public"


@pytest.mark.parametrize(
    ("name", "train", "dev", "test"),
    [
        ("xnli", ["training"], ["selection", "dev"], ["test"]),
        ("pawsx", ["training"], ["selection", "dev"], ["test"]),
        ("udpos", ["training"], ["selection", "dev"], ["test"]),
        ("panx", ["training"], ["selection", "dev"], ["test"]),
        ("xcopa", None, ["selection", "dev"], ["test"]),
        ("mlqa", None, ["dev"], ["test"]),
        ("xquad", None, None, ["dev", "test"]),
        ("lareqa", ["training", "selection"], None, ["dev", "test"]),
        ("tydiqa", ["training", "selection"], ["dev", "test"], None),
        ("tatoeba", None, None, ["dev", "test"]),
        ("bucc2018", None, ["threshold", "dev"], ["test"]),
        ("squad_v1", ["training", "selection"], [], None),
        ("ccg", ["training"], ["selection"], []),
        ("mlm", ["training"], None, None),
    ],
)
def test_parts_of_the_splits(name: str, train: list | None, dev: list | None, test: list | None) -> None:
    found = {split: list(role.parts) for split, role in roles(get_task(name)).items()}
    expected = {"train": train, "dev": dev, "test": test}
    assert found == {split: parts for split, parts in expected.items() if parts is not None}


def test_the_candidates_of_entity_linking_are_searched() -> None:
    assert roles(get_task("mewslix"))["candidates"].parts == ("searched",)
    assert "\n  candidates searched; labels: public\n" in task_text(get_task("mewslix"))


def test_labels_at_hand() -> None:
    absent = {(n, s) for n, t in TASKS.items() for s, role in roles(t).items() if role.labels != PUBLIC}
    assert absent >= {("xnli", "test"), ("pawsx", "test"), ("panx", "test"), ("udpos", "test"), ("tydiqa", "dev")}
    for name in ("mlqa", "xquad", "lareqa", "tatoeba"):
        assert {role.labels for role in roles(get_task(name)).values()} == {PUBLIC}
    assert roles(get_task("hellaswag"))["test"].labels == "not public"
    assert "XTREME's copies have none" in roles(get_task("panx"))["test"].labels


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("xnli", "English dev, or dev of all languages, or last checkpoint"),
        ("panx", "English dev, or dev of all languages, or last checkpoint"),
        ("xcopa", "last checkpoint, or English dev, or dev of all languages"),
        ("xquad", "last checkpoint, or held-out articles of squad_v1/train"),
        ("mlqa", "last checkpoint, or held-out articles of squad_v1/train"),
        ("tydiqa", "last checkpoint, or held-out articles of tydiqa/train"),
        ("squad_v2", "last checkpoint, or held-out articles of squad_v2/train"),
        ("ccg", "English dev, or last checkpoint"),
        ("tatoeba", "nothing is trained"),
        ("bucc2018", "nothing is trained; dev tunes the threshold"),
        ("mlm", "last checkpoint"),
    ],
)
def test_what_a_checkpoint_is_chosen_on(name: str, expected: str) -> None:
    assert chosen_on(get_task(name)) == expected
