"""The report's sections about the questions: the words, tables and drawings of answers.json, and nothing empty."""

from __future__ import annotations

import copy
import json
import re
from xml.etree import ElementTree

import pytest
from made_up_answers import GAINS, LANGUAGES, ORDER, answers

from stilts.analysis.answer_rows import line_of
from stilts.report.answer_charts import MOST, MOST_BARS, drawings, largest
from stilts.report.plots import Bar, curves, forest, scatter
from stilts.report.questions import MOST_ROWS, read_questions
from stilts.report.results import read_results
from stilts.report.write import render

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def content():
    return copy.deepcopy(answers())


def written(folder, content):
    (folder / "answers.json").write_text(json.dumps(content))
    return read_questions(folder)


def drawn(svg):
    return ElementTree.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def test_each_question_has_its_words_tables_and_drawings(tmp_path, content):
    found = written(tmp_path, content)
    assert [one.name for one in found.sections] == list(ORDER)
    multitask, _, noise, typology, _ = found.sections
    assert multitask.sentences[0].startswith("all<&> (3 tasks): on average over targets +")
    assert multitask.sentences[0].endswith("several tasks beat the best single one, whichever that is.")
    captions = [table.caption for one in found.sections for table in one.tables]
    assert len(set(captions)) == len(captions)  # they name regions
    assert captions[0] == "Several intermediate tasks against each alone: gain"
    assert "Distance to English: table 1" in captions
    assert noise.sentences[0].startswith(
        "Multilingual against English intermediate training (many against english): of"
    )
    assert "−" in typology.tables[0].rows[0][4].text or "+" in typology.tables[0].rows[0][4].text
    assert not any(re.search(r"(^| )-\d", text) for one in found.sections for text in (*one.sentences, *one.notes))
    assert all(one.drawings for one in found.sections)
    assert all(not note[0].islower() and note.endswith(".") for one in found.sections for note in one.notes)


def test_columns_of_numbers_sort_as_such(tmp_path, content):
    best = written(tmp_path, content).sections[0].tables[1]
    assert list(best.columns)[1:] == ["against", "target", "points", "95 %", "p (Holm)", "verdict"]
    assert best.texts == {0, 1, 2, 6}


def test_a_forest_shows_each_interval_where_it_is():
    bars = [Bar("a<b>", 2.0, 1.0, 3.0), Bar("c", -1.0, None, None, 1)]
    svg = drawn(forest('what "is" said', bars, "points"))
    assert svg.get("aria-label") == 'what "is" said'
    (zero,) = [one for one in svg.iter(f"{SVG}line") if one.get("class") == "zero"]
    (whisker,) = [one for one in svg.iter(f"{SVG}path") if one.get("class") == "whisker"]
    low, high = map(float, re.match(r"M([\d.]+) [\d.]+H([\d.]+)", whisker.get("d")).groups())
    (dot,) = svg.iter(f"{SVG}circle")
    assert float(zero.get("x1")) < low < float(dot.get("cx")) < high
    assert float(dot.get("cx")) - low == pytest.approx(high - float(dot.get("cx")), abs=0.11)
    texts = [one.text for one in svg.iter(f"{SVG}text")]
    assert {"a<b>", "c", "+2.00", "−1.00", "points"} <= set(texts)


def test_curves_go_down_where_scores_do():
    svg = drawn(curves("label", [[(0.0, 60.0), (0.3, 40.0)], [(0.0, 61.0), (0.3, 58.0)]], "level", "points"))
    lines = [[tuple(map(float, place.split(","))) for place in one.get("points").split()]
             for one in svg.iter(f"{SVG}polyline")]  # fmt: skip
    assert all(line[0][1] < line[1][1] for line in lines)
    assert lines[0][1][1] - lines[0][0][1] > 3 * (lines[1][1][1] - lines[1][0][1])
    assert len(list(svg.iter(f"{SVG}circle"))) == 2  # the other line has another sign
    assert all(0 <= x <= 340 and 0 <= y <= 230 for line in lines for x, y in line)


def test_names_in_a_scatter_stand_apart():
    found = [(code, 0.5 + 0.02 * (number % 4), float(number % 3)) for number, code in enumerate(LANGUAGES[:8])]
    svg = drawn(scatter("label", found, ((0.5, 0.0), (0.6, 2.0)), ("distance", "points")))
    names = {one.text: (float(one.get("x")), float(one.get("y"))) for one in svg.iter(f"{SVG}text")
             if one.text in LANGUAGES}  # fmt: skip
    assert len(names) == 8
    places = list(names.values())
    for number, (x, y) in enumerate(places):
        assert all(abs(x - a) > 12 or abs(y - b) > 9 for a, b in places[:number])


def test_a_fitted_line_is_that_of_its_row(content):
    row = content["answers"]["typology"]["rows"][0]
    (a, b), (c, d) = line_of(row)
    assert (a, c) == (min(row["distances"]), max(row["distances"]))
    slope = next(fit["slope"] for fit in row["fits"] if fit["name"] == "marginal")
    assert (d - b) / (c - a) * row["sd"] == pytest.approx(slope)
    assert line_of({**row, "fits": []}) is None


