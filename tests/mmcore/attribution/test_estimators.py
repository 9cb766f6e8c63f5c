"""Estimators against brute force, against shapiq, and against the laws that Shapley values obey."""

from itertools import permutations

import numpy as np
import pytest
import shapiq
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcore.attribution.estimators import Budget, exact, kernel, lattice, permutation, product_gp
from mmcore.attribution.game import FunctionGame, TableGame, TwoStageGame
from mmcore.errors import OptionError
from mmcore.representation import Representation

EVERYTHING = 10**6


class Networks(TwoStageGame):
    """Each modality's masks through a random layer; a head in which the modalities interact."""

    def __init__(self, sizes, seed=0, outputs=None):
        super().__init__({f"m{place}": [str(number) for number in range(n)] for place, n in enumerate(sizes)}, outputs)
        draw = np.random.default_rng(seed)
        self.layers = {name: draw.normal(size=(len(of), 6)) for name, of in self.groups.items()}
        self.head = draw.normal(size=(6, 1 if outputs is None else len(outputs)))
        self.seen = {name: set() for name in self.groups}

    def encode(self, modality, keep):
        self.seen[modality].update(map(bytes, np.packbits(keep, axis=1)))
        self.passes[modality] = len(self.seen[modality])
        return Representation(torch.from_numpy(np.tanh(keep @ self.layers[modality])))

    def fuse(self, representations):
        fused = np.prod([1 + each.vector.numpy() for each in representations.values()], axis=0)
        self.evaluations += len(fused)
        values = np.tanh(fused @ self.head)
        return values[:, 0] if self.outputs is None else values


def brute_force(game):
    """Shapley's definition: the average of what a player adds over all n! orders."""
    n = game.n_players
    keep = (np.arange(2**n)[:, None] >> np.arange(n)) & 1 == 1
    values, total = game.value(keep), 0.0
    orders = list(permutations(range(n)))
    for order in orders:
        gains, coalition = np.zeros((n, *values.shape[1:])), 0
        for player in order:
            gains[player] = values[coalition | 1 << player] - values[coalition]
            coalition |= 1 << player
        total = total + gains
    return total / len(orders)


ESTIMATORS = {
    "exact": exact,
    "kernel": lambda game: kernel(game, EVERYTHING),
    "product_gp": lambda game: product_gp(game, EVERYTHING),
}


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("sizes", [(3, 4), (1, 5), (2, 2, 3), (6, 1), (0, 4), (1, 1)])
@pytest.mark.parametrize("outputs", [None, ("x", "y")])
def test_with_every_coalition_within_the_budget_the_values_are_those_of_the_definition(name, sizes, outputs):
    truth = brute_force(Networks(sizes, outputs=outputs))
    found = ESTIMATORS[name](Networks(sizes, outputs=outputs))
    np.testing.assert_allclose(found.values, truth, atol=1e-6)
    assert found.errors is None


@pytest.mark.parametrize("name", ESTIMATORS)
def test_twelve_players_with_every_coalition_in_the_budget_agree_with_shapiq(name):
    game = Networks((5, 7), seed=3)
    computer = shapiq.ExactComputer(lambda keep: game.value(np.asarray(keep, dtype=bool)), 12)
    theirs = computer("SV", 1)
    found = ESTIMATORS[name](Networks((5, 7), seed=3))
    np.testing.assert_allclose(found.values, [theirs[(player,)] for player in range(12)], atol=1e-6)


@given(st.integers(0, 10**6), st.sampled_from([(2, 3), (1, 4), (2, 2, 2), (4, 1)]))
@settings(max_examples=15, deadline=None)
def test_random_games_equal_shapiqs_exact_values_and_interactions(seed, sizes):
    n = sum(sizes)
    labels = {f"m{place}": count for place, count in enumerate(sizes)}
    table = np.random.default_rng(seed).normal(size=2**n)
    found = exact(TableGame(labels, table), interactions=True)
    computer = shapiq.ExactComputer(lambda keep: table[np.asarray(keep).astype(int) @ (1 << np.arange(n))], n)
    values, pairs = computer("SV", 1), computer("SII", 2)
    np.testing.assert_allclose(found.values, [values[(player,)] for player in range(n)], atol=1e-10)
    groups = TableGame(labels, table).groups
    for (one, other), each in found.interactions.items():
        theirs = [[pairs[(i, j)] for j in groups[other]] for i in groups[one]]
        np.testing.assert_allclose(each, theirs, atol=1e-10)


def test_interactions_of_the_cubature_with_all_masks_are_the_exact_ones():
    one = exact(Networks((3, 4)), interactions=True).interactions["m0", "m1"]
    other = product_gp(Networks((3, 4)), EVERYTHING, interactions=True).interactions["m0", "m1"]
    np.testing.assert_allclose(one, other, atol=1e-12)


@pytest.mark.parametrize(("estimator", "passes"), [(permutation, 30), (lattice, 24)])
@pytest.mark.parametrize("sizes", [(3, 4), (2, 2, 2)])
def test_the_mean_of_many_replicates_is_the_truth(estimator, passes, sizes):
    truth = exact(Networks(sizes)).values
    each = np.array([estimator(Networks(sizes), Budget(passes=passes), seed=seed).values for seed in range(1000)])
    error = each.std(axis=0, ddof=1) / np.sqrt(len(each))
    assert (np.abs(each.mean(axis=0) - truth) < 4 * error + 1e-12).all()


def test_exact_values_of_ten_and_ten_players_cost_2048_passes():
    game = Networks((10, 10))
    found = exact(game)
    assert game.n_passes == 2048
    assert found.values.sum() == pytest.approx(np.subtract(*game.ends()[::-1]))


