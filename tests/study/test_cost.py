"""What a plan says a study will cost, against numbers worked out by hand, transformers' models and DeepSpeed's own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

from stilts.config import Sampling
from stilts.deepspeed_config import read_deepspeed_config
from stilts.errors import InputError
from stilts.study.cost import GIB, cost_of
from stilts.study.disk import checkpoint_bytes, refuse_without_space
from stilts.study.memory import Setup, activation_bytes, layouts, memory_of, state_bytes
from stilts.study.model_size import PUBLISHED, ModelSize, find_model_size, size_of_config
from stilts.study.show import plan_json, plan_text
from stilts.study.volume import flops_a_token, task_shares

LARGE, XL, XXL = (
    PUBLISHED[name] for name in ("FacebookAI/xlm-roberta-large", "facebook/xlm-roberta-xl", "facebook/xlm-roberta-xxl")
)
ALL = 558_840_832  # parameters of Large
LAYERS = 302_309_376  # those of its 24 layers
WORDS = 256_002_048  # 250,002 words of 1,024: its largest module


def setup(size: ModelSize = LARGE, ranks: int = 2, **changes) -> Setup:
    return replace(
        Setup(size, size.total, size.largest, 2, 8, ranks, 1, tokens=1000, recomputed=0, dropout=0.1), **changes
    )


def under(given: Setup, name: str):
    return memory_of(given, read_deepspeed_config({"config": name}))


# ---- model size

TINY = {
    "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 40, "vocab_size": 90,
    "max_position_embeddings": 30, "type_vocab_size": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "encoder", "total"),
    [
        ("FacebookAI/xlm-roberta-base", 85_054_464, 277_453_056),
        ("xlm-roberta-large", LAYERS, ALL),
        ("facebook/xlm-roberta-xl", 2_832_358_400, 3_475_929_600),
        ("facebook/xlm-roberta-xxl", 9_666_240_512, 10_695_954_432),
    ],
)
def test_published_sizes(name, encoder, total):
    size, why = find_model_size(name)
    assert (size.encoder, size.total, why) == (encoder, total, "")


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta", "xlm-roberta-xl", "Large", "XL", "XXL"])
def test_sizes_are_those_of_transformers(kind):
    import torch
    from transformers import AutoConfig, AutoModel

    published = {"Large": LARGE, "XL": XL, "XXL": XXL}.get(kind)
    if published is None:
        config = AutoConfig.for_model(kind, **TINY)
    else:
        config = AutoConfig.for_model(
            published.model_type, vocab_size=published.vocabulary, hidden_size=published.hidden,
            num_hidden_layers=published.layers, num_attention_heads=published.heads,
            intermediate_size=published.intermediate, max_position_embeddings=published.positions,
            type_vocab_size=published.types,
        )  # fmt: skip
    with torch.device("meta"):
        model = AutoModel.from_config(config, add_pooling_layer=False)
    size = size_of_config(config.to_dict())
    assert size == published or published is None
    assert size.total == sum(p.numel() for p in model.parameters())
    assert size.encoder == sum(p.numel() for p in model.encoder.parameters())
    assert size.largest == max(sum(p.numel() for p in m.parameters(recurse=False)) for m in model.modules())


def test_a_folder_of_ones_own(tmp_path):
    from transformers import XLMRobertaConfig

    XLMRobertaConfig(**TINY, hidden_dropout_prob=0.3).save_pretrained(tmp_path)
    size, _ = find_model_size(str(tmp_path))
    assert size == ModelSize("xlm-roberta", 3, 24, 2, 40, 90, 30, 2, 0.3)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        ("{", "Expecting"),
        ("[]", "indices"),
        ('{"model_type": "t5"}', "model_type 't5' is none of bert"),
        ('{"model_type": "bert"}', "it has no num_hidden_layers"),
    ],
)
def test_a_folder_whose_size_is_not_known(tmp_path, content, words):
    if content:
        (tmp_path / "config.json").write_text(content)
    size, why = find_model_size(str(tmp_path))
    assert size is None
    assert str(tmp_path) in why
    assert words in why


def test_the_hugging_face_cache(tmp_path, monkeypatch):
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    size, why = find_model_size("someone/encoder")
    assert size is None
    assert "hf download someone/encoder config.json" in why
    folder = tmp_path / "hub" / "models--someone--encoder"
    for commit, layers in (("aaa", 3), ("bbb", 4)):
        path = folder / "snapshots" / commit / "config.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({**TINY, "model_type": "bert", "num_hidden_layers": layers}))
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("bbb")
    assert find_model_size("someone/encoder")[0].layers == 4
    assert find_model_size("someone/encoder", "aaa")[0].layers == 3
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "nowhere"))
    assert find_model_size("someone/encoder")[0].layers == 4


# ---- memory


@pytest.mark.parametrize(("stage", "measured", "formula"), [(0, None, 16), (1, 14.0, 14), (2, 10.2, 10), (3, 9.1, 9)])
def test_state_is_what_was_measured_on_two_ranks(stage, measured, formula):
    gathered = 4 * WORDS if stage == 3 else 0  # the measurement was taken between two steps: nothing is gathered
    bytes_a_parameter = (state_bytes(setup(), stage) - gathered) / ALL
    assert bytes_a_parameter == formula
    assert measured is None or bytes_a_parameter == pytest.approx(measured, rel=0.025)


def test_state_on_eight_ranks():
    eight = setup(ranks=8)
    assert [state_bytes(eight, stage) for stage in range(4)] == [
        16 * ALL, 8 * ALL, 4 * ALL, 1_257_391_872 + 4 * WORDS
    ]  # fmt: skip
    assert state_bytes(eight, 2, optimizer_off=True) == 2 * ALL
    assert state_bytes(eight, 1, optimizer_off=True) == 6 * ALL
    assert state_bytes(eight, 3, optimizer_off=True) == ALL // 4 + 4 * WORDS
    assert state_bytes(eight, 3, optimizer_off=True, parameters_off=True) == 4 * WORDS


def test_state_in_fp32_with_sgd_and_with_frozen_embeddings():
    fp32 = setup(width=4)
    assert [state_bytes(fp32, stage) for stage in range(4)] == [16 * ALL, 14 * ALL, 12 * ALL, 8 * ALL + 8 * WORDS]
    assert state_bytes(setup(moments=0), 0) == 8 * ALL
    frozen = setup(trained=LAYERS, largest_gradient=LARGE.largest_linear)
    assert state_bytes(frozen, 2) == 2 * ALL + 8 * LAYERS
    assert LARGE.largest_linear == 1024 * 4096 + 4096
    assert state_bytes(frozen, 3) == ALL + 8 * LAYERS + 2 * WORDS + 2 * (1024 * 4096 + 4096)


def test_buffers():
    assert under(setup(), "zero1").buffers == 2 * 4 * 50_000_000 + 2 * WORDS
    assert under(setup(), "zero2").buffers == 2 * 2 * 50_000_000 + 2 * WORDS
    assert under(setup(), "zero2_offload").buffers == 2 * 2 * 50_000_000 + 2 * WORDS + 2 * ALL  # 4 bytes on 2 ranks
    assert under(setup(), "zero3").working == 2 * 50_000_000 + 2 * (ALL - WORDS)
    assert under(setup(), "zero0").working == 2 * 500_000_000
    alone = under(setup(ranks=1), "zero0")
    assert (alone.working, alone.step) == (0, 4 * ALL)  # the step's fp32 gradients come when activations are gone
    assert alone.total == alone.state + 4 * ALL > alone.state + alone.activations
    assert under(setup(XXL, 8), "zero3").working == 100_000_000  # 1e9 live elements are less than its embeddings


def test_memory_on_the_cpu():
    assert [under(setup(), name).host for name in ("zero2", "zero2_offload", "zero3_offload")] == [
        0,
        18 * ALL,
        22 * ALL,
    ]
    assert under(setup(ranks=16, nodes=2), "zero2_offload").host == 9 * ALL


def test_layouts_mark_the_studys_own():
    names = [m.name for m in layouts(setup(), read_deepspeed_config({"config": "zero2"}))]
    assert names == [
        "0", "1", "2", "2, optimizer on cpu", "3", "3, optimizer on cpu", "3, optimizer on cpu, parameters on cpu"
    ]  # fmt: skip
    offload = {"offload_optimizer": {"device": "cpu"}, "reduce_bucket_size": "auto"}
    found = layouts(setup(), read_deepspeed_config({"config": "zero1", "zero_optimization": offload}))
    assert [m.name for m in found if m.chosen] == ["1, optimizer on cpu"]
    assert len(found) == 8
    assert (
        next(m for m in found if m.chosen).working == 2 * 4 * 500_000_000 + 2 * WORDS + 2 * ALL
    )  # DeepSpeed's default


def test_activations_of_large():
    layer = 2 * (8 * 1024 + 2 * 4096) + 2 * 1024 + 16 + 4 * 16
    assert layer == 34 * 1024 + 80  # Korthikanti et al. 2022: 34 bytes a token and unit of width
    assert activation_bytes(setup()) == 842_632 == 24 * layer + 5 * 1024 + 8
    assert activation_bytes(setup(dropout=0.0)) == 842_632 - 24 * 2048 - 1024
    assert activation_bytes(setup(recomputed=24)) == 24 * 2048 + layer + 5 * 1024 + 8
    assert activation_bytes(setup(recomputed=2)) == 22 * layer + 2 * 2048 + layer + 5 * 1024 + 8


@pytest.mark.parametrize("kind", ["xlm-roberta", "xlm-roberta-xl"])
def test_activations_are_what_autograd_keeps(kind):
    import torch
    from transformers import AutoConfig, AutoModel

    none = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}  # CPU masks are not of one byte
    config = AutoConfig.for_model(kind, **{**TINY, "hidden_size": 64, "intermediate_size": 128}, **none)
    model = AutoModel.from_config(config, add_pooling_layer=False, attn_implementation="sdpa").train()
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor):
        if tensor.is_floating_point() and tensor.untyped_storage().data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    tokens = 20
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = model(input_ids=torch.arange(3, 3 + tokens)[None]).last_hidden_state
    kept.setdefault(out.untyped_storage().data_ptr(), out.untyped_storage().nbytes())
    size = size_of_config(config.to_dict())
    assert sum(kept.values()) == tokens * activation_bytes(setup(size, width=4, dropout=0.0))


@pytest.mark.slow
@pytest.mark.parametrize("size", [XL, XXL], ids=["XL", "XXL"])
def test_state_agrees_with_deepspeeds_estimators(size):
    import torch
    from deepspeed.runtime.zero.stage3 import estimate_zero3_model_states_mem_needs as stage3
    from deepspeed.runtime.zero.stage_1_and_2 import estimate_zero2_model_states_mem_needs as stage2
    from transformers import AutoModel, XLMRobertaXLConfig

    config = XLMRobertaXLConfig(
        hidden_size=size.hidden, num_hidden_layers=size.layers, num_attention_heads=32,
        intermediate_size=size.intermediate, vocab_size=250880, max_position_embeddings=514,
    )  # fmt: skip
    with torch.device("meta"):
        model = AutoModel.from_config(config, add_pooling_layer=False)
    total = sum(p.numel() for p in model.parameters())
    largest = max(sum(p.numel() for p in m.parameters(recurse=False)) for m in model.modules())
    eight = setup(size, ranks=8)
    for optimizer, parameters in ((False, False), (True, False), (True, True)):
        _, theirs, _ = stage3(total, largest, 8, 1, cpu_offload=optimizer, cpu_offload_params=parameters)
        assert state_bytes(eight, 3, optimizer, parameters) == pytest.approx(theirs, rel=0.10)
    for optimizer in (False, True):
        _, theirs = stage2(total, 8, 1, cpu_offload=optimizer)
        assert state_bytes(eight, 2, optimizer) == pytest.approx(theirs, rel=0.10)


# ---- tokens and hours


@pytest.mark.parametrize(("length", "published"), [(128, 1.85e9), (512, 1.96e9)])
def test_work_of_large(length, published):
    assert flops_a_token(LARGE, length) == pytest.approx(published, rel=0.03)


@pytest.mark.parametrize("strategy", ["proportional", "capped", "temperature", "uniform", "given"])
def test_shares_are_the_mixtures(strategy):
    from stilts.data import mixture

    sampling = Sampling(strategy, cap=1000, temperature=3.0, weights={"a": 1, "b": 3} if strategy == "given" else {})
    sizes = {"a": 5000, "b": 700}
    assert task_shares(sampling, sizes) == pytest.approx(mixture.task_shares(sampling, sizes))


def test_tokens_and_hours_by_phase(make_plan):
    cost = cost_of(make_plan())
    assert list(cost.phases) == ["intermediate", "target", "evaluation"]
    assert [phase.runs for phase in cost.phases.values()] == [1, 4, 2]
    squad, mnli = 4 * 16 * 330, 4 * 32 * 45  # steps x batch x mean row
    assert [phase.training for phase in cost.phases.values()] == [squad, 2 * (squad + mnli), 0]
    # xnli dev has 2,490 pairs in each of 2 languages, mlqa dev 1,148 in English, tatoeba 1,000 pairs of sentences
    assert [phase.scoring for phase in cost.phases.values()] == [
        0, 2 * (2 * 2490 * 45 + 1148 * 330), 2 * 2 * 1000 * 30
    ]  # fmt: skip
    assert cost.gpu_hours["intermediate"] == pytest.approx(21_120 * 1_911_177_216 / 150e12 / 3600)
    assert cost.gpu_hours["evaluation"] == pytest.approx(120_000 * (6 * LAYERS + 12 * 24 * 1024 * 30) / 3 / 5.4e17)
    assert any("150 TFLOP/s" in line for line in cost.assumptions)
    slow = cost_of(make_plan(launch={"tflops": 15}))
    assert slow.gpu_hours["target"] == pytest.approx(10 * cost.gpu_hours["target"])
    again = cost_of(make_plan(training={"select": "last", "max_steps": 4, "gradient_checkpointing": True}))
    assert again.gpu_hours["intermediate"] == pytest.approx(cost.gpu_hours["intermediate"] * 4 / 3)


def test_prepared_sets_and_limits(make_plan):
    changes = {
        "intermediate": [], "training": {"select": "last", "epochs": 2, "batch_size": 2, "max_length": 40},
        "target": {"tasks": ["xnli"], "languages": ["en", "de"]}, "data": {"limit": {"xnli": {"dev": 10}}},
    }  # fmt: skip
    plan = make_plan(**changes)
    before = cost_of(plan).phases["target"]
    assert before.training == 392702 * 2 * 40  # rows are cut at max_length, shorter than the assumed mean
    assert before.scoring == 2 * 10 * 40
    run = plan.runs[0]
    for ref, lengths in ((run.train_sets[0], [10, 20, 30]), (run.evaluation_sets[0], [7, 9])):
        path = plan.features / ref.folder / "manifest.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"lengths": lengths}))
    cost = cost_of(plan)
    assert cost.phases["target"].training == 3 * 2 * 20  # three steps of two rows
    assert cost.phases["target"].scoring == 16 + 10 * 40
    assert cost.disk.features == len(json.dumps({"lengths": [10, 20, 30]})) + len(json.dumps({"lengths": [7, 9]}))
    assert cost.disk.sets_absent == 1
    assert any(line.startswith("tokens: 1 sets are not prepared") for line in cost.assumptions)


def test_several_tasks_share_the_steps(make_plan):
    recipe = {"name": "m", "tasks": ["mnli", "squad_v1"], "sampling": {"strategy": "uniform"}, "budget": {"steps": 10}}
    phase = cost_of(make_plan(intermediate=[recipe])).phases["intermediate"]
    assert phase.training == 10 * 16 * (45 + 330) / 2


def test_a_row_of_multiple_choice_is_longer_than_max_length(make_plan):
    recipe = {"name": "h", "tasks": ["hellaswag"], "budget": {"epochs": 1}}
    training = {"max_length": 40, "batch_size": 1, "select": "last", "max_steps": 4}
    cost = cost_of(make_plan(intermediate=[recipe], training=training))
    assert cost.phases["intermediate"].training == 39905 * 4 * 40  # four sequences of 40 tokens, below the assumed 200
    assert cost.tokens == 4 * 40


def test_a_task_of_parts_has_unknown_size_where_a_part_is_replaced(make_plan):
    recipe = {"name": "a", "tasks": ["anli_plus"], "budget": {"epochs": 1}}
    training = {"batch_size": 1, "select": "last", "max_steps": 4}
    phase = cost_of(make_plan(intermediate=[recipe], training=training)).phases["intermediate"]
    assert phase.training == 1104934 * 45
    files = {"anli": {"train": {"en": "mine.jsonl"}}}
    plan = make_plan(intermediate=[recipe], training=training, data={"files": files})
    assert cost_of(plan).phases["intermediate"].unknown == {("anli_plus", "train", "en")}


def test_validations_are_scored_tokens(make_plan):
    training = {"select": "best", "max_steps": 10, "validate_every": 4, "validation_examples": 50}
    plan = make_plan(intermediate=[], target={"tasks": ["xnli"], "languages": ["de"]}, training=training)
    assert cost_of(plan).phases["target"].scoring == 2490 * 45 + 3 * 50 * 45


def test_sets_of_unknown_size_are_named_and_not_guessed(make_plan):
    files = {"mnli": {"train": {"en": "mine.tsv"}}}
    target = {"tasks": ["xnli", "udpos"], "languages": {"xnli": ["en"], "udpos": ["de", "en", "fr"]}}
    cost = cost_of(make_plan(intermediate=[], target=target, data={"files": files}, training={"epochs": 1}))
    phase = cost.phases["target"]
    assert phase.unknown == {("mnli", "train", "en"), ("udpos", "dev", "de"), ("udpos", "dev", "fr")}
    assert phase.training == -(-21253 // 32) * 32 * 30  # udpos alone: whole batches
    assert any("mnli train (1 language), udpos dev (2 languages)" in line for line in cost.assumptions)
    limit = {"files": files, "limit": {"mnli": {"train": 64}}}
    known = cost_of(make_plan(intermediate=[], target=target, data=limit, training={"epochs": 1}))
    assert known.phases["target"].training == phase.training + 64 * 45


# ---- disk and warnings

Usage = namedtuple("Usage", "total used free")


def test_disk_at_its_peak(make_plan, tmp_path):
    disk = cost_of(make_plan()).disk
    pair, span = 1024 * 1024 + 1024 + 3 * 1025, 2 * 1025
    assert disk.models == 4 * (5 * ALL + 2 * pair + 3 * span)
    assert (disk.checkpoints, disk.written) == (0, 0)  # four steps save nothing
    assert disk.free > 0
    saving = {"select": "last", "max_steps": 4, "save_every": 1}
    both = cost_of(make_plan(training=saving, launch={"parallel_runs": 2})).disk
    assert both.checkpoints == 2 * 3 * 14 * ALL
    plan = make_plan(training=saving)
    (plan.run_folder("target-none-xnli-t1") / "model").mkdir(parents=True)
    (plan.run_folder("target-none-xnli-t1") / "model" / "model.safetensors").write_bytes(b"1234")
    assert cost_of(plan).disk.written == 4
    assert cost_of(plan).disk.peak == disk.models + 42 * ALL


def test_models_that_are_not_kept(make_plan, settings):
    kept = cost_of(make_plan()).disk
    plan = make_plan(target={**settings["target"], "keep_models": False})
    disk = cost_of(plan).disk
    target = {run.run: run.keep_model for run in plan.runs}
    assert target == {run.run: run.kind != "target" for run in plan.runs}
    span, pair = 2 * 1025, 1024 * 1024 + 1024 + 3 * 1025
    assert disk.end == disk.models == 4 * (ALL + span)  # the intermediate run's
    assert (disk.at_once, disk.passing) == (1, 4 * (ALL + pair))
    assert disk.peak == disk.models + disk.passing < kept.peak
    assert disk.files_end == kept.files_end - 4 * 10
    assert disk.files == disk.files_end + 10
    more = cost_of(plan, at_once=3).disk
    assert (more.at_once, more.passing) == (3, 4 * (3 * ALL + 2 * pair + span))
    assert cost_of(plan, at_once=99).disk.at_once == 5
    hashes = {run.settings_hash for run in plan.runs}
    assert hashes == {run.settings_hash for run in make_plan().runs}  # no result depends on it


def test_a_chains_earlier_models_are_kept(make_plan):
    target = {"tasks": ["xcopa"], "benchmark": "xtreme_r", "languages": {"xcopa": ["et"]}, "keep_models": False}
    chain = [run for run in make_plan(target=target).runs if run.recipe == "none"]
    assert [(bool(run.evaluates), run.keep_model) for run in chain] == [(False, True), (True, False)]


def test_checkpoints_for_good_stay_of_intermediate_runs_only(make_plan):
    training = {"select": "last", "max_steps": 10, "save_every": 5, "keep_every": 2}
    disk = cost_of(make_plan(training=training)).disk
    assert disk.kept == 4 * 14 * ALL
    assert disk.checkpoints == (1 + 4) * 14 * ALL  # those of a target run
    assert disk.end == disk.models + disk.kept


def test_files_of_runs(make_plan):
    plan = make_plan(launch={"processes": 8, "parallel_runs": 2})
    disk = cost_of(plan).disk
    sets = {"intermediate": 0, "evaluation": 1, "target": 0}
    predictions = sum(1 + len(run.evaluates) + len(run.evaluation_sets) for run in plan.runs)
    assert set(sets) == {run.kind for run in plan.runs}
    assert disk.files == disk.files_end == 7 * (14 + 1 + 8) + 5 * 10 + predictions
    saving = {"select": "last", "max_steps": 10, "save_every": 1}
    more = cost_of(make_plan(launch={"processes": 8, "parallel_runs": 2}, training=saving)).disk
    assert more.files == more.files_end + 2 * 3 * (4 + 2 * 8)


def test_a_submission_without_space_is_refused(make_plan, monkeypatch):
    monkeypatch.setattr("stilts.study.disk.shutil.disk_usage", lambda path: Usage(0, 0, 5 * GIB))
    plan = make_plan()
    with pytest.raises(InputError) as caught:
        refuse_without_space(plan, cost_of(plan, at_once=2).disk)
    for words in ("10.4 GiB more", str(plan.folder), "2 runs at a time", "5.0 GiB are free", "target.keep_models"):
        assert words in str(caught.value)
    refuse_without_space(plan, None)
    monkeypatch.setattr("stilts.study.disk.shutil.disk_usage", lambda path: Usage(0, 0, 11 * GIB))
    refuse_without_space(plan, cost_of(plan).disk)


@pytest.mark.parametrize(
    ("training", "steps", "bytes_a_parameter"),
    [
        ({"save_every": 0}, 100, 0),
        ({"save_every": 100}, 100, 0),
        ({"save_every": 50}, 100, 14),
        ({"save_every": 10}, 100, 42),
        ({"save_every": 10}, None, 42),
        ({"save_every": 10, "keep_last": 1}, 100, 28),
        ({"save_every": 10, "keep_every": 25}, 100, 84),
        ({"save_every": 0, "select": "best"}, 100, 4),
        ({"save_every": 50, "select": "best"}, 100, 18),
        ({"save_every": 10, "select": "best"}, 100, 50),
        ({"save_every": 10, "average_last": 3}, 100, 54),
    ],
)
def test_checkpoints_of_a_run(make_plan, training, steps, bytes_a_parameter):
    run = make_plan().runs[0]
    run = replace(run, training=replace(run.training, **training))
    assert checkpoint_bytes(setup(), run, steps) == bytes_a_parameter * ALL


def test_a_disk_that_is_too_small(make_plan, monkeypatch):
    monkeypatch.setattr("stilts.study.disk.shutil.disk_usage", lambda path: Usage(0, 0, 5 * GIB))
    plan = make_plan()
    (line,) = cost_of(plan).warnings
    for words in ("10.4 GiB more", "5.0 GiB are free", "output_dir", str(plan.folder)):
        assert words in line
    assert "\nwarning: the study needs 10.4 GiB" in plan_text(plan)


@pytest.fixture
def large_disk(monkeypatch):
    monkeypatch.setattr("stilts.study.disk.shutil.disk_usage", lambda path: Usage(0, 0, 10**15))


@pytest.mark.usefixtures("large_disk")
def test_a_gpu_that_is_too_small(make_plan):
    xxl = {"model": {"name": "facebook/xlm-roberta-xxl"}, "launch": {"processes": 8}}
    (line,) = cost_of(make_plan(**xxl, deepspeed={"config": "zero1"})).warnings
    assert "ZeRO 1 needs" in line
    assert "gpu_memory_gib is 80" in line
    assert "ZeRO 2 fits" not in line
    assert "3, optimizer on cpu" in line
    assert cost_of(make_plan(**xxl, deepspeed={"config": "zero3_offload"})).warnings == ()


@pytest.mark.usefixtures("large_disk")
def test_a_micro_batch_that_is_too_large(make_plan):
    training = {"select": "last", "max_steps": 4, "batch_size": 64, "micro_batch_tokens": 16384}
    launch = {"gpu_memory_gib": 16}
    (line,) = cost_of(make_plan(training=training, launch=launch)).warnings
    assert "training.micro_batch_tokens to" in line
    fits = int(line.split("micro_batch_tokens to ")[1].split()[0])
    assert cost_of(make_plan(training={**training, "micro_batch_tokens": fits}, launch=launch)).warnings == ()
    assert cost_of(make_plan(training={**training, "micro_batch_tokens": fits + 1}, launch=launch)).warnings
    searches = make_plan(training={**training, "micro_batch_tokens": None}, launch=launch)
    assert cost_of(searches).warnings == ()  # the run takes what fits
    assert f"| {fits:,} tokens " in plan_text(searches)


@pytest.mark.parametrize(
    ("processes", "tokens", "expected"),
    [(1, None, 32 * 256), (8, None, 4 * 256), (64, None, 384), (1, 1000, 1000), (1, 100, 384)],
)
def test_micro_batches_are_no_larger_than_a_ranks_share(make_plan, processes, tokens, expected):
    training = {"select": "last", "max_steps": 4, "micro_batch_tokens": tokens}
    # rows a batch x longest row: 32 x 256 for pairs, 16 x 384 for spans; a row longer than the budget goes alone
    assert cost_of(make_plan(training=training, launch={"processes": processes})).tokens == expected


# ---- what is printed


def test_text_and_json(make_plan):
    plan = make_plan(launch={"processes": 8})
    text = plan_text(plan)
    for words in ("\nCost\n", "559 M parameters, bf16, 8 ranks", "2 (this study)", "GPU-hours", "fits 80", "disk: "):
        assert words in text
    cost = json.loads(json.dumps(plan_json(plan)))["cost"]
    assert cost["parameters"] == {"total": ALL, "encoder": LAYERS, "embeddings": ALL - LAYERS}
    own = next(m for m in cost["memory"] if m["chosen"])
    assert (own["name"], own["stage"], own["state"]) == ("2", 2, 4 * ALL)
    assert own["total"] == own["state"] + own["activations"] + own["buffers"]
    assert own["fits"] is True
    assert cost["disk"]["peak"] == cost["disk"]["models"] + cost["disk"]["checkpoints"]
    assert cost["disk"]["end"] == cost["disk"]["models"]
    assert f"files: {cost['disk']['files']:,} at the peak" in text
    assert cost["phases"]["intermediate"]["training_tokens"] == 4 * 16 * 330
    assert isinstance(cost["warnings"], list)


def test_a_model_of_unknown_size_does_not_stop_a_plan(make_plan, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    plan = make_plan(model={"name": "someone/encoder"})
    assert "the size of someone/encoder is not known" in plan_text(plan)
    cost = plan_json(plan)["cost"]
    assert (cost["parameters"], cost["memory"], cost["disk"]) == (None, [], None)
    assert cost["phases"]["intermediate"]["training_tokens"] == 4 * 16 * 330
    assert cost["phases"]["intermediate"]["gpu_hours"] is None


def test_a_study_that_trains_nothing(make_plan):
    cost = cost_of(make_plan(intermediate=[], target={"tasks": ["tatoeba"], "languages": ["de"]}))
    assert (cost.memory, cost.disk, list(cost.phases)) == ((), None, ["evaluation"])
    assert cost.gpu_hours["evaluation"] > 0


def test_a_plan_with_several_tasks_imports_nothing_heavy(tmp_path):
    study = tmp_path / "s.yaml"
    study.write_text(
        "name: s\nintermediate: [{name: m, tasks: [mnli, squad_v1]}]\ntarget: {tasks: [xnli], languages: [de]}\n"
    )
    script = (
        "import sys\nfrom stilts.config import load_study\nfrom stilts.study.plan import expand\n"
        "from stilts.study.show import plan_text\nassert 'GPU-hours' in plan_text(expand(load_study(sys.argv[1])))\n"
        "heavy = {'torch', 'transformers', 'deepspeed', 'datasets', 'numpy', 'pandas', 'pyarrow'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(study)], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
