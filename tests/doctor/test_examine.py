"""The command: its table, its JSON, its exit codes, what it makes of its arguments, and the way to data and models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from healthy import CONFIG, FACTS

from stilts.config import DataSettings
from stilts.doctor import examine
from stilts.doctor.check import Check, merged, ok, problem, warning
from stilts.doctor.data import data_checks
from stilts.doctor.examine import CHECKS, machine_of
from stilts.doctor.hub import hub, model
from stilts.doctor.machine import Failed, Machine
from stilts.errors import InputError

Call = Callable[..., tuple[int, str, str]]
Make = Callable[..., Machine]


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three checks in place of all."""
    found = (ok("a", "fine"), warning("b", "so\nso", "mend b"), problem("c", "bad", "mend c"))
    monkeypatch.setattr(examine, "CHECKS", tuple(lambda machine, check=check: check for check in found))


@pytest.mark.usefixtures("three")
def test_one_table(call: Call) -> None:
    code, out, err = call("doctor")
    assert (code, err) == (1, "")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in out.splitlines()[2:-1]]
    assert rows == [["a", "ok", "fine", ""], ["b", "warning", "so so", "mend b"], ["c", "problem", "bad", "mend c"]]
    assert out.splitlines()[0].split() == ["|", "check", "|", "state", "|", "found", "|", "fix", "|"]
    assert out.splitlines()[-1] == "1 problem, 1 warning"


@pytest.mark.usefixtures("three")
def test_json(call: Call, study: Path) -> None:
    code, out, _ = call("doctor", study, "--json", "seeds=[2]")
    content = json.loads(out)
    assert code == 1
    assert (content["problems"], content["warnings"]) == (1, 1)
    assert content["checks"][1] == {"name": "b", "state": "warning", "found": "so so", "fix": "mend b"}
    assert [check["name"] for check in content["checks"][3:]] == ["data mnli", "data xnli"]


def test_warnings_alone_end_with_0(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examine, "CHECKS", (lambda machine: warning("b", "so so", "mend b"),))
    assert call("doctor")[0] == 0


@pytest.mark.parametrize(
    ("words", "line"),
    [(["nowhere.yaml"], "no file at nowhere.yaml"), (["seeds=[1]"], "without a study"), (["data.rot=x"], "data.rot")],
)
def test_wrong_input(call: Call, words: list[str], line: str) -> None:
    code, _, err = call("doctor", *words)
    assert code == 2
    assert line in err
    assert len(err.splitlines()) == 1


@pytest.mark.slow
def test_the_names_of_checks_are_unlike(machine: Make) -> None:
    names = [check(machine()).name for check in CHECKS]
    assert len(set(names)) == len(names) == 21


@pytest.mark.slow
def test_the_whole_command_on_this_machine(study: Path, tools: Path, tmp_path: Path) -> None:
    """Everything is looked at for real; only PATH is a folder of links, once whole and once without a compiler."""

    def doctor() -> tuple[int, dict[str, Check]]:
        environment = {**os.environ, "PATH": str(tools), "HF_HUB_OFFLINE": "1"}
        words = [sys.executable, "-m", "stilts", "doctor", str(study), "--json"]
        done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=120)
        assert not done.stderr
        return done.returncode, {check["name"]: Check(**check) for check in json.loads(done.stdout)["checks"]}

    code, whole = doctor()
    assert {name for name, check in whole.items() if check.state == "problem"} == set()
    assert code == 0
    assert "0.19.8" in whole["deepspeed"].found
    assert whole["torch"].found.startswith("2.13.0")
    (tools / "c++").unlink()
    code, broken = doctor()
    assert code == 1
    assert {name for name in whole if broken[name].state != whole[name].state} == {"C++ compiler"}


# ---- a job's nodes


def test_what_differs_between_nodes_is_named() -> None:
    same, one, two = ok("python", "3.11"), ok("disk", "9 GiB"), problem("disk", "0 GiB", "free some")
    found = merged([("n1", [same, one]), ("n2", [same, one]), ("n3", [same, two])])
    assert [(check.name, check.found) for check in found] == [
        ("python", "3.11"), ("disk on n1 n2", "9 GiB"), ("disk on n3", "0 GiB")
    ]  # fmt: skip


# ---- data


