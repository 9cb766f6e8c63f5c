import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # `written_clips.py`

from mmcore_railway import simulate
from mmcore_railway.plan import Plan, draw_plan
from mmcore_railway.rules import CLASSES
from mmcore_railway.scene import draw_scene


@pytest.fixture(scope="session")
def scenes():
    """Scenes of all classes, with their plans."""
    found = []
    for number in range(32):
        generator = np.random.default_rng([5, number])
        plan = draw_plan(CLASSES[number % 4], generator)
        found.append((plan, draw_scene(plan, generator)))
    return found


@pytest.fixture(scope="session")
def scene():
    """A scene with a worker under the bucket, a post beside the cabin, and a railway line."""
    plan = Plan("Bucket-Worker", "worker", "post", drives=False, tracks=True)
    return draw_scene(plan, np.random.default_rng(3))


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    """Twelve simulated clips on disk."""
    folder = tmp_path_factory.mktemp("railway") / "clips"
    simulate(folder, 12, 4)
    return folder
