"""The page of a study's data: every data set with its licence, parts instead of wholes, sizes of what is prepared."""

from __future__ import annotations

import json
from collections.abc import Callable

from stilts.study.data_notes import data_notes
from stilts.study.plan import Plan
from stilts.tasks import get_task


def rows_of(page: str) -> dict[tuple[str, ...], list[str]]:
    """The lines of the page's tables by their first four cells."""
    lines = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in page.splitlines() if line[:1] == "|"]
    return {tuple(line[:4]): line for line in lines}


def test_every_data_set_is_named_with_its_licence(make_plan: Callable[..., Plan]) -> None:
    page = data_notes(make_plan(intermediate=[{"name": "nli", "tasks": ["anli_plus"], "mlm": {"share": 0.1}}]))
    for name in ("snli", "mnli", "anli", "xnli", "mlqa", "squad_v1", "tatoeba", "mlm"):
        task = get_task(name)
        assert f"| {name} | [{task.title}]({task.home_page}) |" in page
        assert task.licence in page
        assert task.citation in page
    assert "| anli_plus | [" not in page, "its parts have the licences"
    assert "(https://huggingface.co/datasets/facebook/xnli)" in page
    assert page.count("| mnli | [") == 1


def test_sizes_are_those_of_all_prepared_languages(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan()
    refs = {ref.name: ref for run in plan.runs for ref in run.evaluation_sets}
    for name, count in (("xnli/dev/en", 2490), ("xnli/dev/de", 10), ("mlqa/dev/en", 7)):
        folder = plan.features / refs[name].folder
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(json.dumps({"examples": count}))
    rows = rows_of(data_notes(plan))
    assert rows["xnli", "dev", "all", "scored"][4:] == ["en de", "2,500"]
    assert rows["mlqa", "dev", "all", "scored"][4:] == ["en", "7"]
    assert rows["tatoeba", "test", "all", "scored"][5] == "-"
