"""Reads YAML into typed dataclasses: unknown keys, wrong types and bad values end in one clear line."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from stilts.errors import InputError

T = TypeVar("T")


def setting(default: Any, doc: str, choices: Sequence[str] | None = None, minimum: float | None = None) -> Any:
    """A dataclass field with its documentation, allowed values and smallest value."""
    metadata = {"doc": doc, "choices": choices, "minimum": minimum}
    if isinstance(default, (list, dict)):
        copy = default
        return dataclasses.field(default_factory=lambda: type(copy)(copy), metadata=metadata)
    if isinstance(default, type):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def load_yaml(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The mapping in a YAML file with `key=value` overrides (dotted keys, `a.0.b` for list items) applied.

    `${...}` interpolations are resolved. OmegaConf refuses duplicate keys and Python tags by itself.
    """
    import yaml
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    if not path.is_file():
        raise InputError(f"no file at {path}", "a YAML file", "give the path of an existing file")
    try:
        config = OmegaConf.load(path)
    except (yaml.YAMLError, OmegaConfBaseException, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not readable YAML: {error}", "a mapping", "mend the file") from None
    if not OmegaConf.is_dict(config):
        raise InputError(f"{path} holds no mapping", "keys and values", "write the study as `key: value` lines")
    return overridden(config, overrides, str(path))


def overridden(content: Any, overrides: Sequence[str], where: str) -> dict[str, Any]:
    """A mapping with `key=value` overrides and `${...}` interpolations applied; `where` names it in messages."""
    import yaml
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    config = content if OmegaConf.is_config(content) else OmegaConf.create(content)
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not key:
            raise InputError(f"override {override!r}", "key=value", "write for example training.max_steps=100")
        try:
            OmegaConf.update(config, key, yaml.safe_load(value), force_add=True)
        except (yaml.YAMLError, OmegaConfBaseException, ValueError, TypeError, IndexError) as error:
            raise InputError(f"override {override!r}: {error}", "a key of the file", "mend the override") from None
    try:
        resolved = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        raise InputError(f"{where}: {error}", "interpolations that resolve", "mend the ${{...}}") from None
    return typing.cast("dict[str, Any]", resolved)


def read(cls: type[T], value: Any, where: str) -> T:
    """Build the dataclass `cls` from a mapping; `where` names it in messages, as `training` or `intermediate[1]`."""
    if value is None:
        value = {}
    if not isinstance(value, Mapping):
        raise InputError(f"{where} is {value!r}", "a mapping", f"write keys below {where}")
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in value:
        if key not in fields:
            raise unknown(f"key {_join(where, key)!r}", str(key), list(fields), "rename or remove it")
    out = {}
    for name, field in fields.items():
        if name in value:
            out[name] = _convert(hints[name], value[name], _join(where, name), field.metadata)
    try:
        return cls(**out)
    except TypeError:
        absent = [n for n, f in fields.items() if n not in value and _required(f)]
        raise InputError(
            f"{where or 'the file'} lacks {', '.join(absent)}", "a value for each", f"add {_join(where, absent[0])}"
        ) from None


def unknown(what: str, name: str, known: Sequence[str], change: str) -> InputError:
    """The error for a name that is in no list, with the nearest known name as a suggestion."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? otherwise {change}" if near else change
    return InputError(f"unknown {what}", f"one of {', '.join(known)}", hint)


def plain(value: Any) -> Any:
    """Dataclasses as nested dicts, ready for JSON or YAML."""
    if value is None or isinstance(value, (str, int, float)):  # most of what is asked
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def _join(where: str, key: Any) -> str:
    return f"{where}.{key}" if where else str(key)


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


_NAMES: dict[Any, str] = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
"""How an error calls what a setting may be."""


def _convert(hint: Any, value: Any, where: str, limits: Mapping[str, Any]) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        options = [a for a in arguments if a is not type(None)]
        for option in options[:-1]:
            if isinstance(value, typing.get_origin(option) or option):
                return _convert(option, value, where, limits)
        if dataclasses.is_dataclass(options[-1]) and not isinstance(value, Mapping):
            expected = " or ".join([*(_NAMES[option] for option in options[:-1]), "a mapping"])
            raise InputError(f"{where} is {value!r}", expected, f"change {where}")
        return _convert(options[-1], value, where, limits)
    if origin is list:
        if not isinstance(value, (list, tuple)):
            raise InputError(f"{where} is {value!r}", "a list", f"write {where}: [{value}]")
        return [_convert(arguments[0], v, f"{where}[{i}]", limits) for i, v in enumerate(value)]
    if origin is dict:
        if not isinstance(value, Mapping):
            raise InputError(f"{where} is {value!r}", "a mapping", f"write keys below {where}")
        return {_key(k, where): _convert(arguments[1], v, _join(where, k), limits) for k, v in value.items()}
    if dataclasses.is_dataclass(hint):
        return read(typing.cast("type[Any]", hint), value, where)
    return _scalar(hint, value, where, limits)


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise InputError(f"{where} has the key {key!r}", "text", 'quote it (YAML reads a bare `no` as false): "no"')
    return key


def _scalar(hint: type, value: Any, where: str, limits: Mapping[str, Any]) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if hint is float and isinstance(value, str):
        with contextlib.suppress(ValueError):  # YAML 1.1 reads 1e-5 as text
            value = float(value)
    if not isinstance(value, hint) or (hint is not bool and isinstance(value, bool)):
        quote = f', quote it: "{value}"' if hint is str else ""
        raise InputError(f"{where} is {value!r}", _NAMES[hint], f"change {where}{quote}")
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{where} is {value}", "a finite number", f"change {where}")
    choices, minimum = limits.get("choices"), limits.get("minimum")
    if choices and value not in choices:
        raise unknown(f"value {value!r} of {where}", str(value), choices, f"change {where}")
    if minimum is not None and value < minimum:
        raise InputError(f"{where} is {value}", f"at least {minimum:g}", f"change {where}")
    return value
