"""A packed stream gives what a padded batch gives, hidden states and gradients, on every architecture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    AutoModel,
    BertConfig,
    DebertaV2Config,
    PreTrainedConfig,
    PreTrainedModel,
    RobertaConfig,
    XLMRobertaConfig,
    XLMRobertaXLConfig,
)

from stilts.formats.batch import Batch, Packing
from stilts.model.attention import packed_attention
from stilts.model.block_attention import block_attention
from stilts.model.dropout import dropout_masks
from stilts.model.encoder import checkpoint_layers, encode, load_encoder, spare_tokens

LENGTHS = (17, 9, 9, 4, 1)
SIZES: dict[str, Any] = {
    "vocab_size": 60,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 40,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "initializer_range": 0.2,  # large enough that attention is not flat
}
CONFIGS = {
    "bert": BertConfig(**SIZES),
    "roberta": RobertaConfig(**SIZES),
    "xlm-roberta": XLMRobertaConfig(**SIZES, type_vocab_size=1),
    "xlm-roberta-xl": XLMRobertaXLConfig(**SIZES, type_vocab_size=1),
}


def stream(seed: int = 0) -> Batch:
    """Sequences of LENGTHS tokens, none of them padding; types only where the model has two."""
    generator = torch.Generator().manual_seed(seed)
    packing = Packing.of(LENGTHS)
    ids = torch.randint(5, 60, (sum(LENGTHS),), generator=generator)
    nothing = torch.zeros(0, dtype=torch.long)
    inputs = {"input_ids": ids, "places": packing.places()}
    return Batch(inputs, packing, nothing, nothing, {}, torch.ones(len(LENGTHS)))


def saved(config: PreTrainedConfig, folder: Path) -> Path:
    torch.manual_seed(1)
    model = AutoModel.from_config(config)
    for parameter in model.parameters():  # biases start at 0 and norms at 1, where a wrong use would not show
        if parameter.dim() == 1:
            parameter.data += 0.1 * torch.randn(parameter.shape)
    model.save_pretrained(folder)
    return folder


def reference(folder: Path) -> PreTrainedModel:
    return AutoModel.from_pretrained(folder, attn_implementation="eager").train()


def padded_states(model: PreTrainedModel, batch: Batch, layer: int) -> torch.Tensor:
    rows = batch.inputs["input_ids"].split(list(LENGTHS))
    ids = pad_sequence(rows, batch_first=True, padding_value=model.config.pad_token_id or 0)
    mask = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
    states = model(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states[layer]
    return torch.cat([row[:length] for row, length in zip(states, LENGTHS, strict=True)])


def same_gradients(ours: PreTrainedModel, theirs: PreTrainedModel) -> None:
    """Relative to the largest of each parameter; a key's bias has none (a softmax does not see it): the query's."""
    named = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        if parameter.grad is None:
            assert named[name].grad is None
            continue
        scale = float(named[name.replace("key.bias", "query.bias")].grad.abs().max())
        torch.testing.assert_close(parameter.grad, named[name].grad, rtol=0, atol=1e-5 * scale, msg=name)


@pytest.mark.parametrize("kind", CONFIGS)
def test_packed_equals_padded(kind: str, tmp_path: Path) -> None:
    folder = saved(CONFIGS[kind], tmp_path)
    ours, theirs = load_encoder(str(folder), None, torch.float32, 0.0, False), reference(folder)
    for layer in range(4):
        with torch.no_grad():
            torch.testing.assert_close(
                encode(ours, stream(), layer), padded_states(theirs, stream(), layer), rtol=1e-5, atol=1e-5
            )
    weights = torch.randn(sum(LENGTHS), 32, generator=torch.Generator().manual_seed(3))
    (encode(ours, stream()) * weights).sum().backward()
    (padded_states(theirs, stream(), 3) * weights).sum().backward()
    same_gradients(ours, theirs)


def test_token_types_travel_packed(tmp_path: Path) -> None:
    folder = saved(CONFIGS["bert"], tmp_path)
    ours, theirs = load_encoder(str(folder), None, torch.float32, 0.0, False), reference(folder)
    batch = stream()
    types = torch.cat([torch.arange(length) >= length // 2 for length in LENGTHS]).long()
    packed = encode(ours, Batch({**batch.inputs, "token_type_ids": types}, *_rest(batch)))
    first = LENGTHS[0]
    alone = theirs(
        input_ids=batch.inputs["input_ids"][None, :first],
        token_type_ids=types[None, :first],
        attention_mask=torch.ones(1, first, dtype=torch.long),
    ).last_hidden_state[0]
    torch.testing.assert_close(packed[:first], alone, rtol=1e-5, atol=1e-5)


def _rest(batch: Batch) -> tuple[Any, ...]:
    return batch.packing, batch.outputs, batch.output_rows, batch.columns, batch.weight


def test_a_model_that_needs_padding_keeps_the_same_interface(tmp_path: Path) -> None:
    config = DebertaV2Config(**SIZES, relative_attention=True, pos_att_type=["p2c", "c2p"], type_vocab_size=0)
    folder = saved(config, tmp_path)
    ours, theirs = load_encoder(str(folder), None, torch.float32, 0.0, False), reference(folder)
    torch.testing.assert_close(encode(ours, stream()), padded_states(theirs, stream(), 3), rtol=1e-5, atol=1e-5)


def test_a_sequence_does_not_see_its_neighbours(tmp_path: Path) -> None:
    model = load_encoder(str(saved(CONFIGS["xlm-roberta"], tmp_path)), None, torch.float32, 0.0, False)
    batch, other = stream(), stream()
    other.inputs["input_ids"][17:] = 7
    torch.testing.assert_close(encode(model, batch)[:17], encode(model, other)[:17], rtol=0, atol=0)


def test_attention_dropout_is_applied_in_training_only(tmp_path: Path) -> None:
    folder = saved(CONFIGS["xlm-roberta"], tmp_path)
    model = load_encoder(str(folder), None, torch.float32, None, False)
    for layer in model.encoder.layer:
        layer.attention.self.dropout.p = 0.5
    with torch.no_grad():
        first, second = encode(model, stream()), encode(model, stream())
        assert not torch.equal(first, second)
        model.eval()
        torch.testing.assert_close(encode(model, stream()), padded_states(reference(folder), stream(), 3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_masks_keep_the_configured_share_and_the_mean(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    first, second = dropout_masks([(300, 700), (11,)], 0.1, dtype)
    assert (first.shape, second.shape) == ((300, 700), (11,))
    assert float((first == 0).float().mean()) == pytest.approx(0.1, abs=0.003)
    assert sorted(first.unique().tolist()) == pytest.approx([0.0, 1 / 0.9], rel=4e-3)
    torch.manual_seed(0)
    torch.testing.assert_close(dropout_masks([(300, 700), (11,)], 0.1, dtype)[0], first, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropped_attention_weights_have_the_right_mean(dtype: torch.dtype) -> None:
    """Over many draws, attention with dropout is attention: what is dropped is made up for by what is kept."""
    torch.manual_seed(0)
    packing = Packing.of(LENGTHS)
    states = [torch.randn(1, 4, sum(LENGTHS), 8).to(dtype) for _ in range(3)]
    whole, _ = packed_attention(torch.nn.Identity(), *states, None, packing)
    draws = [packed_attention(torch.nn.Identity(), *states, None, packing, dropout=0.2)[0].float() for _ in range(400)]
    assert float((torch.stack(draws).mean(0) - whole.float()).abs().max()) < 0.12
    assert not torch.equal(draws[0], draws[1])


@pytest.mark.parametrize("lengths", [(9, 9, 8, 7), (5, 5), (30, 2, 29), (1,)])
def test_attention_in_blocks_is_torchs(lengths: tuple[int, ...]) -> None:
    """What a CPU computes in bf16 training and with dropout, beside torch's operator a sequence; gradients too."""
    torch.manual_seed(0)
    packing = Packing.of(lengths)
    ours = [torch.randn(sum(lengths), 2, 8, requires_grad=True) for _ in range(3)]
    theirs = [state.detach().clone().requires_grad_() for state in ours]
    out = block_attention(*ours, packing, 0.0, 8**-0.5)
    parts = zip(*(state.split(lengths) for state in theirs), strict=True)
    wanted = torch.cat([
        scaled_dot_product_attention(*(part.transpose(0, 1) for part in three)).transpose(0, 1) for three in parts
    ])  # fmt: skip
    torch.testing.assert_close(out, wanted)
    weights = torch.randn_like(out)
    (out * weights).sum().backward()
    (wanted * weights).sum().backward()
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.grad, other.grad)


