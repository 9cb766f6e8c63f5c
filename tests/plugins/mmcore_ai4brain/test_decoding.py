"""Volumes out of files that nibabel or NumPy wrote, and out of files that nobody should have written."""

import gzip
import io
import os
import struct
import tracemalloc
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
from nibabel.testing import data_path

import mmcore
from mmcore_ai4brain.decoding import Volume, decode_volume

VALUES = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)
OWN = Path(data_path)


def decode(value, root=Path("."), **budget):
    return decode_volume(value, root, mmcore.Budget(**budget))


def refusal(value, root=Path("."), **budget):
    with pytest.raises(mmcore.InputError) as caught:
        decode(value, root, **budget)
    return caught.value


def image(values=VALUES, affine=None, header=None, kind=nibabel.Nifti1Image):
    return kind(values, np.diag([1.0, 2.0, 3.0, 1.0]) if affine is None else affine, header)


def with_header(content, offset, form, *numbers):
    return content[:offset] + struct.pack(form, *numbers) + content[offset + struct.calcsize(form) :]


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("packed", [False, True])
def test_what_nibabel_writes_is_read(tmp_path, kind, dtype, packed):
    path = tmp_path / f"a.nii{'.gz' if packed else ''}"
    nibabel.save(image(VALUES.astype(dtype), kind=kind), path)
    volume = decode(path.name, tmp_path)
    assert volume.values.dtype == np.float32
    assert (volume.values == VALUES).all()
    assert volume.spacing == pytest.approx((1.0, 2.0, 3.0))
    assert (decode(path.read_bytes()).values == VALUES).all()


@pytest.mark.parametrize("codes", ["LAS", "RPI", "PIR", "ASL", "SAR", "IPL"])
def test_axes_are_turned_to_right_front_and_up(codes):
    upright = nibabel.Nifti1Image(VALUES, np.diag([1.0, 2.0, 3.0, 1.0]))
    change = nibabel.orientations.ornt_transform(
        nibabel.io_orientation(upright.affine), nibabel.orientations.axcodes2ornt(tuple(codes))
    )
    turned = upright.as_reoriented(change)
    assert "".join(nibabel.aff2axcodes(turned.affine)) == codes
    volume = decode(turned.to_bytes())
    assert (volume.values == VALUES).all()
    assert volume.spacing == pytest.approx((1.0, 2.0, 3.0))


def test_the_qform_counts_where_there_is_no_sform():
    made = image()
    made.set_sform(None, code=0)
    made.set_qform(np.diag([-2.0, 2.0, 2.0, 1.0]), code=1)
    volume = decode(made.to_bytes())
    assert (volume.values == VALUES[::-1]).all()
    assert volume.spacing == pytest.approx((2.0, 2.0, 2.0))


def test_a_volume_without_orientation_is_refused_with_what_to_do():
    made = image()
    made.set_sform(None, code=0)
    made.set_qform(None, code=0)
    error = refusal(made.to_bytes())
    assert error.reason == "no orientation"
    assert "sform_code" in str(error)
    assert "left and right" in str(error)


def test_scale_and_intercept_of_the_header_are_applied():
    made = image(VALUES.astype(np.int16))
    content = with_header(made.to_bytes(), 112, "<2f", 0.5, -7.0)
    assert decode(content).values == pytest.approx(VALUES * 0.5 - 7)


def test_lengths_in_metres_or_micrometres_become_millimetres():
    for unit, factor in (("meter", 1000.0), ("micron", 0.001)):
        made = image(affine=np.diag([0.1, 0.2, 0.1, 1.0]) if unit == "meter" else np.diag([900.0, 900.0, 900.0, 1.0]))
        made.header.set_xyzt_units(unit)
        assert decode(made.to_bytes()).spacing == pytest.approx(
            tuple(made.header.get_zooms()[i] * factor for i in range(3))
        )


