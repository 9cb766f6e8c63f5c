"""A check: one claim about a component, as a plain function, and the result of running it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mmcore.declarations import Component

if TYPE_CHECKING:
    from mmcore.testing.bench import Bench


class CheckFailed(AssertionError):
    """The component does not keep what the check claims."""


class Skipped(Exception):
    """The check can't say anything about this component; the message is the reason."""


@dataclass(frozen=True)
class Check:
    """One claim about the components of some types.

    Args:
        name: the function's own name, by which a failure is expected or reported.
        summary: the claim, in one line.
        types: the declarations it applies to.
        when: a declared fact that it needs as well, as in `lambda declaration: declaration.half_precision`.
        run: raises CheckFailed (or whatever the component raises), or Skipped.
    """

    name: str
    summary: str
    types: tuple[type[Component], ...]
    when: Callable[[Any], bool]
    run: Callable[[Any], None]

    def applies_to(self, declaration: Component) -> bool:
        """Whether the claim is about this component."""
        return isinstance(declaration, self.types) and self.when(declaration)


@dataclass(frozen=True)
class CheckResult:
    """What came of one check on one component.

    `outcome`: "passed", "failed", "skipped" (the message is the reason) or "expected" (it failed as announced; the
    message is the announced reason). A failure that was announced and did not happen is "failed".
    """

    component: str
    check: str
    summary: str
    outcome: Literal["passed", "failed", "skipped", "expected"]
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.outcome != "failed"

    def to_dict(self) -> dict[str, str]:
        """JSON-like."""
        return {
            "component": self.component,
            "check": self.check,
            "summary": self.summary,
            "outcome": self.outcome,
            "message": self.message,
        }


REGISTERED: list[Check] = []
"""Every check, in the order in which they are run."""


def check(
    *types: type[Component], when: Callable[[Any], bool] = lambda declaration: True
) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Register a function as a check of these types of components; its docstring's first line is the claim."""

    def register(run: Callable[[Any], None]) -> Callable[[Any], None]:
        summary = (run.__doc__ or "").strip().splitlines()[0]
        REGISTERED.append(Check(run.__name__, summary, types, when, run))
        return run

    return register


def claim(holds: bool, otherwise: str) -> None:
    """Fail the check that calls this, with the message, unless the claim holds."""
    if not holds:
        raise CheckFailed(otherwise)


def perform(check: Check, bench: Bench, expected: str | None = None) -> CheckResult:
    """Run one check; whatever the component raises, SystemExit included, becomes its result."""
    try:
        check.run(bench)
        outcome, message = "passed", ""
    except Skipped as reason:
        outcome, message = "skipped", str(reason)
    except KeyboardInterrupt:
        raise
    except CheckFailed as failure:
        outcome, message = "failed", str(failure)
    except BaseException as error:
        outcome, message = "failed", describe_error(error)
    if expected is not None:
        if outcome == "failed":
            outcome, message = "expected", expected
        elif outcome == "passed":
            outcome, message = "failed", f"it was expected to fail ({expected}), but passed: take it off the list"
    return CheckResult(bench.label, check.name, check.summary, outcome, message)  # type: ignore[arg-type]


def describe_error(error: BaseException) -> str:
    """The error in one line, with the place in the component's own file where it was raised.

    >>> try:
    ...     raise ValueError("no such width")
    ... except ValueError as error:
    ...     describe_error(error).startswith("ValueError: no such width")
    True
    """
    import traceback
    from pathlib import Path

    ours = str(Path(__file__).parent)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(ours)]
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    text = " ".join(str(error).split()) or "no message"
    return f"{type(error).__name__}: {text}{place}"