def test_the_drawings_say_what_they_show(content):
    found = content["answers"]
    gains, best = drawings("multitask", found["multitask"])
    assert gains.caption == "Gain over none, mean over targets, in points; lines are 95 % intervals over seeds."
    assert [name for _, name in gains.key] == ["single task", "several tasks"]
    label = drawn(gains.svg).get("aria-label")
    shown = dict(part.rsplit(" ", 1) for part in label.split(": ")[1].split(", "))
    assert set(shown) == set(GAINS) - {"none"}
    assert float(shown["all<&>"]) == pytest.approx(GAINS["all<&>"], abs=1.0)
    assert best.caption.startswith("Several tasks less the best single one, mean over targets")
    kept, level = drawings("noise", found["noise"])
    assert kept.caption.startswith("Kept under swap of what is above chance, in %; lines are 95 %")
    assert level.caption == "panx under swap: score against level, mean over languages."
    assert [name for _, name in level.key] == ["none", "english", "many"]
    assert len(drawings("typology", found["typology"])) == min(MOST, len(found["typology"]["rows"]))
    assert drawings("another", {}) == []


def test_recipes_of_neither_one_task_nor_several_have_a_sign_of_their_own(content):
    own = content["answers"]["multitask"]
    recipes = [{**one, "kind": "other"} if one["recipe"] == "qqp" else one for one in own["recipes"]]
    gains, _ = drawings("multitask", {**own, "recipes": recipes})
    assert [name for _, name in gains.key] == ["single task", "several tasks", "others"]


def test_the_drawings_of_steps_name_their_design(content):
    trunk, separate, doubled = drawings("steps", content["answers"]["steps"])
    assert trunk.caption == "Gain over step 0 (trunk_cooldown), mean over targets and languages, in points."
    label = drawn(separate.svg).get("aria-label")
    assert label.startswith("Gain over step 0 (separate_runs), mean over targets and languages: whole<> 0.0 at 0, +0.")
    assert [float(x) for x in re.findall(r"at (\d+)", label)] == [0, 100, 200, 800]
    assert doubled.caption == "Gain of a doubling of the steps, in points; lines are 95 % intervals over seeds."
    found = dict(re.findall(r"(\w+<?>? \([a-z_]+\)) ([+−][\d.]+)", drawn(doubled.svg).get("aria-label")))
    assert float(found["snli (trunk_cooldown)"]) == pytest.approx(1.0, abs=0.25)
    assert float(found["whole<> (separate_runs)"]) == pytest.approx(0.5, abs=0.25)
    assert [name for _, name in doubled.key] == ["all languages", "by pretraining text"]


def test_steps_without_a_baseline_have_no_gains_to_draw(content):
    own = content["answers"]["steps"]
    bare = {**own, "curves": [{**row, "gain": None} for row in own["curves"]]}
    assert [one.caption[:18] for one in drawings("steps", bare)] == ["Gain of a doubling"]


def test_the_drawings_of_domains_show_the_cells_and_the_two_by_two(content):
    own = content["answers"]["domain"]
    slopes, cells, effects = drawings("domain", own)
    assert "maximum mean discrepancy −" in drawn(slopes.svg).get("aria-label")
    (line,) = [one for one in drawn(cells.svg).iter(f"{SVG}line") if one.get("class") == "line s1"]
    assert float(line.get("y2")) > float(line.get("y1"))  # down, as gains fade
    assert len([one for one in drawn(cells.svg).iter(f"{SVG}circle") if one.get("class") == "dot"]) == 25
    assert drawn(cells.svg).get("aria-label").count(";") == 24
    said = drawn(effects.svg).get("aria-label")
    assert own["scored"] == "in de on xnli, pawsx, udpos, panx, tydiqa"
    assert said.startswith(f"The 2 x 2 {own['scored']}, mean over targets, in points: matched less mismatched domain +")
    assert float(re.search(r"near, matched less mismatched ([+−][\d.]+)", said)[1]) == pytest.approx(3.0, abs=0.7)
    without = drawings("domain", {**own, "rows": [], "effects": []})
    assert without == []


def test_of_many_recipes_the_furthest_from_zero_are_drawn():
    bars = [Bar(str(number), number - 20.0, None, None) for number in range(60)]
    kept, cut = largest(bars)
    assert (len(kept), cut) == (MOST_BARS, "; of 60 those furthest from 0")
    assert {bar.name for bar in kept} == {str(number) for number in (*range(6), *range(36, 60))}
    assert largest(bars[:3]) == (bars[:3], "")


def test_a_question_without_drawings_has_its_tables(tmp_path):
    own = {"title": "Another", "answer": ["So."], "notes": [], "rows": [], "tables": [
        {"columns": ["recipe", "points"], "rows": [[f"r{number}", f"-{number}.0"] for number in range(MOST_ROWS + 5)]}
    ]}  # fmt: skip
    (section,) = written(tmp_path, {"answers": {"another": own}, "unanswered": {}}).sections
    assert len(section.tables[0].rows) == MOST_ROWS
    assert section.tables[0].rows[1][1].text == "−1.0"
    assert (
        section.cut == "Of each table the first 120 rows are shown (the longest has 125); results/answers.json has all."
    )


def test_the_page_has_the_sections_and_names_what_is_not_answered(plan, content):
    path = plan.folder / "results" / "answers.json"
    path.write_text(json.dumps(content))
    page = render(read_results(plan))
    assert page.count('<section id="q-') == len(ORDER)
    assert page.count('<li><a href="#q-') == len(ORDER)
    assert "all&lt;&amp;&gt; (3 tasks)" in page
    assert "all<&>" not in page
    assert "<dd>Another: no &lt;text&gt;; expected some.</dd>" in page
    path.write_text(json.dumps({"answers": {}, "unanswered": {}}))
    without = render(read_results(plan))
    assert "q-multitask" not in without
    assert "does not answer" not in without
    path.unlink()
    assert render(read_results(plan)) == without
