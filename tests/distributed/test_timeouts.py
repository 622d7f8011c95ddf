"""A rank that does not answer is noticed in time, in whichever process group the others wait for it."""

from __future__ import annotations

from pathlib import Path

import cases_hung
import pytest
import tiny
from harness import run_ranks

pytestmark = pytest.mark.slow
SECONDS = 2.0


@pytest.mark.parametrize("config", ["zero0", "zero3"])
def test_every_group_fails_within_the_timeout(tmp_path: Path, config: str) -> None:
    path = tiny.make_run(tmp_path, tiny.make_model(tmp_path / "model"), "run", {"mnli": 24})
    overrides = f"deepspeed.config={config}"
    found = run_ranks(cases_hung.timed_out, 2, tmp_path / "logs", str(path), SECONDS, overrides, timeout=100)[0]
    assert {"group 0", "group 1", "all_reduce", "gather_object"} <= set(found), "DeepSpeed has a group of its own"
    late = {name: seconds for name, seconds in found.items() if not SECONDS - 0.5 < seconds < SECONDS + 5}
    assert not late
