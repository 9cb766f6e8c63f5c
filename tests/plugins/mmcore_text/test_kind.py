"""The kind `text`: tokenised, padded, divided into tokens or words, masked as MM-SHAP does."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

import mmcore
from mmcore_text import TextDescription, TextSpec, learn_tokenizer
from mmcore_text.columns import looks_like_text
from mmcore_text.kind import TextKind
from mmcore_text.minilm import package_folder

KIND = TextKind()
TEXTS = [
    "a red cable, two metres",
    "naïve café 😀",
    "日本語テキスト",
    "مرحبا بالعالم",
    "don't",
    "x" * 300,
    "  a \n b\t",
    "$5 & <b>",
]


@pytest.fixture(scope="module", params=["wordpiece", "byte pairs"])
def spec(request):
    if request.param == "wordpiece":
        return TextSpec(AutoTokenizer.from_pretrained(package_folder()), 32)
    return TextSpec(learn_tokenizer(["a red cable, two metres", "blue cup"] * 5, 320), 32)


@pytest.fixture(scope="module")
def wordpiece():
    return TextSpec(AutoTokenizer.from_pretrained(package_folder()), 32)


def decode(value, **budget):
    return KIND.decode(value, root=Path(), budget=mmcore.Budget(**budget))


def players_of(text, spec, granularity="auto"):
    inputs = KIND.prepare(text, spec)
    return inputs, KIND.players(text, inputs, spec, granularity=granularity)


def test_texts_stay_as_they_are():
    assert [decode(text) for text in TEXTS] == TEXTS


@pytest.mark.parametrize(
    ("value", "reason"),
    [(7, "wrong type"), (1.5, "wrong type"), (b"a", "wrong type"), (["a"], "wrong type"), ("ab\ud800", "damaged")],
)
def test_what_is_no_text_is_refused(value, reason):
    with pytest.raises(mmcore.InputError) as caught:
        decode(value)
    assert caught.value.reason == reason


def test_a_text_over_the_budget_is_refused():
    assert decode("x" * 100, characters=100) == "x" * 100
    with pytest.raises(mmcore.InputError, match="101 characters; the limit is 100"):
        decode("x" * 101, characters=100)


@pytest.mark.parametrize("value", [None, float("nan"), "", "  \n\t"])
def test_an_empty_text_is_an_absent_one(value):
    assert KIND.is_missing(value)


def test_the_description_knows_the_longest_text():
    assert KIND.describe(iter(["a", "abc", "ab"])) == TextDescription(longest=3)
    assert KIND.describe([]) == TextDescription(longest=0)


@pytest.mark.parametrize("text", TEXTS)
def test_ids_are_those_of_the_tokenizer_and_begin_and_end_with_special_tokens(text, wordpiece):
    ids = KIND.prepare(text, wordpiece)["input_ids"].tolist()
    words = wordpiece.tokenizer.convert_tokens_to_ids(wordpiece.tokenizer.tokenize(text))
    assert ids == [101, *words[:30], 102]


def test_a_very_long_text_is_cut(spec):
    inputs, players = players_of("word " * 50_000, spec)
    assert len(inputs["input_ids"]) == spec.max_length
    assert len(players) == spec.max_length - 2
    assert players.notes["n_tokens"] == spec.max_length


@given(text=st.text(max_size=60).filter(lambda text: text.strip()))
@settings(max_examples=150, deadline=None)
def test_tokens_and_words_divide_the_same_positions_and_no_special_token_plays(spec, text):
    try:
        text = decode(text)
    except mmcore.InputError:
        return
    inputs, tokens = players_of(text, spec)
    _, words = players_of(text, spec, "words")
    count = len(inputs["input_ids"])
    by_token = [position for cell in tokens.cells for position in cell]
    by_word = [position for cell in words.cells for position in cell]
    assert by_token == sorted(by_word) == list(range(1, count - 1))
    assert by_word == sorted(by_word)
    assert len(words) <= len(text.split())
    for players in (tokens, words):
        assert len(players.labels) == len(players.cells) == len(players.notes["spans"])
        assert all(0 <= start <= end <= len(text) for start, end in players.notes["spans"])
        assert players.notes["n_tokens"] == count


@pytest.mark.parametrize("text", [text for text in TEXTS if len(text) < 100])
def test_words_are_those_between_white_space(text, spec):
    _, players = players_of(text, TextSpec(spec.tokenizer, 128), "words")
    assert list(players.labels) == text.split()
    assert [text[start:end] for start, end in players.notes["spans"]] == text.split()


def test_tokens_are_labelled_by_what_they_cover(wordpiece):
    assert players_of("trail shoes, €5", wordpiece)[1].labels == ("trail", "shoes", ",", "€", "5")


def test_white_space_at_the_end_belongs_to_the_last_word(spec):
    assert players_of("blue cup   ", spec, "words")[1].labels == ("blue", "cup")


def test_a_text_of_nothing_that_can_be_said_has_no_players(wordpiece):
    inputs, players = players_of("\u200b", wordpiece)
    assert len(players) == 0
    masked = KIND.mask(inputs, players, np.zeros((2, 0), bool))
    assert masked["input_ids"].tolist() == [[101, 102]] * 2


@pytest.mark.parametrize("granularity", ["patches", "letters", 3])
def test_other_granularities_are_refused(granularity, wordpiece):
    with pytest.raises(mmcore.OptionError, match="Allowed: tokens, words"):
        players_of("a b", wordpiece, granularity)


def test_masking_is_that_of_mm_shap(wordpiece):
    """Ids become 0, BERT's padding; the attention mask, CLS and SEP stay (its reference code's custom_masker)."""
    inputs, players = players_of("a red cable, two metres", wordpiece)
    keep = np.random.default_rng(0).random((20, len(players))) < 0.5
    ids = inputs["input_ids"].numpy()
    reference = np.repeat(ids[None], 20, axis=0)
    reference[:, 1:-1][~keep] = 0
    masked = KIND.mask(inputs, players, keep)
    assert (masked["input_ids"].numpy() == reference).all()
    assert (masked["attention_mask"] == 1).all()
    assert masked["attention_mask"].shape == masked["input_ids"].shape


@given(text=st.sampled_from(TEXTS), granularity=st.sampled_from(["tokens", "words"]), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_masking_obeys_its_laws(spec, text, granularity, seed):
    inputs, players = players_of(text, spec, granularity)
    keep = np.random.default_rng(seed).random(len(players)) < 0.5
    masked = KIND.mask(inputs, players, np.stack([keep, np.ones_like(keep), np.zeros_like(keep)]))["input_ids"]
    pad = int(inputs["pad_id"])
    assert torch.equal(masked[1], inputs["input_ids"])
    assert (masked[2, 1:-1] == pad).all()
    gone = {position for player, cell in enumerate(players.cells) if not keep[player] for position in cell}
    for position, token in enumerate(inputs["input_ids"].tolist()):
        assert masked[0, position] == (pad if position in gone else token)


def test_a_batch_is_padded_at_its_end_to_its_longest_row(spec):
    rows = [KIND.prepare(text, spec) for text in ("cup", "a red cable, two metres", "blue cup")]
    batch = KIND.collate(rows)
    longest = max(len(row["input_ids"]) for row in rows)
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (3, longest)
    for row, ids, attended in zip(rows, batch["input_ids"], batch["attention_mask"], strict=True):
        count = len(row["input_ids"])
        assert torch.equal(ids[:count], row["input_ids"])
        assert (ids[count:] == spec.tokenizer.pad_token_id).all()
        assert attended.tolist() == [1] * count + [0] * (longest - count)


def test_the_blank_is_an_empty_text(wordpiece):
    assert KIND.blank(wordpiece, TextDescription())["input_ids"].tolist() == [101, 102]


def test_a_tokenizer_without_special_tokens_still_gives_one_token():
    plain = learn_tokenizer(["a b"], 300)
    plain.backend_tokenizer.post_processor = None
    from tokenizers.processors import Sequence

    plain.backend_tokenizer.post_processor = Sequence([])
    blank = KIND.blank(TextSpec(plain, 8), TextDescription())
    assert blank["input_ids"].tolist() == [plain.pad_token_id]
    assert blank["attention_mask"].tolist() == [1]


def test_specs_are_equal_when_they_prepare_equally():
    texts = ["a red cable", "blue cup"] * 3
    one, same, other = (TextSpec(learn_tokenizer(of, 300), 16) for of in (texts, texts, [*texts, "zebra zebra"]))
    assert one == same
    assert hash(one) == hash(same)
    assert one.fingerprint() == same.fingerprint()
    assert one != other
    assert one != TextSpec(same.tokenizer, 17)
    KIND.prepare("a text that sets truncation in the tokenizer", one)
    assert one == same


def test_columns_of_phrases_look_like_text_and_codes_and_files_do_not():
    assert looks_like_text("title", ["trail shoe", "red cup", "blue cable"]) > 0.7
    assert looks_like_text("title", ["東京都", "大阪市の本", None]) > 0.3
    assert looks_like_text("code", ["A", "B", "A", "A"]) < 0.5
    assert looks_like_text("photo", ["a.png", "b.png"]) == 0.0
    assert looks_like_text("number", [1, 2, 3]) == 0.0
    assert looks_like_text("empty", []) == 0.0
