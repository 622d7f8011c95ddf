"""`stilts prepare` killed with SIGKILL at many moments, and two at once: the bytes are those of an undisturbed run.

The study is the paper's, `studies/phang2020.yaml`, on the sample benchmark's data, model and languages, with one long
set of several shards. Workers are left to themselves by the kill, as they are when the system ends a process.
"""

from __future__ import annotations

import hashlib
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import yaml

from stilts.sample import generate

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # eleven starts of the command

STUDY = Path(__file__).parents[2] / "studies" / "phang2020.yaml"
LINES = 40_000  # three shards


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], list[str]]:
    """The command that prepares the study with its features in a folder."""
    folder = tmp_path_factory.mktemp("prepare")
    generate(folder / "data", seed=1, languages=2, pretrained=False)
    text = next((folder / "data/mlm_text").rglob("en.txt")).read_text(encoding="utf-8").splitlines()
    (folder / "long.txt").write_text("".join(f"{text[n % len(text)]} {n}\n" for n in range(LINES)), encoding="utf-8")
    study = yaml.safe_load(STUDY.read_text(encoding="utf-8"))
    files = {"mlm": {"train": {"en": str(folder / "long.txt")}}}
    study |= {"name": "s", "output_dir": str(folder / "outputs"), "model": {"name": str(folder / "data/model_random")},
              "data": {"root": str(folder / "data"), "processes": 2, "files": files}}  # fmt: skip
    study["target"]["languages"] = ["en", "qaa", "qab"]
    study["training"]["max_length"] = 96
    for recipe in study["intermediate"]:
        if "mlm" in recipe:
            recipe["mlm"]["languages"] = ["en", "qaa"]
    (folder / "s.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")

    def make(features: Path) -> list[str]:
        return [sys.executable, "-m", "stilts", "prepare", str(folder / "s.yaml"), f"data.cache_dir={features}"]

    return make


@pytest.fixture(scope="module")
def straight(command: Callable[[Path], list[str]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Hash of every file of an undisturbed run."""
    folder = tmp_path_factory.mktemp("straight") / "features"
    finish(command(folder))
    found = tree(folder)
    assert sum(name.endswith("manifest.json") for name in found) > 30
    assert sum(name.startswith("mlm/train-en") and name.endswith(".arrow") for name in found) == 3
    return found


def tree(folder: Path) -> dict[str, str]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != ".prepare.lock")
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(paths)}


def finish(words: list[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


def kill_when(words: list[str], reached: Callable[[], bool]) -> None:
    """Start the command and kill it, but not its workers, as soon as `reached`; they are to end by themselves."""
    process = psutil.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 200
    while not reached():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < end, "never got there"
        time.sleep(0.005)
    workers = process.children(recursive=True)
    process.kill()
    process.wait()
    end = time.monotonic() + 90  # the server that they are forked from ends when its imports are done
    while alive := [one for one in workers if lives(one)]:
        assert time.monotonic() < end, f"workers outlive their parent: {alive}"
        time.sleep(0.1)


def lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_killed_at_any_moment_it_ends_with_the_same_bytes(
    command: Callable[[Path], list[str]], straight: dict[str, str], tmp_path: Path
) -> None:
    features = tmp_path / "features"
    generator = random.Random(7)

    def sets() -> int:
        return len(list(features.glob("*/*/manifest.json")))

    def after(delay: float) -> Callable[[], bool]:
        end = time.monotonic() + delay
        return lambda: time.monotonic() > end

    moments: list[Callable[[], bool]] = [
        lambda: (features / ".prepare.lock").exists(),
        lambda: any(features.glob("*/.*.tmp")),
        lambda: any(features.glob("mlm/.*.tmp/rows/*.arrow")),
        lambda: sets() >= 1,
        lambda: sets() >= 5,
        lambda: sets() >= 12,
    ]
    for moment in moments:
        kill_when(command(features), moment)
    kill_when(command(features), after(generator.uniform(0.5, 4.0)))
    kill_when(command(features), lambda: sets() >= 25)
    assert sets() < sum(name.endswith("manifest.json") for name in straight)
    finish(command(features))
    assert tree(features) == straight


def test_two_at_once_do_the_work_once(
    command: Callable[[Path], list[str]], straight: dict[str, str], tmp_path: Path
) -> None:
    features = tmp_path / "features"
    both = [
        subprocess.Popen(command(features), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [process.communicate(timeout=400) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    made = [re.findall(r"^prepared \d+/\d+: .*$", stderr, re.MULTILINE) for _, stderr in said]
    sets = sum(name.endswith("manifest.json") for name in straight)
    assert sorted(map(len, made)) == [0, sets]
    assert sum("waiting for it" in stderr for _, stderr in said) == 1
    assert said[0][0] == said[1][0]  # the same table
    assert tree(features) == straight
