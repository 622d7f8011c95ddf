"""Multiple-choice tasks in English: the reference's three, and the two that XCOPA is trained on."""

from __future__ import annotations

from stilts.tasks.base import Task

HELLASWAG = Task(
    name="hellaswag",
    kind="intermediate",
    format="choice",
    languages=("en",),
    metrics=("accuracy",),
    score_metrics=("accuracy",),
    reader="hellaswag",
    files={
        "train": "hellaswag/hellaswag_train.jsonl",
        "dev": "hellaswag/hellaswag_val.jsonl",
        "test": "hellaswag/hellaswag_test.jsonl",  # without labels
    },
    labels_at_hand={"test": "not public"},
    select="best",
    sizes={"train": {"en": 39905}, "dev": {"en": 10042}, "test": {"en": 10003}},
    title="HellaSwag: Can a Machine Really Finish Your Sentence?",
    licence="MIT",
    citation="Zellers, Holtzman, Bisk, Farhadi, Choi: HellaSwag: Can a Machine Really Finish Your Sentence?, ACL 2019",
    home_page="https://rowanzellers.com/hellaswag/",
)

COSMOSQA = Task(
    name="cosmosqa",
    kind="intermediate",
    format="choice",
    languages=("en",),
    metrics=("accuracy",),
    score_metrics=("accuracy",),
    reader="cosmosqa",
    files={
        "train": "cosmosqa/train.csv|cosmosqa/train.jsonl",
        "dev": "cosmosqa/valid.csv|cosmosqa/valid.jsonl",
        "test": "cosmosqa/test.jsonl",  # without labels
    },
    labels_at_hand={"test": "not public"},
    select="best",
    sizes={"train": {"en": 25262}, "dev": {"en": 2985}, "test": {"en": 6963}},
    title="Cosmos QA: commonsense-based reading comprehension",
    licence="CC BY 4.0 (by e-mail of an author, as the hub's card quotes it; the repository states none)",
    citation="Huang, Le Bras, Bhagavatula, Choi: Cosmos QA: Machine Reading Comprehension with Contextual Commonsense "
    "Reasoning, EMNLP 2019",
    home_page="https://wilburone.github.io/cosmos/",
)

COMMONSENSEQA = Task(
    name="commonsenseqa",
    kind="intermediate",
    format="choice",
    languages=("en",),
    metrics=("accuracy",),
    score_metrics=("accuracy",),
    reader="commonsenseqa",
    files={
        "train": "commonsenseqa/train_rand_split.jsonl",
        "dev": "commonsenseqa/dev_rand_split.jsonl",
        "test": "commonsenseqa/test_rand_split_no_answers.jsonl",
    },
    labels_at_hand={"test": "not public"},
    select="best",
    sizes={"train": {"en": 9741}, "dev": {"en": 1221}, "test": {"en": 1140}},
    title="CommonsenseQA, random split",
    licence="MIT",
    citation="Talmor, Herzig, Lourie, Berant: CommonsenseQA: A Question Answering Challenge Targeting Commonsense "
    "Knowledge, NAACL 2019",
    home_page="https://www.tau-nlp.org/commonsenseqa",
)

SOCIALIQA = Task(
    name="socialiqa",
    kind="intermediate",
    format="choice",
    languages=("en",),
    metrics=("accuracy",),
    score_metrics=("accuracy",),
    reader="socialiqa",
    # Release 1.4 has the answers in the rows; the first release has them in train-labels.lst and dev-labels.lst.
    files={
        "train": "socialiqa/socialIQa_v1.4_trn.jsonl|socialiqa/socialiqa-train-dev/train.jsonl",
        "dev": "socialiqa/socialIQa_v1.4_dev.jsonl|socialiqa/socialiqa-train-dev/dev.jsonl",
        "test": "socialiqa/socialIQa_v1.4_tst.jsonl",
    },
    select="best",
    sizes={"train": {"en": 33410}, "dev": {"en": 1954}, "test": {"en": 2224}},
    title="Social IQa: Commonsense Reasoning about Social Interactions",
    licence="CC BY 4.0",
    citation="Sap, Rashkin, Chen, Le Bras, Choi: Social IQa: Commonsense Reasoning about Social Interactions, "
    "EMNLP 2019",
    home_page="https://leaderboard.allenai.org/socialiqa/submissions/get-started",
)

COPA = Task(
    name="copa",
    kind="intermediate",
    format="choice",
    languages=("en",),
    metrics=("accuracy",),
    score_metrics=("accuracy",),
    reader="copa",
    # XCOPA's own format; by XTREME-R's names, or SuperGLUE's. The labels of the English test set are not public there.
    files={
        split: f"copa/{name}-en.jsonl|xcopa/{name}-en.jsonl|xcopa/{name}.en.jsonl|copa/COPA/{name}.jsonl"
        for split, name in (("train", "train"), ("dev", "val"))
    },
    select="best",
    sizes={"train": {"en": 400}, "dev": {"en": 100}},
    title="Choice of Plausible Alternatives, split as in SuperGLUE",
    licence="BSD 2-Clause (unverified)",
    citation="Roemmele, Bejan, Gordon: Choice of Plausible Alternatives: An Evaluation of Commonsense Causal "
    "Reasoning, AAAI Spring Symposium 2011",
    home_page="https://people.ict.usc.edu/~gordon/copa.html",
)

CHOICE: tuple[Task, ...] = (HELLASWAG, COSMOSQA, COMMONSENSEQA, SOCIALIQA, COPA)
