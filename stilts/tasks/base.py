"""What a task declares: a data set with its format, languages, splits, metrics and sources. No code of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Split = str  # "train", "dev" or "test"


@dataclass(frozen=True)
class Task:
    """One declared data set.

    Attributes:
        name: the id used in studies, tables and file names.
        kind: "intermediate" or "target".
        format: "pair", "choice", "span", "tagging", "retrieval", "mining", "dual", "linking" or "mlm" (a module of
            `stilts.formats`).
        languages: codes in XTREME's order; intermediate tasks have ("en",), mlm has all.
        languages_added_by_xtreme_r: further codes when `target.benchmark` is xtreme_r.
        test_only: languages that have a test set and no dev set; a study that reports dev leaves them out.
        metrics: the metrics of a score row, in points (0-100); the mean of `score_metrics` is the task score.
        score_metrics: facts: span tasks (EM + F1) / 2, tagging and mining F1, trained retrieval mAP@20, the others
            accuracy.
        labels: closed label or tag list, in the order of the head's outputs.
        learns_labels: the list is not declared but learned by `prepare`: all tags of the training files, sorted.
        label_count: how many labels the reference has, where they are learned.
        placeholders: texts that stand for one that is missing; rows with one are scored, as in the benchmark, and not
            trained on.
        has_no_answer: span questions may have no answer (SQuAD v2.0).
        group: the benchmark's group, or None for an intermediate task.
        trains_on: the default chain of training tasks of a target; empty where nothing is trained.
        training_data: the data set that the training split is, where several tasks train on the same one.
        reported: which split is reported when the study says "dev" or "test".
        select: "last" checkpoint or "best" by `selection`.
        selection: "dev" (the target's dev split) or "heldout" (held-out articles of the training set).
        support: a split that is read beside the reported one to score it: what tunes a threshold ("dev"), or what is
            searched ("candidates", one set for all languages).
        parallel: the same items exist in every language, so English stands for all in the leak check.
        id_space: tasks with the same value share example ids; None where ids identify nothing.
        parts: tasks of the same format and labels whose sets this one joins; `files` then only shows where they lie,
            and `data.files` of a part counts here, too.
        reader: the name of a reader in `stilts.data.sources`.
        files: split -> path below `data.root`, with {language}, {iso3} or {name} (English, lower case); the matches of
            a glob are concatenated in sorted order, those of parts joined by " + " in theirs. Several candidates are
            separated by "|": the first that exists is read.
        sizes: split -> language (or "*") -> number of examples of the official release; of mining, gold pairs.
        unverified: splits whose sizes could not be verified.
        labels_at_hand: split -> in which files its labels are to be had, where not in all.
        version: raised whenever reading, features or scoring of this task change.
    """

    name: str
    kind: str
    format: str
    languages: tuple[str, ...]
    metrics: tuple[str, ...]
    score_metrics: tuple[str, ...]
    reader: str
    files: Mapping[Split, str]
    title: str
    licence: str
    citation: str
    home_page: str
    labels: tuple[str, ...] = ()
    learns_labels: bool = False
    label_count: int = 0
    placeholders: tuple[str, ...] = ()
    languages_added_by_xtreme_r: tuple[str, ...] = ()
    test_only: tuple[str, ...] = ()
    has_no_answer: bool = False
    group: str | None = None
    trains_on: tuple[str, ...] = ()
    training_data: str | None = None
    reported: Mapping[str, Split] = field(default_factory=lambda: {"dev": "dev", "test": "test"})
    select: str = "last"
    selection: str = "dev"
    support: Split | None = None
    parallel: bool = False
    id_space: str | None = None
    parts: tuple[str, ...] = ()
    sizes: Mapping[Split, Mapping[str, int]] = field(default_factory=dict)
    unverified: tuple[Split, ...] = ()
    labels_at_hand: Mapping[Split, str] = field(default_factory=dict)
    version: int = 1

    @property
    def untrained(self) -> bool:
        """Whether there is nothing to train for it: sentences are compared by an encoder as it is."""
        return self.format in ("retrieval", "mining")
