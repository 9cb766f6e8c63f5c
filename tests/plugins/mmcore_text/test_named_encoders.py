"""simcse, clip_text and lstm against definitions and the libraries' own models."""

import pytest
import torch
from transformers import BertConfig, BertModel, CLIPTextConfig, CLIPTextModelWithProjection

import mmcore
from mmcore.catalog import load
from mmcore_text import TextDescription, learn_tokenizer

TEXTS = ["a red cup", "usb type usb cable", "running shoe for the long trail"]
SCRATCH = {"width": 16, "layers": 2, "heads": 2, "vocabulary": 320}


def built(name, resources=None, **options):
    return mmcore.build_encoder({"name": name, **options}, "text", TextDescription(), resources).eval()


def batch(module, texts=TEXTS):
    kind = load().kind("text")
    return kind.collate([kind.prepare(text, module.input_spec) for text in texts])


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert")
    tokenizer = learn_tokenizer(TEXTS, 320)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    model = BertModel(config).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder, model


@torch.no_grad()
def test_supervised_simcse_is_a_linear_map_and_tanh_over_the_first_token(bert):
    folder, theirs = bert
    ours = built("simcse", model=str(folder))
    inputs = batch(ours)
    first = theirs(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).last_hidden_state[:, 0]
    expected = torch.tanh(first @ theirs.pooler.dense.weight.T + theirs.pooler.dense.bias)
    assert torch.allclose(ours(inputs).vector, expected, atol=1e-6)


@torch.no_grad()
def test_unsupervised_simcse_is_the_first_token_before_the_pooler(bert):
    folder, theirs = bert
    ours = built("simcse", model=str(folder), supervised=False)
    inputs = batch(ours)
    hidden = theirs(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).last_hidden_state
    assert torch.allclose(ours(inputs).vector, hidden[:, 0], atol=1e-6)
    assert not [name for name, _ in ours.named_parameters() if "pooler" in name]


@torch.no_grad()
def test_clip_text_is_the_librarys_text_embedding_with_the_same_weights(tmp_path):
    tokenizer = learn_tokenizer(TEXTS, 320)
    config = CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, projection_dim=12, num_hidden_layers=2,
        num_attention_heads=2, eos_token_id=tokenizer.sep_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    theirs = CLIPTextModelWithProjection(config).eval()
    theirs.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    ours = built("clip_text", model=str(tmp_path))
    inputs = batch(ours)
    expected = theirs(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).text_embeds
    assert torch.allclose(ours(inputs).vector, expected, atol=1e-6)
    assert ours.dim == 12


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("bidirectional", [True, False])
@torch.no_grad()
def test_lstm_reads_each_text_as_torchs_lstm_does_without_padding(pooling, bidirectional):
    torch.manual_seed(0)
    ours = built("lstm", embedding=8, width=6, pooling=pooling, bidirectional=bidirectional)
    ours.adapt(TEXTS)
    inputs = batch(ours)
    found = ours(inputs).vector
    for row, text in enumerate(TEXTS):
        ids = ours.input_spec.tokenizer(text, return_tensors="pt")["input_ids"]
        states, (last, _) = ours.lstm(ours.embed(ids))
        expected = {"mean": states[0].mean(0), "max": states[0].amax(0), "last": last[:, 0].flatten()}[pooling]
        assert torch.allclose(found[row], expected, atol=1e-6)


def test_the_vocabulary_is_learned_from_the_given_texts_and_saved(tmp_path):
    ours = built("lstm", embedding=8, width=6, vocabulary=330)
    ours.adapt(TEXTS * 5)
    assert "Ġusb" in ours.input_spec.tokenizer.get_vocab()
    ours.save_assets(tmp_path)
    again = built("lstm", mmcore.Resources(assets=tmp_path), embedding=8, width=6, vocabulary=330)
    again.load_state_dict(ours.state_dict())
    assert torch.equal(ours(batch(ours)).vector, again(batch(again)).vector)


@pytest.mark.parametrize("name", ["simcse", "clip_text"])
def test_from_scratch_it_learns_a_vocabulary_and_reads_the_end_of_the_text(name, tmp_path):
    ours = built(name, scratch=SCRATCH, max_length=12)
    ours.adapt(TEXTS)
    vectors = ours(batch(ours)).vector
    assert vectors.shape == (3, 16)
    assert torch.allclose(vectors[0], ours(batch(ours, TEXTS[:1])).vector[0], atol=1e-6)  # padding changes nothing
    ours.save_assets(tmp_path)
    again = built(name, mmcore.Resources(assets=tmp_path), scratch=SCRATCH, max_length=12)
    again.load_state_dict(ours.state_dict())
    assert torch.equal(vectors, again(batch(again)).vector)


@pytest.mark.parametrize("name", ["simcse", "clip_text"])
def test_a_model_that_is_not_here_is_named_with_what_to_do(name, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(mmcore.MissingDependency, match=f"encoder '{name}'.*not on this machine"):
        built(name)
