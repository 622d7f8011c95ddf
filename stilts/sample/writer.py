"""Words the sets of the sample benchmark in every language that has them, and writes the official files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stilts.sample import files, files_choice, files_retrieval, files_tagging
from stilts.sample.files_span import write_conllu, write_squad
from stilts.sample.language import Language
from stilts.sample.sets import ANLI_ROUNDS, SIZES, TEXT, Sets
from stilts.tasks.translations import WRITTEN

CORPUS = "mlm_text/sample"
_MNLI = {"train": ("train", 0, 1), "dev": ("dev_matched", 100_000, 5)}
"""File name, first prompt id and annotators."""
_CHOICE: dict[str, tuple[files_choice.Writer, Mapping[str, str]]] = {
    "hellaswag": (
        files_choice.write_hellaswag,
        {"train": "hellaswag/hellaswag_train.jsonl", "dev": "hellaswag/hellaswag_val.jsonl"},
    ),
    "commonsenseqa": (
        files_choice.write_commonsenseqa,
        {split: f"commonsenseqa/{split}_rand_split.jsonl" for split in ("train", "dev")},
    ),
    "cosmosqa": (files_choice.write_cosmosqa, {"train": "cosmosqa/train.csv", "dev": "cosmosqa/valid.csv"}),
    "socialiqa": (
        files_choice.write_socialiqa,
        {
            split: f"socialiqa/socialIQa_v1.4_{name}.jsonl"
            for split, name in (("train", "trn"), ("dev", "dev"), ("test", "tst"))
        },
    ),
    "copa": (files_choice.write_copa, {"train": "copa/train-en.jsonl", "dev": "copa/val-en.jsonl"}),
}
_SQUAD = {"squad_v1": ("1.1", "1.1"), "squad_v2": ("v2.0", "2.0")}
"""Version that a file says, and that its name has."""
TRANSLATED, NEAR = "qah", "qad"
"""The language that training sets are translated into, and the one it is near to: both have the verb first, adjectives
before nouns and Latin letters, and NEAR has 60 % of its words from either of TRANSLATED and the base language. So what
makes TRANSLATED nearer is the order of words; no two languages of the design that agree in all this share more."""
_ABOUT = """The training sets of squad_v1 and commonsenseqa, row by row worded in {code}. They stand for machine
translations (translated_from: {base}, languages: [{code}]) without a translator's mistakes. {code} is near to {near}:
both put the verb first, and {near} shares as many words with {code} as with {base}.
"""


def write_sets(root: Path, sets: Sets, languages: Sequence[Language]) -> None:
    """Write everything below `root`; `languages` has the base language first."""
    writer = _Writer(root, sets, languages)
    writer.text()
    writer.inference()
    writer.parallel_pairs()
    writer.tagging()
    writer.entities_and_supertags()
    writer.questions()
    writer.choices()
    writer.translations()
    writer.retrieval()
    for language in languages[1:]:
        files.write_aligned(root / "tatoeba", sets.items["tatoeba", "test", ""], language, languages[0])


class _Writer:
    def __init__(self, root: Path, sets: Sets, languages: Sequence[Language]) -> None:
        self.root, self.sets, self.languages, self.base = root, sets, languages, languages[0]

    def items(self, task: str, split: str, part: str = "") -> list[Any]:
        return self.sets.items[task, split, part]

    def having(self, split: str) -> Sequence[Language]:
        """The languages that have a split: training sets are in the base language."""
        return self.languages[:1] if split == "train" else self.languages

    def text(self) -> None:
        for language in self.languages:
            path = self.root / CORPUS / f"{language.code}.txt"
            files.write_text(path, self.items(TEXT, "train", language.code), language, self.base)

    def inference(self) -> None:
        root, base = self.root, self.base
        for split, (name, first_prompt, annotators) in _MNLI.items():
            path = root / f"mnli/glue_data/MNLI/{name}.tsv"
            files.write_glue_mnli(path, self.items("mnli", split), base, first_prompt, annotators)
        for split in SIZES["snli"]:
            path = root / f"snli/snli_1.0/snli_1.0_{split}.jsonl"
            files.write_snli(path, self.items("snli", split), base, f"sample-{split}")
        # XNLI-MT's English half is MNLI
        files.write_pairs(root / "xnli/train-en.tsv", self.items("mnli", "train"), base)
        for place, split in enumerate(SIZES["qqp"]):
            path = root / f"qqp/glue_data/QQP/{split}.tsv"
            files.write_glue_qqp(path, self.items("qqp", split), base, 100_000 * place)
        for split in SIZES["anli"]:
            for number in ANLI_ROUNDS:
                path = root / f"anli/anli_v1.0/R{number}/{split}.jsonl"
                files.write_anli(path, self.items("anli", split, number), base, f"r{number}-{split}")

    def parallel_pairs(self) -> None:
        for task, folder in (("xnli", "xnli"), ("pawsx", "pawsx/xtreme")):
            for split in SIZES[task]:
                for language in self.having(split):
                    path = self.root / f"{folder}/{split}-{language.code}.tsv"
                    files.write_pairs(path, self.items(task, split), language)

    def tagging(self) -> None:
        for split in SIZES["udpos"]:
            for language in self.having(split):
                treebank = "English" if language.is_base else language.code.capitalize()
                name = f"{language.code}_sample-ud-{split}"
                path, items = (
                    self.root / f"ud/UD_{treebank}-Sample/{name}.conllu",
                    self.items("udpos", split, language.code),
                )
                write_conllu(path, items, language, name, self.sets.orders.get(("udpos", split)))

    def entities_and_supertags(self) -> None:
        orders = self.sets.orders
        for split in SIZES["panx"]:
            for language in self.having(split):
                path = self.root / f"panx/{split}-{language.code}.tsv"
                items = self.items("panx", split, language.code)
                files_tagging.write_panx(path, items, language, orders.get(("panx", split)))
        for split in SIZES["ccg"]:
            path = self.root / f"ccg/{split}.tsv"
            files_tagging.write_ccg(path, self.items("ccg", split), self.base, orders.get(("ccg", split)))

    def questions(self) -> None:
        for task in _SQUAD:
            for split in SIZES[task]:
                self.squad(self.root, task, split, self.base)
        for language in self.languages:
            code = language.code
            for split in SIZES["mlqa"]:
                path = self.root / f"mlqa/MLQA_V1/{split}/{split}-context-{code}-question-{code}.json"
                write_squad(path, self.items("mlqa", split), language, f"mlqa {split}", "1.0")
            xquad = self.items("xquad", "test")
            write_squad(self.root / f"xquad/xquad.{code}.json", xquad, language, "xquad", "1.1")
            # LAReQA's XQuAD-R is XQuAD with the boundaries of sentences
            write_squad(self.root / f"lareqa/xquad-r/{code}.json", xquad, language, "xquad", "1.1", boundaries=True)
        for split in SIZES["tydiqa"]:
            for language in self.having(split):
                code, key = language.code, f"tydiqa {language.code} {split}"
                path = self.root / f"tydiqa/tydiqa-goldp-v1.1-{split}/tydiqa.goldp.{code}.{split}.json"
                write_squad(path, self.items("tydiqa", split, code), language, key, f"TyDiQA-GoldP-1.1-{split}")

    def squad(self, root: Path, task: str, split: str, language: Language) -> None:
        """Ids and titles are the same in every language."""
        version, name = _SQUAD[task]
        path, items = root / f"squad/{split}-v{name}.json", self.items(task, split)
        write_squad(path, items, language, f"{task} {split}", version, no_answers=task == "squad_v2")

    def choices(self) -> None:
        for task, (write, paths) in _CHOICE.items():
            for split, path in paths.items():
                name = "val" if (task, split) == ("hellaswag", "dev") else split
                write(self.root / path, self.items(task, split), self.base, name)
        for language in self.languages[1:]:  # XCOPA's validation set is the translation of COPA's
            folder, code = self.root / "xcopa/data" / language.code, language.code
            files_choice.write_copa(folder / f"val.{code}.jsonl", self.items("copa", "dev"), language, "val")
            files_choice.write_copa(folder / f"test.{code}.jsonl", self.items("xcopa", "test"), language, "test")

    def translations(self) -> None:
        """Two training sets in TRANSLATED, where the sample has that language: the same items in the same order."""
        for language in self.languages:
            if language.code == TRANSLATED:
                root = self.root / WRITTEN.format(source=self.base.code, language=language.code)
                self.squad(root, "squad_v1", "train", language)
                write, paths = _CHOICE["commonsenseqa"]
                write(root / paths["train"], self.items("commonsenseqa", "train"), language, "train")
                about = _ABOUT.format(code=language.code, base=self.base.code, near=NEAR)
                files.write_lines(root / "README.txt", about.splitlines())

    def retrieval(self) -> None:
        for language in self.languages[1:]:
            for split in SIZES["bucc2018"]:
                (corpora,) = self.items("bucc2018", split, language.code)
                files_retrieval.write_bitext(self.root / "bucc2018", split, corpora, language, self.base)
        folder = self.root / "mewslix"
        pairs = self.items("mewslix", "train", self.base.code)
        files_retrieval.write_pairs(folder / "wikipedia_pairs-train.jsonl", pairs, self.base)
        for split in ("dev", "test"):
            own = [(language, self.items("mewslix", split, language.code)) for language in self.languages]
            files_retrieval.write_mentions(folder / f"wikinews_mentions-{split}.jsonl", own)
        entities = self.items("mewslix", "candidates")
        files_retrieval.write_candidates(folder / "candidate_set_entities.jsonl", entities, self.languages)
