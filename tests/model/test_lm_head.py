"""The published LM head, continued: where its weights come from, and that it computes what transformers' does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from test_packed import CONFIGS, SIZES, saved
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForMaskedLM, BertConfig, DebertaV2Config, PreTrainedConfig, XLMRobertaConfig

from stilts.data.batches import collate
from stilts.errors import InputError
from stilts.formats.layers import IGNORE
from stilts.formats.mlm import MlmFormat
from stilts.model.build import build_model
from stilts.model.multitask import MultiTaskModel

FORM = MlmFormat()


def saved_lm(config: PreTrainedConfig, folder: Path, **options: Any) -> Path:
    """A random masked LM whose biases and norms are not where they start."""
    torch.manual_seed(1)
    model = AutoModelForMaskedLM.from_config(config)
    for parameter in model.parameters():
        if parameter.dim() == 1:
            parameter.data += 0.1 * torch.randn(parameter.shape)
    model.save_pretrained(folder, **options)
    return folder


def rows(count: int = 6) -> list[dict[str, Any]]:
    """Feature rows with masks drawn, none of them of another's length."""
    generator = np.random.default_rng(3)
    out = []
    for i in range(count):
        ids = generator.integers(5, 60, size=4 + 3 * i)
        row = {"input_ids": ids, "maskable": np.arange(1, len(ids) - 1), "mask_token": 4, "vocabulary": 60}
        out.append(FORM.fresh({**row, "example": i}, generator))
    return out


def ours(folder: Path, heads: tuple[str, ...] = ("mlm",)) -> MultiTaskModel:
    return build_model(str(folder), None, list(heads), 1, "fp32", dropout=0.0)


def loss_of(model: MultiTaskModel) -> torch.Tensor:
    batch = collate(rows(), FORM)
    return model(batch, head="mlm", normaliser=float(FORM.units(batch).sum()))


def loss_of_transformers(folder: Path) -> tuple[Any, torch.Tensor]:
    model = AutoModelForMaskedLM.from_pretrained(folder, attn_implementation="eager").train()
    ids = [torch.from_numpy(row["input_ids"]) for row in rows()]
    labels = [torch.from_numpy(row["labels"]) for row in rows()]
    out = model(
        input_ids=pad_sequence(ids, batch_first=True, padding_value=model.config.pad_token_id),
        attention_mask=pad_sequence([torch.ones_like(row) for row in ids], batch_first=True),
        labels=pad_sequence(labels, batch_first=True, padding_value=IGNORE),
    )
    return model, out.loss


@pytest.mark.parametrize("kind", CONFIGS)
def test_starts_with_the_loss_and_the_gradients_of_the_published_model(kind: str, tmp_path: Path) -> None:
    folder = saved_lm(CONFIGS[kind], tmp_path)
    model, (reference, wanted) = ours(folder), loss_of_transformers(folder)
    loss = loss_of(model)
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-5)
    loss.backward()
    wanted.backward()
    base = "bert" if kind == "bert" else "roberta"
    theirs = dict(reference.named_parameters(remove_duplicate=False))
    own = {name.replace("encoder.", f"{base}.", 1): p for name, p in model.named_parameters() if "heads" not in name}
    prefix = model.heads["mlm"].prefix
    own |= {prefix + name: parameter for name, parameter in model.heads["mlm"].named_parameters()}
    assert set(theirs) - set(own) == {f"{prefix}decoder.weight", f"{prefix}decoder.bias"}, "the same under other names"
    assert not set(own) - set(theirs)
    for name, parameter in own.items():
        scale = float(theirs[name.replace("key.bias", "query.bias")].grad.abs().max())
        torch.testing.assert_close(parameter.grad, theirs[name].grad, rtol=0, atol=1e-5 * scale, msg=name)


def test_the_embeddings_are_not_a_part_of_the_head(tmp_path: Path) -> None:
    model = ours(saved_lm(CONFIGS["xlm-roberta"], tmp_path))
    assert not [name for name in model.heads.state_dict() if "decoder" in name or "embedding" in name]
    assert model.heads["mlm"].decoder is model.encoder.embeddings.word_embeddings.weight


