"""Target tasks of XTREME, with the languages that XTREME-R adds to them."""

from __future__ import annotations

from stilts.tasks.base import Task
from stilts.tasks.intermediate import NLI_LABELS


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


XNLI = Task(
    name="xnli",
    kind="target",
    format="pair",
    group="classification",
    languages=_words("ar bg de el en es fr hi ru sw th tr ur vi zh"),
    metrics=("accuracy",),
    score_metrics=("accuracy",),
    labels=NLI_LABELS,
    reader="pair",
    trains_on=("mnli",),
    training_data="mnli",
    # train is XNLI-MT, whose English half is MNLI: read where a chain names xnli itself, as the preset xtreme does.
    # XTREME strips the labels of its test files, so the official file of all languages comes first.
    files={
        "train": "xnli/XNLI-MT-1.0/multinli/multinli.train.{language}.tsv|xnli/multinli.train.{language}.tsv"
        "|xnli/train-{language}.tsv",
        **{
            split: f"xnli/XNLI-1.0/xnli.{split}.tsv|xnli/xnli.{split}.tsv|xnli/{split}-{{language}}.tsv"
            for split in ("dev", "test")
        },
    },
    labels_at_hand={"test": "xnli.test.tsv of XNLI-1.0; XTREME's copies have none"},
    select="best",
    parallel=True,
    sizes={"train": {"*": 392702}, "dev": {"*": 2490}, "test": {"*": 5010}},
    unverified=("train",),
    title="Cross-lingual Natural Language Inference",
    licence="CC BY-NC 4.0",
    citation="Conneau et al.: XNLI: Evaluating Cross-lingual Sentence Representations, EMNLP 2018",
    home_page="https://github.com/facebookresearch/XNLI",
)

PAWSX = Task(
    name="pawsx",
    kind="target",
    format="pair",
    group="classification",
    languages=_words("de en es fr ja ko zh"),
    metrics=("accuracy",),
    score_metrics=("accuracy",),
    labels=("0", "1"),
    placeholders=("NS", ""),
    reader="pair",
    trains_on=("pawsx",),
    # XTREME strips the labels of its test files, so the labelled official ones come first there.
    files={
        "train": "pawsx/xtreme/train-{language}.tsv|pawsx/x-final/{language}/train.tsv"
        "|pawsx/x-final/{language}/translated_train.tsv|pawsx/train-{language}.tsv",
        "dev": "pawsx/xtreme/dev-{language}.tsv|pawsx/x-final/{language}/dev_2k.tsv|pawsx/dev-{language}.tsv",
        "test": "pawsx/x-final/{language}/test_2k.tsv|pawsx/xtreme/test-{language}.tsv|pawsx/test-{language}.tsv",
    },
    labels_at_hand={"test": "test_2k.tsv of x-final; XTREME's copies have none"},
    select="best",
    parallel=True,
    sizes={"train": {"en": 49401}, "dev": {"*": 2000}, "test": {"*": 2000}},
    version=2,
    title="Cross-lingual Paraphrase Adversaries from Word Scrambling",
    licence="free for any purpose, with acknowledgement of Google LLC welcome (LICENSE of the data set)",
    citation="Yang, Zhang, Tar, Baldridge: PAWS-X: A Cross-lingual Adversarial Dataset for Paraphrase Identification, "
    "EMNLP 2019",
    home_page="https://github.com/google-research-datasets/paws/tree/master/pawsx",
)

UDPOS = Task(
    name="udpos",
    kind="target",
    format="tagging",
    group="structured",
    languages=_words(
        "af ar bg de el en es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur vi yo zh"
    ),
    languages_added_by_xtreme_r=("lt", "pl", "uk", "wo", "ro"),
    test_only=("kk", "th", "tl", "yo"),
    metrics=("f1",),
    score_metrics=("f1",),
    # UPOS tags: https://universaldependencies.org/u/pos/
    labels=_words("ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X"),
    reader="tagging",
    trains_on=("udpos",),
    # XTREME's own words come first: it fuses the words of a multi-word token, so they are not those of CoNLL-U.
    files={
        split: f"udpos_xtreme/{split}-{{language}}.tsv|ud/UD_*/{{language}}_*-ud-{split}.conllu"
        f"|udpos/{split}-{{language}}.tsv"
        for split in ("train", "dev", "test")
    },
    labels_at_hand={"test": "the treebanks' own files; XTREME's copies have none"},
    select="best",
    sizes={"train": {"en": 21253}, "dev": {"en": 3974}, "test": {"en": 5440}},
    version=2,
    title="Part-of-speech tags of Universal Dependencies",
    licence="by treebank; CC BY-SA and CC BY-NC-SA in most (LICENSE.txt of each)",
    citation="Nivre et al.: Universal Dependencies v2: An Evergrowing Multilingual Treebank Collection, LREC 2020",
    home_page="https://universaldependencies.org/",
)

