"""Stands in for train.py in tests of the local execution: writes status.json and scores.jsonl, and can misbehave.

The environment says how: FAKE is a JSON object {run id: behaviour}, FAKE_LOG a file that hears of starts and ends.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from stilts.config import load_run
from stilts.status import Status, recorded_status, this_rank, write_status
from stilts.tasks import get_task


def say(event: str, run: str) -> None:
    with open(os.environ["FAKE_LOG"], "a") as log:
        log.write(json.dumps({"event": event, "run": run, "time": time.time(), "pid": os.getpid()}) + "\n")


def main() -> int:
    path = Path(sys.argv[1])
    run, folder = load_run(path), path.parent
    if os.environ.get("RANK", "0") != "0":
        return 0
    behaviour = json.loads(os.environ.get("FAKE", "{}")).get(run.run, "done")
    attempt = recorded_status(folder).attempt + 1
    say("start", run.run)
    if behaviour == "import":
        say("waits", run.run)
        time.sleep(300)
    if behaviour == "crash":
        print("segmentation fault, more or less")
        return 3
    asked = []
    if behaviour == "save":
        signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
    write_status(folder, Status("running", attempt, steps=4, ranks=[this_rank()]))
    if behaviour == "save":
        say("waits", run.run)
        while not asked:
            time.sleep(0.05)
        time.sleep(2)  # what a save takes
        write_status(folder, Status("stopped", attempt, step=2, steps=4, error="stopped by SIGTERM after step 2"))
        say("saved", run.run)
        return 75
    if behaviour in ("wait", "stubborn"):
        if behaviour == "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
        (folder / "child").write_text(str(child.pid))
        say("waits", run.run)
        time.sleep(300)
    time.sleep(float(os.environ.get("FAKE_SECONDS", "0")))
    if behaviour == "fail":
        write_status(folder, Status("failed", attempt, error="the loss is not finite"))
        return 1
    if behaviour == "stop":
        write_status(folder, Status("stopped", attempt, error="stopped after step 2"))
        return 75
    with open(folder / "scores.jsonl", "w") as out:
        for ref in run.evaluation_sets:
            for metric in get_task(ref.task).metrics:
                out.write(json.dumps(row(run, ref, metric)) + "\n")
    write_status(folder, Status("done", attempt, step=4, steps=4))
    say("end", run.run)
    return 7 if behaviour == "done with a wrong code" else 0


def row(run, ref, metric):
    return {
        "study": run.study, "run": run.run, "recipe": run.recipe, "target": ref.task, "language": ref.language,
        "split": ref.split, "metric": metric, "value": 50.0, "n": 10,
        "intermediate_seed": run.seeds["intermediate"], "target_seed": run.seeds["target"], "condition": "clean",
        "noise_seed": None, "step": 4, "layer": None, "selection": "last", "task_version": 1, "git": None,
        "config_hash": run.settings_hash,
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
