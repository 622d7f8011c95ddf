"""Figures for papers: what they show is what results/ says, they fit a page, can be read, and are always the same."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from matplotlib import colormaps, text

from stilts.errors import InputError
from stilts.figures.forest import averages
from stilts.figures.grid import gain_grid, gap_grid, readable_on
from stilts.figures.languages import language_bars
from stilts.figures.results import read_results
from stilts.figures.style import COLOURS, COLUMN, GAINS, LEVELS, SMALLEST, TEXT, paper
from stilts.figures.write import write_figures
from stilts.tasks import target_tasks

RECIPES = ["none", "mnli", "squad_v1"]
PAPER = ["none", "anli_plus", "mnli", "qqp", "squad_v2", "squad_v1", "hellaswag", "ccg", "cosmosqa", "commonsenseqa",
         "multi", "mlm", "a_recipe_with_a_name_that_is_too_long"]  # fmt: skip


def words(figure):
    """All texts of a figure that are seen."""
    figure.draw_without_rendering()
    return [found for found in figure.findobj(text.Text) if found.get_visible() and found.get_text().strip()]


def numbers(recipe, target, language):
    return random.Random(f"{recipe} {target} {language}").gauss(1, 4)


def test_the_gains_are_those_of_deltas_csv(results):
    gains = {("mnli", "xnli"): 6.04, ("mnli", "xquad"): -0.04, ("squad_v1", "xnli"): -3.25, ("squad_v1", "xquad"): 2.0}
    folder = results(RECIPES, ["xnli", "xquad"], lambda recipe, target, _: gains.get((recipe, target), 1.5))
    with paper():
        figure = gain_grid(read_results(folder))
    axes = figure.axes[0]
    columns = [label.get_text() for label in axes.get_xticklabels()]
    rows = [label.get_text() for label in axes.get_yticklabels()]
    assert (columns, rows) == (["xnli", "xquad", "average"], ["mnli", "squad_v1"])
    found = {(rows[int(y)], columns[int(x)]): one.get_text() for one in axes.texts for x, y in [one.get_position()]}
    assert found == {
        ("mnli", "xnli"): "+6.0*", ("mnli", "xquad"): "+0.0", ("mnli", "average"): "+1.5",
        ("squad_v1", "xnli"): "−3.2", ("squad_v1", "xquad"): "+2.0‡", ("squad_v1", "average"): "+1.5",
    }  # fmt: skip
    values = axes.images[0].get_array()
    assert values[0][0] == 6.04
    assert axes.images[0].norm.vmin == -axes.images[0].norm.vmax  # 0 has the middle colour
    assert axes.images[0].cmap.name == GAINS


def test_the_gaps_are_those_of_xtreme_json(results):
    with paper():
        figure = gap_grid(read_results(results(RECIPES, ["xnli", "mlqa", "tydiqa"])))
    assert figure.axes[0].images[0].get_array().tolist() == [[0, 1, 2]] * 3
    assert figure.axes[0].images[0].cmap.name == LEVELS


def test_bars_and_their_intervals(results):
    folder = results(
        RECIPES, ["xnli"], lambda recipe, _, code: {"en": -3, "sw": 4}.get(code, 1), 2.0, languages=["sw", "en"]
    )
    with paper():
        [figure] = language_bars(read_results(folder), "xnli")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["mnli", "squad_v1"]
    axes = figure.axes[1]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["en", "sw"]
    assert [bar.get_height() for bar in axes.patches] == [-3, 4]
    assert [line[:, 1].tolist() for line in axes.collections[0].get_segments()] == [[-5, -1], [2, 6]]
    assert "95 % seeds" in figure.get_supylabel()


def test_intervals_of_one_figure_are_of_one_kind(results):
    found = read_results(results(RECIPES[:2], ["xnli"], lambda *_: 1.0, 2.0, languages=["en", "de"]))
    place = "mnli", "xnli", "de"
    found.gains[place] = found.gains[place]._replace(seeds=None)
    with paper():
        [figure] = language_bars(found, "xnli")
    assert figure.get_supylabel() == "xnli, gain, 95 % seeds"
    assert [line[:, 1].tolist() for line in figure.axes[0].collections[0].get_segments()] == [[-1, 3], [1, 1]]
    for key, gain in found.gains.items():
        found.gains[key] = gain._replace(seeds=None)
    with paper():
        [figure] = language_bars(found, "xnli")
    assert figure.get_supylabel() == "xnli, gain, 95 % test set"


def test_averages_have_both_intervals_and_the_level(results):
    with paper():
        figure = averages(read_results(results(RECIPES, ["xnli"], lambda *_: 1.0, 2.0)))
    axes = figure.axes[0]
    lines = {line.get_label(): line.get_xdata().tolist() for line in axes.lines if not line.get_label().startswith("_")}
    assert lines == {"seeds": [-1, 3], "test set": [0, 2]}
    assert [one.get_text() for one in axes.texts] == ["50.0", "50.0"]
    assert axes.get_xlabel() == "average, points over none"


def test_a_study_without_a_baseline_or_intervals(results):
    folder = results(RECIPES, ["xnli", "xquad"], baseline=False, languages=["en", "de"])
    found = read_results(folder)
    with paper():
        assert gain_grid(found) is None
        assert averages(found).axes[0].get_xlabel() == "average, points ± sd over seeds"
        [bars] = language_bars(found, "xnli")
    assert [axes.get_title(loc="left") for axes in bars.axes] == RECIPES
    assert bars.get_supylabel() == "xnli, points ± sd"
    plain = read_results(results(RECIPES, ["xnli"], lambda *_: 1.0, None, languages=["en", "de"]))
    with paper():
        assert language_bars(plain, "xnli")[0].get_supylabel() == "xnli, gain"
        assert averages(plain).axes[0].get_legend() is None


@pytest.mark.parametrize(
    ("recipes", "targets"),
    [(RECIPES[:2], ["xnli"]), pytest.param(PAPER, list(target_tasks("xtreme")), marks=pytest.mark.slow)],
    ids=["small", "paper"],
)
def test_figures_fit_a_page_and_can_be_read(results, recipes, targets):
    found = read_results(results(recipes, targets, numbers))
    with paper():
        figures = [
            gain_grid(found),
            gap_grid(found),
            averages(found),
            *(page for t in targets[:4] for page in language_bars(found, t)),
        ]
        for figure in figures:
            assert figure.get_figwidth() in (COLUMN, TEXT)
            assert figure.get_figheight() < 9.5
            seen = words(figure)
            assert min(word.get_fontsize() for word in seen) >= SMALLEST
            drawn = figure.get_tightbbox()
            assert drawn.x0 >= 0
            assert drawn.y0 >= 0
            assert drawn.x1 <= figure.get_figwidth()
            assert drawn.y1 <= figure.get_figheight()
            for axes in figure.axes:
                for labels in (axes.get_xticklabels(), axes.texts):
                    _apart([one for one in labels if one in seen and one.get_rotation() == 0])


def _apart(labels):
    """No two texts overlap."""
    boxes = [label.get_window_extent() for label in labels]
    for number, box in enumerate(boxes):
        for label, other in zip(labels[number + 1 :], boxes[number + 1 :], strict=True):
            assert not box.overlaps(other), label


def test_numbers_stand_out_from_their_cells():
    """WCAG's 4.5 : 1 for text, over both colour maps."""
    for name in (GAINS, LEVELS):
        for step in range(101):
            colour = colormaps[name](step / 100)
            assert _contrast(colour, readable_on(colour)) >= 4.5


