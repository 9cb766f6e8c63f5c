"""Vocabularies of our own: byte pairs learned from texts, the same ones each time."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders
from tokenizers.models import BPE
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def learn_tokenizer(texts: Iterable[str], size: int) -> PreTrainedTokenizerFast:
    """Byte-level byte-pair encoding (arXiv:1508.07909) of lower-cased texts: at most `size` pieces, special ones too.

    Every text of every script can be said in bytes, so nothing is unknown. (WordPiece, as the tokenizers library
    learns it, gives other numbers each time.)
    """
    tokenizer = Tokenizer(BPE())
    tokenizer.normalizer = BertNormalizer(lowercase=True, strip_accents=False, handle_chinese_chars=False)
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(ByteLevel.alphabet())
    trainer = BpeTrainer(vocab_size=size, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    ids = {token: tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]")}
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=list(ids.items()))
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **dict(zip(names, SPECIAL, strict=True)))