# WikiAnn with the splits of Rahimi et al. Test files are 10,000 sentences but for these languages (facts of XTREME).
_PANX_SMALL = {**dict.fromkeys(_words("af bn hi kk ml mr ms sw ta te tl ur"), 1000),
               **dict.fromkeys(_words("jv my yo"), 100)}  # fmt: skip
_PANX_LANGUAGES = _words(
    "af ar bg bn de el en es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr ms my nl pt ru sw ta te th tl tr ur "
    "vi yo zh"
)
PANX = Task(
    name="panx",
    kind="target",
    format="tagging",
    group="structured",
    languages=_PANX_LANGUAGES,
    languages_added_by_xtreme_r=_words("qu pl uk az lt pa gu ro"),
    metrics=("f1",),
    score_metrics=("f1",),
    labels=_words("B-LOC B-ORG B-PER I-LOC I-ORG I-PER O"),
    reader="tagging",
    trains_on=("panx",),
    files={split: f"panx/{split}-{{language}}.tsv" for split in ("train", "dev", "test")},
    labels_at_hand={"test": "the original files (panx_dataset); XTREME's copies have none"},
    select="best",
    sizes={
        "train": {"en": 20000},
        "dev": {"en": 10000},
        "test": {language: _PANX_SMALL.get(language, 10000) for language in _PANX_LANGUAGES},
    },
    title="WikiAnn (PAN-X) named entities, balanced splits",
    licence="none stated; made from Wikipedia (unverified)",
    citation="Pan, Zhang, May, Nothman, Knight, Ji: Cross-lingual Name Tagging and Linking for 282 Languages, ACL "
    "2017; splits of Rahimi, Li, Cohn: Massively Multilingual Transfer for NER, ACL 2019",
    home_page="https://github.com/afshinrahimi/mmner",
)

# All span targets choose checkpoints on held-out articles of their training set: no reported set takes part in the
# choice, and one SQuAD fine-tune serves xquad and mlqa.
XQUAD = Task(
    name="xquad",
    kind="target",
    format="span",
    group="question answering",
    languages=_words("ar de el en es hi ru th tr vi zh"),
    languages_added_by_xtreme_r=("ro",),
    metrics=("f1", "exact_match"),
    score_metrics=("f1", "exact_match"),
    reader="span",
    trains_on=("squad_v1",),
    files={"test": "xquad/xquad.{language}.json"},
    reported={"dev": "test", "test": "test"},
    selection="heldout",
    parallel=True,
    id_space="squad",
    sizes={"test": {"*": 1190}},
    title="Cross-lingual Question Answering Dataset",
    licence="CC BY-SA 4.0",
    citation="Artetxe, Ruder, Yogatama: On the Cross-lingual Transferability of Monolingual Representations, ACL 2020",
    home_page="https://github.com/google-deepmind/xquad",
)

MLQA = Task(
    name="mlqa",
    kind="target",
    format="span",
    group="question answering",
    languages=_words("ar de en es hi vi zh"),
    metrics=("f1", "exact_match"),
    score_metrics=("f1", "exact_match"),
    reader="span",
    trains_on=("squad_v1",),
    files={
        split: f"mlqa/MLQA_V1/{split}/{split}-context-{{language}}-question-{{language}}.json"
        for split in ("dev", "test")
    },
    selection="heldout",
    parallel=True,
    id_space="mlqa",
    sizes={
        "dev": {"ar": 517, "de": 512, "en": 1148, "es": 500, "hi": 507, "vi": 511, "zh": 504},
        "test": {"ar": 5335, "de": 4517, "en": 11590, "es": 5253, "hi": 4918, "vi": 5495, "zh": 5137},
    },
    title="Multilingual Question Answering",
    licence="CC BY-SA 3.0",
    citation="Lewis, Oguz, Rinott, Riedel, Schwenk: MLQA: Evaluating Cross-lingual Extractive Question Answering, "
    "ACL 2020",
    home_page="https://github.com/facebookresearch/MLQA",
)

