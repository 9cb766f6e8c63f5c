"""Plain warnings where a figure of an explanation means little."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmcore.attribution.explanation import Explanation

NINETY_PERCENT = 1.645
"""Standard errors on each side of a 90 % interval."""
LITTLE = 0.02
"""Of a probability: contributions that are smaller in sum say that hardly anything happened."""
WIDE = 0.2
"""The width of a share's 90 % interval from which it says little."""
SURE = 0.5
"""The probability of a class with everything masked from which the baseline itself speaks for it."""


def cautions(explanation: Explanation) -> Iterator[str]:
    """What a reader of the shares has to know, one sentence each."""
    yield from _nothing_to_share(explanation)
    if not explanation.shares:
        return
    shares, chance = explanation.shares, explanation.chance
    if len(shares) > 1:
        for name, error in explanation.share_errors.items():
            reach, share = NINETY_PERCENT * error, shares.get(name)
            if share is None:
                continue
            if 2 * reach > WIDE:
                yield f"The share of {name} is uncertain: {share:.0%} ± {reach:.0%}. A larger budget narrows it."
            elif abs(share - chance[name]) <= reach:
                yield f"The share of {name}, {share:.0%}, can't be told from what it has by chance, {chance[name]:.0%}."
    if explanation.output == "probability" and explanation.base_value > SURE:
        yield (
            f"With everything masked the model still gives {explanation.explained} a probability of "
            f"{explanation.base_value:.2f}: the baseline is no neutral input to it. Compare with another baseline."
        )


def _nothing_to_share(explanation: Explanation) -> Iterator[str]:
    parts = explanation.parts
    amount = sum(explanation.contributions.values())
    if not amount:
        yield "No player changes the output, so there are no shares."
    elif len(parts) == 1:
        yield "Only one modality plays, so its share is 1 whatever the model does."
    elif explanation.output == "probability" and amount < LITTLE:
        yield f"All players together move the output by {amount:.3f}: shares of next to nothing."
    for name, part in parts.items():
        if not part.labels:
            yield f"{name} has no players in this row."
