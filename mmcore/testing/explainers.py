"""Checks of explainers: on games whose players are worth what is known, and on a row of a small model."""

from __future__ import annotations

import contextlib
import io
import json
import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mmcore.attribution.evaluated import Measure
from mmcore.attribution.explaining import explain_row
from mmcore.attribution.explanation import Attribution, Explanation
from mmcore.attribution.game import FunctionGame, Game
from mmcore.declarations import Explainer
from mmcore.errors import MMCoreError
from mmcore.testing.bench import Bench, seeded
from mmcore.testing.check import CheckFailed, Skipped, check, claim
from mmcore.testing.trial_row import WIDTHS, trial_row, trial_rows

if TYPE_CHECKING:
    from mmcore.attribution.row import Row

PLAYERS: Mapping[str, int] = {"picture": 4, "text": 3, "numbers": 1}
WORTH = np.array([0.4, -0.2, 0.0, 0.1, 0.3, 0.0, -0.1, 0.25])
"""What the players of the trial's additive game are worth; two of them nothing."""
IDLE = np.flatnonzero(WORTH == 0.0)
NEAR = 1e-4
"""How far from the truth a value may be, on a scale of 1."""


class ExplainerBench(Bench):
    """An explainer, tried on games without a model and on a row of a small one."""

    def attribution(self, game: Game) -> Attribution:
        """What a freshly built explainer says of a game, with finite values of the right shape."""
        returned = self.build_fresh().explain(game)
        found = returned if isinstance(returned, Attribution) else Attribution(np.asarray(returned))
        values = np.asarray(found.values, dtype=np.float64)
        claim(
            values.shape == (game.n_players,),
            f"`explain` returned values of shape {values.shape} for a game of {game.n_players} players",
        )
        claim(bool(np.isfinite(values).all()), "`explain` returned NaN or infinity")
        return found

    def values(self, function: Callable[[np.ndarray], np.ndarray], players: Mapping[str, int] = PLAYERS) -> np.ndarray:
        """The values `(n,)` that it gives to the players of a game with this function."""
        self.skip_unless_games()
        return np.asarray(self.attribution(FunctionGame(players, function)).values, dtype=np.float64)

    def explanation(self, row: Row | None = None) -> Explanation:
        """What it says of a row, the trial's own when None, taken the way that `mmcore explain` takes."""
        self.skip_unless_rows()
        row = trial_row() if row is None else row
        return explain_row(row, self.build_fresh(), self.declaration, self.options)

    def skip_unless_games(self) -> None:
        """Skip the check that calls this for an explainer that plays no games."""
        self.subject()
        if self.declaration.needs != "game":
            raise Skipped(f"it explains a {self.declaration.needs}, not a game")

    def skip_unless_rows(self) -> None:
        """Skip the check that calls this for an explainer of whole data sets."""
        self.subject()
        if self.declaration.needs == "dataset":
            raise Skipped("it measures a data set, and explains no single row")


def additive(keep: np.ndarray) -> np.ndarray:
    """Each player adds its worth."""
    return 0.2 + keep @ WORTH


def interacting(keep: np.ndarray) -> np.ndarray:
    """Players of different modalities need each other."""
    return 0.1 + keep @ WORTH + 0.5 * keep[:, 0] * keep[:, 4] - 0.3 * keep[:, 1] * keep[:, 6] * keep[:, 7]


@check(Explainer)
def builds(bench: ExplainerBench) -> None:
    """Builds an object with `explain`; with `measure`, where it needs a data set."""
    bench.try_to_build()
    explainer = bench.subject()
    verb = "measure" if bench.declaration.needs == "dataset" else "explain"
    claim(
        callable(getattr(explainer, verb, None)),
        f"what `build` returned ({type(explainer).__name__}) can't `{verb}`",
    )


