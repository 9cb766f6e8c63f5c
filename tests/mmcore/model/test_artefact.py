"""A saved model: the same bytes for the same model, the same model from the bytes, and nothing else."""

import json
import shutil

import pytest
import torch
from torch import nn
from trial_parts import NumbersDescription, make_batch, make_catalog

import mmcore
from mmcore.errors import RunError
from mmcore.files import read_json, write_json
from mmcore.model.artefact import load_state, read_manifest, save_model, state_digest
from mmcore.model.composition import EncoderChoice, FusionChoice, build_model
from mmcore.model.frozen import FrozenEncoders
from mmcore.options import ComponentConfig

TASK = mmcore.SingleLabel(classes=["x", "y"])


def build(seed=0, *, assets=None, dim=8, a="adapted", share=None):
    torch.manual_seed(seed)
    choices = {
        "a": EncoderChoice(ComponentConfig(name=a), share=share),
        "b": EncoderChoice(ComponentConfig(name=a), share=share),
    }
    method = ComponentConfig(name="multconcat", options={"dim": dim})
    return build_model(
        choices,
        dict.fromkeys("ab", "numbers"),
        dict.fromkeys("ab", NumbersDescription()),
        FusionChoice(ComponentConfig(name="intermediate"), method),
        TASK,
        samples=lambda name: [torch.ones(4)],
        assets=assets,
        catalog=make_catalog(),
    ).eval()


@pytest.fixture
def saved(tmp_path):
    model = build()
    save_model(model, tmp_path / "model", {"task": TASK.model_dump(mode="json"), "é": 1})
    return model, tmp_path / "model"


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_model_built_from_its_files_computes_the_same(saved):
    model, folder = saved
    other = build(seed=9, assets=folder / "assets")
    batch = make_batch(present=[[True, True], [True, False]])
    assert not torch.equal(model(batch).logits, other(batch).logits)
    load_state(other, folder)
    assert torch.equal(model(batch).logits, other(batch).logits)
    assert read_manifest(folder)["é"] == 1


def test_the_same_model_gives_the_same_bytes_wherever_it_is_saved(saved, tmp_path):
    _, folder = saved
    save_model(build(), tmp_path / "other", {"é": 1, "task": TASK.model_dump(mode="json")})
    assert contents(folder) == contents(tmp_path / "other")


def test_a_folder_holds_safetensors_json_and_the_encoders_own_files(saved):
    assert sorted(contents(saved[1])) == [
        "assets/a/shift.json", "assets/b/shift.json", "model.json", "model.safetensors",
    ]  # fmt: skip


def test_what_an_earlier_model_left_is_replaced(saved):
    model = build(a="linear")
    save_model(model, saved[1], {})
    assert sorted(contents(saved[1])) == ["model.json", "model.safetensors"]
    load_state(model, saved[1])


def test_an_encoder_that_modalities_share_is_saved_once(tmp_path):
    model = build(share="both")
    save_model(model, tmp_path, {})
    assert sorted(name for name in contents(tmp_path) if name.startswith("assets")) == ["assets/both/shift.json"]
    other = build(seed=9, share="both", assets=tmp_path / "assets")
    load_state(other, tmp_path)
    batch = make_batch()
    assert torch.equal(model(batch).logits, other(batch).logits)


def test_an_encoder_of_which_nothing_trained_has_a_file_of_its_own_that_models_can_share(tmp_path):
    frozen = FrozenEncoders()
    model = build()
    frozen.get("a", lambda: model.encoders.tower("a").requires_grad_(False))
    for name in ("one", "two", "alone"):
        save_model(model, tmp_path / name, {}, None if name == "alone" else frozen)
    assert contents(tmp_path / "one") == contents(tmp_path / "two") == contents(tmp_path / "alone")
    names = ["a.frozen.safetensors", "assets/a/shift.json", "assets/b/shift.json", "model.json", "model.safetensors"]
    assert sorted(contents(tmp_path / "one")) == names
    files = [(tmp_path / name / "a.frozen.safetensors").stat() for name in ("one", "two", "alone")]
    assert files[0].st_ino == files[1].st_ino != files[2].st_ino
    shutil.rmtree(tmp_path / "one")
    other = build(seed=9, assets=tmp_path / "two" / "assets")
    load_state(other, tmp_path / "two")
    assert state_digest(other) == state_digest(model)


