"""Fills a template of `slurm/` with the values of one job: a pure function from text to text."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

from stilts.errors import InputError, StiltsError

Value = str | int | Sequence[str]
_SETTING = re.compile(r"(?P<name>[a-z_]+)=(?P<value>[^#]*?)(?P<comment>\s+#.*)?")
_REGIONS = ("settings", "prologue")


def render(
    template: str, options: Mapping[str, str | int | None], values: Mapping[str, Value], prologue: Sequence[str]
) -> str:
    """The script of a job.

    Args:
        template: the text of a file in `slurm/`.
        options: options of sbatch by their long names, which replace the template's `#SBATCH` lines; None for one
            that takes no value.
        values: what the lines of the template's settings are to say, all of them: text, a number or a list.
        prologue: lines of bash, as the profile has them.

    Raises:
        InputError: a value holds a control character, which no line can carry.
        StiltsError: the template does not have the settings that it must have.
    """
    head, settings, middle, _, tail = _cut(template)
    return "".join(
        [
            _with_options(head, options),
            _region("settings", _assignments(settings, values)),
            middle,
            _region("prologue", "".join(f"{line}\n" for line in prologue), ": modules and variables of the cluster"),
            tail,
        ]
    )


def quoted(value: Value) -> str:
    """A value as bash reads it back unharmed: a word, or a list of words in parentheses."""
    if isinstance(value, (str, int)):
        return shlex.quote(_line(str(value)))
    return f"({' '.join(shlex.quote(_line(word)) for word in value)})"


def option(name: str, value: str | int | None) -> str:
    """A line of #SBATCH. Slurm's own reader takes double quotes, and a backslash before what has a meaning in them."""
    if value is None:
        return f"#SBATCH --{name}\n"
    text = _line(str(value))
    if re.fullmatch(r"[A-Za-z0-9_./:,%@=+&|\[\]*-]+", text):
        return f"#SBATCH --{name}={text}\n"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'#SBATCH --{name}="{escaped}"\n'


def log_pattern(path: str) -> str:
    """A path as it stands in --output before Slurm's own %-signs: its own are doubled."""
    if "\\" in path:  # Slurm takes one for "no %-signs here"
        raise InputError(
            f"the path {path!r} has a backslash", "a path that Slurm can write logs to", "rename the folder"
        )
    return path.replace("%", "%%")


def _line(text: str) -> str:
    if any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise InputError(f"{text!r} has a control character", "one line of text", "rename it")
    return text


def _cut(template: str) -> list[str]:
    """The five parts of a template: before, inside, between and after its two regions."""
    rest, parts = template, []
    for name in _REGIONS:
        found = re.search(rf"^# --- {name}\b.*?\n(.*?)^# --- end of {name} ---\n", rest, re.MULTILINE | re.DOTALL)
        if not found:
            raise StiltsError(f"the template has no lines between `# --- {name} ---` and `# --- end of {name} ---`")
        parts += [rest[: found.start()], found[1]]
        rest = rest[found.end() :]
    return [*parts, rest]


def _region(name: str, inside: str, title: str = "") -> str:
    return f"# --- {name}{title} ---\n{inside}# --- end of {name} ---\n"


def _with_options(head: str, options: Mapping[str, str | int | None]) -> str:
    lines = head.splitlines(keepends=True)
    first = next((i for i, line in enumerate(lines) if line.startswith("#SBATCH")), None)
    if first is None:
        raise StiltsError("the template has no line of #SBATCH")
    others = [line for line in lines[first:] if not line.startswith("#SBATCH")]
    return "".join([*lines[:first], *(option(name, value) for name, value in options.items()), *others])


def _assignments(settings: str, values: Mapping[str, Value]) -> str:
    out, left = [], dict(values)
    for line in settings.splitlines():
        found = _SETTING.fullmatch(line)
        if not found or found["name"] not in left:
            raise StiltsError(f"the template's settings have the line {line!r}, which is none of {', '.join(values)}")
        text = f"{found['name']}={quoted(left.pop(found['name']))}"
        out.append(f"{text.ljust(33)} {(found['comment'] or '').strip()}".rstrip() + "\n")
    if left:
        raise StiltsError(f"the template's settings lack {', '.join(left)}")
    return "".join(out)
