"""Figures of the questions: the numbers are those of answers.json, a figure a question, and none without an answer."""

from __future__ import annotations

import json

import pytest
from made_up_answers import LANGUAGES, answers
from matplotlib.colors import to_hex

from stilts.analysis.answer_rows import by_p
from stilts.figures.questions import by_distance, gains, kept, question_figures, under_noise
from stilts.figures.style import COLOURS, TEXT, paper
from stilts.figures.write import write_figures

RECIPES = ["none", "squad", "mnli", "qqp", "all<&>", "english", "many"]


@pytest.fixture(autouse=True)
def styled():
    with paper():
        yield


@pytest.fixture
def content():
    return answers()["answers"]


def test_gains_and_their_intervals_are_those_of_the_answer(content):
    axes = gains(content["multitask"], RECIPES).axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["squad", "mnli", "qqp", "all<&>"]
    rows = {row["recipe"]: row for row in content["multitask"]["deltas"]
            if (row["target"], row["language"]) == ("all", "all")}  # fmt: skip
    dots = {names[round(y)]: x for line in axes.lines if line.get_linestyle() == "None" for x, y in line.get_xydata()}
    assert dots == {name: pytest.approx(rows[name]["delta"]) for name in names}
    spans = {names[round(line.get_ydata()[0])]: tuple(line.get_xdata()) for line in axes.lines
             if len(line.get_xdata()) == 2 and line.get_linestyle() != "None" and line.get_xdata()[0] != 0}  # fmt: skip
    assert spans == {name: pytest.approx((rows[name]["low"], rows[name]["high"])) for name in names}
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one task", "several tasks"]


def test_scores_go_down_with_the_level(content):
    (panel,) = under_noise(content["noise"], RECIPES).axes
    assert panel.get_title(loc="left") == "panx under swap"
    lines = {line.get_label(): line for line in panel.lines}
    assert set(lines) == {"none", "english", "many"}
    drops = {name: line.get_ydata()[0] - line.get_ydata()[-1] for name, line in lines.items()}
    assert drops["many"] == pytest.approx(6, abs=1)
    assert drops["english"] == pytest.approx(12, abs=1)
    assert all(list(line.get_xdata()) == [0.0, 0.1, 0.3] for line in lines.values())
    assert len({(to_hex(line.get_color()), line.get_marker()) for line in lines.values()}) == 3
    assert {to_hex(line.get_color()).upper() for line in lines.values()} <= {colour.upper() for colour in COLOURS}


def test_what_is_kept_above_chance(content):
    axes = kept(content["noise"], RECIPES).axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    dots = {names[round(y)]: x for line in axes.lines if line.get_linestyle() == "None" for x, y in line.get_xydata()}
    assert dots["many"] > dots["english"] + 4
    assert axes.get_xlabel() == "% kept of the score above chance"


def test_each_language_is_named_at_its_distance(content):
    figure = by_distance(content["typology"], RECIPES)
    rows = by_p(content["typology"])
    assert figure.get_size_inches()[0] <= TEXT
    for panel, row in zip(figure.axes, rows, strict=False):
        placed = {text.get_text(): text.xy for text in panel.texts}
        assert set(placed) == set(LANGUAGES)
        assert placed["sw"] == (row["distances"][row["languages"].index("sw")],
                                row["effects"][row["languages"].index("sw")])  # fmt: skip
        assert panel.get_xlabel() == f"{row['kind']} distance"


def test_recipes_are_chosen_and_nothing_is_drawn_of_nothing(tmp_path, content):
    assert [one.get_text() for one in gains(content["multitask"], ["mnli"]).axes[0].get_yticklabels()] == ["mnli"]
    assert gains(content["multitask"], ["other"]) is None
    assert kept(content["noise"], ["other"]) is None
    assert under_noise(content["noise"], ["other"]) is None
    assert by_distance(content["typology"], ["other"]) is None
    assert list(question_figures(tmp_path, RECIPES)) == []


def test_the_command_writes_them_and_removes_those_of_other_results(results):
    folder = results(["none", "squad", "mnli"], ["xnli"])
    (folder / "answers.json").write_text(json.dumps(answers()))
    names = {path.name for path in write_figures(folder) if path.name.startswith("question-")}
    assert names == {f"question-{name}.{ending}" for name in ("multitask", "noise", "noise-kept", "typology")
                     for ending in ("png", "svg")}  # fmt: skip
    before = (folder / "figures" / "question-typology.svg").read_bytes()
    write_figures(folder)
    assert (folder / "figures" / "question-typology.svg").read_bytes() == before
    (folder / "answers.json").unlink()
    write_figures(folder)
    assert not list((folder / "figures").glob("question-*"))
