"""Checks of a kind's players: they partition a sample, and masking one changes only its own cells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from mmcore.data.kind import Players
from mmcore.declarations import ModalityKind
from mmcore.errors import OptionError
from mmcore.testing.check import CheckFailed, check, claim
from mmcore.testing.trees import cloned, difference

if TYPE_CHECKING:
    from mmcore.testing.kinds import KindBench

AT_MOST = 60
"""Players that are masked one by one; of more, this many are looked at."""


def players_of(bench: KindBench, index: int, granularity: str | int) -> Players:
    """The players of one of the bench's samples."""
    return bench.kind.players(bench.material.samples[index], bench.prepared[index], bench.spec, granularity=granularity)


def partitions(bench: KindBench) -> Iterator[tuple[dict[str, Tensor], Players]]:
    """Prepared samples with their players: as the kind chooses, and on grids where it has a grid."""
    for index in (0, 1):
        players = players_of(bench, index, "auto")
        yield bench.prepared[index], players
        for side in (2, 3) if players.grid is not None else ():
            yield bench.prepared[index], players_of(bench, index, side)


@check(ModalityKind)
def names_its_players(bench: KindBench) -> None:
    """Each sample has at least one player, and every player has a name of its own kind for a person."""
    for _, players in partitions(bench):
        claim(len(players) > 0, "a sample has no players")
        claim(all(isinstance(label, str) and label for label in players.labels), "a player has no label")
        if players.grid is not None:
            claim(
                int(np.prod(players.grid)) == len(players),
                f"a grid of {players.grid} has {int(np.prod(players.grid))} cells; there are {len(players)} players",
            )


@check(ModalityKind)
def refuses_granularities_it_does_not_know(bench: KindBench) -> None:
    """`players` refuses a word for a granularity that it does not know with OptionError, instead of guessing."""
    try:
        players_of(bench, 0, "no such granularity")
    except OptionError:
        return
    raise CheckFailed("`players` took granularity='no such granularity'; raise mmcore.OptionError, and name the words")


@check(ModalityKind)
def keeps_the_sample_when_all_play(bench: KindBench) -> None:
    """Masking nothing gives the sample, for each of several rows, and leaves the inputs alone."""
    for inputs, players in partitions(bench):
        before = cloned(inputs)
        claim("default" in bench.kind.baselines, "`baselines` does not say what `default` means")
        for word in bench.kind.baselines:
            _require_whole(bench, inputs, players, word)
        claim(difference(before, inputs) is None, "`mask` changed the inputs it was given")


def _require_whole(bench: KindBench, inputs: dict[str, Tensor], players: Players, baseline: str) -> None:
    masked = bench.kind.mask(inputs, players, np.ones((3, len(players)), dtype=bool), baseline=baseline)
    for name, tensor in masked.items():
        claim(len(tensor) == 3, f"`mask` gave {len(tensor)} rows of {name!r} for 3 coalitions")
    for row in range(3):
        gap = difference(inputs, {name: tensor[row] for name, tensor in masked.items()})
        claim(gap is None, f"with all players present the sample is not what it was: {gap}")


@check(ModalityKind)
def knows_its_baselines(bench: KindBench) -> None:
    """Every word of `baselines` gives masked inputs of its own: finite, alike each time, and unlike other words'."""
    for inputs, players in partitions(bench):
        noisy = _noisy(inputs, bench.kind.primary)
        nobody = np.zeros((1, len(players)), dtype=bool)
        found: dict[str, dict[str, Tensor]] = {}
        for word in bench.kind.baselines:
            first, second = (bench.kind.mask(noisy, players, nobody, baseline=word) for _ in range(2))
            claim(difference(first, second) is None, f"the baseline {word!r} is not deterministic")
            finite = all(bool(torch.isfinite(tensor).all()) for tensor in first.values() if tensor.is_floating_point())
            claim(finite, f"the baseline {word!r} is not finite")
            for other, of in found.items():
                claim(difference(first, of) is not None, f"the baselines {other!r} and {word!r} are the same")
            found[word] = first


