"""What `submit` sends, with a stand-in for the cluster: the DAG, dependencies, what is left alone."""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections import namedtuple
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import yaml

from stilts.config import Study
from stilts.errors import InputError, StiltsError
from stilts.settings import read
from stilts.slurm.client import QueueRow
from stilts.slurm.render import quoted
from stilts.slurm.show import submission_text
from stilts.slurm.submit import refuse_queued, submit_study
from stilts.slurm.submitted import record, recorded_jobs
from stilts.status import Status, write_status
from stilts.study.plan import Plan, expand
from stilts.study.write import study_lock, write

Usage = namedtuple("Usage", "total used free")
GOLDEN = Path(__file__).with_name("golden")


@dataclass
class Cluster:
    """Takes jobs and remembers them; the test says how they are."""

    rows: dict[str, QueueRow] = field(default_factory=dict)
    sent: dict[int, tuple[str, ...]] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    array_size: int = 1001
    refuse_after: int = 1000
    unrecorded: dict[int, Path] = field(default_factory=dict)

    def available(self) -> bool:
        return True

    def require(self) -> None:
        pass

    def max_array_size(self) -> int:
        return self.array_size

    def queue(self, ids: Iterable[int]) -> dict[str, QueueRow]:
        wanted = set(ids)
        return {name: row for name, row in self.rows.items() if int(name.partition("_")[0]) in wanted}

    def sbatch(self, script: Path, options: Iterable[str] = ()) -> int:
        if len(self.sent) >= self.refuse_after:
            raise StiltsError("sbatch ended with code 1: too many jobs")
        number = 100 + len(self.sent)
        self.sent[number] = (script.stem, *options)
        return number

    def submitted_from(self, folder: Path) -> dict[int, Path]:
        return self.unrecorded

    def cancel(self, jobs: Iterable[str], signal: str | None = None) -> None:
        self.cancelled += jobs

    def put(self, plan: Plan, state: str) -> None:
        """Give all recorded jobs a state."""
        for job in recorded_jobs(plan.folder):
            for place, _ in job.places():
                self.rows[place] = QueueRow(place, state)


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def make(tmp_path, monkeypatch):
    """The plan of a study with a baseline, two recipes and two seeds; keys replaced."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site.yaml").write_text(
        'partition: gpu\nthrottle: 4\nphases: {target: {time: "60", gpus_per_node: 1}}\n'
    )

    shape = {"model_type": "xlm-roberta", "num_hidden_layers": 2, "hidden_size": 8, "intermediate_size": 16,
             "vocab_size": 100, "max_position_embeddings": 64, "num_attention_heads": 1,
             "type_vocab_size": 1}  # fmt: skip
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text(json.dumps(shape))

    def make(profile=None, **changes):
        settings = {
            "name": "small",
            "model": {"name": "model"},
            "output_dir": str(tmp_path / "out"),
            "intermediate": [{"name": "none"}, {"name": "a", "tasks": ["snli"]}, {"name": "b", "tasks": ["mnli"]}],
            "target": {"tasks": ["xnli", "udpos"], "languages": ["en"]},
            "training": {"select": "last", "max_steps": 4},
            "launch": {"profile": "site.yaml", "processes": 2},
            **changes,
        }
        if profile is not None:
            (tmp_path / "site.yaml").write_text(yaml.safe_dump(profile))
        return expand(read(Study, settings, ""))

    return make


def finish(plan, *runs, state="done"):
    write(plan, "")
    for run in runs:
        write_status(plan.run_folder(run), Status(state=state, attempt=1))


def test_each_array_waits_for_its_own_recipe(make, cluster):
    plan = make()
    submit_study(plan, "", slurm=cluster)
    names = {sent[0]: (number, sent[1:]) for number, sent in cluster.sent.items()}
    ok = "--kill-on-invalid-dep=yes"
    assert names["prepare"][1] == ()
    assert (
        names["target-none"][1] == names["intermediate-a-s1"][1] == (f"--dependency=afterok:{names['prepare'][0]}", ok)
    )
    for recipe in "ab":
        before = names[f"intermediate-{recipe}-s1"][0]
        assert names[f"target-{recipe}-s1"][1] == (f"--dependency=afterok:{before}", ok)
    others = ":".join(str(number) for number, sent in cluster.sent.items() if sent[0] != "collect")
    assert names["collect"][1] == (f"--dependency=afterany:{others}",)
    jobs = {job.job: job for job in recorded_jobs(plan.folder)}
    assert list(jobs) == list(cluster.sent)
    assert jobs[names["target-a-s1"][0]].runs == ["target-a-s1-xnli-t1", "target-a-s1-udpos-t1"]


def test_the_scripts_and_the_picture(make, cluster):
    plan = make()
    submission = submit_study(plan, "", slurm=cluster)
    assert (
        submission_text(submission, False)
        == """\
