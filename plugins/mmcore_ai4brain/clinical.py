"""Which columns of a cohort may be inputs: not the diagnosis, and by custom not what all but says it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

BOOKKEEPING = frozenset({"participant_id", "session_id", "acq_time", "species", "strain", "strain_rrid"})

NEAR_LABELS = re.compile(r"^(mmse?|mmscore|cdr|cdglobal|cdsob|adas|moca|faq|dx|diag|group$|petersen|niaaa)")
"""Scores that diagnoses are made by, and other words for the diagnosis, as ADNI, OASIS and others name them."""


def is_near_label(name: str) -> bool:
    """Whether a column's name, or one of its words, says that it all but is the diagnosis.

    >>> [is_near_label(name) for name in ("MMSCORE", "CDR-SB", "baseline_mmse", "DX_bl", "age", "memory")]
    [True, True, True, True, False, False]
    """
    words = re.split(r"[^a-z0-9]+", name.lower())
    return any(NEAR_LABELS.match(word) for word in [*words, "".join(words)])


def says_the_target(rows: Sequence[Mapping[str, object]], column: str, target: str) -> bool:
    """Whether each of a column's few, repeated values goes with one value of the target alone.

    >>> rows = [{"arm": arm, "diagnosis": arm.upper()} for arm in "aabb"]
    >>> says_the_target(rows, "arm", "diagnosis")
    True
    """
    goes_with: dict[object, set[object]] = {}
    counts: dict[object, int] = {}
    for row in rows:
        value, wanted = row.get(column), row.get(target)
        if value is not None and wanted is not None:
            goes_with.setdefault(value, set()).add(wanted)
            counts[value] = counts.get(value, 0) + 1
    classes = {wanted for each in goes_with.values() for wanted in each}
    few = 2 <= len(classes) <= len(goes_with) <= 2 * len(classes)
    return few and min(counts.values()) >= 2 and all(len(each) == 1 for each in goes_with.values())


def split_columns(
    rows: Sequence[Mapping[str, object]], target: str, ours: frozenset[str]
) -> tuple[list[str], list[str]]:
    """The columns that may be clinical inputs, and those that all but say the target; in the table's order.

    A column in which nothing is known is neither.
    """
    columns = [
        name
        for name in dict.fromkeys(name for row in rows for name in row)
        if any(row.get(name) is not None for row in rows)
        and name != target
        and name not in ours
        and name not in BOOKKEEPING
    ]
    near = [name for name in columns if is_near_label(name) or says_the_target(rows, name, target)]
    return [name for name in columns if name not in near], near
