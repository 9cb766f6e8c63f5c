"""One error family: what is wrong, where, and what to do about it.

Errors are raised where the fact is known and shown once, at the edge (the command line or the Studio).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MMCoreError(Exception):
    """Anything mmcore raises on purpose.

    Args:
        what: what is wrong, in one line.
        where: file and line, row, option or component it was found at.
        hint: what to do about it.

    >>> print(UserError("no column 'hs6'", where="items.csv", hint="Columns: title, price."))
    items.csv: no column 'hs6'. Columns: title, price.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None):
        super().__init__(what)
        self.what, self.where, self.hint = what, where, hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        if self.hint:
            text = f"{text.rstrip('.')}. {self.hint}"
        return text


class UserError(MMCoreError):
    """A mistake that the user can mend; the command line exits with 2."""

    exit_code = 2


class OptionError(UserError):
    """A value in an experiment or in a component's options that can't be used.

    `path` leads to it from the top of the experiment, as in ("fusion", "method", "dim").
    """

    def __init__(
        self, what: str, *, path: tuple[str | int, ...] = (), where: str | None = None, hint: str | None = None
    ):
        super().__init__(what, where=where, hint=hint)
        self.path = path


class DataError(UserError):
    """A data set that can't be used as a whole: not found, no such column, too many broken rows."""


class InputError(DataError):
    """One value of one row that can't be read.

    `reason` is a short stable phrase by which such rows are counted ("not found", "truncated", "wrong type").
    """

    def __init__(self, reason: str, what: str, *, where: str | None = None, hint: str | None = None):
        super().__init__(what, where=where, hint=hint)
        self.reason = reason


class CompositionError(UserError):
    """Components that do not fit together; the message is the reason."""


class ComponentError(MMCoreError):
    """A component that broke its contract: names the component, what it promised and what came back."""


class MissingDependency(UserError):
    """Something that is not installed; the hint says which extra brings it."""


class RunError(UserError):
    """A run folder that can't be used as asked: unfinished, in use, of another format."""


def did_you_mean(value: str, choices: Iterable[str]) -> str:
    """The nearest of `choices` as a question, or the choices themselves when none is near.

    >>> did_you_mean("multconcta", ["multconcat", "concat"])
    "Did you mean 'multconcat'?"
    >>> did_you_mean("zzz", ["b", "a"])
    'Allowed: a, b.'
    """
    names = sorted(set(choices))
    near = difflib.get_close_matches(value, names, n=1, cutoff=0.6)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Allowed: {', '.join(names)}." if names else "There is none to choose from."
