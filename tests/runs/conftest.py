"""Fixtures: a quiet environment, a table of items, a finished run on it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from small_items import experiment_of, write_items


@pytest.fixture(scope="session", autouse=True)
def quiet_environment(tmp_path_factory):
    """A cache of its own and no network, for every process that a test starts."""
    before = dict(os.environ)
    os.environ.update(
        MMCORE_CACHE=str(tmp_path_factory.mktemp("cache")), HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1", NO_COLOR="1"
    )
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def items(tmp_path_factory) -> Path:
    """The path of a table of 150 items."""
    return write_items(tmp_path_factory.mktemp("items") / "items.csv")


@pytest.fixture(scope="session")
def fitted(items, tmp_path_factory):
    """A finished run on the items."""
    import mmcore

    return mmcore.Experiment.from_dict(experiment_of(items)).run(tmp_path_factory.mktemp("run") / "items")
