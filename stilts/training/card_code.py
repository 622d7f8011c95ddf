"""Python that a model card shows: the exported encoder with transformers, and its first head with plain torch."""

from __future__ import annotations

from collections.abc import Sequence

from stilts.tasks import get_task

_LOAD = '''import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

folder = "."  # this folder
tokenizer = AutoTokenizer.from_pretrained(folder)
encoder = AutoModel.from_pretrained(folder).eval()
heads = load_file(f"{folder}/heads.safetensors")  # "<task>.<parameter>"


def linear(name, hidden):
    return torch.nn.functional.linear(hidden, heads[f"{name}.weight"], heads[f"{name}.bias"])


def states(*texts, **options):
    """Hidden states of the last layer, (texts, tokens, hidden)."""
    inputs = tokenizer(*texts, return_tensors="pt", padding=True, **options)
    with torch.no_grad():
        return encoder(**inputs).last_hidden_state
'''
_PLAIN = """
hidden = states("A sentence.")
"""
_BY_FORMAT = {
    "pair": """
labels = {labels}
first = states("A man sleeps.", "A person is at rest.")[:, 0]
logits = linear("{head}.out", torch.tanh(linear("{head}.dense", first)))
print(labels[int(logits.argmax())])
""",
    "choice": """
context, choices = "The glass fell. What happened next?", ["It broke.", "It sang."]
first = states([context] * len(choices), choices)[:, 0]
logits = linear("{head}.out", torch.tanh(linear("{head}.dense", first)))[:, 0]
print(choices[int(logits.argmax())])
""",
    "span": """
question, context = "Who wrote it?", "It was written by Ada."
inputs = tokenizer(question, context, return_offsets_mapping=True)
logits = linear("{head}.out", states(question, context))[0]  # (tokens, 2): start and end
inside = [n for n, owner in enumerate(inputs.sequence_ids(0)) if owner == 1]
spans = [(a, b) for a in inside for b in inside if a <= b < a + 30]
start, end = max(spans, key=lambda span: float(logits[span[0], 0] + logits[span[1], 1]))
print(context[inputs["offset_mapping"][start][0] : inputs["offset_mapping"][end][1]])
""",
    "tagging": """
labels = {labels}
words = ["Ada", "wrote", "it", "."]
owners = tokenizer(words, is_split_into_words=True).word_ids(0)
logits = linear("{head}.out", states(words, is_split_into_words=True))[0]
first = [owners.index(number) for number in range(len(words)) if number in owners]  # a word's first sub-word
print([labels[int(logits[place].argmax())] for place in first])
""",
    "dual": """
def vectors(texts):
    return torch.nn.functional.normalize(torch.tanh(linear("{head}.dense", states(texts)[:, 0])), dim=-1)


questions, candidates = ["Who wrote it?"], ["It was written by Ada.", "It rained."]
print((vectors(questions) @ vectors(candidates).T).argmax(dim=1).tolist())
""",
}
_BY_FORMAT["linking"] = _BY_FORMAT["dual"]


def loading_code(heads: Sequence[str]) -> str:
    """A script that is run in the model's folder; it shows the first of `heads` that a few lines can show.

    A head whose labels are learned answers with their numbers, in the order of the prepared set's manifest.
    """
    for head in heads:
        task = get_task(head)
        if task.format in _BY_FORMAT:
            labels = f"range({task.label_count})" if task.learns_labels else repr(list(task.labels))
            return _LOAD + "\n" + _BY_FORMAT[task.format].replace("{head}", head).replace("{labels}", labels)
    return _LOAD + "\n" + _PLAIN
