"""`stilts status --watch`: the same text again and again, in place on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO


def watch(text: Callable[[], str], seconds: float, out: TextIO, sleep: Callable[[float], None] = time.sleep) -> None:
    """Show a text anew every so many seconds until Ctrl-C, which is the usual end and no error.

    Args:
        text: gives what to show now.
        out: a terminal, where it is replaced in place; to anything else each is printed below the one before.
    """
    try:
        if out.isatty():
            _live(text, seconds, out, sleep)
        while not out.isatty():
            print(f"{time.strftime('%Y-%m-%d %H:%M:%S')}\n\n{text()}\n", file=out, flush=True)
            sleep(seconds)
    except KeyboardInterrupt:
        return


def _live(text: Callable[[], str], seconds: float, out: TextIO, sleep: Callable[[float], None]) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    def now() -> Text:
        return Text(f"{time.strftime('%H:%M:%S')}, every {seconds:g} s, Ctrl-C ends\n\n{text()}", no_wrap=True)

    with Live(now(), console=Console(file=out), auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            sleep(seconds)
            live.update(now(), refresh=True)
