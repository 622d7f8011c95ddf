"""report.html in a real browser: sorts, filters, opens provenance, loads nothing, fits, and passes axe-core."""

from __future__ import annotations

import json

import pytest
from made_up import delta, make_plan, make_up, write_deltas, write_statistics
from made_up_answers import ORDER, answers
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select
from test_report import write_events

from stilts.report.write import write_report

pytestmark = pytest.mark.slow

INTERVAL = {"low": 0.2, "high": 3.9, "p": 0.02, "low_test_set": 0.1, "high_test_set": 3.0, "p_test_set": 0.03}
COMBINED = {"low_combined": -0.4, "high_combined": 4.4, "p_combined": 0.09, "detectable": 2.5, "p_adjusted": 0.04}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The page of a study with everything: gains, statistics, questions, curves, missing cells."""
    folder = tmp_path_factory.mktemp("page")
    plan = make_plan(folder)
    make_up(plan, without=["target-mnli-s1-xnli-t2"])
    write_deltas(plan, [
        delta(recipe, target, language, value, **INTERVAL, **COMBINED)
        for recipe, gain in (("squad", 2.0), ("mnli", -1.4))
        for target, codes in (("xnli", "en de sw"), ("mlqa", "en de"), ("tatoeba", "de sw"), ("all", ""))
        for value, language in enumerate(["all", *codes.split()], int(gain))
        if (recipe, target) != ("mnli", "xnli")
    ])  # fmt: skip
    write_statistics(plan)
    (plan.folder / "results" / "answers.json").write_text(json.dumps(answers()))
    write_events(plan.run_folder("intermediate-squad-s1") / "tensorboard", ["squad_v1"], 20)
    return write_report(plan).as_uri()


@pytest.fixture
def page(browser, address):
    """The page, freshly opened in a wide window in light colours; it may not write to the console."""
    look(browser, 1400, "light")
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(address)
    yield browser
    assert browser.get_log("browser") == []


def look(browser, width, theme):
    """Set the width of the window in CSS pixels and the preferred colours."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    feature = {"name": "prefers-color-scheme", "value": theme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def column(page, table, index):
    """The texts of a column, without marks, of the rows that are shown."""
    rows = page.find_elements(By.CSS_SELECTOR, f"#{table} tbody tr:not([hidden])")
    return [row.find_elements(By.CSS_SELECTOR, "th,td")[index].text.split("\n")[0].rstrip("†‡") for row in rows]


def cell(page, key):
    return page.find_element(By.CSS_SELECTOR, f'#languages [data-k="{key}"] button')


def test_it_loads_nothing(page):
    assert page.execute_script("return performance.getEntriesByType('resource').length") == 0
    messages = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert asked == [page.current_url]


def test_a_table_sorts_both_ways(page):
    head = page.find_elements(By.CSS_SELECTOR, "#languages thead th")[3]
    before = column(page, "languages", 3)
    head.find_element(By.TAG_NAME, "button").click()
    assert head.get_attribute("aria-sort") == "descending"
    shown = [float(text) for text in column(page, "languages", 3) if text != "–"]
    assert shown == sorted(shown, reverse=True)
    assert column(page, "languages", 3)[-1] == "–"  # missing ones stay last
    assert sorted(before) == sorted(column(page, "languages", 3))
    head.find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)  # by keyboard
    assert head.get_attribute("aria-sort") == "ascending"
    up = column(page, "languages", 3)
    assert [float(text) for text in up if text != "–"] == sorted(shown)
    assert up[-1] == "–"
    names = page.find_elements(By.CSS_SELECTOR, "#languages thead th")[2]
    names.find_element(By.TAG_NAME, "button").click()
    assert column(page, "languages", 2) == sorted(column(page, "languages", 2))
    assert head.get_attribute("aria-sort") is None


def test_negative_numbers_sort_below_positive_ones(page):
    page.find_elements(By.CSS_SELECTOR, "#heat thead button")[2].click()
    assert column(page, "heat", 2) == ["+2.0", "−1.0"]
    page.find_elements(By.CSS_SELECTOR, "#heat thead button")[2].click()
    assert column(page, "heat", 2) == ["−1.0", "+2.0"]


def test_languages_are_filtered(page):
    assert page.find_element(By.ID, "f-count").text == "21 of 21 rows"
    page.find_element(By.ID, "f-language").send_keys("de, SW")
    assert set(column(page, "languages", 0)) == {"de", "sw"}
    Select(page.find_element(By.ID, "f-target")).select_by_visible_text("xnli")
    Select(page.find_element(By.ID, "f-recipe")).select_by_visible_text("squad")
    assert (column(page, "languages", 0), column(page, "languages", 2)) == (["de", "sw"], ["squad", "squad"])
    assert page.find_element(By.ID, "f-count").text == "2 of 21 rows"