@pytest.mark.parametrize("lengths", [(6, 6, 6), (7, 6, 5)])
def test_gradient_of_dropped_attention_is_autograds(lengths: tuple[int, ...]) -> None:
    """The hand-written gradient beside autograd's of the same steps on padded cells, with the same masks."""
    torch.manual_seed(0)
    packing, heads, width, longest = Packing.of(lengths), 2, 8, max(lengths)
    ours = [torch.randn(sum(lengths), heads, width, requires_grad=True) for _ in range(3)]
    theirs = [state.detach().clone().requires_grad_() for state in ours]
    torch.manual_seed(5)
    out = block_attention(*ours, packing, 0.3, 0.4)
    torch.manual_seed(5)
    (dropped,) = dropout_masks([(heads * len(lengths), longest, longest)], 0.3, torch.float32)
    index, real = packing.padded()
    q, k, v = (state[index].permute(2, 0, 1, 3) for state in theirs)  # (heads, sequences, longest, width)
    scores = (q @ k.mT * 0.4).masked_fill(~real[:, None, :], -torch.inf)
    weights = scores.softmax(-1) * dropped.view_as(scores)
    wanted = (weights @ v).permute(1, 2, 0, 3)[real]
    torch.testing.assert_close(out, wanted)
    above = torch.randn_like(out)
    (out * above).sum().backward()
    (wanted * above).sum().backward()
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.grad, other.grad)


