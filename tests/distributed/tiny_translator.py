"""A tiny random M2M-100 with a tokenizer of its own, as a Hugging Face folder, and small training sets to translate."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import sentencepiece
import torch
from tiny import WORDS, sentence
from transformers import M2M100Config, M2M100ForConditionalGeneration, M2M100Tokenizer


def make_translator(folder: Path, seed: int = 0, layers: int = 1, hidden: int = 16) -> Path:
    """A random model that "translates" from and into the 100 languages of M2M-100."""
    folder.mkdir(parents=True)
    made = io.BytesIO()
    lines = [" ".join(sentence(random.Random(number), 12)) + " [ ] where?" for number in range(200)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=made, vocab_size=120, model_type="bpe", character_coverage=1.0,
        bos_id=-1, eos_id=-1, pad_id=-1, minloglevel=2, num_threads=1,
    )  # fmt: skip
    (folder / "spm.model").write_bytes(made.getvalue())
    own = sentencepiece.SentencePieceProcessor(model_proto=made.getvalue())
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    pieces = [own.id_to_piece(number) for number in range(own.get_piece_size())]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys([*special, *pieces]))}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    tokenizer = M2M100Tokenizer(str(folder / "vocab.json"), str(folder / "spm.model"))
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    config = M2M100Config(
        vocab_size=tokenizer.get_lang_id("zu") + 9, d_model=hidden, encoder_layers=layers, decoder_layers=layers,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=2 * hidden, decoder_ffn_dim=2 * hidden,
        max_position_embeddings=64, dropout=0.0, init_std=0.5,
    )  # fmt: skip
    M2M100ForConditionalGeneration(config).save_pretrained(folder)
    return folder


def write_mnli(root: Path, rows: int) -> Path:
    """A training set of pairs in MNLI's layout, of texts of one or more sentences."""
    rng = random.Random(5)
    lines = ["pairID\tsentence1\tsentence2\tgold_label"]
    for number in range(rows):
        texts = [". ".join(" ".join(sentence(rng, rng.randint(2, 9))).capitalize() for _ in range(rng.randint(1, 3)))
                 for _ in range(2)]  # fmt: skip
        lines.append("\t".join([f"p{number}", *texts, rng.choice(["entailment", "neutral", "contradiction"])]))
    return _put(root / "mnli/glue_data/MNLI/train.tsv", "\n".join(lines) + "\n")


def write_squad(root: Path, articles: int, questions: int = 3) -> Path:
    """A training set in SQuAD's layout: paragraphs of several sentences, each with several questions."""
    rng, data = random.Random(7), []
    for number in range(articles):
        words = sentence(rng, 24)
        context = ". ".join(" ".join(words[k : k + 6]).capitalize() for k in range(0, 24, 6)) + "."
        qas = []
        for k in range(questions):
            answer = context.split()[rng.randrange(24)].strip(".")
            start = context.index(answer)
            qas.append({"id": f"q{number}-{k}", "question": f"Where {rng.choice(WORDS)}?",
                        "answers": [{"text": answer, "answer_start": start}]})  # fmt: skip
        data.append({"title": f"T{number}", "paragraphs": [{"context": context, "qas": qas}]})
    return _put(root / "squad/train-v1.1.json", json.dumps({"version": "1.1", "data": data}))


def _put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
