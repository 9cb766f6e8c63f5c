"""The data set's own split: each class in proportion, groups (a scene, a camera) never parted."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

import mmcore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def stratified(
    labels: Sequence[str], shares: Mapping[str, float], *, groups: Sequence[str] | None = None, seed: int = 0
) -> list[str]:
    """The part of each row: a name of `shares`, or "train" for what they leave.

    Groups are dealt out one by one, the largest first and equal ones by chance, each to the part that lacks most of the
    group's classes. Without groups each row is its own, and every part holds each class to within a row.

    >>> parts = stratified(["a", "b"] * 10, {"test": 0.2, "validation": 0.1})
    >>> {part: parts.count(part) for part in sorted(set(parts))}
    {'test': 4, 'train': 14, 'validation': 2}
    """
    members: dict[str, list[int]] = defaultdict(list)
    for row in range(len(labels)):
        members[str(row) if groups is None else groups[row]].append(row)
    names = sorted(members)
    order = np.random.default_rng(seed).permutation(len(names))
    dealt = sorted((names[position] for position in order), key=lambda name: -len(members[name]))
    total = Counter(labels)
    wanted = {part: share for part, share in {"train": 1 - sum(shares.values()), **shares}.items() if share > 0}
    lacking = {part: {label: share * count for label, count in total.items()} for part, share in wanted.items()}
    part_of = [""] * len(labels)
    for name in dealt:
        counts = Counter(labels[row] for row in members[name])
        best = max(wanted, key=lambda part: sum(lacking[part][label] * n for label, n in counts.items()))
        for row in members[name]:
            part_of[row] = best
        for label, n in counts.items():
            lacking[best][label] -= n
    return part_of


def own_splits(rows: Sequence[Mapping[str, Any]], shares: Mapping[str, float]) -> dict[str, list[int]]:
    """Row numbers by part: as the column `split` says, else stratified with groups kept together.

    Rows without a label take no part. The split does not depend on a seed, so that all runs meet the same test.

    Raises:
        DataError: the column says neither train, validation nor test, says nothing for some rows, or names no row for
            train.
    """
    usable = [number for number, row in enumerate(rows) if row["label"] is not None]
    said = [rows[number].get("split") for number in usable]
    if any(said):
        parts = [_WORDS.get(str(part).strip().lower(), "") for part in said]
        for part, word, number in zip(parts, said, usable, strict=True):
            if not part:
                raise mmcore.DataError(
                    f"the column split holds {word!r}, for clip {rows[number]['id']}",
                    hint="Allowed: train, validation, test.",
                )
        if "train" not in parts:
            raise mmcore.DataError("the column split has no clip for train")
    else:
        groups = [rows[number].get("group") for number in usable]
        lacking = [rows[number]["id"] for number, group in zip(usable, groups, strict=True) if group is None]
        if any(groups) and lacking:
            raise mmcore.DataError(f"clip {lacking[0]} has no group", hint="Fill the column, or remove it.")
        grouped = [str(group) for group in groups] if any(groups) else None
        parts = stratified([str(rows[number]["label"]) for number in usable], shares, groups=grouped)
    return {
        part: [number for number, each in zip(usable, parts, strict=True) if each == part]
        for part in ("train", "validation", "test")
    }


_WORDS = {
    "train": "train", "training": "train", "validation": "validation", "valid": "validation", "val": "validation",
    "dev": "validation", "test": "test", "testing": "test",
}  # fmt: skip