def test_a_frozen_encoder_s_file_is_written_again_once_its_first_one_is_gone_or_its_weights_changed(tmp_path):
    frozen, model = FrozenEncoders(), build()
    tower = model.encoders.tower("a").requires_grad_(False)
    save_model(model, tmp_path / "one", {}, frozen)
    shutil.rmtree(tmp_path / "one")
    save_model(model, tmp_path / "two", {}, frozen)
    before = read_manifest(tmp_path / "two")["sha256"]["a.frozen.safetensors"]
    with torch.no_grad():
        next(tower.parameters()).add_(1)
    save_model(model, tmp_path / "three", {}, frozen)
    assert read_manifest(tmp_path / "three")["sha256"]["a.frozen.safetensors"] != before
    assert read_manifest(tmp_path / "two")


class Tied(nn.Module):
    """A layer under two names, and buffers that look at its weight; or the same names with nothing in common."""

    def __init__(self, tied):
        super().__init__()
        self.first = nn.Linear(50, 50)
        self.second = self.first if tied else nn.Linear(50, 50)
        weight = self.first.weight.detach()
        self.register_buffer("row", weight[3] if tied else torch.zeros(50))
        self.register_buffer("turned", weight.T if tied else torch.zeros(50, 50))
        self.register_buffer("empty", torch.zeros(0, 3))


def test_a_tensor_with_two_names_is_saved_once_and_other_views_of_it_whole(tmp_path):
    torch.manual_seed(0)
    model = Tied(tied=True)
    save_model(model, tmp_path, {})
    assert (tmp_path / "model.safetensors").stat().st_size < 2.5 * 50 * 51 * 4
    for other in (Tied(tied=True), Tied(tied=False)):
        load_state(other, tmp_path)
        assert all(torch.equal(value, other.state_dict()[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("name", ["model.safetensors", "assets/a/shift.json"])
def test_a_damaged_or_missing_file_is_refused(saved, name):
    path = saved[1] / name
    whole = bytearray(path.read_bytes())
    whole[-1] ^= 1
    path.write_bytes(bytes(whole))
    with pytest.raises(RunError, match=f"{name} is damaged"):
        read_manifest(saved[1])
    path.unlink()
    with pytest.raises(RunError, match=f"{name} is missing"):
        read_manifest(saved[1])


@pytest.mark.parametrize("version", [0, 2, None, "1"])
def test_another_format_version_is_refused_with_what_to_do(saved, version):
    path = saved[1] / "model.json"
    write_json(path, {**read_json(path), "format_version": version})
    with pytest.raises(RunError, match=f"format version {version}; this mmcore reads 1.*Fit its experiment again"):
        read_manifest(saved[1])


@pytest.mark.parametrize("text", ["", "{", "[]", "1"])
def test_a_damaged_manifest_is_refused(saved, text):
    (saved[1] / "model.json").write_text(text)
    with pytest.raises(RunError, match=r"model\.json"):
        read_manifest(saved[1])


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(RunError, match="there is no model here"):
        read_manifest(tmp_path)


def test_a_model_whose_saving_was_cut_off_is_no_model(saved, monkeypatch):
    from mmcore.model import artefact

    def dies(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(artefact, "save_file", dies)
    with pytest.raises(KeyboardInterrupt):
        save_model(build(seed=3), saved[1], {})
    with pytest.raises(RunError, match="there is no model here"):
        read_manifest(saved[1])


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"dim": 9}, r"'\S+' is \(8, 3\) in the file and \(9, 3\) in the model"),
        ({"share": "s"}, "the (file|model) lacks"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(saved, other, told):
    model = build(seed=5, **other)
    before = state_digest(model)
    with pytest.raises(RunError, match=told):
        load_state(model, saved[1])
    assert state_digest(model) == before


def test_a_digest_changes_with_any_value_name_shape_or_type():
    def holding(**buffers):
        module = nn.Module()
        for name, value in buffers.items():
            module.register_buffer(name, value)
        return state_digest(module)

    zeros = torch.zeros(2, 3)
    bumped = zeros.clone()
    bumped[1, 2] = 1e-30
    variants = [
        holding(w=zeros), holding(v=zeros), holding(w=bumped), holding(w=zeros.T), holding(w=zeros.int()), holding(),
        holding(w=zeros, v=zeros), holding(w=-zeros), holding(w=zeros.bfloat16()),
    ]  # fmt: skip
    assert len(set(variants)) == len(variants)
    assert holding(w=zeros, v=bumped) == holding(v=bumped, w=zeros)
    assert holding(w=torch.ones(3, 2).T) == holding(w=torch.ones(2, 3))


def test_a_model_moves_to_another_place(saved, tmp_path):
    _, folder = saved
    shutil.move(folder, tmp_path / "elsewhere")
    assert str(tmp_path) not in json.dumps(read_manifest(tmp_path / "elsewhere"))
    load_state(build(assets=tmp_path / "elsewhere" / "assets"), tmp_path / "elsewhere")
