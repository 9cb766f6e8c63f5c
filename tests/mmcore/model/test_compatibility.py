"""What can be seen from declarations alone."""

import subprocess
import sys

import pytest

from mmcore.model.compatibility import problems
from mmcore.model.composition import FusionChoice
from mmcore.options import ComponentConfig


def found(catalog, names, strategy=None, method=None):
    fusion = strategy and FusionChoice(ComponentConfig(name=strategy), method and ComponentConfig(name=method))
    return [(error.path, str(error)) for error in problems(dict.fromkeys(names, "numbers"), {}, fusion, catalog)]


@pytest.mark.parametrize(
    ("names", "strategy", "method"),
    [
        (["a"], None, None),
        (["a", "b"], "intermediate", None),
        (["a", "b"], "intermediate", "concat"),
        (["a", "b", "c", "d"], "intermediate", "multconcat"),
        (["a", "b"], "intermediate", "pair"),
        (["a", "b"], "late", None),
        (["a", "b"], "undecided", "soft_voting"),
    ],
)
def test_what_fits_has_no_problem(catalog, names, strategy, method):
    assert found(catalog, names, strategy, method) == []


@pytest.mark.parametrize(
    ("names", "strategy", "method", "path", "told"),
    [
        (["a", "b"], None, None, ("fusion",), "strategy: careless, early, intermediate, late, undecided"),
        (["a"], "late", None, ("fusion",), "Leave `fusion` out"),
        (["a", "b"], "late", "concat", ("fusion", "method"), "Methods for late: hard_voting"),
        (["a", "b"], "undecided", None, ("fusion",), "needs a method"),
        (["a", "b", "c"], "intermediate", "pair", ("fusion", "method"), "for exactly 2 modalities; there are 3"),
        (["a", "keys"], "late", None, ("encoders", "keys"), "Call it keys_"),
        (["a.b"], None, None, ("encoders", "a.b"), "Call it a_b_"),
    ],
)
def test_what_does_not_fit_is_told_at_its_place(catalog, names, strategy, method, path, told):
    ((where, message),) = found(catalog, names, strategy, method)
    assert where == path
    assert told in message


def test_it_is_seen_without_importing_torch():
    code = "import sys, mmcore.model.compatibility; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