def test_an_idle_head_adds_nothing(tmp_path: Path) -> None:
    model = ours(saved_lm(CONFIGS["bert"], tmp_path), ("mnli", "mlm"))
    batch = collate(rows(), FORM)
    with torch.no_grad():
        both = model(batch, head="mlm", normaliser=1.0)
        alone = FORM.loss(model(batch, head="mlm"), batch).sum()
    torch.testing.assert_close(both, alone)
    (0.0 * model.heads["mlm"](torch.randn(1, 32, requires_grad=True)).float().sum()).backward()
    for parameter in (*model.heads["mlm"].parameters(), model.heads["mlm"].decoder):
        assert parameter.grad is not None
        assert not parameter.grad.any()


def _sharded(folder: Path) -> None:
    """Several safetensors files and an index."""
    AutoModelForMaskedLM.from_pretrained(folder).save_pretrained(folder, max_shard_size="20KB")
    (folder / "model.safetensors").unlink(missing_ok=True)
    assert len(list(folder.glob("model-*.safetensors"))) > 2


def _pickled(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def _old_pickle(folder: Path) -> None:
    """As PyTorch wrote files before 1.6."""
    weights = load_file(folder / "model.safetensors")
    torch.save(weights, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    (folder / "model.safetensors").unlink()


def _sharded_pickle(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    shards: dict[str, dict[str, torch.Tensor]] = {"a.bin": {}, "b.bin": {}}
    for number, (name, value) in enumerate(weights.items()):
        shards["ab"[number % 2] + ".bin"][name] = value
    for shard, part in shards.items():
        torch.save(part, folder / shard)
    index = {"metadata": {}, "weight_map": {name: shard for shard, part in shards.items() for name in part}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").unlink()


def _renamed(folder: Path, **names: str) -> None:
    weights = load_file(folder / "model.safetensors")
    for name in list(weights):
        new = name
        for old, other in names.items():
            new = other.join(new.rsplit(old, 1)) if new.endswith(old) else new
        weights[new] = weights.pop(name)
    save_file(weights, str(folder / "model.safetensors"), metadata={"format": "pt"})


def _old_bert(folder: Path) -> None:
    """Names of the checkpoints that were converted from TensorFlow."""
    _renamed(folder, **{"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"})


def _decoder_bias(folder: Path) -> None:
    """The bias under the decoder's name alone."""
    _renamed(folder, **{"predictions.bias": "predictions.decoder.bias", "lm_head.bias": "lm_head.decoder.bias"})


@pytest.mark.parametrize(
    ("kind", "change"),
    [("xlm-roberta", _sharded), ("xlm-roberta", _pickled), ("bert", _old_pickle), ("xlm-roberta", _sharded_pickle),
     ("bert", _old_bert), ("bert", _decoder_bias), ("xlm-roberta", _decoder_bias)],
)  # fmt: skip
def test_every_way_a_checkpoint_is_published(kind: str, change: Any, tmp_path: Path) -> None:
    wanted = {name: value.clone() for name, value in ours(saved_lm(CONFIGS[kind], tmp_path)).named_parameters()}
    change(tmp_path)
    found = dict(ours(tmp_path).named_parameters())
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=0)


def test_a_folder_without_a_head_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no LM head \(no weight lm_head.bias\)") as error:
        ours(saved(CONFIGS["xlm-roberta"], tmp_path))
    assert "\n" not in str(error.value)
    assert "remove mlm" in str(error.value)


@pytest.mark.parametrize(
    ("config", "found"),
    [
        (DebertaV2Config(**SIZES, relative_attention=True, pos_att_type=["p2c", "c2p"], type_vocab_size=0), "deberta"),
        (XLMRobertaConfig(**SIZES, type_vocab_size=1, tie_word_embeddings=False), "not tied"),
    ],
)
def test_heads_that_are_not_known_are_refused(config: PreTrainedConfig, found: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=found):
        ours(saved_lm(config, tmp_path))


def test_a_head_of_another_size_is_refused(tmp_path: Path) -> None:
    saved_lm(BertConfig(**SIZES), tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights["cls.predictions.bias"] = torch.zeros(7)
    save_file(weights, str(tmp_path / "model.safetensors"), metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"cls.predictions.bias of .* has the shape \(7,\)"):
        ours(tmp_path)
