"""A small study with made-up results."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import made_up
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webdriver import WebDriver

from stilts.study.plan import Plan


@pytest.fixture(scope="session")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a study that was made up and collected once."""
    folder = tmp_path_factory.mktemp("collected")
    made_up.make_up(made_up.make_plan(folder), without=["target-mnli-s1-xnli-t2"])
    return folder


@pytest.fixture
def plan(collected: Path, tmp_path: Path) -> Plan:
    """A copy of that study: one run has failed, so mnli has no xnli; without statistics.json."""
    shutil.copytree(collected / "out", tmp_path / "out")
    (tmp_path / "out/small/results/statistics.json").unlink(missing_ok=True)
    return made_up.make_plan(tmp_path)


@pytest.fixture(scope="session")
def browser() -> Iterator[WebDriver]:
    """A headless Chromium. Skips where there is none; under CI that is a failure."""
    found = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    if None in found.values():
        reason = "no chromium or chromedriver: apt-get install chromium chromium-driver"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = str(found["chromium"])
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(found["chromedriver"])))
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's script, from the package that carries it."""
    spec = importlib.util.find_spec("axe_playwright_python")  # not imported: it would ask for playwright
    if spec is None or not spec.submodule_search_locations:
        reason = "the package axe-playwright-python is not installed"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return (Path(spec.submodule_search_locations[0]) / "axe.min.js").read_text(encoding="utf-8")
