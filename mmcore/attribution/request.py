"""What an explainer asks for: which modalities play, how finely, and which output is explained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, sqrt
from typing import TYPE_CHECKING, Literal

from mmcore.data.kind import Players
from mmcore.errors import DataError, OptionError, did_you_mean

if TYPE_CHECKING:
    from mmcore.attribution.row import Row

SIDE_WITHOUT_TEXT = 4
"""Side of the grid over a picture where no text says how fine it should be."""

WHOLE = "modality"
"""The granularity in which each modality is one player; every kind has it."""

OutputName = Literal["probability", "logit", "log_odds", "quantity"]


@dataclass(frozen=True)
class GameRequest:
    """The game that an explainer wants to play. All defaults: every modality plays, as in MM-SHAP.

    An explainer that wants another game has a method `game_request(row) -> GameRequest`.

    Args:
        play: the modalities that play while the others stay as they are; None means all that are present.
        granularity: modality → a word of its kind ("words") or a size. One word for all means: wherever the kind
            knows it, and "auto" elsewhere. "modality": each modality is one player.
        grid: side of the grid for kinds whose players lie on one; None means ⌈√n⌉ for the longest playing text of n
            tokens, special tokens included (arXiv:2212.08158, section 4), and 4 without a text.
        output: None means the probability, and the predicted quantity in regression.
        target: "predicted", "true", a class, or "all" for one value per class.
        baseline: modality → what masked players become, a word of its kind.
    """

    play: tuple[str, ...] | None = None
    granularity: str | int | Mapping[str, str | int] = "auto"
    grid: int | None = None
    output: OutputName | None = None
    target: str = "predicted"
    baseline: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class WholePlayer(Players):
    """A modality as a single player; `parts` are those that its kind masks together."""

    parts: Players = field(default_factory=lambda: Players(()))


def partition(row: Row, request: GameRequest) -> dict[str, Players]:
    """The players of each modality that plays, in the model's order. A modality that is absent has none.

    Raises:
        OptionError: the model has no such modality, or its kind no such granularity or baseline.
        DataError: the row has no modality that could play, or nothing in it can be masked.
    """
    named = request.granularity if isinstance(request.granularity, Mapping) else {}
    for name in (*(request.play or ()), *named, *request.baseline):
        if name not in row.model.modalities:
            raise OptionError(f"the model has no modality {name!r}", hint=did_you_mean(name, row.model.modalities))
    for name, word in request.baseline.items():
        known = row.kinds[name].baselines
        if word not in known:
            raise OptionError(
                f"masked parts of {name!r} can't become {word!r}; they can become " + ", ".join(known),
                hint=did_you_mean(word, known),
            )
    playing = [name for name in row.present if request.play is None or name in request.play]
    if not playing:
        asked = ", ".join(request.play or row.model.modalities)
        raise DataError(f"the row has none of the modalities that should play ({asked})")
    players = {name: _players(row, name, request.granularity) for name in playing}
    side = request.grid or _side(players)
    for name in playing:
        if players[name].grid is not None and name not in named:
            players[name] = row.players(name, side)
    if not any(map(len, players.values())):
        raise DataError("nothing in the row can be masked: its modalities have no players")
    return players


def _players(row: Row, name: str, granularity: str | int | Mapping[str, str | int]) -> Players:
    if isinstance(granularity, Mapping):
        own = granularity.get(name, "auto")
        return _players(row, name, own) if own == WHOLE else row.players(name, own)
    if granularity == WHOLE:
        parts = row.players(name)
        return WholePlayer((name,) if len(parts) else (), parts=parts)
    try:
        return row.players(name, granularity)
    except OptionError:
        return row.players(name)


def _side(players: Mapping[str, Players]) -> int:
    tokens = max((int(each.notes.get("n_tokens", 0)) for each in players.values()), default=0)
    return ceil(sqrt(tokens)) if tokens else SIDE_WITHOUT_TEXT
