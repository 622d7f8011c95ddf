"""`stilts prepare` that is stopped, or that the system lets write no more: one line, soon, and nothing left over."""

from __future__ import annotations

import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from stilts.sample import generate

pytestmark = pytest.mark.slow

LINES = 150_000  # a minute's work for two processes
SOON = 5.0  # seconds


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that prepares a long text."""
    folder = tmp_path_factory.mktemp("stopped")
    generate(folder / "data", seed=1, languages=2, pretrained=False)
    text = next((folder / "data/mlm_text").rglob("en.txt")).read_text(encoding="utf-8").splitlines()
    lines = (" ".join(text[(n + k) % len(text)] for k in range(8)) for n in range(LINES))
    (folder / "long.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    study = {
        "name": "s", "output_dir": str(folder / "outputs"), "model": {"name": str(folder / "data/model_random")},
        "data": {"root": str(folder / "data"), "processes": 2,
                 "files": {"mlm": {"train": {"en": str(folder / "long.txt")}}}},
        "intermediate": [{"name": "text", "mlm": {"share": 1.0, "languages": ["en"]}, "budget": {"steps": 2}}],
        "target": {"tasks": ["xnli"], "languages": ["en", "qaa"]},
        "training": {"max_length": 96, "max_steps": 2, "select": "last"},
    }  # fmt: skip
    (folder / "s.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    return [sys.executable, "-m", "stilts", "prepare", str(folder / "s.yaml")]


def is_writing(features: Path) -> bool:
    return any(features.glob("mlm/.*.tmp/rows/*.arrow"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_soon_with_its_workers(words: list[str], tmp_path: Path, number: signal.Signals) -> None:
    features = tmp_path / "f"
    process = psutil.Popen([*words, f"data.cache_dir={features}"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                           text=True)  # fmt: skip
    end = time.monotonic() + 200
    while not is_writing(features):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.01)
    workers = process.children(recursive=True)
    assert len(workers) > 2
    began = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    took = time.monotonic() - began
    assert process.returncode == 75, said
    assert said.splitlines()[-1] == f"stilts: stopped by {number.name}: run the same command again to go on"
    assert "Traceback" not in said
    assert took < SOON
    assert not psutil.wait_procs(workers, timeout=SOON)[1]
    assert not list(features.glob("*/.*.tmp"))


def test_a_disk_that_is_full_is_one_line(words: list[str], tmp_path: Path) -> None:
    """A limit on the size of a file stands for the disk: the write fails in a worker process."""
    features = tmp_path / "f"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000_000, 10_000_000))

    done = subprocess.run([*words, f"data.cache_dir={features}"], capture_output=True, text=True, timeout=400,
                          preexec_fn=limit)  # fmt: skip
    assert done.returncode == 1, done.stderr
    lines = [line for line in done.stderr.splitlines() if not re.match(r"prepar(ed|ing) \d", line)]
    assert re.fullmatch(r"stilts: nothing can be read or written: .*File too large.*; run the command again .*",
                        lines[-1])  # fmt: skip
    assert "Traceback" not in done.stderr
    assert not list(features.glob("*/.*.tmp"))