def _contrast(colour, word):
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour[:3]]
    own, other = (
        sum(w * part for w, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True)),
        {"white": 1, "black": 0}[word],
    )
    return (max(own, other) + 0.05) / (min(own, other) + 0.05)


def test_colours_are_of_okabe_and_ito():
    published = {"#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"}
    assert set(COLOURS) < published
    assert len(set(COLOURS)) == len(COLOURS)


@pytest.mark.slow
def test_the_same_bytes_in_another_process(results):
    folder = results(RECIPES, ["xnli", "mlqa"], numbers)
    formats = ("png", "svg", "pdf")
    written = write_figures(folder, formats)
    first = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in written}
    assert set(first) == {
        f"{name}.{ending}"
        for name in ("gains", "gaps", "averages", "languages-xnli", "languages-mlqa")
        for ending in formats
    }
    script = (
        "import sys; from pathlib import Path; from stilts.figures.write import write_figures\n"
        f"write_figures(Path({str(folder)!r}), {formats!r})\n"
        "print([name for name in ('torch', 'matplotlib.pyplot', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in written} == first


def test_text_in_svg_stays_text(results):
    folder = results(RECIPES, ["xnli"], lambda *_: 1.0, languages=["en", "de"])
    paths = {path.name: path for path in write_figures(folder, ["svg"])}
    root = ElementTree.parse(paths["gains.svg"]).getroot()
    assert root.attrib["width"] == f"{COLUMN * 72:g}pt"
    found = {"".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"mnli", "squad_v1", "xnli", "+1.0"} <= found
    assert "date" not in paths["gains.svg"].read_text()


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(f"name: s\noutput_dir: {tmp_path}\ntarget: {{tasks: [xnli]}}\n")
    return path


def test_the_command(call, results, study, tmp_path):
    folder = results(RECIPES, ["xnli"], lambda *_: 1.0, languages=["en", "de"])
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "results").symlink_to(folder)
    code, out, err = call("figures", study, "--format", "svg")
    assert (code, err) == (0, "")
    assert [line.rsplit("/", 1)[-1] for line in out.split()] == [
        "gains.svg", "gaps.svg", "averages.svg", "languages-xnli.svg"
    ]  # fmt: skip
    code, _, err = call("figures", study, "--format", "svg,bmp")
    assert code == 2
    assert "'bmp'" in err


