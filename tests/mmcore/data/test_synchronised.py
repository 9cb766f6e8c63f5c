"""Modalities on one time axis: cut to what all cover, and told where they can't belong together."""

import numpy as np
import pytest
import torch
from PIL import Image

import mmcore
from mmcore.catalog import load
from mmcore.data.loading import RowDataset
from mmcore.data.reading import RowReader

KIND = load().kind("timeseries")


def read(first, second, groups=(("a", "b"),)):
    fields = {name: mmcore.ModalityField("timeseries", (name,)) for name in "ab"}
    reader = RowReader(fields, dict.fromkeys("ab", KIND), "", synchronised=groups)
    row = {
        name: None if seconds is None else {"values": np.zeros((1, round(seconds * rate))), "rate": rate}
        for name, seconds, rate in (("a", first, 100), ("b", second, 20))
    }
    return reader.read(row)


def test_samples_of_different_rates_are_cut_to_the_time_that_both_cover():
    found = read(2.0, 2.1)
    assert not found.problems
    assert found.samples["a"].values.shape == (1, 200)
    assert found.samples["b"].values.shape == (1, 40)


def test_what_is_not_synchronised_stays_as_it_is():
    assert read(2.0, 9.0, groups=()).samples["b"].values.shape == (1, 180)


@pytest.mark.parametrize(("first", "second", "longer"), [(2.0, 3.0, "b"), (3.0, 2.0, "a")])
def test_a_sample_that_lasts_far_longer_is_a_problem_of_its_row(first, second, longer):
    found = read(first, second)
    assert set(found.problems) == {longer}
    assert found.problems[longer].reason == "not synchronised"
    assert "3 s" in str(found.problems[longer])


def test_one_that_is_absent_changes_nothing():
    assert read(None, 3.0).samples["b"].values.shape == (1, 60)


def dataset(rows, kind_name, groups, **more):
    kind = load().kind(kind_name)
    names = list(rows[0])
    fields = {name: mmcore.ModalityField(kind_name, (name,)) for name in names}
    reader = RowReader(fields, dict.fromkeys(names, kind), "", synchronised=groups)
    samples = {name: [reader.read(row).samples[name] for row in rows] for name in names}
    described = {name: kind.describe(samples[name]) for name in names}
    specs = {name: kind.default_spec(described[name]) for name in names}
    blanks = {name: kind.blank(specs[name], described[name]) for name in names}
    read = more.pop("read", names)
    return RowDataset(rows, reader=reader, kinds=dict.fromkeys(read, kind), specs=specs, blanks=blanks, **more)


def clip(seed=0, size=(24, 32), frames=12):
    return np.random.default_rng(seed).integers(0, 255, (frames, *size, 3), dtype=np.uint8)


@pytest.mark.parametrize(("groups", "equal"), [((("rgb", "depth"),), True), ((), False)])
def test_modalities_of_one_time_axis_are_changed_by_the_same_draws_and_others_are_not(groups, equal):
    rows = [{"rgb": clip(row), "depth": clip(row)} for row in range(3)]
    data = dataset(rows, "video", groups, augment={"rgb": True, "depth": True}, seed=7)
    plain = dataset(rows, "video", groups)
    for epoch in range(3):
        data.set_epoch(epoch)
        for row in range(3):
            rgb, depth = (data[row].inputs[name]["frames"] for name in ("rgb", "depth"))
            assert torch.equal(rgb, depth) == equal
            assert not torch.equal(rgb, plain[row].inputs["rgb"]["frames"])


@pytest.mark.parametrize("kind", ["image", "video"])
def test_the_same_draws_cut_the_same_part_out_of_samples_of_other_sizes(kind):
    of = load().kind(kind)
    for seed in range(40):
        edges = []
        # one pixel high beside many: where there is no room to move the part, the draws that follow stay the same
        for high, wide in ((8, 400), (1, 40)):
            ramp = np.broadcast_to(np.linspace(0, 1, wide, dtype=np.float32)[None, :, None], (high, wide, 3))
            pixels = (255 * ramp).astype(np.uint8)
            if kind == "video":
                changed = of.augment(
                    of.decode(pixels[None], root=".", budget=mmcore.Budget()),
                    np.random.default_rng(seed),
                ).frames[0]
            else:
                changed = np.asarray(of.augment(Image.fromarray(pixels), np.random.default_rng(seed)))
            edges.append([int(changed[0, 0, 0]), int(changed[0, -1, 0])])
        assert np.abs(np.subtract(*edges)).max() <= 20  # three pixels of the smaller one


def test_a_modality_is_cut_to_its_time_axis_also_where_it_is_read_alone_or_the_others_are_computed():
    rows = [
        {"a": {"values": np.arange(200.0)[None], "rate": 100}, "b": {"values": np.ones((1, 38)), "rate": 20}},
        {"a": {"values": np.arange(200.0)[None], "rate": 100}, "b": {"values": np.ones((1, 40)), "rate": 20}},
    ]
    together = dataset(rows, "timeseries", (("a", "b"),))
    alone = dataset(rows, "timeseries", (("a", "b"),), read=["a"])
    beside = dataset(rows, "timeseries", (("a", "b"),), representations={"b": np.zeros((2, 3), dtype=np.float32)})
    apart = dataset(rows, "timeseries", (), read=["a"])
    for data in (alone, beside):
        for row in range(2):
            assert list(data[row].inputs) == ["a"]
            for key, tensor in together[row].inputs["a"].items():
                assert torch.equal(data[row].inputs["a"][key], tensor)
    assert alone[0].present.tolist() == [True]
    assert any(not torch.equal(apart[0].inputs["a"][key], alone[0].inputs["a"][key]) for key in alone[0].inputs["a"])
