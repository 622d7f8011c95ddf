"""results/domain.csv: which sets are compared, what is marked, and when it is made again."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from stilts.data.store import write_set
from stilts.study import domain, local
from stilts.study.domain import COLUMNS, is_measured, measure
from stilts.tasks import get_task
from stilts.tasks.examples import PairExample, RetrievalExample, SpanExample


def recipes(*tasks: str) -> list[dict]:
    return [{"name": "none"}, *({"name": task, "tasks": [task]} for task in tasks)]


@pytest.fixture
def prepared(make_plan, monkeypatch: pytest.MonkeyPatch):
    """A plan whose sets are there, with made-up texts; encoding counts words and is counted itself."""
    calls: list[int] = []

    def encode(texts: list[str], model: object) -> np.ndarray:
        calls.append(len(texts))
        return np.array([[text.count(letter) for letter in "abcde"] for text in texts], dtype=np.float32)

    monkeypatch.setattr(domain, "_apart", encode)
    plan = make_plan(
        intermediate=recipes("mnli", "squad_v1"),
        target={"tasks": ["xnli", "xquad", "mlqa", "tatoeba"],
                "languages": {"xnli": ["en", "de"], "xquad": ["de"], "mlqa": ["en"], "tatoeba": ["de"]}},
        evaluation={"domain": True},
    )  # fmt: skip
    for ref in {ref.folder: ref for run in plan.runs for ref in (*run.train_sets, *run.evaluation_sets)}.values():
        write(plan, ref)
    return plan, calls


def write(plan, ref, size: int = 80) -> None:
    random = np.random.default_rng(len(ref.folder))
    make = {"pair": lambda n, a, b: PairExample(n, a, b, None), "span": lambda n, a, b: SpanExample(n, b, a, (), n),
            "retrieval": RetrievalExample}[get_task(ref.task).format]  # fmt: skip
    examples = [make(str(n), *(" ".join(random.choice(list("abcde"), 12)) for _ in "ab")) for n in range(size)]
    rows = [{"input_ids": [0], "example": n} for n in range(size)]
    write_set(plan.features / ref.folder, get_task(ref.task).format, examples, rows, {})


def read(plan) -> list[dict[str, str]]:
    with open(plan.folder / "results" / "domain.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_pair_with_its_marks(prepared) -> None:
    plan, _ = prepared
    measure(plan, pytest.fail)
    rows = read(plan)
    assert tuple(rows[0]) == COLUMNS
    pairs = {(row["intermediate"], row["target"]) for row in rows}
    assert pairs == {(a, b) for a in ("mnli", "squad_v1") for b in ("xnli", "xquad", "mlqa", "tatoeba")}
    assert len(rows) == 4 * len(pairs)
    same = {(row["intermediate"], row["target"]) for row in rows if row["same_data"] == "yes"}
    assert same == {("mnli", "xnli"), ("squad_v1", "xquad"), ("squad_v1", "mlqa")}
    columns = {row["target"]: row["column"] for row in rows}
    assert columns == {"xnli": "xnli", "xquad": "xquad+mlqa", "mlqa": "xquad+mlqa", "tatoeba": "tatoeba"}
    assert {row["n_intermediate"] == row["n_target"] for row in rows} == {True}
    assert {row["seed"] for row in rows} == {"1"}


def test_which_sets_are_compared(prepared) -> None:
    plan, _ = prepared
    near, far = domain._intermediate(plan), domain._targets(plan)
    named = {name: [ref.name for ref in refs] for name, refs in (near | far).items()}
    assert named == {
        "mnli": ["mnli/train/en"], "squad_v1": ["squad_v1/train/en"],
        "xnli": ["xnli/dev/en"], "mlqa": ["mlqa/dev/en"], "tatoeba": ["tatoeba/test/de"],
        "xquad": ["squad_v1/train/en"],  # not scored in English: what it is fine-tuned on
    }  # fmt: skip


def test_it_is_made_once_and_again_where_its_sets_are_others(prepared) -> None:
    plan, calls = prepared
    assert not is_measured(plan)
    for _ in range(2):
        measure(plan, pytest.fail)
    assert is_measured(plan)
    assert len(calls) == 1
    first = read(plan)
    write(plan, domain._targets(plan)["xnli"][0], size=50)
    assert not is_measured(plan)
    measure(plan, pytest.fail)
    assert len(calls) == 2
    assert read(plan) != first
    (plan.folder / "results" / "domain.csv").unlink()
    assert not is_measured(plan)


def test_a_study_that_does_not_ask_or_has_nothing_to_compare(make_plan) -> None:
    assert is_measured(make_plan(intermediate=recipes("mnli")))
    assert is_measured(make_plan(intermediate=[{"name": "none"}], evaluation={"domain": True}))
    assert not is_measured(make_plan(intermediate=recipes("mnli"), evaluation={"domain": True}))


def test_prepare_measures_also_where_all_runs_are_done(prepared, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    plan, calls = prepared
    made: list[int] = []
    monkeypatch.setattr("stilts.data.prepare.prepare", lambda *args: made.append(1) or [])
    monkeypatch.setattr(local, "recorded_status", lambda folder: local.Status(state="done"))
    local.prepare_data(plan)
    local.prepare_data(plan)
    assert (len(made), len(calls)) == (1, 1)
    assert len(read(plan)) == 32
    write(plan, domain._targets(plan)["xnli"][0], size=4)
    local.prepare_data(plan)
    assert "domain: no proxy A-distance: xnli has " in capsys.readouterr().err
