"""The text of `runs/<run>/run.yaml`."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from stilts.config import RunSettings
from stilts.settings import plain

_FIELDS = tuple(field.name for field in fields(RunSettings))


def run_yaml(run: RunSettings) -> str:
    """The text of a `run.yaml`, which `stilts.config.load_run` reads back."""
    return RunTexts().of(run)


class RunTexts:
    """Makes the texts of many runs. Most of what a run says, its sets and its training, others say with the same words:
    each setting with its value is turned into YAML once.
    """

    def __init__(self) -> None:
        import yaml

        class Quoting(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
            """Quotes text that begins like a number: OmegaConf reads a bare 80277997e701 (a hash) as a float."""

        def quoted(dumper: Any, value: str) -> Any:
            style = '"' if value[:1] in tuple("+-.0123456789") else None
            return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

        Quoting.add_representer(str, quoted)
        self._dump, self._dumper = yaml.dump, Quoting
        self._known: dict[tuple[str, str], str] = {}
        self._same: dict[tuple[str, int], tuple[Any, str]] = {}  # by identity of the setting, which it keeps

    def of(self, run: RunSettings) -> str:
        """The text of one run's file."""
        return "".join([self._setting(name, getattr(run, name)) for name in _FIELDS])

    def _setting(self, name: str, value: Any) -> str:
        found = self._same.get((name, id(value)))
        if found is None:
            found = self._same[name, id(value)] = (value, self._text(name, value))
        return found[1]

    def _text(self, name: str, value: Any) -> str:
        if name.endswith("_hash") and value and value.isalnum():  # hex digits, of each run its own
            return f'{name}: "{value}"\n' if value[0].isdigit() else f"{name}: {value}\n"
        key = (name, repr(value))
        if key not in self._known:
            content = {name: plain(value)}
            self._known[key] = str(
                self._dump(content, Dumper=self._dumper, sort_keys=False, allow_unicode=True, width=120)
            )
        return self._known[key]