TYDIQA = Task(
    name="tydiqa",
    kind="target",
    format="span",
    group="question answering",
    languages=_words("ar bn en fi id ko ru sw te"),
    metrics=("f1", "exact_match"),
    score_metrics=("f1", "exact_match"),
    reader="span",
    trains_on=("tydiqa",),
    # The official dev files carry answers; XTREME's copies of them do not.
    files={
        "train": "tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.{language}.train.json",
        "dev": "tydiqa/tydiqa-goldp-v1.1-dev/tydiqa-goldp-dev-{name}.json"
        "|tydiqa/tydiqa-goldp-v1.1-dev/tydiqa.goldp.{language}.dev.json",
    },
    labels_at_hand={"dev": "the official release; XTREME's copies have empty answers"},
    reported={"dev": "dev", "test": "dev"},
    selection="heldout",
    # No id space: XTREME's training ids repeat (en: 89 ids for 3,696 questions) and mean nothing across languages.
    sizes={"train": {"en": 3696}},
    title="TyDi QA, gold passage task",
    licence="Apache-2.0",
    citation="Clark et al.: TyDi QA: A Benchmark for Information-Seeking Question Answering in Typologically Diverse "
    "Languages, TACL 2020",
    home_page="https://github.com/google-research-datasets/tydiqa",
)

TATOEBA = Task(
    name="tatoeba",
    kind="target",
    format="retrieval",
    group="retrieval",
    languages=_words(
        "af ar bg bn de el es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr nl pt ru sw ta te th tl tr ur vi zh"
    ),
    languages_added_by_xtreme_r=("az", "lt", "pl", "uk", "ro"),
    metrics=("accuracy",),
    score_metrics=("accuracy",),
    reader="retrieval",
    files={"test": "tatoeba/tatoeba.{iso3}-eng.{iso3}"},
    reported={"dev": "test", "test": "test"},
    sizes={"test": {"*": 1000, "jv": 205, "ka": 746, "kk": 575, "ml": 687, "sw": 390, "ta": 307, "te": 234, "th": 548}},
    version=2,
    title="Tatoeba sentence retrieval",
    licence="Tatoeba terms of use (CC BY 2.0 FR by default)",
    citation="Artetxe, Schwenk: Massively Multilingual Sentence Embeddings for Zero-Shot Cross-Lingual Transfer and "
    "Beyond, TACL 2019",
    home_page="https://github.com/facebookresearch/LASER/tree/main/data/tatoeba/v1",
)

# XTREME's dev set is the official sample set, its test set the official training set, with the official gold pairs
# (scripts/download_data.sh of google-research/xtreme at 838c13b, which removes those of the test set).
BUCC2018 = Task(
    name="bucc2018",
    kind="target",
    format="mining",
    group="retrieval",
    languages=_words("de fr ru zh"),
    metrics=("f1",),
    score_metrics=("f1",),
    reader="bitext",
    files={split: f"bucc2018/{{language}}-en.{split}.{{language}}" for split in ("dev", "test")},
    support="dev",
    sizes={
        "dev": {"de": 1038, "fr": 929, "ru": 2374, "zh": 257},
        "test": {"de": 9580, "fr": 9086, "ru": 14435, "zh": 1899},
    },
    title="BUCC 2018 shared task: parallel sentences in comparable corpora",
    licence="not stated by the shared task; sentences of Wikipedia and News Commentary (unverified)",
    citation="Zweigenbaum, Sharoff, Rapp: Overview of the Third BUCC Shared Task: Spotting Parallel Sentences in "
    "Comparable Corpora, BUCC at LREC 2018",
    home_page="https://comparable.limsi.fr/bucc2018/bucc2018-task.html",
)

XTREME: tuple[Task, ...] = (XNLI, PAWSX, UDPOS, PANX, XQUAD, MLQA, TYDIQA, BUCC2018, TATOEBA)
