"""What made a translated training file: the provenance that `stilts translate` writes beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SUFFIX = ".translation.json"
"""What is added to the name of a translated file for its provenance."""
KEPT = ("model", "revision", "settings_hash", "source")
"""The keys of a provenance that tell one translation from another."""


def translator_of(path: Path) -> dict[str, Any] | None:
    """Model, revision, settings hash and source of a file that `stilts translate` wrote; None for any other."""
    try:
        content = json.loads(path.with_name(path.name + SUFFIX).read_text(encoding="utf-8"))
        return {key: content[key] for key in KEPT}
    except (OSError, ValueError, KeyError, TypeError):
        return None