@check(Explainer, when=lambda declaration: declaration.needs == "dataset")
def measures_rows(bench: ExplainerBench) -> None:
    """It measures rows of a small model: a table with a question, as wide as its heads, twice the same, as JSON."""
    found = bench.subject().measure(trial_rows())
    claim(isinstance(found, Measure), f"`measure` returned {type(found).__name__}, not a mmcore.Measure")
    claim(bool(found.question.strip()), "it does not say which question its figures answer")
    claim(bool(found.lines), "its table has no lines")
    for line in found.lines:
        claim(len(line) == len(found.columns), f"the line {line} does not fit the heads {found.columns}")
    try:
        text = json.dumps(found.to_dict(), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CheckFailed(f"its result is no plain data: {error}") from error
    again = json.dumps(bench.build_fresh().measure(trial_rows()).to_dict(), allow_nan=False)
    claim(text == again, "measured twice, it says two things: does it draw from a generator without a seed?")


@check(Explainer)
def explains_a_row(bench: ExplainerBench) -> None:
    """It explains a row of several modalities: values for players with names, shares that sum to one, and as JSON."""
    found = bench.explanation()
    claim(bool(len(found.values)), "the explanation has no players")
    claim(bool(np.isfinite(found.values).all()), "its values are not all finite")
    total = sum(found.shares.values())
    claim(bool(found.shares), "no player of the trial's row is worth anything, though the model reads all of them")
    claim(abs(total - 1.0) < 1e-9, f"the shares of the modalities sum to {total}, not to 1")
    strangers = sorted(set(found.share_errors) - set(found.parts))
    claim(not strangers, f"it gives errors of shares to {strangers}, which did not play")
    for name, part in found.parts.items():
        if part.errors is not None:
            sound = bool(np.isfinite(part.errors).all() and (np.asarray(part.errors) >= 0).all())
            claim(sound, f"its standard errors for {name!r} are negative, NaN or infinite")
    again = Explanation.from_json(found.to_json())
    claim(again.to_json() == found.to_json(), "its explanation changes on its way through JSON: are settings plain?")


@check(Explainer, when=lambda declaration: declaration.additive)
def sums_to_the_output(bench: ExplainerBench) -> None:
    """It declares that it is additive: values and base value sum to the output, in games and for a row."""
    bench.subject()
    if bench.declaration.needs == "game":
        for function in (additive, interacting):
            game = FunctionGame(PLAYERS, function)
            found = bench.attribution(game)
            nobody, everybody = game.ends()
            base = nobody if found.base_value is None else found.base_value
            _require_sum(np.asarray(found.values, dtype=np.float64), float(base), float(everybody), "a game")
    explained = bench.explanation()
    _require_sum(explained.values, explained.base_value, explained.value, "a row")


@check(Explainer)
def gives_nothing_to_who_changes_nothing(bench: ExplainerBench) -> None:
    """A player that never changes the value is worth 0, and the others are worth something."""
    values = bench.values(additive)
    for player in IDLE:
        claim(abs(values[player]) <= NEAR, f"player {player} changes nothing, and gets {values[player]:.4g}")
    missed = [int(player) for player in np.flatnonzero(WORTH) if abs(values[player]) <= NEAR]
    claim(not missed, f"players {missed} change the value, and get nothing")


@check(Explainer)
def finds_the_player_that_matters(bench: ExplainerBench) -> None:
    """Where one player alone decides, it has the largest value, whichever player that is."""
    for player in range(len(WORTH)):
        values = np.abs(bench.values(lambda keep, player=player: keep[:, player].astype(float)))  # type: ignore[misc]
        first = int(values.argmax())
        claim(
            first == player and values[player] > NEAR,
            f"player {player} alone decides, but the largest value has player {first}: are the values in the order of "
            "the game's players?",
        )


@check(Explainer)
def finds_nothing_where_nothing_matters(bench: ExplainerBench) -> None:
    """In a game that always has the same value every player is worth 0, and nothing is divided by zero."""
    values = bench.values(lambda keep: np.full(len(keep), 0.7))
    claim(bool((np.abs(values) <= NEAR).all()), f"nobody matters, but a player gets {np.abs(values).max():.4g}")


@check(Explainer)
def copes_with_few_players(bench: ExplainerBench) -> None:
    """One player in all, and a modality of which nothing can be masked (a text of special tokens), are no trouble."""
    for players in ({"picture": 1, "text": 0}, {"picture": 2, "text": 0}):
        values = bench.values(lambda keep: keep.sum(axis=1).astype(float), players)
        claim(bool((np.abs(values) > NEAR).all()), f"of {players}, each player matters, but the values are {values}")


@check(Explainer)
def explains_rows_that_lack_a_modality(bench: ExplainerBench) -> None:
    """It explains a row in which any of the modalities is absent, or all but one; the absent get no values."""
    bench.skip_unless_rows()
    alone = [tuple(other for other in WIDTHS if other != name) for name in WIDTHS]
    for missing in (*((name,) for name in WIDTHS), *alone):
        try:
            found = bench.explanation(trial_row(missing=missing))
        except Exception as error:
            raise CheckFailed(f"without {' and '.join(missing)}: {type(error).__name__}: {error}") from error
        given = sorted(set(found.parts) & set(missing))
        claim(not given, f"it gives values to {', '.join(given)}, absent from the row")


@check(Explainer)
def explains_models_of_one_stage(bench: ExplainerBench) -> None:
    """A model that can't be taken apart into encoding and fusing is explained, or refused with a reason."""
    bench.skip_unless_rows()
    try:
        found = bench.explanation(trial_row(two_stage=False))
    except MMCoreError as refusal:
        claim(bool(str(refusal).strip()), "it refuses a model of one stage without saying why")
        return
    claim(bool(np.isfinite(found.values).all()), "its values are not all finite")


@check(Explainer)
def says_the_same_each_time(bench: ExplainerBench) -> None:
    """The same options give the same values, whatever the random state, and that state is left as it was."""
    bench.skip_unless_rows()
    told = []
    for seed in (1, 2):
        with seeded(seed):
            random_before = _random_state()
            told.append(bench.explanation().values)
            claim(
                _random_state() == random_before,
                "it draws from (or seeds) a generator that all share: use np.random.default_rng(seed) of its own",
            )
    gap = float(np.abs(told[0] - told[1]).max(initial=0.0))
    claim(gap == 0.0, f"with the same options its values differ by up to {gap:.3g}: it needs a seed among its options")


@check(Explainer)
def leaves_the_model_as_it_was(bench: ExplainerBench) -> None:
    """Explaining changes neither the model's parameters nor its mode."""
    bench.skip_unless_rows()
    row = trial_row()
    before = {name: tensor.clone() for name, tensor in row.model.state_dict().items()}
    bench.explanation(row)
    changed = [name for name, tensor in row.model.state_dict().items() if not torch.equal(tensor, before[name])]
    claim(not changed, f"explaining changed {', '.join(changed)} of the model")
    claim(not row.model.training, "explaining left the model in training mode")
    claim(all(each.requires_grad and each.grad is None for each in row.model.parameters()), "it left gradients behind")


@check(Explainer)
def prints_nothing(bench: ExplainerBench) -> None:
    """Explaining writes nothing to standard output."""
    bench.skip_unless_rows()
    heard = io.StringIO()
    with contextlib.redirect_stdout(heard):
        bench.explanation()
    claim(not heard.getvalue(), f"it printed {heard.getvalue()[:60]!r}: standard output belongs to results")


def _require_sum(values: np.ndarray, base: float, output: float, where: str) -> None:
    total = base + float(values.sum())
    claim(
        abs(total - output) <= NEAR,
        f"declared additive, but in {where} base value {base:.4g} and values sum to {total:.4g}, not to {output:.4g}",
    )


def _random_state() -> tuple[Any, ...]:
    numpy_state: Any = np.random.get_state()
    return (numpy_state[1].tobytes(), numpy_state[2], torch.get_rng_state().numpy().tobytes(), random.getstate())