@pytest.mark.parametrize("name", ["anatomical.nii", "standard.nii.gz", "reoriented_anat_moved.nii"])
def test_nibabel_s_own_test_volumes_are_read_as_nibabel_reads_them(name):
    expected = nibabel.as_closest_canonical(nibabel.load(OWN / name))
    found = decode(name, OWN)
    assert found.values == pytest.approx(expected.get_fdata(dtype=np.float32))
    assert found.spacing == pytest.approx(expected.header.get_zooms()[:3], rel=1e-5)


@pytest.mark.parametrize("name", ["example4d.nii.gz", "functional.nii", "example_nifti2.nii.gz"])
def test_a_series_of_volumes_is_refused_with_what_to_do(name):
    error = refusal(name, OWN)
    assert error.reason == "wrong shape"
    assert "one of its volumes" in str(error)


def test_a_fourth_dimension_of_one_is_no_series():
    assert (decode(image(VALUES[..., None]).to_bytes()).values == VALUES).all()


@pytest.mark.parametrize("name", ["nifti1.hdr", "analyze.hdr", "small.mnc", "simple.trk", "0.dcm"])
def test_other_formats_are_not_volumes(name):
    assert refusal(name, OWN).reason in {"not a volume", "truncated"}


@pytest.mark.parametrize("packed", [False, True])
def test_a_header_that_claims_10_to_the_12_voxels_is_refused_before_anything_is_allocated(packed):
    content = with_header(image().to_bytes(), 40, "<8h", 3, 10_000, 10_000, 10_000, 1, 1, 1, 1)
    huge = nibabel.Nifti2Image(VALUES, np.eye(4)).to_bytes()
    huge = with_header(huge, 16, "<8q", 3, 10**6, 10**6, 10**6, 1, 1, 1, 1)
    for each in (content, huge):
        tracemalloc.start()
        error = refusal(gzip.compress(each) if packed else each)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert error.reason == "too large"
        assert "voxels" in str(error)
        assert peak < 2**22


