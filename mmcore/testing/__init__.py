"""The conformance kit: does a component keep the contract of its type? For pytest, for `mmcore check`, for strangers.

In a plugin's tests, these lines check all that the plugin declares, one test per check:

    import mmcore.testing
    import my_plugin

    @mmcore.testing.conformance(my_plugin)
    def test_keeps_its_contract(check):
        check()
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOMES = {
    "Check": "check",
    "CheckFailed": "check",
    "CheckResult": "check",
    "Skipped": "check",
    "checks_for": "kit",
    "conformance": "kit",
    "declarations_of": "kit",
    "run_checks": "kit",
}
__all__ = sorted(_HOMES)  # pyright: ignore

if TYPE_CHECKING:
    from mmcore.testing.check import Check as Check
    from mmcore.testing.check import CheckFailed as CheckFailed
    from mmcore.testing.check import CheckResult as CheckResult
    from mmcore.testing.check import Skipped as Skipped
    from mmcore.testing.kit import checks_for as checks_for
    from mmcore.testing.kit import conformance as conformance
    from mmcore.testing.kit import declarations_of as declarations_of
    from mmcore.testing.kit import run_checks as run_checks


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"mmcore.testing.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'mmcore.testing' has no attribute {name!r}")
