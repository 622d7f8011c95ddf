"""What the ranks of the masked-LM tests do; imported by name in each rank."""

from __future__ import annotations

from typing import Any

import cases
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from stilts import distributed
from stilts.config import load_run
from stilts.data.batches import collate
from stilts.formats.layers import IGNORE


def plain_pytorch(path: str, *overrides: str) -> dict[str, Any]:
    """The run's steps with transformers' own masked LM, its tied head and its loss; the whole batch padded."""
    from transformers import AutoModelForMaskedLM

    from stilts.training.engine import EMBEDDINGS, parameter_groups
    from stilts.training.schedule import learning_rate, rate_factors

    settings = load_run(path, overrides)
    run, trainer = cases._trainer(path, *overrides, "deepspeed.config=zero0")  # for its data and schedule only
    training, factors = settings.training, rate_factors(settings.training, settings.mlm)
    masked = AutoModelForMaskedLM.from_pretrained(
        settings.model.name, attn_implementation="eager", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    model = nn.Module()
    model.encoder = masked.roberta
    model.heads = nn.ModuleDict({**run._build(settings.model.name, ["mnli"], None).heads, "mlm": masked.lm_head})
    assert masked.lm_head.decoder.weight is masked.roberta.embeddings.word_embeddings.weight
    if training.freeze_embeddings:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(not name.startswith(EMBEDDINGS))
    groups = parameter_groups(model, training)
    optimizer = torch.optim.SGD(groups, lr=0.0) if training.optimizer == "sgd" else torch.optim.AdamW(groups, lr=0.0)
    out: dict[str, Any] = {"loss": [], "task": []}
    for number in range(trainer.steps):
        task, occurrence = trainer.mixture.at(number)
        rows, form = trainer.rows[task], trainer.formats[task]
        features = rows.fresh(range(rows.batch_size), occurrence, form)
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
        if task == "mlm":
            loss = _loss(masked, features)
        else:
            batch = collate(features, form)
            states = cases.padded_states(masked.roberta, batch)[batch.outputs]
            loss = form.loss(model.heads[task](states), batch).sum() / form.units(batch).sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), training.max_grad_norm)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(training, number, trainer.steps) * factors.get(task, 1.0)
        optimizer.step()
        out["loss"].append(float(loss))
        out["task"].append(task)
    out["weights"] = {name: p.detach().numpy() for name, p in model.named_parameters()}
    distributed.close()
    return out


def _loss(masked: Any, features: list[dict[str, Any]]) -> torch.Tensor:
    """transformers' mean loss over the masked tokens of all rows."""
    ids = [torch.tensor(row["input_ids"]) for row in features]
    labels = pad_sequence([torch.tensor(row["labels"]) for row in features], batch_first=True, padding_value=IGNORE)
    loss: torch.Tensor = masked(
        input_ids=pad_sequence(ids, batch_first=True, padding_value=masked.config.pad_token_id),
        attention_mask=pad_sequence([torch.ones_like(row) for row in ids], batch_first=True),
        labels=labels,
    ).loss
    return loss