def test_many_recipes_take_several_pages_or_a_choice(results):
    many = ["none", *(f"r{number}" for number in range(1, 45))]
    folder = results(many, ["xnli"], lambda *_: 1.0, languages=["en"])
    with pytest.raises(InputError, match="45 recipes; expected 40, which a page holds; choose them with --recipe"):
        write_figures(folder)
    with pytest.raises(InputError, match="unknown recipe 'r99'"):
        write_figures(folder, recipes=["r99"])
    with paper():
        found = read_results(folder, many[1:16])
        pages = language_bars(found, "xnli")
        assert [len(page.axes) for page in pages] == [14, 1]
        assert averages(found).get_figheight() < 9.5
    written = write_figures(folder, ["svg"], many[1:16])
    assert {path.stem for path in written} == {"gains", "gaps", "averages", "languages-xnli", "languages-xnli-2"}


def test_figures_of_other_results_do_not_stay(results):
    folder = results(RECIPES, ["xnli", "mlqa"], lambda *_: 1.0, languages=["en"])
    write_figures(folder, ["svg"])
    own = folder / "figures" / "languages-mine.svg"
    paged = folder / "figures" / "languages-xnli-2.png"
    for path in (own, paged):
        path.write_text("")
    results(RECIPES, ["xnli"], baseline=False, languages=["en"])
    written = write_figures(folder, ["svg"])
    assert {path.name for path in written} == {"gaps.svg", "averages.svg", "languages-xnli.svg"}
    assert set((folder / "figures").iterdir()) == {*written, own}


def test_what_cannot_be_drawn_is_said(call, results, study, tmp_path):
    assert "stilts collect" in call("figures", study)[2]
    folder = results(["none"], [])
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "results").symlink_to(folder)
    (folder / "xtreme.json").write_text('{"recipes": {}}')
    code, _, err = call("figures", study)
    assert code == 2
    assert "no complete score" in err
    (folder / "deltas.csv").write_text("recipe,delta\n")
    assert "lacks the columns family" in call("figures", study)[2]
