"""Sounds: what is read, what is refused, what becomes of them, and the encoders."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from scipy.io import wavfile
from transformers import (
    ASTConfig,
    ASTFeatureExtractor,
    ASTModel,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2Model,
)

import mmcore
from mmcore.catalog import load
from mmcore_audio import AudioDescription, AudioSpec

KIND = load().kind("audio")


def tone(seconds=1.0, rate=16_000, pitch=440):
    return (0.5 * np.sin(2 * np.pi * pitch * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def read(value, root="."):
    return KIND.decode(value, root=Path(root), budget=mmcore.Budget(seconds=60))


def refused(value, root="."):
    with pytest.raises(mmcore.InputError) as caught:
        read(value, root)
    return caught.value.reason


def write_flac(path, values, rate):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=rate)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray((values * 32767).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def test_a_file_that_scipy_wrote_is_read_as_it_was(tmp_path):
    wavfile.write(tmp_path / "a.wav", 16_000, tone())
    sound = read("a.wav", tmp_path)
    assert sound.rate == 16_000
    assert np.allclose(sound.values, tone(), atol=1e-6)


def test_two_channels_become_their_mean(tmp_path):
    stereo = np.stack([tone(), np.zeros_like(tone())], axis=1)
    wavfile.write(tmp_path / "a.wav", 16_000, stereo)
    found = read("a.wav", tmp_path).values
    mono = np.abs(found).max() / np.abs(tone()).max()
    assert 0.49 < mono < 0.72  # the mean, or of equal power, as ffmpeg mixes down


def test_a_file_that_ffmpeg_wrote_is_read(tmp_path):
    write_flac(tmp_path / "a.flac", tone(), 16_000)
    assert np.allclose(read("a.flac", tmp_path).values, tone(), atol=1e-4)


def test_a_cut_file_is_refused_whichever_format(tmp_path):
    wavfile.write(tmp_path / "a.wav", 16_000, tone())
    content = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(content[: len(content) // 3])
    assert refused("cut.wav", tmp_path) == "truncated"
    (tmp_path / "head.wav").write_bytes(content[:40])
    assert refused("head.wav", tmp_path) in ("truncated", "damaged")
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 32_000).astype(np.float32)
    write_flac(tmp_path / "a.flac", noise, 16_000)
    content = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(content[: len(content) // 3])
    assert refused("cut.flac", tmp_path) in ("truncated", "damaged")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"array": np.zeros(0), "sampling_rate": 16_000}, "empty"),
        ({"array": tone(), "sampling_rate": 0}, "no sampling rate"),
        ({"array": tone(), "sampling_rate": 2e9}, "no sampling rate"),
        ({"array": [0.1, float("nan")], "sampling_rate": 8000}, "not finite"),
        ({"array": np.zeros(8000 * 61), "sampling_rate": 8000}, "too long"),
        ({"array": "noise", "sampling_rate": 8000}, "wrong type"),
        ({"colour": "red"}, "wrong type"),
        ("none.wav", "not found"),
        (b"not a sound at all" * 20, "damaged"),
        (3, "wrong type"),
    ],
)
def test_what_is_no_sound_is_refused_with_its_reason(value, reason):
    assert refused(value) == reason


def test_a_zero_length_file_is_refused(tmp_path):
    wavfile.write(tmp_path / "a.wav", 16_000, np.zeros(0, np.int16))
    assert refused("a.wav", tmp_path) in ("empty", "damaged", "truncated")


def test_kaldis_energies_are_those_of_asts_own_extractor():
    spec = AudioSpec(seconds=1.0, mels=128, scale="kaldi")
    ours = KIND.prepare(read({"array": tone(), "rate": 16_000}), spec)["values"].numpy()
    extractor = ASTFeatureExtractor(max_length=spec.frames, do_normalize=False)
    theirs = np.asarray(extractor(tone(), sampling_rate=16_000, return_tensors="np")["input_values"][0])
    assert np.allclose(ours, theirs.T, atol=1e-3)


def test_a_waveform_is_normalised_as_wav2vecs_own_extractor_does():
    spec = AudioSpec(seconds=1.0, form="waveform", normalise=True)
    ours = KIND.prepare(read({"array": tone() + 0.2, "rate": 16_000}), spec)["values"].numpy()
    theirs = Wav2Vec2FeatureExtractor()(tone() + 0.2, sampling_rate=16_000, return_tensors="np")["input_values"][0]
    assert np.allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("pitch", [300, 1500, 4000])
def test_the_loudest_band_is_that_of_the_tone_at_any_rate(pitch):
    from transformers.audio_utils import mel_filter_bank

    spec = AudioSpec(seconds=0.5)
    filters = mel_filter_bank(257, 64, 0.0, 8000.0, 16_000, norm="slaney", mel_scale="slaney")
    expected = filters[round(pitch / 8000 * 256)].argmax()
    for rate in (16_000, 22_050, 44_100):
        energies = KIND.prepare(read({"array": tone(1.0, rate, pitch), "rate": rate}), spec)["values"]
        assert abs(int(energies.mean(1).argmax()) - expected) <= 1


def built(config, resources=None):
    torch.manual_seed(0)
    return mmcore.build_encoder(config, "audio", AudioDescription(seconds=0.5), resources).eval()


def batch(module):
    sounds = [read({"array": tone(0.5, pitch=pitch), "rate": 16_000}) for pitch in (300, 900)]
    return KIND.collate([KIND.prepare(sound, module.input_spec) for sound in sounds])


SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}


@torch.no_grad()
def test_ast_is_the_librarys_pooled_output_with_the_same_weights(tmp_path):
    theirs = ASTModel(ASTConfig(**SMALL, max_length=64, num_mel_bins=32)).eval()
    theirs.save_pretrained(tmp_path)
    ours = built({"name": "hf_audio", "model": str(tmp_path)})
    inputs = batch(ours)
    assert inputs["values"].shape == (2, 32, 64)
    expected = theirs(input_values=inputs["values"].transpose(1, 2)).pooler_output
    assert torch.allclose(ours(inputs).vector, expected, atol=1e-6)


@torch.no_grad()
def test_wav2vec_is_the_mean_of_the_librarys_hidden_states_with_the_same_weights(tmp_path):
    config = Wav2Vec2Config(
        **SMALL, conv_dim=(8, 8), conv_stride=(10, 8), conv_kernel=(10, 8), num_feat_extract_layers=2,
        num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    theirs = Wav2Vec2Model(config).eval()
    theirs.save_pretrained(tmp_path)
    ours = built({"name": "hf_audio", "model": str(tmp_path)})
    inputs = batch(ours)
    assert torch.allclose(ours(inputs).vector, theirs(inputs["values"]).last_hidden_state.mean(1), atol=1e-5)


def test_a_model_that_is_not_here_is_named_with_what_to_do(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(mmcore.MissingDependency, match="not on this machine"):
        built("hf_audio")


def test_the_network_halves_time_and_pitch_after_each_block():
    module = built({"name": "audio_cnn", "widths": [4, 8, 16], "mels": 32})
    shapes = []
    for block in module.convolutions:
        block.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape[1:])))
    frames = module.input_spec.frames
    module(batch(module))
    assert shapes == [(4, 32, frames), (8, 16, frames // 2), (16, 8, frames // 4)]
