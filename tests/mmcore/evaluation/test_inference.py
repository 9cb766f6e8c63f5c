"""A pass over rows keeps their order, and the model as it was."""

import numpy as np
import pytest
import small
import torch

from mmcore.data.loading import batch_from_tree
from mmcore.evaluation.inference import infer


def test_what_comes_out_is_what_the_model_gives_for_all_rows_at_once():
    model, data = small.SmallModel(), small.SmallData(23)
    found = infer(model, data, small.collate, batch_size=5, device="cpu")
    batch = batch_from_tree(small.collate([data[row] for row in range(23)]), small.MODALITIES)
    model.eval()
    with torch.no_grad():
        output, encoded = model(batch), model.encode(batch)
    np.testing.assert_allclose(found.logits, output.logits, atol=1e-6)
    np.testing.assert_allclose(found.fused, output.representation, atol=1e-6)
    np.testing.assert_allclose(found.vectors["b"], encoded["b"].vector, atol=1e-6)
    np.testing.assert_array_equal(found.index, np.arange(23))
    np.testing.assert_array_equal(found.targets, data.targets)
    assert (len(found), found.modalities, found.present.all(), found.per_modality_logits) == (23, ("a", "b"), True, {})


def test_the_model_is_left_in_the_mode_it_was_in_and_drops_nothing_out():
    model, data = small.SmallModel(dropout=0.9).train(), small.SmallData(10)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    one, two = (infer(model, data, small.collate, device="cpu").logits for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    model.eval()
    infer(model, data, small.collate, device="cpu")
    assert not model.training


def test_a_model_of_one_stage_has_no_vectors_of_modalities():
    model = small.SmallModel()
    model.two_stage = False
    assert infer(model, small.SmallData(3), small.collate, device="cpu").vectors == {}


def test_rows_of_an_inference_are_taken_together():
    found = infer(small.SmallModel(), small.SmallData(9), small.collate, device="cpu")
    part = found.rows(np.array([4, 1]))
    np.testing.assert_array_equal(part.index, [4, 1])
    np.testing.assert_array_equal(part.logits, found.logits[[4, 1]])
    np.testing.assert_array_equal(part.vectors["a"], found.vectors["a"][[4, 1]])


def test_progress_reaches_the_end():
    told = []
    infer(small.SmallModel(), small.SmallData(7), small.collate, batch_size=3, progress=lambda *done: told.append(done))
    assert told == [(3, 7), (6, 7), (7, 7)]


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="no rows"):
        infer(small.SmallModel(), small.SmallData(0), small.collate)


def test_the_random_state_is_left_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    model = small.SmallModel()
    torch.manual_seed(3)
    infer(model, small.SmallData(7), small.collate)
    assert torch.rand(1) == expected
