"""Names one prepared set before it exists: a pure function, so plan and `prepare` agree without reading a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from stilts.config import DataSettings, ModelSettings, NoisySetRef, SetRef
from stilts.data.noise.kinds import Noise
from stilts.tasks import MLM, get_task

_WHERE_GIVEN = ("noise", "translated_from", "turn")


@dataclass(frozen=True)
class SetSpec:
    """What is to be prepared for one task, split and language.

    Attributes:
        purpose: "train" (rows with labels), "select" (English dev or held-out articles), "evaluate", "noise" (an
            evaluation set with noisy inputs) or "support" (read beside the evaluation sets to score them:
            `Task.support`).
        part: "all" of the split, "heldout" (about one article in twenty, by hash) or "rest" (the others).
        max_length: longest row in tokens.
        limit: at most this many examples (of the part), or None.
        task_version: the declaration's version.
        noise: how its inputs are made noisy.
        translated_from: the language that a training set was translated from.
        turn: "2/3": of each three examples the second, where three languages share the rows of one.
    """

    task: str
    split: str
    language: str
    purpose: str
    max_length: int
    task_version: int
    part: str = "all"
    limit: int | None = None
    noise: Noise | None = None
    translated_from: str | None = None
    turn: str | None = None

    @property
    def name(self) -> str:
        """Task, split and language, as messages name a set, with the noise where there is some."""
        return f"{self.task}/{self.split}/{self.language}{f' {self.noise.name}' if self.noise else ''}"

    @property
    def facts(self) -> dict[str, Any]:
        """Its fields; what most sets lack is left out, so that those keep their names."""
        own = {**asdict(self), "purpose": "train" if self.purpose == "train" else "evaluate"}
        return {key: value for key, value in own.items() if value is not None or key not in _WHERE_GIVEN}

    @property
    def is_text(self) -> bool:
        """Whether the set is raw text for masked LM."""
        return self.task == MLM.name

    @property
    def learned_from(self) -> bool:
        """Whether a model is trained or chosen on it, so that nothing of an evaluation set may be in it."""
        return self.purpose in ("train", "select")

    @property
    def keeps_gold(self) -> bool:
        """Whether these are candidates under a limit: what the study's evaluation sets ask for is never left out."""
        return self.split == "candidates" and self.limit is not None

    def ref(self, model: ModelSettings, data: DataSettings, scored: Sequence[SetSpec] = ()) -> SetRef:
        """Where the set lies below the feature folder; any setting that changes its content changes the name.

        `scored`: the study's evaluation sets, which training and selection sets are cleaned against where
        `data.exclude_overlap` is set, raw text is compared with, and whose gold limited candidates keep.
        """
        files = data.files
        override: Any = files.get(self.task, {})
        parts = get_task(self.task).parts
        if parts:
            override = [override, *(files.get(part, {}) for part in parts)]
        facts: list[Any] = [
            self.facts,
            model.name,
            model.revision,
            data.root,
            data.mirror,
            override,
            data.exclude_overlap,
        ]
        if self.translated_from:
            facts.append(data.translations)
        if revisions := {name: data.revisions[name] for name in (self.task, *parts) if name in data.revisions}:
            facts.append(revisions)
        if (data.exclude_overlap and self.learned_from) or self.is_text:
            facts.append(sorted((spec.task, spec.split, spec.language) for spec in scored))
        if self.keeps_gold:
            facts.append(sorted((s.split, s.language, s.limit or 0) for s in scored if s.task == self.task))
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:10]
        folder = f"{self.task}/{self.split}-{self.language}"
        if noise := self.noise:
            folder = f"{folder}-{noise.condition}-n{noise.seed}-{digest}"
            return NoisySetRef(self.task, self.split, self.language, folder, noise.condition, noise.seed)
        return SetRef(self.task, self.split, self.language, f"{folder}-{digest}")