@check(ModalityKind)
def masks_a_players_own_cells_only(bench: KindBench) -> None:
    """Masking a player changes its own cells and no other player's, alone and together with others."""
    for inputs, players in partitions(bench):
        noisy = _noisy(inputs, bench.kind.primary)
        looked_at = np.unique(np.linspace(0, len(players) - 1, min(len(players), AT_MOST)).round().astype(int))
        alone, cells = _masked_one_by_one(bench, noisy, players, looked_at)
        for name, changed in cells.items():
            shared = changed.sum(0) > 1
            claim(not bool(shared.any()), f"{int(shared.sum())} cells of {name!r} belong to more than one player")
        moved = torch.stack([changed.reshape(len(changed), -1).any(1) for changed in cells.values()]).any(0)
        floating = noisy[bench.kind.primary].is_floating_point()
        idle = [players.labels[int(looked_at[index])] for index in torch.nonzero(~moved).flatten().tolist()]
        claim(bool(moved.any()), "masking a player changes nothing")
        claim(not (floating and idle), f"masking player {idle[:1]} changes nothing")
        _require_composition(bench, noisy, players, looked_at, alone, cells)


@check(ModalityKind)
def masks_everything_down_to_the_baseline(bench: KindBench) -> None:
    """With no player left nothing of the content remains: what stands there does not depend on the sample."""
    for inputs, players in partitions(bench):
        nobody = np.zeros((1, len(players)), dtype=bool)
        noisy = _noisy(inputs, bench.kind.primary)
        first = bench.kind.mask(noisy, players, nobody)
        claim(difference(first, bench.kind.mask(noisy, players, nobody)) is None, "the baseline is not deterministic")
        primary = bench.kind.primary
        if not inputs[primary].is_floating_point():
            changed = bool((first[primary][0] != inputs[primary]).any())
            claim(changed, f"with no player left, {primary!r} is still the sample")
            continue
        second = bench.kind.mask(_noisy(inputs, primary, seed=1), players, nobody)
        left = int((first[primary] != second[primary]).sum())
        claim(
            left == 0,
            f"with no player left, {left} of {first[primary].numel()} cells of {primary!r} still hold the sample: the "
            "players do not cover it",
        )


def _noisy(inputs: dict[str, Tensor], primary: str, seed: int = 0) -> dict[str, Tensor]:
    """The inputs with a little noise in the primary tensor, so that no cell equals the baseline by chance."""
    tensor = inputs[primary]
    if not tensor.is_floating_point():
        return cloned(inputs)
    generator = torch.Generator().manual_seed(seed)
    return {**cloned(inputs), primary: tensor + 0.1 + torch.rand(tensor.shape, generator=generator)}


def _masked_one_by_one(
    bench: KindBench, inputs: dict[str, Tensor], players: Players, looked_at: np.ndarray
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """For each of some players: the inputs with it alone masked `(n, …)`, and which cells that changed."""
    keep = np.ones((len(looked_at), len(players)), dtype=bool)
    keep[np.arange(len(looked_at)), looked_at] = False
    masked = bench.kind.mask(inputs, players, keep)
    return masked, {name: tensor != inputs[name][None] for name, tensor in masked.items()}


def _require_composition(
    bench: KindBench,
    inputs: dict[str, Tensor],
    players: Players,
    looked_at: np.ndarray,
    alone: dict[str, Tensor],
    cells: dict[str, Tensor],
) -> None:
    """Masking several players is masking each of them: the same cells, the same baseline."""
    absent = np.random.default_rng(0).random((8, len(looked_at))) < 0.5
    keep = np.ones((len(absent), len(players)), dtype=bool)
    for row, gone in enumerate(absent):
        keep[row, looked_at[gone]] = False
    together = bench.kind.mask(inputs, players, keep)
    for row, gone in enumerate(absent):
        for name, tensor in together.items():
            expected = inputs[name].clone()
            for position in np.flatnonzero(gone):
                expected = torch.where(cells[name][position], alone[name][position], expected)
            wrong = int((tensor[row] != expected).sum())
            claim(
                wrong == 0,
                f"masking {int(gone.sum())} players together changes {wrong} cells of {name!r} that masking them one "
                "by one leaves alone, or the other way round",
            )