├─ prepare               100
│  ├─ target-none        101, 2 runs
│  ├─ intermediate-a-s1  102
│  │  └─ target-a-s1     103, 2 runs
│  └─ intermediate-b-s1  104
│     └─ target-b-s1     105, 2 runs
└─ collect               106, after all, however they end"""
    )
    for name in ("prepare", "intermediate-a-s1", "target-a-s1", "collect"):
        text = (plan.folder / "slurm" / f"{name}.sbatch").read_text()
        assert placeless(text, plan) == (GOLDEN / f"{name}.sbatch").read_text()


def placeless(text, plan):
    """A script without the paths of this machine, which also decide where comments stand."""
    places = {
        quoted([sys.executable]): "(PYTHON)",  # first: it may be in the checkout
        str(Path(__file__).parents[2]): "CHECKOUT",
        str(plan.folder): "STUDY",
        str(Path.cwd()): "HERE",
    }
    for real, shown in places.items():
        text = text.replace(real, shown)
    return re.sub(" +# ", "  # ", text)


def test_a_second_call_sends_only_what_is_missing(make, cluster):
    plan = make()
    submit_study(plan, "", slurm=cluster)
    cluster.put(plan, "PENDING")
    again = submit_study(plan, "", slurm=cluster)
    assert not again.jobs
    assert len(again.queued) == len(plan.runs)
    first = len(cluster.sent)
    # half of it ends, one array is cancelled while its recipe's intermediate run still works
    finish(plan, "target-none-xnli-t1", "target-none-udpos-t1", "intermediate-a-s1")
    place = {run: place for job in recorded_jobs(plan.folder) for place, run in job.places()}
    for run in ("target-a-s1-xnli-t1", "target-b-s1-udpos-t1"):
        cluster.rows[place[run]] = replace(cluster.rows[place[run]], state="CANCELLED")
    submit_study(plan, "", slurm=cluster)
    sent = list(cluster.sent.values())[first:]
    prepare = next(job.job for job in recorded_jobs(plan.folder) if job.kind == "prepare")
    assert [words[0] for words in sent] == ["target-a-s1", "target-b-s1", "collect"]
    # what a needs is done: it waits for the data; b also for the run that is queued already
    assert sent[0][1] == f"--dependency=afterok:{prepare}"
    assert sent[1][1] == f"--dependency=afterok:{place['intermediate-b-s1']}:{prepare}"
    new = recorded_jobs(plan.folder)[-3:]
    assert [job.runs for job in new] == [["target-a-s1-xnli-t1"], ["target-b-s1-udpos-t1"], []]
    # the collector waits for old and new ones, and the old one is cancelled
    waited = set(sent[2][1].partition(":")[2].split(":"))
    assert {str(new[0].job), str(new[1].job), place["intermediate-b-s1"]} <= waited
    assert cluster.cancelled == [str(job.job) for job in recorded_jobs(plan.folder)[:first] if job.kind == "collect"]


def test_failed_runs_wait_for_retry(make, cluster):
    plan = make()
    finish(plan, "target-none-xnli-t1", "intermediate-a-s1", state="failed")
    submission = submit_study(plan, "", slurm=cluster)
    sent = [run for job in recorded_jobs(plan.folder) for run in job.runs]
    assert submission.failed == [
        "target-none-xnli-t1",
        "intermediate-a-s1",
        "target-a-s1-xnli-t1",
        "target-a-s1-udpos-t1",
    ]
    assert not set(sent) & set(submission.failed)
    assert "4 runs (target-none-xnli-t1" in submission_text(submission, False)
    cluster.put(plan, "PENDING")
    assert not submit_study(plan, "", slurm=cluster).jobs


def test_arrays_are_split_and_seeds_have_their_own(make, cluster):
    cluster.array_size = 3
    plan = make(seeds=[1, 2], target={"tasks": ["xnli", "udpos"], "languages": ["en"], "seeds": [1, 2, 3]})
    submission = submit_study(plan, "", slurm=cluster)
    arrays = {job.name: job for job in submission.jobs if job.array}
    assert {f"target-{r}-part{n}" for r in ("none", "a-s1", "a-s2", "b-s1", "b-s2") for n in (1, 2)} == set(arrays)
    assert all(len(job.runs) == 3 for job in arrays.values())
    assert arrays["target-a-s2-part2"].after == (("intermediate-a-s2", None),)


def test_a_chain_waits_for_its_own_element(make, cluster):
    target = {
        "tasks": ["xnli"],
        "languages": ["en"],
        "seeds": [1, 2],
        "per_task": {"xnli": {"train": ["mnli", "xnli"]}},
    }
    plan = make(intermediate=[{"name": "none"}], target=target)
    submission = submit_study(plan, "", slurm=cluster)
    for job in submission.jobs:
        for run in job.runs:
            needs = next(one.needs for one in plan.runs if one.run == run)
            if needs:
                before = next(
                    (other.name, other.runs.index(needs[0])) for other in submission.jobs if needs[0] in other.runs
                )
                assert job.after == (before,)


def test_a_limit_of_queued_jobs_is_kept(make, cluster):
    plan = make({"max_submit": 7})
    submission = submit_study(plan, "", slurm=cluster)
    assert sum(len(job.runs) or 1 for job in submission.jobs) == 6, "and a place for the next collector"
    assert submission.later == [run.run for run in plan.runs][4:]
    assert "max_submit: call `stilts submit` again" in submission_text(submission, False)


def test_a_refusal_leaves_what_was_taken_on_record(make, cluster):
    plan = make()
    cluster.refuse_after = 3
    with pytest.raises(StiltsError, match=r"too many jobs.*3 of 7 jobs are submitted.*again"):
        submit_study(plan, "", slurm=cluster)
    assert len(recorded_jobs(plan.folder)) == 3
    cluster.put(plan, "PENDING")
    cluster.refuse_after = 1000
    submit_study(plan, "", slurm=cluster)
    sent = [run for job in recorded_jobs(plan.folder) for run in job.runs]
    assert sorted(sent) == sorted(run.run for run in plan.runs)


def test_a_dry_run_needs_no_cluster_and_leaves_scripts(make, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    plan = make()
    submission = submit_study(plan, "", dry_run=True)
    assert len(list((plan.folder / "slurm").glob("*.sbatch"))) == len(submission.jobs) == 7
    assert not recorded_jobs(plan.folder)
    with pytest.raises(InputError, match="no sbatch on PATH"):
        submit_study(plan, "")


def test_a_disk_that_is_too_small_is_refused_before_anything_is_sent(make, cluster, monkeypatch):
    monkeypatch.setattr("stilts.study.disk.shutil.disk_usage", lambda path: Usage(0, 0, 1000))
    plan = make()
    with pytest.raises(InputError, match="8 runs at a time"):
        submit_study(plan, "", slurm=cluster)
    assert not cluster.sent
    assert not recorded_jobs(plan.folder)
    assert any("8 runs at a time" in note for note in submit_study(plan, "", dry_run=True, slurm=cluster).notes)
    with pytest.raises(InputError, match="3 runs at a time"):
        submit_study(make({"runs_at_once": 3}), "", slurm=cluster)


def test_without_a_profile_there_are_names_to_choose_from(make, call, tmp_path):
    with pytest.raises(InputError, match="cpu, gpu, local"):
        submit_study(make(launch={}), "", dry_run=True)
    with pytest.raises(InputError, match=r"'gpus'.*no such file"):
        submit_study(make(launch={"profile": "gpus"}), "", dry_run=True)
    (tmp_path / "s.yaml").write_text("name: x\ntarget: {tasks: [xnli], languages: [en]}\nmodel: {name: m}\n")
    code, out, _ = call("submit", tmp_path / "s.yaml", "launch.profile=gpu", "--dry-run", "--json")
    assert code == 0
    assert [job["job"] for job in json.loads(out)["jobs"]] == [None, None, None]


def test_a_torn_record_is_read_to_its_last_whole_line(make, cluster):
    plan = make()
    submit_study(plan, "", slurm=cluster)
    path = plan.folder / "slurm" / "jobs.jsonl"
    whole = recorded_jobs(plan.folder)
    path.write_text(path.read_text() + '{"job": 1')
    assert recorded_jobs(plan.folder) == whole
    record(plan.folder, whole[0])
    assert recorded_jobs(plan.folder) == [*whole, whole[0]], "the next line does not go on where it was torn"
    path.write_text('{"id": 1}\n' + path.read_text())
    with pytest.raises(InputError, match="line 1"):
        recorded_jobs(plan.folder)


def test_a_job_that_is_not_on_record_is_not_sent_twice(make, cluster):
    plan = make()
    cluster.unrecorded[7] = plan.folder / "slurm/target-none.sbatch"
    with pytest.raises(InputError, match=r"job 7 was submitted from .*not on record.*scancel 7"):
        submit_study(plan, "", slurm=cluster)
    assert not cluster.sent


def test_a_job_that_cannot_be_recorded_is_cancelled(make, cluster, monkeypatch):
    def full(folder, job):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("stilts.slurm.sending.record", full)
    with pytest.raises(StiltsError, match=r"No space left.*0 of 7 jobs are submitted"):
        submit_study(make(), "", slurm=cluster)
    assert cluster.cancelled == ["100"]


def test_a_study_that_lost_a_target_while_its_jobs_wait(make, cluster):
    submit_study(make(), "", slurm=cluster)
    cluster.put(make(), "PENDING")
    smaller = submit_study(make(target={"tasks": ["xnli"], "languages": ["en"]}), "", slurm=cluster)
    assert not smaller.jobs
    assert any("3 runs (target-none-udpos-t1" in note and "scancel" in note for note in smaller.notes)


def test_new_targets_wait_for_their_own_data(make, cluster):
    one = {"tasks": ["xnli"], "languages": ["en"]}
    submit_study(make(target=one), "", slurm=cluster)
    cluster.put(make(target=one), "RUNNING")  # prepare, too, which has read the smaller study
    before = len(cluster.sent)
    submit_study(make(), "", slurm=cluster)
    new = {sent[0]: (number, sent[1:]) for number, sent in list(cluster.sent.items())[before:]}
    assert set(new) == {"prepare", "target-none", "target-a-s1", "target-b-s1", "collect"}
    middle = {job.name: job.job for job in recorded_jobs(make().folder) if job.kind == "intermediate"}
    for recipe in "ab":
        both = f"{new['prepare'][0]}:{middle[f'small.intermediate-{recipe}-s1']}"
        assert new[f"target-{recipe}-s1"][1][0] == f"--dependency=afterok:{both}"


def test_a_collector_that_was_lost_is_sent_again(make, cluster):
    plan = make()
    cluster.refuse_after = 6  # all but the collector
    with pytest.raises(StiltsError, match="6 of 7 jobs"):
        submit_study(plan, "", slurm=cluster)
    cluster.refuse_after = 1000
    cluster.put(plan, "RUNNING")
    (job,) = submit_study(plan, "", slurm=cluster).jobs
    assert job.kind == "collect"
    assert cluster.sent[106][1] == "--dependency=afterany:101:102:103:104:105"
    cluster.put(plan, "RUNNING")
    assert not submit_study(plan, "", slurm=cluster).jobs
    finish(plan, *(run.run for run in plan.runs))
    cluster.put(plan, "COMPLETED")
    assert [job.kind for job in submit_study(plan, "", slurm=cluster).jobs] == ["collect"], "there is no table yet"


def test_a_dry_run_leaves_what_queued_jobs_read(make, cluster):
    plan, other = make(), make(training={"select": "last", "max_steps": 9})
    submit_study(plan, "", slurm=cluster)
    cluster.put(plan, "PENDING")
    path = plan.run_folder("target-none-xnli-t1") / "run.yaml"
    before = path.read_text()
    assert not submit_study(other, "", dry_run=True, slurm=cluster).notes
    assert path.read_text() == before
    changed = submit_study(other, "", slurm=cluster)
    assert any(note.startswith("8 runs (") and "new settings" in note for note in changed.notes)
    assert path.read_text() != before


def test_a_study_in_the_queue_is_not_run_here_too(make, cluster, call, monkeypatch, tmp_path):
    plan = make()
    submit_study(plan, "", slurm=cluster)
    cluster.put(plan, "PENDING")
    monkeypatch.setattr("stilts.slurm.submit.Slurm", lambda: cluster)
    with pytest.raises(InputError, match=r"8 runs of the study wait or run in Slurm jobs.*stilts cancel"):
        refuse_queued(plan)
    cluster.put(plan, "COMPLETED")
    refuse_queued(plan)


def test_a_cluster_without_arrays(make, cluster):
    cluster.array_size = 0
    with pytest.raises(InputError, match="MaxArraySize=0"):
        submit_study(make(), "", slurm=cluster)


def test_the_job_that_prepares_is_waited_for(make, cluster):
    plan = make()
    taken = threading.Event()

    def write_the_plan() -> None:
        with study_lock(plan.folder):
            taken.set()
            time.sleep(0.3)

    job = threading.Thread(target=write_the_plan)
    job.start()
    assert taken.wait(10)
    assert submit_study(plan, "", slurm=cluster).jobs
    job.join()
