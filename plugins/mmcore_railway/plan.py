"""The plan of a clip: which of the things that make up the classes are in it, and which modality can tell.

Three things happen by and by, in any combination: something stands under the bucket, something stands beside the cabin,
the excavator drives up to the strip on its left. Whether that is a danger depends on what each modality sees alone:

* only the picture tells a worker from a post of the same outline, and a railway line from a road (both are flat);
* only depth tells who is at the bucket or the cabin from who is metres behind or before, in the same column.

So the label is the conjunction of what both see, and each modality alone is left with a doubt that no classifier can
remove. `alone` computes what it costs, exactly.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Literal

import numpy as np

from mmcore_railway.rules import CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterator

Stands = Literal["nothing", "worker", "worker elsewhere", "post"]

HARMLESS: dict[Stands, float] = {"nothing": 0.34, "worker elsewhere": 0.44, "post": 0.22}
"""Where there is no danger at the bucket (or the cabin): how often there is what."""

DRIVES = 0.25
"""How often the excavator drives up to a road, where tracks are not in danger."""

TRACKS = 0.5
"""How often the strip is a railway line, where the excavator does not drive."""

PARKED = 0.1
"""How often the excavator of a safe clip is parked: its bucket lowered, nothing moves, workers may stand beside it."""


_DANGEROUS: dict[Stands, float] = {"worker": 1.0}

_BESIDE_PARKED: tuple[Stands, ...] = ("worker", "nothing")

_TO_TRACKS = {(True, True): 1.0}

_ELSEWHERE = {(True, False): DRIVES, (False, True): (1 - DRIVES) * TRACKS, (False, False): (1 - DRIVES) * (1 - TRACKS)}
"""Whether the excavator drives up to the strip and whether that is a railway line, where tracks are not in danger."""


@dataclass(frozen=True)
class Plan:
    """What happens in a clip.

    Args:
        label: the class.
        at_bucket, at_cabin: what stands under the bucket and beside the cabin.
        drives: whether the excavator drives up to the strip.
        tracks: whether the strip is a railway line.
        operated: whether the excavator moves at all.
    """

    label: str
    at_bucket: Stands
    at_cabin: Stands
    drives: bool
    tracks: bool
    operated: bool = True

    @property
    def raised(self) -> bool:
        """Whether the bucket is up."""
        return self.operated

    @property
    def dangers(self) -> tuple[bool, bool, bool]:
        """Whether a worker is under the bucket, near the cabin while it is operated, the excavator on the tracks."""
        return (
            self.at_bucket == "worker",
            self.at_cabin == "worker" and self.operated,
            self.drives and self.tracks,
        )

    def seen(self, modality: str) -> tuple[object, ...]:
        """All that one modality can tell of the plan, however well it is read."""
        if modality == "rgb":
            people = ["worker" if "worker" in state else state for state in (self.at_bucket, self.at_cabin)]
            return (*people, self.drives, self.tracks, self.operated)
        near = [state in ("worker", "post") for state in (self.at_bucket, self.at_cabin)]
        return (*near, self.drives, self.operated)


def plans(label: str) -> Iterator[tuple[Plan, float]]:
    """Every plan of a class, with its probability within the class."""
    rest = 1.0
    if label == "Safe":
        rest -= PARKED
        for cabin, tracks in product(_BESIDE_PARKED, (True, False)):
            yield Plan(label, "nothing", cabin, False, tracks, operated=False), PARKED / 4
    buckets = _DANGEROUS if label == "Bucket-Worker" else HARMLESS
    cabins = _DANGEROUS if label == "Cabin-Worker" else HARMLESS
    ways = _TO_TRACKS if label == "Track-Excavator" else _ELSEWHERE
    for bucket, cabin, way in product(buckets, cabins, ways):
        yield Plan(label, bucket, cabin, *way), rest * buckets[bucket] * cabins[cabin] * ways[way]


def draw_plan(label: str, generator: np.random.Generator) -> Plan:
    """A plan of a class, by chance."""
    found, chances = zip(*plans(label), strict=True)
    return found[generator.choice(len(found), p=np.array(chances))]


def alone(modality: str) -> float:
    """The accuracy that no classifier of one modality can exceed, with the four classes equally frequent.

    Of each thing that a modality can see, the best guess is the class that it is most often seen in.
    """
    seen: dict[tuple[object, ...], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for label in CLASSES:
        for plan, chance in plans(label):
            seen[plan.seen(modality)][label] += chance / len(CLASSES)
    return sum(max(by_class.values()) for by_class in seen.values())
