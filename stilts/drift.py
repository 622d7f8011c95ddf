"""Which settings decide a run's result, and what to do when a run is to go on with others than it was started with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from stilts.config import RunSettings, Training
from stilts.errors import InputError
from stilts.settings import plain

NAMED = 5  # differences that a refusal names; the others are counted
BACK = "give the old values back"
_LONGEST = 60  # characters of a value in a message
_ITEMS = 3  # items of a list in a message
_SHOWN = {"init": "init_run"}  # the key of run.yaml that a user knows

# names, folders, and what `init` stands for
_NO_RESULT = (
    "study", "run", "recipe", "settings_hash", "needs", "init_run", "init_hash", "features", "budget", "keep_model",
    "allow_drift", "branch_run", "kept_step",
)  # fmt: skip
# what older versions did not have: left out where it says nothing, so that their runs are the same runs
_WHERE_GIVEN = (
    "noisy_sets", "translated_from", "init_step", "branch_step", "decay_from", "branch_steps", "snapshot_steps",
)  # fmt: skip
_RESULT = tuple(field.name for field in fields(RunSettings) if field.name not in _NO_RESULT)
# training settings that change no score, or only its rounding: a run may go on with others after running out of memory
_NO_RESULT_OF_TRAINING = (
    "log_every", "save_every", "keep_last", "keep_every", "stop_after", "save_grace", "max_bad_steps", "step_timeout",
    "collective_timeout", "micro_batch_tokens", "gradient_checkpointing",
)  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """One setting that a run was started with, and what it is now.

    Attributes:
        key: as run.yaml nests it, with dots: `training.learning_rate`.
        old, new: the values; None also where there is none.
    """

    key: str
    old: Any
    new: Any

    def __str__(self) -> str:
        lists = isinstance(self.old, list) and isinstance(self.new, list)
        if lists and max(len(self.old), len(self.new)) > _ITEMS:
            return f"{self.key} {_long_list(self.old, self.new)}"
        return f"{self.key} {_text(self.old)} -> {_text(self.new)}"


def decisive(settings: RunSettings | Mapping[str, Any]) -> dict[str, Any]:
    """The settings that can change a run's result, plain and nested; `init` is the hash of the run it starts from.

    Names, folders, launch settings and how often a run logs or saves are left out. `settings` may also be the content
    of a run.yaml, which another version may have written.
    """
    content = plain(settings)
    facts = {key: value for key, value in content.items() if key not in _NO_RESULT}
    facts = {key: value for key, value in facts.items() if value or key not in _WHERE_GIVEN}
    facts["training"] = decisive_training(content["training"])
    facts["init"] = content.get("init_hash")
    return facts


class DecisiveTexts:
    """The JSON text of `decisive`, keys sorted, for many runs: settings that they share are turned into text once."""

    def __init__(self) -> None:
        self._same: dict[int, tuple[Any, str]] = {}  # by identity of the setting, which it keeps
        self._known: dict[str, str] = {}

    def of(self, run: RunSettings) -> str:
        """What `json.dumps(decisive(run), sort_keys=True)` gives."""
        given = [name for name in _RESULT if name not in _WHERE_GIVEN or getattr(run, name)]
        parts = {name: self._text(name, getattr(run, name)) for name in given}
        parts["init"] = json.dumps(run.init_hash)
        return "{" + ", ".join(f'"{key}": {parts[key]}' for key in sorted(parts)) + "}"

    def _text(self, name: str, value: Any) -> str:
        if value is None or value == []:
            return "null" if value is None else "[]"
        if id(value) not in self._same:
            key = repr(value)
            if key not in self._known:
                content = decisive_training(value) if name == "training" else plain(value)
                self._known[key] = json.dumps(content, sort_keys=True)
            self._same[id(value)] = (value, self._known[key])
        return self._same[id(value)][1]


def decisive_training(training: Training | Mapping[str, Any]) -> dict[str, Any]:
    """The training settings that can change a result."""
    content = plain(training)
    facts = {key: value for key, value in content.items() if key not in _NO_RESULT_OF_TRAINING}
    if content.get("average_last", 1) > 1:  # it decides which models the mean is made of
        facts["save_every"] = content["save_every"]
    return facts


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """What differs between two results of `decisive`, in the order of `new`; a key that is not there counts as null."""
    return list(_differences(old, new, ""))


def allowed(difference: Difference, keys: Sequence[str]) -> bool:
    """Whether one of the keys is the difference's, or one above it (`training` for `training.learning_rate`)."""
    return any(difference.key == key or difference.key.startswith(f"{key}.") for key in keys)


def refuse(found: Sequence[Difference], accepted: Sequence[str], what: str, back: str = BACK) -> None:
    """Raise InputError if there are differences that no accepted key covers.

    Args:
        found: what differs.
        accepted: keys that were given with --allow-drift.
        what: names that which was made with the old settings, as `the checkpoint PATH`.
        back: how the user returns to them.
    """
    others = [difference for difference in found if not allowed(difference, accepted)]
    if others:
        options = " ".join(f"--allow-drift {difference.key}" for difference in others[:NAMED])
        raise InputError(
            f"{what} was made with other settings: {listed(others)}",
            "the settings of its start",
            f"{back}, use another study name, or accept the change with {options}",
        )


def listed(found: Sequence[Difference]) -> str:
    """The differences in one line: the first few, and how many more there are."""
    more = f", and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return ", ".join(describe(found[:NAMED])) + more


def describe(found: Sequence[Difference]) -> list[str]:
    """Each difference as `key old -> new`."""
    return [str(difference) for difference in found]


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], above: str) -> Iterator[Difference]:
    for key in dict.fromkeys([*new, *old]):
        before, after, name = old.get(key), new.get(key), f"{above}{key}"
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _differences(before, after, f"{name}.")
        elif _blank(before) != _blank(after):
            yield Difference(_SHOWN.get(name, name), before, after)


def _blank(value: Any) -> Any:
    """The value, or None for an empty list or mapping: a setting that another version did not have yet."""
    return None if value in ([], {}) else value


def _text(value: Any) -> str:
    """A value as YAML would say it, cut to a readable length."""
    if isinstance(value, Mapping) and value.get("folder"):  # a prepared set, whose folder says all
        return str(value["folder"])
    if isinstance(value, list):
        more = f", {len(value) - _ITEMS} more" if len(value) > _ITEMS else ""
        return f"[{', '.join(map(_text, value[:_ITEMS]))}{more}]"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _long_list(old: list[Any], new: list[Any]) -> str:
    """What two lists differ in, without the items that both have."""
    gone, added = [item for item in old if item not in new], [item for item in new if item not in old]
    parts = [f"{word} {_text(items)}" for word, items in (("without", gone), ("with", added)) if items]
    return f"{len(old)} -> {len(new)} items{''.join(f', {part}' for part in parts) or ', in another order'}"
