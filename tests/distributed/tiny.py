"""A tiny run on disk: a random XLM-R with a small tokenizer, prepared sets of any format, and its run.yaml."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import torch
import yaml
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForMaskedLM,
    AutoTokenizer,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaModel,
    XLMRobertaXLConfig,
    XLMRobertaXLModel,
)

from stilts.config import RunSettings, SetRef, Training
from stilts.data.store import write_set
from stilts.formats import get_format
from stilts.settings import plain
from stilts.tasks import get_task
from stilts.tasks.examples import (
    ChoiceExample,
    Example,
    PairExample,
    RetrievalExample,
    SentenceExample,
    SpanExample,
    TaggingExample,
    TextExample,
)

WORDS = [a + b for a in ("ka", "mo", "ri", "tel", "su", "pan") for b in ("ro", "lin", "ga", "tos", "e", "vud")]
LABELS = ("entailment", "neutral", "contradiction")


def sentence(rng: random.Random, words: int) -> list[str]:
    """Random words."""
    return [rng.choice(WORDS) for _ in range(words)]


def examples_of(task: str, count: int, seed: int) -> list[Example]:
    """Learnable random examples: the label shows in the first word."""
    rng = random.Random(f"{task} {seed}")
    out: list[Example] = []
    for i in range(count):
        words = sentence(rng, rng.randint(4, 14))
        form = get_task(task).format
        if form == "pair":
            label = LABELS[WORDS.index(words[0]) % 3] if task != "pawsx" else str(WORDS.index(words[0]) % 2)
            out.append(PairExample(f"{task}{i}", " ".join(words), " ".join(sentence(rng, 5)), label))
        elif form == "span":
            at = rng.randrange(len(words))
            start = len(" ".join(words[:at])) + (at > 0)
            out.append(
                SpanExample(f"{task}{i}", f"where {words[at]}", " ".join(words), ((words[at], start),), f"a{i // 4}")
            )
        elif form == "choice":
            choices = tuple(" ".join(sentence(rng, rng.randint(1, 6))) for _ in range(rng.randint(2, 5)))
            out.append(ChoiceExample(f"{task}{i}", " ".join(words), choices, rng.randrange(len(choices))))
        elif form == "dual":
            texts = tuple(" ".join(sentence(rng, rng.randint(2, 7))) for _ in range(3))
            right = rng.randrange(3)
            context, answer = " ".join(texts), texts[right].split()[0]
            answers = ((answer, context.index(texts[right])),)
            question = f"where {texts[right].split()[-1]} {words[0]}"
            out.append(SentenceExample(f"{task}{i}", question, context, answers, f"a{i // 4}", texts, right))
        elif form == "tagging":
            tags = tuple(("NOUN", "VERB", "ADJ")[WORDS.index(w) % 3] for w in words)
            out.append(TaggingExample(f"{task}{i}", tuple(words), tags))
        elif form == "mlm":
            out.append(TextExample(f"{task}{i}", " ".join(words)))
        else:
            out.append(RetrievalExample(f"{task}{i}", " ".join(words), " ".join(reversed(words))))
    return out


def make_model(
    folder: Path, layers: int = 2, hidden: int = 32, xl: bool = False, lm: bool = False, std: float = 0.02
) -> Path:
    """A tiny random XLM-R (or XLM-R-XL) with its own tokenizer, as a Hugging Face folder; with `lm` its LM head too.

    `std` is that of its weights: with the usual 0.02 a first token of so small a model hardly knows the rest.
    """
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer.train_from_iterator([" ".join(WORDS) + " where"], trainers.WordLevelTrainer(special_tokens=special))
    pair = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.post_processor = pair
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
        model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(folder)
    kind, model = (XLMRobertaXLConfig, XLMRobertaXLModel) if xl else (XLMRobertaConfig, XLMRobertaModel)
    config = kind(
        vocab_size=64,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=(4 if xl else 2) * hidden,
        max_position_embeddings=130,
        type_vocab_size=1,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        initializer_range=std,
    )
    torch.manual_seed(0)
    if lm:
        whole = AutoModelForMaskedLM.from_config(config)
        whole.lm_head.bias.data.normal_()  # it starts as zeros, where a lost one would not show
        whole.save_pretrained(folder)
    else:
        model(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def make_set(study: Path, model: Path, task: str, count: int, split: str = "train", language: str = "en") -> SetRef:
    """Write one prepared set below `study/features` and name it."""
    declared = get_task(task)
    examples = examples_of(task, count, len(split) + ord(language[-1]))
    rows = get_format(declared.format).features(
        declared, examples, AutoTokenizer.from_pretrained(model), 48, split == "train"
    )
    ref = SetRef(task, split, language, f"{task}/{split}-{language}-test")
    write_set(study / "features" / ref.folder, declared.format, examples, rows, {})
    return ref


def make_run(study: Path, model: Path, run: str, trains_on: dict[str, int], **changes: Any) -> Path:
    """Write `runs/<run>/run.yaml` for training on `{task: examples}`; returns its path.

    `changes` replace fields of RunSettings; `training` is merged.
    """
    training: dict[str, Any] = {
        "batch_size": 8,
        "learning_rate": 1e-3,
        "warmup": 0.0,
        "weight_decay": 0.01,
        "max_steps": 5,
        "epochs": 1.0,
        "max_length": 48,
        "select": "last",
        "dropout": 0.0,
        "precision": "fp32",
        "log_every": 1,
        "save_every": 0,
        **changes.pop("training", {}),
    }
    settings = RunSettings(
        study="tiny",
        run=run,
        kind=changes.pop("kind", "target"),
        recipe="none",
        seeds={"intermediate": None, "target": changes.pop("seed", 1)},
        settings_hash=changes.pop("settings_hash", "0123456789ab"),
        trains_on=list(trains_on),
        train_sets=[make_set(study, model, t, n) for t, n in trains_on.items()],
        model=changes.pop("model", None) or RunSettings.__dataclass_fields__["model"].default_factory(),
        training=Training(**training),
        deepspeed=changes.pop("deepspeed", {"config": "zero2"}),
        **changes,
    )
    content = plain(settings)
    content["model"]["name"] = str(model)
    path = study / "runs" / run / "run.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path