ALL = {
    **ESTIMATORS,
    "permutation": lambda game: permutation(game, Budget(passes=60)),
    "lattice": lambda game: lattice(game, Budget(passes=60)),
    "kernel, sampled": lambda game: kernel(game, 40),
    "product_gp, sampled": lambda game: product_gp(game, 40),
}


@pytest.mark.parametrize("name", ALL)
@given(seed=st.integers(0, 10**6))
@settings(max_examples=5, deadline=None)
def test_values_sum_to_what_all_players_together_add(name, seed):
    game = Networks((4, 4), seed=seed)
    found = ALL[name](game)
    nobody, everybody = game.ends()
    assert found.values.sum() + found.base_value == pytest.approx(float(everybody))
    assert float(found.base_value) == float(nobody)


@pytest.mark.parametrize("name", ESTIMATORS)
@given(seed=st.integers(0, 10**6))
@settings(max_examples=5, deadline=None)
def test_equal_players_are_worth_the_same_and_idle_ones_nothing(name, seed):
    game = Networks((4, 4), seed=seed)
    game.layers["m0"][1] = game.layers["m0"][0]
    game.layers["m1"][2] = 0
    found = ESTIMATORS[name](game).values
    assert found[0] == pytest.approx(found[1], abs=1e-9)
    assert found[4 + 2] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", ["permutation", "lattice", "kernel, sampled"])
@given(seed=st.integers(0, 10**6))
@settings(max_examples=5, deadline=None)
def test_the_value_of_a_sum_of_games_is_the_sum_of_the_values(name, seed):
    class Sum(Networks):
        def fuse(self, representations):
            fused = np.prod([1 + each.vector.numpy() for each in representations.values()], axis=0) @ self.head
            return np.stack([fused[:, 0], fused[:, 1], fused.sum(axis=1)], axis=1)

    game = Sum((3, 4), seed=seed, outputs=("x", "y"))
    game.outputs = ("x", "y", "x + y")
    found = ALL[name](game).values
    np.testing.assert_allclose(found[:, 0] + found[:, 1], found[:, 2], atol=1e-9)


@pytest.mark.parametrize("name", ALL)
def test_the_same_seed_gives_the_same_bits(name):
    one, other = ALL[name](Networks((4, 4))), ALL[name](Networks((4, 4)))
    assert np.array_equal(one.values, other.values)
    assert one.errors is None or np.array_equal(one.errors, other.errors)


def test_a_budget_is_kept():
    for passes in (50, 64, 129):
        for name, run in (
            ("permutation", lambda game, passes: permutation(game, Budget(passes=passes))),
            ("lattice", lambda game, passes: lattice(game, Budget(passes=passes))),
            ("kernel", kernel),
            ("product_gp", product_gp),
        ):
            game = Networks((7, 6))
            run(game, passes)
            assert game.n_passes <= passes, name


def test_the_cubature_needs_far_fewer_passes_than_permutations_for_the_same_error():
    seeds = range(12)
    truth = [exact(Networks((7, 6), seed=seed)).values for seed in seeds]

    def error(run):
        return np.square(np.subtract([run(Networks((7, 6), seed=seed)) for seed in seeds], truth)).sum()

    permuted = error(lambda game: permutation(game, Budget(passes=128)).values)
    assert error(lambda game: product_gp(game, 128).values) < permuted / 20
    assert error(lambda game: product_gp(game, 64).values) < permuted / 2


def test_an_additive_game_needs_no_combinations():
    class Additive(FunctionGame):
        additive = True

    worth = np.array([1.0, -2.0, 0.5, 3.0])
    game = Additive({"a": 2, "b": 2}, lambda keep: np.tanh(keep[:, :2] @ worth[:2]) + keep[:, 2:] @ worth[2:])
    found = exact(game, interactions=True)
    np.testing.assert_allclose(found.values, brute_force(game), atol=1e-12)
    assert not found.interactions["a", "b"].any()
    assert game.evaluations < 40


@pytest.mark.parametrize(
    ("run", "told"),
    [
        (lambda: permutation(Networks((9, 9)), Budget(passes=10)), "too small for two orders"),
        (lambda: lattice(Networks((9, 9)), Budget(passes=10)), "too small for two lattices"),
        (lambda: kernel(Networks((9, 9)), 10), "too small for a regression"),
        (lambda: product_gp(Networks((9, 9)), 10), "too small for product_gp"),
        (lambda: exact(FunctionGame({"a": 30, "b": 1}, lambda keep: keep.sum(axis=1))), "too many for exact"),
        (lambda: product_gp(FunctionGame({"a": 3}, lambda keep: keep.sum(axis=1)), 64), "each modality by itself"),
        (lambda: Budget(), "needs a limit"),
    ],
)  # fmt: skip
def test_what_can_not_be_done_is_refused_with_the_reason(run, told):
    with pytest.raises(OptionError, match=told):
        run()


def test_a_wanted_error_of_the_share_ends_the_work():
    game = Networks((6, 6))
    found = permutation(game, Budget(share_error=0.05))
    assert max(found.share_errors.values()) <= 0.05
    assert found.settings["replicates"] < 1000


def test_a_game_without_players_is_worth_its_base_value():
    game = FunctionGame({"a": 0}, lambda keep: np.full(len(keep), 0.3))
    for run in (exact, lambda game: permutation(game, Budget(passes=9)), lambda game: kernel(game, 9)):
        found = run(game)
        assert found.values.shape == (0,)
        assert float(found.base_value) == 0.3
