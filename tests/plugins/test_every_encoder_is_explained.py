"""Each encoder beside another modality: `mm_shap` parts a prediction among both, and the values sum to it."""

import numpy as np
import pytest
import torch

import mmcore
from mmcore.attribution.explaining import explain_row
from mmcore.attribution.row import Row
from mmcore.catalog import load
from mmcore.model.composition import FusionChoice, build_model
from mmcore.options import ComponentConfig
from mmcore.testing.bench import kind_material

ENCODERS = [entry.declaration for entry in load().entries("encoder") if entry.distribution == "mmcore-framework"]
BESIDE = {"text": "lstm", "tabular": "mlp"}


@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda encoder: f"{encoder.kind}-{encoder.name}")
def test_a_prediction_is_parted_among_the_players_of_both_modalities(encoder, tmp_path):
    other = "tabular" if encoder.kind == "text" else "text"
    kinds = {"first": encoder.kind, "second": other}
    chosen = {"first": encoder, "second": load().get("encoder", BESIDE[other], kind=other)}
    material = {
        name: kind_material(load().get("modality-kind", kind), tmp_path / name, 4)
        for name, kind in kinds.items()
        if (tmp_path / name).mkdir() is None
    }
    torch.manual_seed(0)
    model = build_model(
        {
            name: mmcore.EncoderChoice(ComponentConfig(name=each.name, options=dict(each.tiny)), weights="none")
            for name, each in chosen.items()
        },
        kinds,
        {name: each.description for name, each in material.items()},
        FusionChoice(ComponentConfig(name="intermediate"), ComponentConfig(name="multconcat", options={"dim": 4})),
        mmcore.SingleLabel(classes=("a", "b", "c")),
        samples=lambda name: iter(material[name].samples),
    ).eval()
    row = Row(
        model,
        {name: each.kind for name, each in material.items()},
        {name: each.samples[1] for name, each in material.items()},
        descriptions={name: each.description for name, each in material.items()},
        id="1",
        target="a",
    )
    declaration = load().get("explainer", "mm_shap")
    options = declaration.options.model_validate({**declaration.tiny})
    found = explain_row(row, load().build(declaration, options), declaration, options)
    assert set(found.parts) == {"first", "second"}
    assert sum(found.shares.values()) == pytest.approx(1)
    assert np.sum(found.values) + found.base_value == pytest.approx(found.value, abs=1e-4)
    assert found.value == pytest.approx(_probability(model, material), abs=1e-4)


def _probability(model, material):
    """Of the predicted class for sample 1, by the model itself."""
    inputs = {
        name: each.kind.collate([each.kind.prepare(each.samples[1], model.input_specs[name])])
        for name, each in material.items()
    }
    batch = mmcore.Batch(modalities=tuple(material), present=torch.ones(1, 2, dtype=torch.bool), inputs=inputs)
    with torch.inference_mode():
        return float(model(batch).logits.softmax(-1).max())
