"""Runs that were started with other settings than their study has now: refused, or continued where that is allowed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stilts.config import RunSettings
from stilts.drift import NAMED, Difference, allowed, decisive, differences, listed, refuse
from stilts.errors import InputError
from stilts.status import Status, possibly_alive, recorded_status
from stilts.study.plan import Plan
from stilts.study.run_file import RunTexts
from stilts.study.score_rows import FRESH, Stamp, stamp

RUN_YAML = "run.yaml"
Known = tuple[Stamp, str]
"""The stamp of a run.yaml, and the settings_hash in it."""


@dataclass(frozen=True)
class Started:
    """A run of the plan that was started before.

    Attributes:
        run: its settings now; `allow_drift` has the keys that were allowed so far.
        folder: `runs/<run>`.
        status: how far it is.
        same: whether it was started with the settings of now.
        allowed: the keys that its run.yaml says were allowed before.
        found: what differs between the two.
        unchanged: whether run.yaml is the very text that the settings give now.
    """

    run: RunSettings
    folder: Path
    status: Status
    same: bool
    allowed: Sequence[str]
    found: Sequence[Difference]
    unchanged: bool = False


def refuse_other_settings(plan: Plan, known: Mapping[str, Known] | None = None) -> dict[str, Known]:
    """Raise InputError if a run of the plan was started with other settings.

    Args:
        plan: the study as it is now.
        known: what an earlier call returned. A run.yaml that was not touched since is not read again.

    Returns:
        Run id -> stamp of its run.yaml and the settings_hash in it, for the runs whose run.yaml is as the plan has it.
    """
    stamps = {run.run: stamp(str(plan.run_folder(run.run)), RUN_YAML) for run in plan.runs}
    now = {run.run: (stamps[run.run], run.settings_hash) for run in plan.runs}
    same = {name for name, facts in (known or {}).items() if now.get(name) == facts}
    began = time.time_ns()
    started = accept_drift(replace(plan, runs=tuple(run for run in plan.runs if run.run not in same)), ())
    same |= {one.run.run for one in started if one.unchanged and began - stamps[one.run.run][1] > FRESH}
    return {name: facts for name, facts in now.items() if name in same}


def accept_drift(plan: Plan, keys: Sequence[str]) -> list[Started]:
    """The runs that were started before, if every setting that differs may differ.

    Those that go on with other settings have the keys that allow it in `run.allow_drift`. A run that is done is never
    accepted: its result was made with the old settings.

    Args:
        plan: the study as it is now.
        keys: settings that may differ, with those below them.

    Raises:
        InputError: a difference is not allowed, or a run still works with the old settings.
    """
    texts = RunTexts()
    started = [one for run in plan.runs if (one := _started(plan, run, texts))]
    changed = [one for one in started if not one.same]
    _refuse_done(plan, [one for one in changed if one.status.state == "done"])
    _refuse_not_allowed(plan, [one for one in changed if one.status.state != "done"], keys)
    for one in changed:
        if one.status.state == "running" and possibly_alive(one.status):
            where = ", ".join(f"{rank.get('host')}:{rank.get('pid')}" for rank in one.status.ranks)
            raise InputError(
                f"run {one.run.run} still works with the old settings ({where})", "a stopped run", "stop it first"
            )
    return [_with_keys(one, keys) for one in started]


def _started(plan: Plan, run: RunSettings, texts: RunTexts) -> Started | None:
    folder = plan.run_folder(run.run)
    status = recorded_status(folder)
    # not the state: "pending" may be one that is started again, "stopped" one that ended before its ranks did anything
    if not status.attempt and status.state != "done":
        return None
    text = _text(folder / RUN_YAML)
    if text == texts.of(run):  # reading it back as YAML takes ten times as long
        return Started(run, folder, status, True, run.allow_drift, [], unchanged=True)
    recorded = _recorded(folder / RUN_YAML, text)
    same = bool(recorded["settings_hash"] == run.settings_hash)
    found = [] if same else differences(decisive(recorded), decisive(run))
    return Started(run, folder, status, same, recorded.get("allow_drift") or [], found)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _recorded(path: Path, text: str | None) -> Mapping[str, Any]:
    """The content of a run.yaml that stilts wrote, maybe another version of it: so without a check of its keys."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = yaml.load(text or "", Loader=loader)
        if isinstance(content["training"], Mapping) and content["settings_hash"]:
            return dict(content)
    except (yaml.YAMLError, KeyError, TypeError):
        pass
    raise InputError(
        f"the run in {path.parent} was started, and {path.name} does not say with which settings",
        f"{path.name} as it was at the start",
        f"restore it, or remove {path.parent} to start anew",
    )


def _refuse_done(plan: Plan, done: Sequence[Started]) -> None:
    if not done:
        return
    what = listed(_once(done)) or "no setting of this version differs: another version of stilts made them"
    folders = " ".join(str(one.folder) for one in done[:NAMED])
    raise InputError(
        f"{_names(done)} in {plan.folder} was done with other settings: {what}",
        "the settings that its result was made with",
        f"{_back(plan)}, use another study name or output_dir, or remove {folders}{_more(done)} to run again",
    )


def _refuse_not_allowed(plan: Plan, changed: Sequence[Started], keys: Sequence[str]) -> None:
    wrong = [one for one in changed if not all(allowed(difference, keys) for difference in one.found)]
    if wrong:
        refuse(_once(wrong), keys, f"what {_names(wrong)} in {plan.folder} did so far", _back(plan))


def _back(plan: Plan) -> str:
    return f"give the old values back ({plan.folder}/study.yaml has them)"


def _once(runs: Sequence[Started]) -> list[Difference]:
    """The differences of all runs, each key once."""
    found: dict[str, Difference] = {}
    for one in runs:
        for difference in one.found:
            found.setdefault(difference.key, difference)
    return list(found.values())


def _names(runs: Sequence[Started]) -> str:
    return f"run {', '.join(one.run.run for one in runs[:NAMED])}{_more(runs)}"


def _more(runs: Sequence[Started]) -> str:
    return f" and {len(runs) - NAMED} more" if len(runs) > NAMED else ""


def _with_keys(one: Started, keys: Sequence[str]) -> Started:
    """With the keys that were allowed before and those that allow a difference now."""
    now = [key for key in keys if any(allowed(difference, [key]) for difference in one.found)]
    return replace(one, run=replace(one.run, allow_drift=list(dict.fromkeys([*one.allowed, *now]))))
