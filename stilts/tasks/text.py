"""Masked LM on raw text, beside the intermediate tasks or instead of them."""

from __future__ import annotations

from stilts.tasks.base import Task
from stilts.tasks.languages import LANGUAGES

PREDICTED = 0.15
"""Share of the tokens of a row that masked LM predicts (Devlin et al. 2019, section 3.1)."""

MLM = Task(
    name="mlm",
    kind="intermediate",
    format="mlm",
    languages=tuple(LANGUAGES),
    metrics=(),  # trained on and not scored
    score_metrics=(),
    reader="text",
    # A file of the user's own goes before the collections in folders below.
    files={"train": "mlm_text/{language}.txt|mlm_text/*/{language}.txt"},
    title="Masked language modelling of raw text, one example a line",
    licence="that of the text",
    citation="Conneau et al.: Unsupervised Cross-lingual Representation Learning at Scale, ACL 2020",
    home_page="https://aclanthology.org/2020.acl-main.747/",
)
