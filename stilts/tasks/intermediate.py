"""Intermediate tasks: English data sets of the first fine-tuning phase."""

from __future__ import annotations

from stilts.tasks.base import Task

# Alphabetical, as in XTREME's code: mnli and xnli share the order, so a head can go from one to the other.
NLI_LABELS = ("contradiction", "entailment", "neutral")

SNLI = Task(
    name="snli",
    kind="intermediate",
    format="pair",
    languages=("en",),
    metrics=("accuracy",),
    score_metrics=("accuracy",),
    labels=NLI_LABELS,
    reader="pair",
    files={
        split: f"snli/snli_1.0/snli_1.0_{split}.jsonl|snli/glue_data/SNLI/{split}.tsv"
        for split in ("train", "dev", "test")
    },
    select="best",
    # Rows without a gold label ("-") are not counted.
    sizes={"train": {"en": 549367}, "dev": {"en": 9842}, "test": {"en": 9824}},
    title="The Stanford Natural Language Inference corpus",
    licence="CC BY-SA 4.0",
    citation="Bowman, Angeli, Potts, Manning: A large annotated corpus for learning natural language inference, "
    "EMNLP 2015",
    home_page="https://nlp.stanford.edu/projects/snli/",
)

MNLI = Task(
    name="mnli",
    kind="intermediate",
    format="pair",
    languages=("en",),
    metrics=("accuracy",),
    score_metrics=("accuracy",),
    labels=NLI_LABELS,
    reader="pair",
    files={"train": "mnli/glue_data/MNLI/train.tsv", "dev": "mnli/glue_data/MNLI/dev_matched.tsv"},
    select="best",
    sizes={"train": {"en": 392702}, "dev": {"en": 9815}},
    title="The Multi-Genre Natural Language Inference corpus",
    licence="OANC licence, CC BY-SA 3.0, CC BY 3.0 and US public domain, by genre",
    citation="Williams, Nangia, Bowman: A Broad-Coverage Challenge Corpus for Sentence Understanding through "
    "Inference, NAACL 2018",
    home_page="https://cims.nyu.edu/~sbowman/multinli/",
)

# Three rounds of collection; the reference trains on all of them.
ANLI = Task(
    name="anli",
    kind="intermediate",
    format="pair",
    languages=("en",),
    metrics=("accuracy",),
    score_metrics=("accuracy",),
    labels=NLI_LABELS,
    reader="pair",
    files={split: f"anli/anli_v1.0/R*/{split}.jsonl" for split in ("train", "dev", "test")},
    select="best",
    sizes={"train": {"en": 16946 + 45460 + 100459}, "dev": {"en": 1000 + 1000 + 1200}, "test": {"en": 3200}},
    title="Adversarial NLI, rounds 1 to 3",
    licence="CC BY-NC 4.0",
    citation="Nie, Williams, Dinan, Bansal, Weston, Kiela: Adversarial NLI: A New Benchmark for Natural Language "
    "Understanding, ACL 2020",
    home_page="https://github.com/facebookresearch/anli",
)

_NLI = (SNLI, MNLI, ANLI)

# The paper's ANLI+: five data sets, one head.
ANLI_PLUS = Task(
    name="anli_plus",
    kind="intermediate",
    format="pair",
    languages=("en",),
    metrics=("accuracy",),
    score_metrics=("accuracy",),
    labels=NLI_LABELS,
    reader="pair",
    parts=tuple(part.name for part in _NLI),
    files={split: " + ".join(part.files[split] for part in _NLI) for split in ("train", "dev")},
    select="best",
    sizes={split: {"en": sum(part.sizes[split]["en"] for part in _NLI)} for split in ("train", "dev")},
    version=sum(part.version for part in _NLI),
    title="ANLI+: SNLI, MultiNLI and the three rounds of Adversarial NLI as one task",
    licence="by part: see snli, mnli, anli (CC BY-NC 4.0)",
    citation="Phang et al.: English Intermediate-Task Training Improves Zero-Shot Cross-Lingual Transfer Too, "
    "AACL 2020",
    home_page="https://arxiv.org/abs/2005.13013",
)

