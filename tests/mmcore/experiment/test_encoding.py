"""Which modalities' tokens are kept, and how much room they may take."""

import pytest

from mmcore.errors import OptionError
from mmcore.experiment.encoding import token_limit, token_modalities
from mmcore.model.fusion_model import FusionModel


class Model(FusionModel):
    def __init__(self, names, reads_tokens=False, within=None):
        super().__init__(names, {}, None)
        self.reads_tokens, self.within = reads_tokens, within

    def encode(self, batch):
        raise NotImplementedError

    fuse = encode


def test_tokens_are_kept_for_models_that_read_them_and_for_such_models_within_others():
    assert token_modalities(Model(("a", "b"))) == frozenset()
    assert token_modalities(Model(("a", "b"), reads_tokens=True)) == {"a", "b"}
    assert token_modalities(Model(("a", "b"), within=Model(("b",), reads_tokens=True))) == {"b"}


@pytest.mark.parametrize(("text", "expected"), [(None, 8 * 2**30), (" ", 8 * 2**30), ("0", 0), ("0.5", 2**29)])
def test_the_room_for_tokens_is_the_users_to_set(monkeypatch, text, expected):
    monkeypatch.delenv("MMCORE_TOKEN_CACHE_GB", raising=False)
    if text is not None:
        monkeypatch.setenv("MMCORE_TOKEN_CACHE_GB", text)
    assert token_limit() == expected


@pytest.mark.parametrize("text", ["much", "-1", "nan", "inf"])
def test_a_limit_that_is_none_is_refused(monkeypatch, text):
    monkeypatch.setenv("MMCORE_TOKEN_CACHE_GB", text)
    with pytest.raises(OptionError, match=r"MMCORE_TOKEN_CACHE_GB: .* is no number of GiB"):
        token_limit()
