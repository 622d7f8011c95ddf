"""Entity linking as trained retrieval: a mention in its sentence is to find the text that describes its entity.

Mewsli-X in XTREME-R (google-research/xtreme: train_mewslix.sh at 838c13b, processors/mewslix.py and utils_mewslix.py at
66367fa): the dual encoder of LAReQA with one text on either side, both of the set's max_length. The candidates are one
set for all languages; with one right candidate, mAP@20 is the mean reciprocal rank among the 20 nearest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from stilts.formats.base import Feature
from stilts.formats.dual import CANDIDATE, QUESTION, DualFormat, encoded, joined
from stilts.tasks.base import Task
from stilts.tasks.examples import EntityExample

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class LinkingFormat(DualFormat):
    """Training: a row is a mention and the description of its entity, one sequence each.

    Evaluation: a row is a mention (column `side` 0) or the description of an entity (1), once each.
    """

    name: ClassVar[str] = "linking"

    def features(
        self,
        task: Task,
        examples: Sequence[Any],
        tokenizer: PreTrainedTokenizerBase,
        max_length: int,
        training: bool,
    ) -> list[Feature]:
        """Rows for all examples: mentions, and in evaluation the described entities after them."""
        if training:
            mentions = encoded(tokenizer, [(example.text,) for example in examples], max_length)
            entities = encoded(tokenizer, [(example.description,) for example in examples], max_length)
            return [
                {**joined(*sides), "example": index} for index, sides in enumerate(zip(mentions, entities, strict=True))
            ]
        asked = [index for index, example in enumerate(examples) if example.text]
        described = list(_described(examples).values())
        mentions = encoded(tokenizer, [(examples[index].text,) for index in asked], max_length)
        entities = encoded(tokenizer, [(examples[index].description,) for index in described], max_length)
        rows = [{**row, "example": index, "side": QUESTION} for row, index in zip(mentions, asked, strict=True)]
        return rows + [
            {**row, "example": index, "side": CANDIDATE} for row, index in zip(entities, described, strict=True)
        ]

    def candidates(self, language: str, examples: Sequence[Any]) -> list[str]:
        """The entity of each candidate row."""
        return list(_described(examples))

    def right_candidates(self, language: str, examples: Sequence[Any]) -> dict[str, list[str]]:
        """The entity of each mention."""
        return {example.id: [example.entity] for example in examples}


def _described(examples: Sequence[EntityExample]) -> dict[str, int]:
    """Each entity with a description, with the index of the first example that has it, in order."""
    found: dict[str, int] = {}
    for index, example in enumerate(examples):
        if example.description:
            found.setdefault(example.entity, index)
    return found
