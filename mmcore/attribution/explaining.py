"""From a row and an explainer to an explanation: builds what the explainer needs, checks what it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mmcore.attribution.cautions import cautions
from mmcore.attribution.explanation import Attribution, Drawing, Explanation, Part
from mmcore.attribution.request import GameRequest
from mmcore.errors import ComponentError, OptionError, UserError

if TYPE_CHECKING:
    from mmcore.attribution.game import Game
    from mmcore.attribution.row import Row
    from mmcore.data.kind import Players
    from mmcore.declarations import Explainer
    from mmcore.options import Options


def explain_row(
    row: Row,
    explainer: Any,
    declaration: Explainer,
    options: Options | None = None,
    *,
    play: Sequence[str] | None = None,
    target: str | None = None,
) -> Explanation:
    """Explain one row.

    Args:
        row: the row and its model.
        explainer: what the declaration's `build` made. One that needs a game may have `game_request(row)`, which
            returns a `GameRequest`; `explain` gets the game (or the row, for one that needs the model) and returns
            values, one per player, or an `Attribution`.
        declaration: names it, and says what it needs and whether it is additive.
        options: recorded in the explanation.
        play: the modalities that play while the others stay as they are, whatever the explainer itself asks for.
        target: the class that is explained, whatever the explainer itself asks for; of a game.

    Raises:
        ComponentError: the explainer returned something else than it promised.
        UserError: it explains data sets, or what it asks for does not exist.
    """
    settings = options.model_dump(mode="json") if options is not None else {}
    if declaration.needs == "dataset":
        raise UserError(f"{declaration.name!r} measures a data set, and explains no single row")
    if declaration.needs == "model":
        if play is not None:
            raise OptionError(
                f"{declaration.name!r} plays no game, so all modalities take part", hint="Leave the pair out."
            )
        returned = _attribution(explainer.explain(row), declaration)
        if returned.players is None or returned.base_value is None:
            raise ComponentError(f"explainer {declaration.name!r} returned no `players` or no `base_value`")
        return _from_model(row, returned, declaration, settings)
    request = _request(explainer, row, declaration)
    if play is not None:
        request = replace(request, play=tuple(play))
    if target is not None:
        request = replace(request, target=target)
    game = row.game(request)
    returned = _attribution(explainer.explain(game), declaration)
    values, errors, base_value, value = explained_output(game, returned, row, declaration)
    parts = _parts(game.players, values, errors, game.baselines)
    label = game.score.label if game.outputs is None else row.score().label
    return _explanation(
        row, declaration, parts, returned, game.players,
        asked=tuple(name for name in row.model.modalities if request.play is None or name in request.play),
        output=game.score.output, explained=label, value=value, base_value=base_value,
        settings={**returned.settings, **settings},
        passes=dict(game.passes), evaluations=game.evaluations, interactions=_interactions(game, returned, row),
    )  # fmt: skip


def _interactions(game: Game, returned: Attribution, row: Row) -> dict[tuple[str, str], tuple[tuple[float, ...], ...]]:
    """Of one output, of several that of the predicted class; of modalities that have players."""
    found = {}
    for pair, table in returned.interactions.items():
        one = np.asarray(table, dtype=np.float64)
        if game.outputs is not None:
            one = one[..., game.outputs.index(str(row.score().label))]
        if one.size:
            found[pair] = tuple(map(tuple, one.tolist()))
    return found


def explained_output(
    game: Game, returned: Attribution, row: Row, declaration: Explainer
) -> tuple[np.ndarray, np.ndarray | None, float, float]:
    """Values `(n,)`, their errors, base value and value of one output: of several, that of the predicted class."""
    expected = (game.n_players,) if game.outputs is None else (game.n_players, len(game.outputs))
    for what, array in (("values", returned.values), ("errors", returned.errors)):
        if array is not None and np.shape(array) != expected:
            raise ComponentError(
                f"explainer {declaration.name!r} returned {what} {np.shape(array)} for {game.n_players} players",
                hint=f"Return an array {expected}, players in the game's order.",
            )
    if not np.isfinite(returned.values).all():
        raise ComponentError(f"explainer {declaration.name!r} returned NaN or infinite values")
    nobody, everybody = game.ends()
    base = nobody if returned.base_value is None else np.asarray(returned.base_value, dtype=np.float64)
    values, errors = np.asarray(returned.values, dtype=np.float64), returned.errors
    if game.outputs is None:
        return values, errors, float(base), float(everybody)
    column = game.outputs.index(str(row.score().label))
    return (
        values[:, column],
        None if errors is None else errors[:, column],
        float(base[column]),
        float(everybody[column]),
    )


def _from_model(row: Row, returned: Attribution, declaration: Explainer, settings: Mapping[str, Any]) -> Explanation:
    assert returned.players is not None
    assert returned.base_value is not None
    count = sum(map(len, returned.players.values()))
    if np.shape(returned.values) != (count,):
        raise ComponentError(
            f"explainer {declaration.name!r} returned values {np.shape(returned.values)} for its {count} players"
        )
    score = row.score()
    parts = _parts(returned.players, np.asarray(returned.values, dtype=np.float64), returned.errors, {})
    return _explanation(
        row, declaration, parts, returned, returned.players, asked=tuple(returned.players),
        output=score.output, explained=score.label, value=float(score(row.logits)[0]),
        base_value=float(returned.base_value), settings={**returned.settings, **settings},
        passes={}, evaluations=0,
    )  # fmt: skip


def _explanation(
    row: Row,
    declaration: Explainer,
    parts: Mapping[str, Part],
    returned: Attribution,
    players: Mapping[str, Players],
    **found: Any,
) -> Explanation:
    explanation = Explanation(
        explainer=declaration.name,
        additive=declaration.additive,
        id=row.id,
        row=row.number,
        prediction=row.prediction,
        target=row.target,
        correct=row.correct,
        parts=parts,
        stayed=tuple(name for name in row.present if name not in parts),
        missing=row.missing,
        share_errors=dict(returned.share_errors),
        notes=returned.notes,
        drawing=Drawing(row.kinds, row.samples, players),
        **found,
    )
    return replace(explanation, notes=(*explanation.notes, *cautions(explanation)))


def _request(explainer: Any, row: Row, declaration: Explainer) -> GameRequest:
    if not hasattr(explainer, "game_request"):
        return GameRequest()
    request = explainer.game_request(row)
    if not isinstance(request, GameRequest):
        raise ComponentError(
            f"explainer {declaration.name!r}: game_request returned {type(request).__name__}, not a mmcore.GameRequest"
        )
    return request


def _attribution(returned: Any, declaration: Explainer) -> Attribution:
    if isinstance(returned, Attribution):
        return returned
    values = np.asarray(returned)
    if values.dtype.kind not in "fiub":
        raise ComponentError(
            f"explainer {declaration.name!r} returned {type(returned).__name__}",
            hint="Return an array with one value per player, or a mmcore.Attribution.",
        )
    return Attribution(values)


def _parts(
    players: Mapping[str, Players], values: np.ndarray, errors: np.ndarray | None, baselines: Mapping[str, str]
) -> dict[str, Part]:
    parts, start = {}, 0
    for name, each in players.items():
        of = slice(start, start + len(each))
        start = of.stop
        parts[name] = Part(
            each.labels, values[of], None if errors is None else errors[of], each.grid, baselines.get(name, "default")
        )
    return parts
