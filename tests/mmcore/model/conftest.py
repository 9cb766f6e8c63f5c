import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # `trial_parts.py`


@pytest.fixture
def catalog():
    from trial_parts import make_catalog

    return make_catalog()
