"""The reader of each raw format, by the name a task declares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from stilts.data.read_bitext import read_bitext
from stilts.data.read_choice import LAYOUTS, read_choices
from stilts.data.read_entities import read_entities
from stilts.data.read_pair import read_pairs
from stilts.data.read_retrieval import read_retrieval
from stilts.data.read_sentences import read_sentences
from stilts.data.read_span import read_spans
from stilts.data.read_supertags import read_supertags
from stilts.data.read_tagging import read_tagged
from stilts.data.read_text import read_text
from stilts.tasks.base import Task

Reader = Callable[[Task, list[Path], str], Iterator[Any]]
"""Called with the task, the files and the language; yields examples in file order. The format of a file is recognised
from its content and extension, so every official format of a task is accepted for any split."""

READERS: dict[str, Reader] = {
    "pair": read_pairs,
    **dict.fromkeys(LAYOUTS, read_choices),
    "span": read_spans,
    "sentences": read_sentences,
    "tagging": read_tagged,
    "supertags": read_supertags,
    "retrieval": read_retrieval,
    "bitext": read_bitext,
    "entities": read_entities,
    "text": read_text,
}

TRANSLATION_READERS: dict[str, Reader] = {
    "pair": partial(read_pairs, translated=True),
    "span": partial(read_spans, translated=True),
}
"""Of machine translations: rows that the translation broke are left out and counted, where there are not too many."""
