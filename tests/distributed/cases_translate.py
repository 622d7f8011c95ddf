"""What the ranks of the translation tests do; imported by name in each rank."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stilts.config import DataSettings
from stilts.translation.job import TranslationJob
from stilts.translation.settings import read_settings

QUICK = ("max_tokens=24", "growth=1", "shard_rows=4", "batch_tokens=64")


def make_job(
    folder: str, out: str, task: str = "mnli", to: str = "de,sw", settings: Sequence[str] = ()
) -> TranslationJob:
    """A job on `folder`'s model and data."""
    root = Path(folder)
    data = DataSettings(root=str(root / "raw"))
    chosen = read_settings([*QUICK, *settings])
    return TranslationJob(task, tuple(to.split(",")), str(root / "model"), None, data, Path(out), chosen)


def translate(folder: str, out: str, **options: Any) -> str:
    """Translate: "done", "stopped", or the error's line."""
    from stilts.errors import StiltsError, Stopped
    from stilts.training.stopping import REQUEST
    from stilts.translation.run import execute

    REQUEST.install()
    try:
        execute(make_job(folder, out, **options))
    except Stopped:
        return "stopped"
    except StiltsError as error:
        return str(error)
    return "done"


def hurt(folder: str, out: str, how: str, rank: int, number: int, **options: Any) -> str:
    """Translate, and before batch `number` (from 0) of rank `rank` get the signal `how`; says which batch it was."""
    from stilts.translation.translator import Translator

    whole, count = Translator._batch, [0]

    def batch(self: Translator, texts: list[str]) -> Any:
        if int(os.environ["RANK"]) == rank and count[0] == number:
            Path(f"{out}.hurt").touch()
            os.kill(os.getpid(), signal.Signals[how])
        count[0] += 1
        return whole(self, texts)

    Translator._batch = batch  # type: ignore[method-assign]
    return translate(folder, out, **options)


def with_settings(folder: str, out: str, settings: list[str]) -> str:
    """Translate with other settings."""
    return translate(folder, out, settings=settings)


def squad(folder: str, out: str) -> str:
    """Translate questions with the model."""
    return translate(folder, out, task="squad_v1", to="de")


def squad_by_rule(folder: str, out: str) -> str:
    """Translate questions by a rule."""
    return translate_by_rule(folder, out, task="squad_v1", to="de", settings=["fallback=true", "max_tokens=40"])


def translate_by_rule(folder: str, out: str, **options: Any) -> str:
    """Translate with a pure function that loses a third of the opening markers, instead of the model."""
    import sys

    sys.path.append(str(Path(__file__).parents[1] / "translation"))
    from fake_translators import forgetful

    from stilts.translation.carry import Piece
    from stilts.translation.translator import Translator

    Translator._batch = lambda self, texts: [Piece(forgetful(text)) for text in texts]  # type: ignore[method-assign]
    return translate(folder, out, **options)