def test_a_bomb_is_not_unpacked(tmp_path):
    start = image().to_bytes()
    with gzip.open(tmp_path / "bomb.nii.gz", "wb") as stream:
        stream.write(start)
        for _ in range(200):
            stream.write(bytes(2**20))
    tracemalloc.start()
    error = refusal("bomb.nii.gz", tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error.reason == "damaged"
    assert "goes on" in str(error)
    assert peak < 2**24


def test_a_bomb_whose_header_covers_it_is_too_large():
    wide = with_header(image(VALUES.astype(np.float64)).to_bytes(), 40, "<8h", 3, 460, 460, 460, 1, 1, 1, 1)
    assert refusal(gzip.compress(wide), bytes=100_000_000).reason == "too large"
    assert refusal(wide, pixels=10_000).reason == "too large"


@pytest.mark.parametrize("packed", [False, True])
def test_half_a_file_is_truncated(packed):
    content = image(np.random.default_rng(0).normal(size=(8, 8, 8)).astype(np.float32)).to_bytes()
    content = gzip.compress(content) if packed else content
    assert refusal(content[: len(content) // 2]).reason == "truncated"
    assert refusal(content[:100]).reason == "truncated"
    assert refusal(content[:-3]).reason == "truncated"


def test_a_packed_file_with_a_wrong_check_sum_is_damaged():
    content = bytearray(gzip.compress(image().to_bytes()))
    content[-6] ^= 1
    assert refusal(bytes(content)).reason == "damaged"


@pytest.mark.parametrize(
    ("offset", "form", "numbers", "reason"),
    [
        (40, "<h", (0,), "damaged"),  # dimensions: none
        (40, "<4h", (3, -4, 4, 4), "damaged"),
        (42, "<h", (0,), "damaged"),
        (40, "<h", (2,), "wrong shape"),
        (70, "<2h", (9999, 8), "damaged"),  # no such type
        (70, "<2h", (128, 24), "wrong type"),  # colours
        (70, "<2h", (32, 64), "wrong type"),  # complex numbers
        (108, "<f", (float("nan"),), "damaged"),  # where the voxels begin
        (108, "<f", (1e30,), "damaged"),
        (108, "<f", (-5.0,), "damaged"),
        (280, "<f", (float("nan"),), "damaged"),  # the sform
        (280, "<4f", (0.0, 0.0, 0.0, 0.0), "damaged"),
        (280, "<f", (1e30,), "damaged"),
        (344, "4s", (b"ni1\0",), "not a volume"),
        (344, "4s", (b"abc\0",), "not a volume"),
    ],
)
def test_headers_that_can_not_be_true_have_a_named_reason(offset, form, numbers, reason):
    assert refusal(with_header(image().to_bytes(), offset, form, *numbers)).reason == reason


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_no_finite_numbers_are_refused_and_counted(value):
    values = VALUES.copy()
    values[1, 2, 3] = value
    for cell in (image(values).to_bytes(), values):
        error = refusal(cell)
        assert error.reason == "not finite"
        assert "1 voxels" in str(error)


def test_numbers_beyond_single_precision_are_not_finite():
    assert refusal(np.full((2, 2, 2), 1e300)).reason == "not finite"


def test_arrays_are_taken_as_they_are(tmp_path):
    np.save(tmp_path / "a.npy", VALUES.astype(np.float64))
    np.save(tmp_path / "f.npy", np.asfortranarray(VALUES))
    np.savez(tmp_path / "a.npz", volume=VALUES, spacing=np.array([1.0, 2.0, 0.5]))
    np.savez_compressed(tmp_path / "b.npz", VALUES)
    for value in ("a.npy", "f.npy", "a.npz", "b.npz", VALUES, VALUES.astype(bool) * VALUES, Volume(VALUES)):
        assert (decode(value, tmp_path).values == VALUES).all()
    assert decode("a.npz", tmp_path).spacing == (1.0, 2.0, 0.5)
    assert decode("b.npz", tmp_path).spacing == (1.0, 1.0, 1.0)


def npy(shape, descr="<f4", data=b""):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue() + data


def zipped(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (npy((10**4, 10**4, 10**4)), "too large"),
        (zipped(volume=npy((10**4, 10**4, 10**4))), "too large"),
        (npy((5000, 1, 1), data=bytes(20_000)), "too large"),
        (npy((4, 4, 4), data=bytes(100)), "truncated"),
        (zipped(volume=npy((4, 4, 4), data=bytes(100))), "truncated"),
        (npy((4, 4), data=bytes(64)), "wrong shape"),
        (npy((2, 4, 4, 4), data=bytes(512)), "wrong shape"),
        (npy((4, 4, 4), "<c8", bytes(512)), "wrong type"),
        (npy((4, 4, 4), "|O", bytes(512)), "wrong type"),
        (npy((0, 4, 4)), "damaged"),
        (npy((2, 2, 2), data=bytes(32))[:20], "damaged"),
        (zipped(a=npy((2, 2, 2), data=bytes(32)), b=npy((2, 2, 2), data=bytes(32))), "not a volume"),
        (zipped(), "not a volume"),
        (zipped(a=npy((2, 2, 2), data=bytes(32)), spacing=npy((2,), data=bytes(8))), "damaged"),
        (zipped(a=npy((2, 2, 2), data=bytes(32)), spacing=npy((3,), data=bytes(12))), "damaged"),  # 0 mm
        (b"PK\x03\x04 and nothing more", "damaged"),
        (b"\x1f\x8b and nothing more", "damaged"),
        (b"neither the one nor the other" * 40, "not a volume"),
    ],
)
def test_bad_content_has_a_named_reason(content, reason):
    assert refusal(content).reason == reason


def test_a_pickle_in_a_file_is_never_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    np.save(tmp_path / "trap.npy", np.array([[[Trap()]]], dtype=object), allow_pickle=True)
    assert refusal("trap.npy", tmp_path).reason == "wrong type"
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("value", [7, None, [1, 2], object(), {"a": 1}])
def test_what_is_neither_a_path_nor_a_volume_is_refused(value):
    assert refusal(value).reason == "wrong type"
