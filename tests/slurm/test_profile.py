"""Profiles: what is refused, and in which words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from stilts.errors import InputError
from stilts.slurm.profile import load_profile
from stilts.slurm.wall_time import seconds_of, wall_time

SHIPPED = sorted((Path(__file__).parents[2] / "slurm" / "profiles").glob("*.yaml"))


@pytest.fixture
def load(tmp_path):
    """The profile in a text."""

    def load(text):
        path = tmp_path / "p.yaml"
        path.write_text(text)
        return load_profile(path)

    return load


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_profiles(path):
    profile = load_profile(path)
    assert profile.phase("evaluation") == profile.phases.target
    # what is commented out is a key, too
    commented = re.findall(r"^# (\w+):", path.read_text(), re.MULTILINE)
    assert set(commented) <= set(vars(profile))


def test_times_and_their_seconds():
    for text, seconds in {
        "90": 5400,
        "1:30": 90,
        "24:00:00": 86400,
        "1-12": 129600,
        "1-12:30": 131400,
        "1-0:0:5": 86405,
    }.items():
        assert seconds_of(text) == seconds
        assert wall_time(text, "time") == text


WRONG = {
    "time: a number": ("phases: {target: {time: 24:00:00}}", '86400.*unquoted 24:00:00.*quote it: time: "24:00:00"'),
    "time: text": ("phases: {target: {time: soon}}", "phases.target.time is 'soon'"),
    "time: zero": ('phases: {target: {time: "0"}}', "phases.target.time"),
    "time: shorter than its end": ('phases: {intermediate: {time: "2"}}', "signal_seconds 180"),
    "memory": ("phases: {target: {memory: 64 GB}}", "phases.target.memory is '64 GB'"),
    "gpus": ("phases: {target: {gpus_per_node: a100=8}}", "phases.target.gpus_per_node"),
    "ranks without a GPU": ("phases: {target: {gpus_per_node: 2, processes_per_node: 4}}", "4 processes_per_node on 2"),
    "an unknown key": ("partitoin: gpu", "did you mean 'partition'"),
    "an unknown key of a phase": ("phases: {target: {tim: '1'}}", "'phases.target.tim'"),
    "an unknown phase": ("phases: {targets: {}}", "did you mean 'target'"),
    "an option of ours": ("options: {array: 0-9}", "array, which stilts sets"),
    "no option": ("options: {'x; rm': 1}", "options has 'x; rm'"),
    "two lines": ('partition: "a\\nb"', "partition is"),
    "a variable's name": ("environment: {'A B': x}", "'A B'"),
    "a variable's value": ("environment: {A: 1}", "environment.A is 1.*quote it"),
    "umask": ("umask: '9'", "umask is '9'"),
    "too few jobs": ("max_submit: 2", "max_submit is 2; expected 5 or more"),
    "a container for deepspeed": ("{launcher: deepspeed, container: [x]}", "launcher is deepspeed, and container"),
    "one GPU for mpirun": ("{launcher: mpirun, gpu_visible: one}", "gpu_visible is one, and launcher mpirun"),
    "a comma for deepspeed": ("{launcher: deepspeed, environment: {NCCL_IB_HCA: 'a,b'}}", "NCCL_IB_HCA is 'a,b'"),
    "launcher": ("launcher: ssh", "'ssh' of launcher"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_profiles_are_named_with_file_and_key(load, name):
    text, words = WRONG[name]
    assert yaml.safe_load(text)
    with pytest.raises(InputError, match=words) as error:
        load(text)
    assert "p.yaml: " in str(error.value)
    assert "\n" not in str(error.value)
