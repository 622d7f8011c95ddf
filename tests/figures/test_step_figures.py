"""Figures over kept steps: the gains of deltas.csv at their steps, and the design in every title."""

from __future__ import annotations

import random

import pytest
from matplotlib import text

from stilts.figures.heat_map import heat_map
from stilts.figures.results import read_results
from stilts.figures.steps import language_curves, series_of, step_curves
from stilts.figures.style import paper, shown
from stilts.figures.write import write_figures
from stilts.kept_step import SEPARATE, TRUNK, KeptStep

STEPS = (100, 200, 800)
RECIPES = ["none", *(KeptStep("mnli", step, TRUNK).name for step in STEPS),
           *(KeptStep("whole", step, SEPARATE).name for step in (100, 800)), "plain"]  # fmt: skip
LANGUAGES = ["en", "de", "sw", "tr", "qaa"]


@pytest.fixture
def folder(results):
    def gain(recipe, target, language):
        return random.Random(f"{recipe} {target} {language}").gauss(1, 1)

    written = results(RECIPES, ["xnli", "udpos"], gain, languages=LANGUAGES)
    names = ["name,epochs", *(f"{name},{0.5 * place}" for place, name in enumerate(RECIPES[1:4], 1))]
    (written / "steps.csv").write_text("\n".join(names) + "\n")
    return written


def test_each_recipe_is_a_line_through_its_gains_and_the_title_names_the_designs(folder):
    found = read_results(folder)
    assert list(series_of(found)) == [("mnli", TRUNK), ("whole", SEPARATE)]
    with paper():
        figure = step_curves(found)
        figure.draw_without_rendering()
    assert [panel.get_title("left") for panel in figure.axes] == ["average", "xnli", "udpos"]
    assert figure.get_suptitle() == "gain over none by steps\ntrunk_cooldown and separate_runs"
    for panel, target in zip(figure.axes, ("all", "xnli", "udpos"), strict=True):
        lines = {line.get_label(): list(line.get_ydata()) for line in panel.lines if "," in str(line.get_label())}
        gains = [found.gains[name, target, "all"].delta for name in RECIPES[1:4]]
        assert lines["mnli, trunk_cooldown"] == gains
        assert list(lines) == ["mnli, trunk_cooldown", "whole, separate_runs"]
        assert [one.get_text() for one in panel.get_xticklabels()] == ["100", "200", "800"]


def test_languages_stand_in_tiers_of_pretraining_text_with_their_steps_in_epochs(folder):
    found = read_results(folder)
    with paper():
        figures = dict(language_curves(found, folder / "steps.csv"))
        figure = figures["mnli-trunk_cooldown"]
        figure.draw_without_rendering()
    assert list(figures) == ["mnli-trunk_cooldown", "whole-separate_runs"]
    assert [panel.get_title("left") for panel in figure.axes] == [
        "below 3 GiB", "3 to 30 GiB", "30 GiB or more", "en", "unknown size",
    ]  # fmt: skip
    assert figure.get_suptitle() == "mnli: gain over none by steps\ntrunk_cooldown"
    assert [one.get_text() for one in figure.axes[0].get_xticklabels()] == ["100\n0.5", "200\n1", "800\n1.5"]
    assert figure.axes[0].texts[0].get_text() == "sw"
    swahili = figure.axes[0].lines[0].get_ydata()
    gains = [
        (found.gains[name, "xnli", "sw"].delta + found.gains[name, "udpos", "sw"].delta) / 2 for name in RECIPES[1:4]
    ]
    assert list(swahili) == pytest.approx(gains)


def test_they_are_written_with_the_others_and_removed_with_them(folder, results):
    names = {path.name for path in write_figures(folder, ["svg"])}
    own = {"steps.svg", "steps-mnli-trunk_cooldown.svg", "steps-whole-separate_runs.svg"}
    assert own <= names
    (folder / "figures" / "steps-mine.svg").touch()
    left = {path.name for path in write_figures(folder, ["svg"], ["none", "plain"])}
    assert not own & left
    assert {path.name for path in (folder / "figures").iterdir()} == left | {"steps-mine.svg"}


def test_titles_and_names_are_on_the_page(results):
    """Of one target, where a figure is a column wide; also the board's heat map, whose names are whole."""
    long = [KeptStep("a_recipe_with_a_long_name", step, TRUNK).name for step in (1000, 16000)]
    folder = results(["none", *RECIPES[1:6], *long], ["xnli"], lambda *_: 1.0, languages=LANGUAGES)
    found = read_results(folder)
    with paper():
        figures = [step_curves(found), *dict(language_curves(found, folder / "steps.csv")).values(), heat_map(folder)]
        for figure in figures:
            figure.draw_without_rendering()
            width = figure.bbox.width
            for one in figure.findobj(text.Text):
                if one.get_visible() and one.get_text().strip():
                    box = one.get_window_extent()
                    assert -1 <= box.x0 <= box.x1 <= width + 1, one.get_text()


def test_a_long_name_is_cut_before_its_step_and_design():
    assert shown("a_recipe_with_a_name_that_is_too_long") == "a_recipe_with_a_name_that…"
    assert shown("a_recipe_with_a_name@16000@trunk_cooldown") == "a_recipe_wit…@16000@trunk_cooldown"
    assert shown("squad_v2@16000@separate_runs") == "squad_v2@16000@separate_runs"


def test_without_kept_steps_or_a_baseline_there_are_none(results):
    with paper():
        assert step_curves(read_results(results(["none", "mnli"], ["xnli"]))) is None
        assert step_curves(read_results(results(RECIPES, ["xnli"], baseline=False))) is None