# Pairs of GLUE; three of its rows are broken by line ends within a question.
QQP = Task(
    name="qqp",
    kind="intermediate",
    format="pair",
    languages=("en",),
    metrics=("accuracy",),
    score_metrics=("accuracy",),
    labels=("0", "1"),
    placeholders=("",),
    reader="pair",
    files={split: f"qqp/glue_data/QQP/{split}.tsv" for split in ("train", "dev")},
    select="best",
    sizes={"train": {"en": 363846}, "dev": {"en": 40430}},
    unverified=("dev",),
    title="Quora Question Pairs, split as in GLUE",
    licence="Quora's terms of use, non-commercial (unverified)",
    citation="Iyer, Dandekar, Csernai: First Quora Dataset Release: Question Pairs, 2017",
    home_page="https://gluebenchmark.com/tasks",
)

# The reference keeps its list of 1,363 supertags in a file beside the licensed data; here the training file tells it.
CCG = Task(
    name="ccg",
    kind="intermediate",
    format="tagging",
    languages=("en",),
    metrics=("accuracy",),
    score_metrics=("accuracy",),
    learns_labels=True,
    label_count=1363,
    reader="supertags",
    # The reference's own lines, or the AUTO files of CCGbank by its usual sections: 02-21, 00 and 23.
    files={
        "train": "ccg/train.tsv|ccg/train|ccg/AUTO/0[2-9] + ccg/AUTO/1[0-9] + ccg/AUTO/2[01]",
        "dev": "ccg/dev.tsv|ccg/dev|ccg/AUTO/00",
        "test": "ccg/test.tsv|ccg/test|ccg/AUTO/23",
    },
    select="best",
    sizes={"train": {"en": 38015}},
    unverified=("train",),
    title="CCGbank supertagging",
    licence="LDC user agreement (LDC2005T13): the user brings the data",
    citation="Hockenmaier, Steedman: CCGbank: A Corpus of CCG Derivations and Dependency Structures Extracted from the "
    "Penn Treebank, Computational Linguistics 33(3), 2007",
    home_page="https://catalog.ldc.upenn.edu/LDC2005T13",
)

# XQuAD (and LAReQA) are translations of SQuAD v1.1's dev set and recur in v2.0's: choosing a checkpoint on SQuAD dev
# would leak, so held-out training articles choose.
SQUAD_V1 = Task(
    name="squad_v1",
    kind="intermediate",
    format="span",
    languages=("en",),
    metrics=("f1", "exact_match"),
    score_metrics=("f1", "exact_match"),
    reader="span",
    files={"train": "squad/train-v1.1.json", "dev": "squad/dev-v1.1.json"},
    selection="heldout",
    id_space="squad",
    training_data="squad",
    sizes={"train": {"en": 87599}, "dev": {"en": 10570}},
    title="The Stanford Question Answering Dataset 1.1",
    licence="CC BY-SA 4.0",
    citation="Rajpurkar, Zhang, Lopyrev, Liang: SQuAD: 100,000+ Questions for Machine Comprehension of Text, "
    "EMNLP 2016",
    home_page="https://rajpurkar.github.io/SQuAD-explorer/",
)

SQUAD_V2 = Task(
    name="squad_v2",
    kind="intermediate",
    format="span",
    languages=("en",),
    metrics=("f1", "exact_match"),
    score_metrics=("f1", "exact_match"),
    reader="span",
    files={"train": "squad/train-v2.0.json", "dev": "squad/dev-v2.0.json"},
    has_no_answer=True,
    selection="heldout",
    id_space="squad",
    training_data="squad",
    sizes={"train": {"en": 130319}, "dev": {"en": 11873}},
    title="The Stanford Question Answering Dataset 2.0",
    licence="CC BY-SA 4.0",
    citation="Rajpurkar, Jia, Liang: Know What You Don't Know: Unanswerable Questions for SQuAD, ACL 2018",
    home_page="https://rajpurkar.github.io/SQuAD-explorer/",
)

INTERMEDIATE: tuple[Task, ...] = (SNLI, MNLI, ANLI, ANLI_PLUS, QQP, SQUAD_V1, SQUAD_V2, CCG)
