"""Six invented instruments: how each is played, and what its body looks like.

Three ways of playing and three bodies make nine pairs; the six that there are lie on a ring, so that each way belongs
to two instruments and each body to two, and no two instruments share both.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Way = Literal["struck", "plucked", "blown"]
Body = Literal["round", "long", "pointed"]


class Instrument(NamedTuple):
    """What is heard and what is seen."""

    way: Way
    body: Body


INSTRUMENTS: dict[str, Instrument] = {
    "gong": Instrument("struck", "round"),
    "chime": Instrument("struck", "long"),
    "zither": Instrument("plucked", "long"),
    "harp": Instrument("plucked", "pointed"),
    "horn": Instrument("blown", "pointed"),
    "ocarina": Instrument("blown", "round"),
}


def bounds() -> dict[str, float]:
    """The accuracy that no classifier exceeds by the modalities that are named, where all instruments are as frequent.

    Whoever knows the way of playing, and nothing else that depends on the instrument, is right once in as many times
    as instruments are played so; and so for bodies. The facts depend on no instrument.

    >>> bounds()
    {'sound': 0.5, 'picture': 0.5, 'facts': 0.16666666666666666, 'sound+picture': 1.0}
    """
    all_of_them = INSTRUMENTS.values()
    ways, bodies = {each.way for each in all_of_them}, {each.body for each in all_of_them}
    count = len(INSTRUMENTS)
    return {
        "sound": len(ways) / count,
        "picture": len(bodies) / count,
        "facts": 1 / count,
        "sound+picture": len(set(all_of_them)) / count,
    }