@pytest.mark.parametrize("layers", [True, 1, 2])
def test_checkpointed_layers_are_recomputed_and_change_no_gradient(layers: bool | int, tmp_path: Path) -> None:
    folder = str(saved(CONFIGS["xlm-roberta"], tmp_path))
    plain, thrifty = (load_encoder(folder, None, torch.float32, 0.0, n) for n in (False, layers))
    calls = [0, 0, 0]
    for number, layer in enumerate(thrifty.encoder.layer):
        layer.attention.register_forward_hook(lambda *_, n=number: calls.__setitem__(n, calls[n] + 1))
    for model in (plain, thrifty):
        encode(model, stream()).square().sum().backward()
    recomputed = 3 if layers is True else layers
    assert calls == [2] * recomputed + [1] * (3 - recomputed)
    same_gradients(thrifty, plain)


@pytest.mark.parametrize("tokens", [1, 63, 64, 200, 853, 8191, 8193])
def test_streams_are_rounded_up_by_less_than_two_per_cent(tokens: int) -> None:
    spare = spare_tokens(tokens)
    assert 0 <= spare <= 0.016 * tokens
    assert len({n + spare_tokens(n) for n in range(tokens, 2 * tokens + 1)}) <= 129


def test_spare_tokens_change_nothing(tmp_path: Path) -> None:
    """In bf16 on a CPU the stream is longer than its rows; their states and all gradients are those without."""
    model = load_encoder(str(saved(CONFIGS["xlm-roberta"], tmp_path)), None, torch.bfloat16, 0.0, False)
    lengths = (*[30] * 6, 21)
    ids = torch.randint(5, 30, (sum(lengths),))
    packing = Packing.of(lengths)
    batch = Batch(
        {"input_ids": ids, "places": packing.places()}, packing, ids[:0], ids[:0], {}, torch.ones(len(lengths))
    )
    assert spare_tokens(sum(lengths)) > 0
    found = {}
    for dtype in (torch.bfloat16, torch.float32):
        model.to(dtype).zero_grad()
        hidden = encode(model, batch)
        assert hidden.shape[0] == sum(lengths)
        hidden.float().square().sum().backward()
        found[dtype] = {name: parameter.grad.float() for name, parameter in model.named_parameters()}
    coarse, fine = (torch.cat([gradient.flatten() for gradient in found[dtype].values()]) for dtype in found)
    assert float((coarse - fine).norm() / fine.norm()) < 0.05


def test_checkpointing_no_layer_is_none(tmp_path: Path) -> None:
    model = load_encoder(str(saved(CONFIGS["bert"], tmp_path)), None, torch.float32, 0.0, False)
    checkpoint_layers(model, 0)
    assert not model.is_gradient_checkpointing
