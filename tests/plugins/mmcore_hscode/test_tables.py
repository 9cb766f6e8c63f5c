"""The grids hold the programme's eleven rows, and all their experiments are possible."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcore.comparison.grid import Grid

TABLES = Path(__file__).parents[3] / "examples" / "tables"
IMAGE = {"vit": "ViT", "resnet50": "ResNet50", "clip_image": "CLIP"}

PROGRAMME = {
    *((method, image, "I,D,T,C") for image in IMAGE.values() for method in ("multconcat", "concat", "lmf")),
    ("multconcat", None, "D,T,C"),
    ("multconcat", "ResNet50", "I,D"),
}


@pytest.fixture
def cells(monkeypatch, beside_examples):
    monkeypatch.chdir(beside_examples)
    return lambda name: Grid.load(TABLES / name).cells()


def line(experiment):
    letters = {"image": "I", "description": "D", "title": "T", "category": "C"}
    image = experiment.encoders.get("image")
    method = experiment.fusion.method.name if experiment.fusion else None
    return method, IMAGE.get(image.name) if image else None, ",".join(letters[name] for name in experiment.modalities())


def test_the_connected_grid_has_the_programmes_rows_and_the_description_alone(cells):
    found = cells("hscode.yaml")
    assert [cell.reason for cell in found if cell.experiment is None] == []
    assert {line(cell.experiment) for cell in found} == PROGRAMME | {(None, None, "D")}
    assert len({cell.key for cell in found}) == 12 * 3
    assert {slot.name for cell in found for name, slot in cell.experiment.encoders.items() if name != "image"} == {
        "simcse"
    }


def test_the_grid_for_here_has_its_shape_and_needs_no_network(cells):
    found = cells("hscode-here.yaml")
    assert [cell.reason for cell in found if cell.experiment is None] == []
    assert len({cell.key for cell in found}) == 12 * 3
    shapes = {(line(cell.experiment)[0], line(cell.experiment)[2]) for cell in found}
    assert shapes == {(method, modalities) for method, _, modalities in PROGRAMME} | {(None, each) for each in "DTCI"}
    for cell in found:
        for slot in cell.experiment.encoders.values():
            assert slot.name in ("efficientnet_lite0", "minilm") or slot.weights == "none"
