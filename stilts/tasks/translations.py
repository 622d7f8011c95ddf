"""Where machine translations of English training sets lie: those that `stilts translate` wrote, and those of others.

Others' are XTREME's translations (google-research/xtreme at 838c13b, README.md, "Translations"), in the folders of its
bucket, which tensorflow_datasets names file by file (translate/xtreme_xnli, xtreme_pawsx and tydi_qa): `XNLI/`,
`PAWSX/` (five columns: two English texts, their translations, label), `SQuAD/`, `TyDiQA-GoldP/` (SQuAD's JSON); and the
ones that XNLI and PAWS-X themselves come with. XQuAD and MLQA have no training set: both are trained on SQuAD.
"""

from __future__ import annotations

from stilts.errors import InputError
from stilts.tasks.base import Task

SOURCE = "en"
"""The language that training sets are translated from."""
WRITTEN = "translated/{source}-{language}"
"""The folder of `stilts translate`: the official files of a language, by the names they have below `data.root`."""

_TRANSLATE_TRAIN = {
    "mnli": "XNLI/translate-train/en-{language}-translated.tsv",
    "pawsx": "PAWSX/translate-train/en-{language}-translated.tsv",
    "squad_v1": "SQuAD/translate-train/squad.translate.train.en-{language}.json",
    "tydiqa": "TyDiQA-GoldP/translate-train/tydiqa.translate.train.en-{language}.json",
}
_FOLDERS = ("xtreme_translations/", "")  # XTREME's users keep the bucket's name; else its folders lie in data.root
_OTHERS = {
    "mnli": (
        "xnli/translate-train/en-{language}-translated.tsv",
        "xnli/XNLI-MT-1.0/multinli/multinli.train.{language}.tsv",
        "xnli/multinli.train.{language}.tsv",
    ),
    "pawsx": (
        "pawsx/translate-train/en-{language}-translated.tsv",
        "pawsx/x-final/{language}/translated_train.tsv",
    ),
    "squad_v1": ("squad/translate-train/squad.translate.train.en-{language}.json",),
    "tydiqa": ("tydiqa/translate-train/tydiqa.translate.train.en-{language}.json",),
}
# the training sets of their own that targets have, and that XTREME translates
_TARGETS = ("pawsx", "tydiqa")
_READ = ("pair", "choice", "span", "mlm")


def xtreme_file(task: Task) -> str | None:
    """Where XTREME's layout has a task's translated training set, with {language}; None where it has none."""
    return _TRANSLATE_TRAIN.get(task.name)


def translated_files(task: Task, source: str) -> list[str]:
    """The candidates for a task's translated training set below a folder, with {language}; the first there is read."""
    ours = WRITTEN.replace("{source}", source)
    official = [f"{ours}/{path}" for path in task.files["train"].split("|")]
    theirs = _TRANSLATE_TRAIN.get(task.name)
    bucket = [f"{folder}{theirs}" for folder in _FOLDERS] if theirs else []
    return [*official, *bucket, *_OTHERS.get(task.name, ())]


def is_translatable(task: Task) -> bool:
    """Whether a recipe may train on a translation of the task's English training set."""
    return task.format in _READ and (task.kind == "intermediate" or task.name in _TARGETS)


def check_translatable(task: Task, where: str) -> None:
    """Raise InputError for a task whose training set cannot be translated; `where` names it."""
    if is_translatable(task):
        return
    if task.format == "tagging":
        found, expected = "tags stand on words, which a translation does not keep", "a pair, choice, span or text task"
    else:
        found, expected = f"its training set ({task.format}) is none that is translated", "an intermediate task"
    raise InputError(f"{where} is {task.name!r}: {found}", f"{expected}, or pawsx or tydiqa", "choose another task")
