"""Where each task lies on the Hugging Face hub: repository, configuration, split names, columns. Declarations only.

Columns and labels are those of the data sets' own loaders in the repository of `datasets` and, where it was seen, of
the hub's pages. A revision that could not be verified is None: the repository's newest is read, unless
`data.revisions` names a commit. Tasks that are missing here have no script-free repository that carries what is needed:
bucc2018 (the hub's copies hold gold pairs only), mewslix, ccg (licensed), and the test set of lareqa (the hub's XQuAD-R
has no sentence boundaries).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stilts.tasks.base import Split


@dataclass(frozen=True)
class Hub:
    """One data set on the hub.

    Attributes:
        repository: `owner/name`; below a mirror a folder of that name.
        config: the configuration (subset) of a language, with {language}, {iso3}, {name} or {Name} (English).
        splits: our split -> theirs; several joined by " + " are read one after the other.
        columns: field of the example, or of the official file's row, -> column.
        labels: our label for each number of the label column (-1 is none).
        only: rows of a language are those whose id begins with this.
        mixed: languages whose configuration holds sentences of others as well, so that it is not read.
        revision: the commit that was looked at, or None (unverified).
    """

    repository: str
    config: str
    splits: Mapping[Split, str]
    columns: Mapping[str, str]
    labels: tuple[str, ...] = ()
    only: str = ""
    mixed: tuple[str, ...] = ()
    revision: str | None = None


_ALL = {"train": "train", "dev": "validation", "test": "test"}
_TRAIN_DEV = {"train": "train", "dev": "validation"}
_NLI = ("entailment", "neutral", "contradiction")
_PREMISE = {"text_a": "premise", "text_b": "hypothesis", "label": "label"}
_SQUAD = {"id": "id", "title": "title", "context": "context", "question": "question", "answers": "answers"}
_UNTITLED = {field: column for field, column in _SQUAD.items() if field != "title"}
_COPA = {key: key for key in ("idx", "premise", "question", "choice1", "choice2", "label")}
_UPOS = (
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM",
    "VERB", "X",
)  # fmt: skip
_ANSWERS = ("answer0", "answer1", "answer2", "answer3")

HUB: dict[str, Hub] = {
    "snli": Hub("stanfordnlp/snli", "plain_text", _ALL, _PREMISE, _NLI),
    "mnli": Hub(
        "nyu-mll/multi_nli",
        "default",
        {"train": "train", "dev": "validation_matched"},
        {"id": "pairID", **_PREMISE},
        _NLI,
    ),
    "anli": Hub(
        "facebook/anli",
        "plain_text",
        {split: " + ".join(f"{split}_r{number}" for number in (1, 2, 3)) for split in ("train", "dev", "test")},
        {"id": "uid", **_PREMISE},
        _NLI,
    ),
    "qqp": Hub(
        "nyu-mll/glue",
        "qqp",
        _TRAIN_DEV,
        {"id": "idx", "text_a": "question1", "text_b": "question2", "label": "label"},
        ("0", "1"),
    ),
    "squad_v1": Hub("rajpurkar/squad", "plain_text", _TRAIN_DEV, _SQUAD),
    "squad_v2": Hub("rajpurkar/squad_v2", "squad_v2", _TRAIN_DEV, _SQUAD),
    "hellaswag": Hub(
        "Rowan/hellaswag", "default", _ALL, {key: key for key in ("ind", "ctx_a", "ctx_b", "endings", "label")}
    ),
    "cosmosqa": Hub(
        "allenai/cosmos_qa", "default", _ALL, {key: key for key in ("id", "context", "question", *_ANSWERS, "label")}
    ),
    "commonsenseqa": Hub(
        "tau/commonsense_qa", "default", _ALL, {key: key for key in ("id", "question", "choices", "answerKey")}
    ),
    "socialiqa": Hub(
        "allenai/social_i_qa",
        "default",
        _TRAIN_DEV,
        {**{key: key for key in ("context", "question", "answerA", "answerB", "answerC")}, "correct": "label"},
    ),
    "copa": Hub("aps/super_glue", "copa", _TRAIN_DEV, _COPA),
    "xnli": Hub(
        "facebook/xnli", "{language}", _ALL, _PREMISE, _NLI, revision="b8dd5d7af51114dbda02c0e3f6133f332186418e"
    ),
    # Not google/xtreme, whose PAWS-X lacks rows.
    "pawsx": Hub(
        "google-research-datasets/paws-x",
        "{language}",
        _ALL,
        {"id": "id", "text_a": "sentence1", "text_b": "sentence2", "label": "label"},
        ("0", "1"),
        revision="4cd8187c404bda33cb1f62b49b001115862acf37",
    ),
    # Its loader took every treebank folder whose name has "_" and the language in it: Swiss German for German, Ancient
    # Greek, Old French, Old Russian, Classical Chinese (Greek test: 2,809 sentences instead of GDT's 456).
    "udpos": Hub(
        "google/xtreme",
        "udpos.{Name}",
        _ALL,
        {"words": "tokens", "tags": "pos_tags"},
        _UPOS,
        mixed=("de", "el", "fr", "ru", "zh"),
    ),
    "panx": Hub(
        "unimelb-nlp/wikiann",
        "{language}",
        _ALL,
        {"words": "tokens", "tags": "ner_tags"},
        ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"),
    ),
    "xquad": Hub("google/xquad", "xquad.{language}", {"test": "validation"}, _UNTITLED),
    "mlqa": Hub("google/xtreme", "MLQA.{language}.{language}", {"dev": "validation", "test": "test"}, _SQUAD),
    "tydiqa": Hub("google-research-datasets/tydiqa", "secondary_task", _TRAIN_DEV, _SQUAD, only="{name}-"),
    "tatoeba": Hub(
        "google/xtreme",
        "tatoeba.{iso3}",
        {"test": "validation"},
        {"text": "source_sentence", "english": "target_sentence"},
    ),
    "xcopa": Hub("cambridgeltl/xcopa", "{language}", {"dev": "validation", "test": "test"}, _COPA),
    "lareqa": Hub("rajpurkar/squad", "plain_text", {"train": "train"}, _SQUAD),
}
