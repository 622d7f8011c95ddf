"""slurm/translate.sbatch on two nodes: stopped before its time limit, requeued, and each row once in the end."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest
from cluster import ROOT, Cluster

pytestmark = pytest.mark.slow
ROWS = 24


def test_a_job_on_two_nodes_is_stopped_requeued_and_ends(nodes: Cluster, tmp_path: Path) -> None:
    from tiny_translator import make_translator, write_mnli

    from stilts.status import read_status

    make_translator(tmp_path / "model")
    write_mnli(tmp_path / "raw", ROWS)
    script = (ROOT / "slurm/translate.sbatch").read_text()
    script = script.replace("stilts=$PWD", f"stilts={ROOT}").replace(".venv/bin/python", sys.executable)
    (tmp_path / "job.sbatch").write_text(script)
    out = tmp_path / "out"
    words = [
        "mnli",
        "--to",
        "de",
        "--model",
        str(tmp_path / "model"),
        "--root",
        str(tmp_path / "raw"),
        "--out",
        str(out),
    ]
    words += ["shard_rows=2", "max_tokens=24", "growth=1", "batch_tokens=32"]
    options = ["--nodes=2", "--ntasks-per-node=1", "--mem-per-cpu=2000", f"--output={tmp_path}/log.txt"]
    job = nodes.run("sbatch", "--parsable", *options, tmp_path / "job.sbatch", *words).strip()
    end = time.monotonic() + 150
    while not list(out.rglob("0*.jsonl")):
        assert time.monotonic() < end, f"{nodes.messages()}{(tmp_path / 'log.txt').read_text()}"
        time.sleep(0.05)
    nodes.run("scancel", "--signal=USR1", job)
    while nodes.facts(job)["Restarts"] == "0":
        assert time.monotonic() < end, f"{nodes.messages()}{(tmp_path / 'log.txt').read_text()}"
        time.sleep(0.1)
    assert read_status(out / "runs/translate-mnli").state == "stopped"
    assert nodes.wait(job, "COMPLETED", limit=200) == "COMPLETED"
    status = read_status(out / "runs/translate-mnli")
    assert (status.state, len({rank["host"] for rank in status.ranks}), status.attempt) == ("done", 2, 2)
    path = out / "translated/en-de/mnli/glue_data/MNLI/train.tsv"
    made = json.loads(path.with_name("train.tsv.translation.json").read_text())["rows"]
    assert made["source"] == ROWS == made["written"] + sum(made["lost"].values())
    assert len(path.read_text().splitlines()) == 1 + made["written"]