def test_a_folder_of_data_without_a_study(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for name in ("xnli/dev-sw.tsv", "xnli/test-sw.tsv", "mlqa/MLQA_V1/dev/dev-context-de-question-de.json"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("one\ntwo\n")
    found = {check.name: check for check in data_checks(machine_of([f"data.root={root}"]))}
    assert found["data xnli"].found == "dev sw, test sw: 2 files, 0.0 MiB, 4 lines"
    assert found["data mlqa"].state == "warning"
    assert str(root / "mlqa/MLQA_V1/test/test-context-ar-question-ar.json") in found["data mlqa"].found
    assert "squad_v1" in found["data of other tasks"].found
    assert list(data_checks(machine_of([]))) == []
    (check,) = data_checks(machine_of([f"data.root={root}/nowhere"]))
    assert check.state == "problem"


def test_real_data_are_found(real_data: Path) -> None:
    found = {check.name: check for check in data_checks(machine_of([f"data.root={real_data}"]))}
    assert found["data xnli"].state == "ok"
    assert "dev ar bg de el en" in found["data xnli"].found
    assert not [check for check in found.values() if check.state == "problem"]


def test_data_that_the_hub_has_are_not_fetched(machine: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    online = {name: value for name, value in machine().environment.items() if name != "HF_HUB_OFFLINE"}
    for state, environment in {"warning": online, "problem": {**online, "HF_HUB_OFFLINE": "1"}}.items():
        found = list(data_checks(machine(data=DataSettings(), environment=environment)))
        assert [(check.name, check.state) for check in found] == [("data mnli", state), ("data xnli", state)]
        assert "mnli/train/en is not in the cache of the hub (nyu-mll/multi_nli)" in found[0].found
        assert "`stilts prepare` fetch" in found[0].fix
    repository = tmp_path / "hub/datasets--nyu-mll--multi_nli"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs/main").write_text("0" * 40)
    for split in ("train", "validation_matched"):
        path = repository / f"snapshots/{'0' * 40}/default/{split}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("rows")
    mnli, _ = data_checks(machine(data=DataSettings()))
    assert (mnli.state, mnli.found) == ("ok", "train en: 1 file, 0.0 MiB")


# ---- hub and model


def test_the_hub(machine: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = machine()
    online = {name: value for name, value in given.environment.items() if name != "HF_HUB_OFFLINE"}
    assert hub(machine(environment=online)).found.startswith("it answers")
    assert "only what is in" in hub(machine(environment={**online, "HF_HUB_OFFLINE": "yes"})).found
    check = hub(machine(overrides=(f"data.mirror={tmp_path}/nowhere",)))
    assert (check.state, check.found) == ("problem", f"data.mirror: no folder at {tmp_path}/nowhere")

    def down(self: Machine, part: str, seconds: float = 0.0) -> object:
        if part == "hub":
            raise Failed("no route to host")
        return FACTS[part]

    monkeypatch.setattr(type(given), "probe", down)
    away = machine(environment=online)
    assert hub(away).state == "ok", "the study has its model and data"
    away = machine(environment=online, overrides=("model.name=some/model",))
    assert (hub(away).state, model(away).state) == ("warning", "problem")
    assert "no route to host" in hub(away).found
    assert "HF_HUB_OFFLINE=1" in hub(away).fix
    assert "hf download some/model" in model(away).fix


def test_models(machine: Make, tmp_path: Path) -> None:
    assert model(machine()).found == str(tmp_path / "model")
    (tmp_path / "model/model.safetensors").unlink()
    assert "has no weights" in model(machine()).found
    (tmp_path / "model/config.json").unlink()
    assert "has no config.json" in model(machine()).found
    commit = "0" * 40
    cache = tmp_path / "cache/hub/models--some--model"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs/main").write_text(commit)
    (cache / "snapshots" / commit).mkdir(parents=True)
    environment = {"HF_HOME": str(tmp_path / "cache")}
    given = machine(overrides=("model.name=some/model",), environment=environment)
    assert model(given).state == "warning"
    assert str(tmp_path / "cache/hub") in model(given).found
    (cache / "snapshots" / commit / "config.json").write_text(json.dumps(CONFIG))
    (cache / "snapshots" / commit / "pytorch_model.bin").touch()
    assert (model(given).state, model(given).found) == ("ok", "some/model in the hub's cache")


def test_the_reach_test_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def hangs(self: Machine, part: str, seconds: float = 0.0) -> object:
        asked.append((part, seconds))
        raise Failed(f"python gave no answer for {seconds:g} s")

    monkeypatch.setattr(Machine, "probe", hangs)
    given = Machine(environment={})
    assert hub(given).state == "warning"
    assert "no answer for 5 s" in hub(given).found
    assert asked == [("hub", 5.0)], "and is made once"


def test_an_unknown_study_key_is_refused(study: Path) -> None:
    with pytest.raises(InputError, match="trainin"):
        machine_of([str(study), "trainin.max_steps=3"])
