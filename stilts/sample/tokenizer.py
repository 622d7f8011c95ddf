"""The sample's tokenizer: a Unigram model, as XLM-R's is, whose pieces are the stems and endings of its languages.

It is put together and not trained. So a language's fertility is what the design says: training on a mixed corpus would
tie it to the size of the language's text. (Besides, the Unigram trainer of `tokenizers` gives other scores at every
call, since it sums in hash order.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from stilts.sample.language import NAME_ENDS, NAME_STARTS, Language
from stilts.sample.scripts import ALPHABETS, written

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
"""Ids 0 to 3, as in XLM-R; <mask> is the last id, also as in XLM-R."""
POSITIONS = 514
_MORE_WORDS = "was cause effect will do next"
"""Of the base language, in the questions of COPA and SocialIQA."""
_CHARACTERS = "▁abcdefghijklmnopqrstuvwxyz0123456789.,?!'\"-:;()"
# log probabilities: few pieces, whole names and long stems first, letters by themselves last
_NAME_END, _STEM, _PIECE, _LETTER, _A_CHARACTER = -6.0, -8.0, -9.0, -20.0, 0.05


def pieces(languages: Sequence[Language]) -> dict[str, float]:
    """Every piece with its score, in a fixed order; "▁" begins a word."""
    out: dict[str, float] = {}
    scripts = dict.fromkeys(language.script for language in languages)
    for language in languages:
        stems = [form for forms in language.forms.values() for form in forms if form]
        _add(out, ("▁" + stem for stem in stems), _STEM)
        _add(out, (*language.role_ending.values(), *language.class_ending.values()), _PIECE)
    _add(out, ("s", *("▁" + word for word in _MORE_WORDS.split())), _PIECE)
    for script in scripts:
        _add(out, ("▁" + written(start, script) for start in NAME_STARTS), _PIECE)
        _add(out, (written(end, script) for ends in NAME_ENDS.values() for end in ends), _NAME_END)
    for letters in (_CHARACTERS, *(ALPHABETS[script] for script in scripts)):
        _add(out, letters, _LETTER)
    return out


def _add(out: dict[str, float], added: Iterable[str], score: float) -> None:
    for piece in added:
        out.setdefault(piece, score + _A_CHARACTER * len(piece))


def make_tokenizer(languages: Sequence[Language]) -> PreTrainedTokenizerFast:
    """The tokenizer, with XLM-R's special tokens and templates; case does not matter."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = [(token, 0.0) for token in SPECIAL] + list(pieces(languages).items())
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=SPECIAL.index("<unk>")))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        # The last step keeps "Toriburg" and "?" apart, so that an answer can end before the question mark.
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation("isolated")]
    )
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens([*SPECIAL, AddedToken("<mask>", lstrip=True, special=True)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
        model_max_length=POSITIONS - 2,
        model_input_names=["input_ids", "attention_mask"],
    )
