"""Which code made a number."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

from stilts import __version__


@cache
def code_version() -> str:
    """The commit of this checkout ("+changes" if it was edited), or the package's version outside a repository."""
    here = Path(__file__).parent
    try:
        commit = _git("rev-parse", "HEAD", cwd=here)
        return f"{commit}+changes" if _git("status", "--porcelain", "-uno", cwd=here) else commit
    except (OSError, subprocess.SubprocessError):
        return f"stilts {__version__}"


def _git(*arguments: str, cwd: Path) -> str:
    done = subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.strip()
