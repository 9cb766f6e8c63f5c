import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def quiet_environment(tmp_path_factory):
    """A cache of its own and no network."""
    before = dict(os.environ)
    os.environ.update(MMCORE_CACHE=str(tmp_path_factory.mktemp("cache")), HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1")
    yield
    os.environ.clear()
    os.environ.update(before)