def test_provenance_opens_with_the_mouse(page):
    cell(page, "mlqa|de|squad").click()
    dialog = page.find_element(By.ID, "origin")
    assert dialog.get_attribute("open") is not None
    text = dialog.text
    for part in (
        "squad on mlqa, de", "target-squad-s1-mlqa-t1", "target-squad-s1-mlqa-t2", "intermediate 1, target 2", "1,000",
        "0123456789abcdef", "best:mlqa/dev/en", "f1 6", "−0.40 to +4.40, p = 0.09", "+0.20 to +3.90, p = 0.02",
    ):  # fmt: skip
        assert part in text, part
    command = dialog.find_elements(By.TAG_NAME, "pre")[0].text.split("\n")
    assert command[0] == "git checkout 0123456789abcdef"
    assert "plan.jsonl --index" in command[1]
    assert len(command) == 3  # the intermediate run comes first
    page.find_element(By.ID, "origin-close").click()
    assert dialog.get_attribute("open") is None


def test_provenance_opens_with_the_keyboard_and_gives_the_focus_back(page):
    button = cell(page, "xnli|sw|mnli")  # a cell without a score
    page.execute_script("arguments[0].focus()", button)
    button.send_keys(Keys.ENTER)
    dialog = page.find_element(By.ID, "origin")
    assert "No score: run target-mnli-s1-xnli-t2 failed: </script><img" in dialog.text
    assert page.execute_script("return arguments[0].contains(document.activeElement)", dialog)
    page.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert dialog.get_attribute("open") is None
    assert page.switch_to.active_element == button


def test_the_questions_have_sections_that_sort(page):
    names = [one.get_attribute("id") for one in page.find_elements(By.CSS_SELECTOR, "section[id^=q-]")]
    assert names == [f"q-{name}" for name in ORDER]
    assert len(page.find_elements(By.CSS_SELECTOR, "#q-multitask svg[role=img]")) == 2
    page.find_elements(By.CSS_SELECTOR, "#q-multitask-1 thead button")[-1].click()
    shown = [float(text.split()[0].replace("−", "-")) for text in column(page, "q-multitask-1", -1)]
    assert shown == sorted(shown, reverse=True)
    assert len(shown) == 4


def test_every_score_has_a_button(page):
    assert page.execute_script(
        "return [...document.querySelectorAll('[data-k]')].every((one) => one.querySelector('button'))"
    )


def test_bars_follow_the_choice(page):
    Select(page.find_element(By.ID, "bar-target")).select_by_visible_text("mlqa")
    svg = page.find_element(By.CSS_SELECTOR, "#bar-chart svg")
    label = "Difference of squad to none on mlqa, in points: de +4.0, en +3.0"
    assert svg.get_attribute("aria-label") == label
    assert len(svg.find_elements(By.CSS_SELECTOR, ".whisker")) == 2
    Select(page.find_element(By.ID, "bar-measure")).select_by_value("score")
    assert "Score of squad on mlqa" in page.find_element(By.ID, "bar-caption").text
    assert len(page.find_elements(By.CSS_SELECTOR, "#bar-chart .base")) == 2  # the baseline's scores


@pytest.mark.parametrize("width", [360, 1400])
def test_the_page_is_no_wider_than_the_window(page, width):
    look(page, width, "light")
    page.refresh()
    script = "return [document.documentElement.scrollWidth, document.body.scrollWidth, window.innerWidth]"
    assert page.execute_script(script) == [width] * 3
    cell(page, "mlqa|de|squad").click()
    left, right = page.execute_script(
        "const box = document.getElementById('origin').getBoundingClientRect(); return [box.left, box.right]"
    )
    assert left >= 0
    assert right <= width


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(page, axe, theme, width):
    look(page, width, theme)
    page.refresh()
    page.execute_script(axe)
    assert violations(page) == []
    cell(page, "mlqa|de|squad").click()
    assert violations(page) == []


def violations(page):
    """What axe-core finds, by rule and element."""
    found = page.execute_async_script("axe.run(document).then(arguments[arguments.length - 1])")
    assert len(found["passes"]) > 15
    return [(rule["id"], node["html"][:200]) for rule in found["violations"] for node in rule["nodes"]]


def test_the_theme_can_be_changed(page):
    ground = "return getComputedStyle(document.body).backgroundColor"
    light, button = page.execute_script(ground), page.find_element(By.ID, "theme")
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    assert page.execute_script(ground) != light
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    assert page.execute_script(ground) == light


def test_without_javascript_the_tables_are_there(page):
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.refresh()
        assert "JavaScript is off" in page.find_element(By.TAG_NAME, "noscript").text
        assert len(column(page, "languages", 0)) == 21
        assert not page.find_element(By.ID, "filters").is_displayed()
    finally:
        page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
