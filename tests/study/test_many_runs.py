"""A study of 2,000 runs: what plan, status and collect read, import and hold in memory. No test looks at the time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNS = 2000
MOST_MB = 300
TABLES = ("pandas", "pyarrow")
"""What statistics are made with."""
HEAVY = ("torch", "transformers", "datasets", "deepspeed", *TABLES)
PROBE = """
import collections, json, sys
opened = collections.Counter()
sys.addaudithook(lambda event, args: opened.update([str(args[0])]) if event == "open" else None)
from stilts.cli import main
try:
    main()
except SystemExit as end:
    code = end.code
runs = {path: n for path, n in opened.items() if "/runs/" in path and not path.endswith(".tmp")}
# not getrusage's: that keeps the peak of the process that started this one
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
mb = int(peak.split()[1]) * 1024 / 1e6
print(json.dumps({"code": code, "mb": mb, "modules": list(sys.modules), "files": len(runs),
                  "most": max(runs.values(), default=0)}), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The benchmark's study, planned, its runs made up."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import many_runs
    finally:
        sys.path.pop(0)
    from stilts.config import load_study
    from stilts.study.plan import expand
    from stilts.study.write import write

    path: Path = many_runs.write_study(tmp_path_factory.mktemp("many") / "study", RUNS)
    plan = expand(load_study(path))
    assert len(plan.runs) >= RUNS
    write(plan, path.read_text())
    many_runs.make_up(plan)
    return path


@pytest.fixture
def probe(study: Path) -> Callable[..., dict[str, Any]]:
    """Run a command as a process of its own: exit code, peak memory, modules, files below runs/ and the most opens."""

    def probe(command: str, *words: str) -> dict[str, Any]:
        line = [sys.executable, "-c", PROBE, command, str(study), *words]
        done = subprocess.run(line, capture_output=True, text=True, timeout=300)
        found: dict[str, Any] = json.loads(done.stderr.strip().splitlines()[-1])
        return {**found, "out": done.stdout}

    return probe


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "code", "files", "opens"),
    [
        (("plan",), 0, 2, 1),  # run.yaml and status.json of each run
        (("plan", "--json"), 0, 2, 1),
        (("status",), 0, 1, 1),  # status.json
        (("status", "--json"), 0, 3, 1),  # status.json, scores.jsonl and predicted.jsonl
        # status.json is read for the settings, for what is missing, and for the hours in the report
        (("collect",), 3, 4, 3),
        (("submit", "--dry-run", "launch.profile=gpu", "output_dir=TMP"), 0, 2, 2),  # nothing of it is done
    ],
    ids=("plan", "plan --json", "status", "status --json", "collect", "submit"),
)
def test_two_thousand_runs(
    probe: Callable[..., dict[str, Any]], command: tuple[str, ...], code: int, files: int, opens: int, tmp_path: Path
) -> None:
    found = probe(*(word.replace("TMP", str(tmp_path)) for word in command))
    assert found["code"] == code
    assert found["files"] <= files * 2100
    assert 0 < found["most"] <= opens
    tables = command == ("collect",)
    assert found["mb"] < MOST_MB + 150 * tables
    allowed = TABLES if tables else ()
    assert not set(HEAVY) & set(found["modules"]) - set(allowed)
