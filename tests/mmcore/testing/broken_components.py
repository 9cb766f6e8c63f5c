"""Components with one defect each. The docstring says what a user of it would meet; the test says which check sees it.

Several are defects of well-known multimodal libraries, reduced to their core.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import torch
from sound_components import (
    ADD,
    CURVE,
    ONE_BY_ONE,
    READER,
    SENSITIVITY,
    TOGETHER,
    VOTE,
    Add,
    Curve,
    CurveSpec,
    OneByOne,
    Reader,
    Sensitivity,
    Together,
    Vote,
)  # fmt: skip
from torch import nn

import mmcore
from mmcore.data.kind import Players

BROKEN: list[Any] = []
"""(declaration, check that must fail, words that its message must hold)."""


def broken(check, words, sound):
    """Register a module, or a kind, as a variant of a sound component, to be seen by this check."""

    def register(defective):
        if isinstance(sound, mmcore.ModalityKind | mmcore.Explainer):
            changes = {"build": lambda options: defective()}
        elif isinstance(sound, mmcore.Encoder):
            changes = {"build": lambda options, description: defective(), "half_precision": False}
        elif isinstance(sound, mmcore.FusionMethod):
            changes = {"build": lambda options, widths, task: defective(widths)}
        else:
            changes = {"build": lambda options, descriptions, encoders, method, task: defective(encoders, method, task)}
        declaration = dataclasses.replace(sound, name=_snake(defective.__name__), **changes)
        BROKEN.append((declaration, check, words))
        return defective

    return register


def _snake(name):
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).strip("_")


# fusion methods


@broken("registers_its_parameters", "factors holds parameters", ADD)
class FactorsInAPlainList(nn.Module):
    """Low-rank fusion whose factors sit in a list: never trained, moved or saved."""

    def __init__(self, widths):
        super().__init__()
        self.dim, rank = 4, 2
        self.factors = [nn.Parameter(torch.randn(rank, width + 1, self.dim)) for width in widths.values()]
        self.weights = nn.Parameter(torch.randn(rank))

    def forward(self, inputs, present):
        product = 1.0
        for column, (vector, factor) in enumerate(zip(inputs.values(), self.factors, strict=True)):
            here = present[:, column, None]
            extended = torch.cat([torch.where(here, vector, 0.0), torch.ones(len(vector), 1)], dim=1)
            product = product * torch.where(here, torch.einsum("bi,rio->rbo", extended, factor), 1.0)
        return torch.einsum("rbo,r->bo", product, self.weights)


@broken("is_deterministic_in_evaluation", "differ", ADD)
class NewProjectionInEveryForward(nn.Module):
    """It makes a random layer in every call: two calls in eval() differ."""

    def __init__(self, widths):
        super().__init__()
        self.dim = 4

    def forward(self, inputs, present):
        total = 0.0
        for column, vector in enumerate(inputs.values()):
            here = present[:, column, None]
            total = total + torch.where(here, nn.Linear(vector.shape[1], 4)(torch.where(here, vector, 0.0)), 0.0)
        return total


@broken("never_drops_every_modality_in_training", "lost all their modalities", ADD)
class DropsEverything(Add):
    """Its modality dropout now and then leaves a row with nothing."""

    def forward(self, inputs, present):
        if self.training:
            present = present & (torch.rand(present.shape) < 0.5)
        return super().forward(inputs, present)


@broken("never_drops_every_modality_in_training", "one coin is tossed for the whole batch", ADD)
class OneCoinForTheBatch(Add):
    """Its modality dropout takes the same modality from all rows of a batch."""

    def forward(self, inputs, present):
        if self.training:
            present = present.clone()
            present[:, int(torch.randint(present.shape[1], ()))] = False
        return super().forward(inputs, present)


@broken("ignores_absent_modalities", "content nan", ADD)
class MultipliesByPresence(Add):
    """It multiplies by the mask, and zero times NaN is NaN."""

    def forward(self, inputs, present):
        total = 0.0
        for column, (name, vector) in enumerate(inputs.items()):
            total = total + self.projections[name](vector * present[:, column, None]) * present[:, column, None]
        return total


@broken("ignores_absent_modalities", "content 3.0", ADD)
class ForgetsPresence(Add):
    """It reads whatever stands where a modality is absent."""

    def forward(self, inputs, present):
        return super().forward(inputs, torch.ones_like(present))


@broken("stays_finite_where_a_modality_is_absent", "NaN", ADD)
class ZeroOverZero(Add):
    """It weights by a mean over the rows that have a modality: none has it, and 0/0 is NaN."""

    def forward(self, inputs, present):
        total = 0.0
        for column, (name, vector) in enumerate(inputs.items()):
            here = present[:, column, None]
            projected = torch.where(here, self.projections[name](vector), 0.0)
            total = total + (projected - projected.sum() / here.sum()) if self.training else total + projected
        return total


@broken("returns_logits_and_not_probabilities", "squash", VOTE)
class ReturnsProbabilities(Vote):
    """A head squashed twice: it returns probabilities, and the task squashes them again."""

    def __init__(self, widths):
        super().__init__()

    def forward(self, inputs, present):
        return super().forward(inputs, present).softmax(-1)


@broken("returns_what_it_promised", "promised vectors of shape (6, 9), returned (6, 6)", ADD)
class PromisesAnotherWidth(Add):
    """`dim` is not the width of what it returns."""

    def __init__(self, widths):
        super().__init__(widths)
        self.dim = 9


@broken("keeps_rows_apart", "differs by", ADD)
class CentresByTheBatch(Add):
    """It subtracts the batch's mean, so that a row's output depends on its neighbours."""

    def forward(self, inputs, present):
        fused = super().forward(inputs, present)
        return fused - fused.mean(0) * 0.5


@broken("reads_every_modality", "'third' changes nothing", ADD)
class OverlooksTheLast(Add):
    """It combines the first two modalities only."""

    def forward(self, inputs, present):
        return super().forward(dict(itertools.islice(inputs.items(), 2)), present)


@broken("leaves_its_inputs_as_they_were", "forward changed its inputs", ADD)
class WritesIntoItsInputs(Add):
    """It scales its inputs in place."""

    def forward(self, inputs, present):
        for vector in inputs.values():
            vector.mul_(0.5)
        return super().forward(inputs, present)


# encoders


@broken("returns_what_it_promised", "promised a vector of shape (6, 64), returned (6, 4)", READER)
class PromisesAnotherDim(Reader):
    """`dim` is not the width of its vector."""

    def __init__(self):
        super().__init__()
        self.dim = 64


@broken("returns_finite_numbers", "NaN", READER)
class GivesNan(Reader):
    """It takes the logarithm of numbers that may be negative."""

    def forward(self, inputs):
        encoded = super().forward(inputs)
        return mmcore.Representation(encoded.vector.log())


@broken("registers_its_parameters", "layers holds", READER)
class LayersInAPlainList(Reader):
    """Its layers sit in a list."""

    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(4, 4)]

    def forward(self, inputs):
        return mmcore.Representation(self.layers[0](super().forward(inputs).vector))


@broken("sends_gradient_to_every_parameter", "no gradient reaches unused.bias, unused.weight", READER)
class HasALayerItDoesNotUse(Reader):
    """A layer that no output depends on: it would be saved and never trained."""

    def __init__(self):
        super().__init__()
        self.unused = nn.Linear(2, 2)


@broken("survives_saving", "after saving and loading", READER)
class KeepsARandomConstant(Reader):
    """It computes with a random tensor that is neither a parameter nor a buffer."""

    def __init__(self):
        super().__init__()
        self.offsets = torch.randn(4)

    def forward(self, inputs):
        return mmcore.Representation(super().forward(inputs).vector + self.offsets)


@broken("survives_saving", "after saving and loading", READER)
class ForgetsWhatItAdaptedTo(Reader):
    """What it learns in `adapt` is a plain number, lost when the model is saved."""

    scale = 1.0

    def adapt(self, samples):
        self.scale = 2.0 + max(max(sample) for sample in samples)

    def forward(self, inputs):
        return mmcore.Representation(super().forward(inputs).vector * self.scale)


@broken("keeps_rows_apart", "differs by", READER)
class AveragesOverThePadding(Reader):
    """It takes the mean over padded positions too: a row's vector depends on the longest row of its batch."""

    def forward(self, inputs):
        return mmcore.Representation(self.network(inputs["values"][..., None]).mean(1))


@broken("stays_finite_beside_an_absent_row", "NaN", READER)
class DividesByItsLength(Reader):
    """It divides by the number of values, which is none where the modality is absent."""

    def forward(self, inputs):
        counts = inputs["counts"][..., None]
        total = torch.where(counts, self.network(inputs["values"][..., None]), 0.0).sum(1)
        return mmcore.Representation(total / counts.sum(1))


@broken("leaves_its_inputs_as_they_were", "forward changed its inputs", READER)
class EmptiesItsInputs(Reader):
    """It takes its tensors out of the mapping it was given."""

    def forward(self, inputs):
        return super().forward({name: inputs.pop(name) for name in list(inputs)})


@broken("states_an_input_spec_that_travels", "fingerprint", READER)
class HasAnAnonymousSpec(Reader):
    """Its input spec prints its address in memory: cached features are never found again."""

    def __init__(self):
        super().__init__()
        self.input_spec = _AnonymousSpec()


class _AnonymousSpec(CurveSpec):
    scale = 1.0

    def __repr__(self):
        return object.__repr__(self)


@broken("prints_nothing", "it printed", READER)
class Prints(Reader):
    """It prints while it works."""

    def forward(self, inputs):
        print("shape", inputs["values"].shape)
        return super().forward(inputs)


@broken("builds", "SystemExit", READER)
class Exits(Reader):
    """It ends the program while it is built."""

    def __init__(self):
        raise SystemExit(3)


@broken("builds", "RuntimeError: no such device", READER)
class RaisesWhenBuilt(Reader):
    """It raises while it is built."""

    def __init__(self):
        raise RuntimeError("no such device")


# strategies


@broken("can_learn_a_small_table", "squashed", TOGETHER)
class SquashesTwice(Together):
    """Its head ends in a softmax, and the loss has its own."""

    def fuse(self, representations, present):
        output = super().fuse(representations, present)
        return mmcore.Output(output.logits.softmax(-1), output.representation)


@broken("never_drops_every_modality_in_training", "lost all their modalities", TOGETHER)
class StrategyDropsEverything(Together):
    """Its modality dropout keeps no last modality."""

    def drop(self, present):
        return present & (torch.rand(present.shape) >= 0.5)


@broken("never_drops_every_modality_in_training", "one coin is tossed", TOGETHER)
class StrategyTossesOneCoin(Together):
    """Its modality dropout is drawn once for a batch."""

    def drop(self, present):
        kept = present.clone()
        kept[:, int(torch.randint(present.shape[1], ()))] = False
        return kept


@broken("ignores_absent_modalities", "content", TOGETHER)
class ReadsPlainVectors(Together):
    """It encodes by itself, and a NaN of an absent modality passes through."""

    def encode(self, batch):
        return {name: self.bank.towers[name](batch.inputs[name]) for name in self.modalities}

    def fuse(self, representations, present):
        vectors = torch.cat([representations[name].vector for name in self.modalities], dim=1)
        fused = super().fuse(representations, present)
        return mmcore.Output(fused.logits + vectors.sum(1, keepdim=True) * 0.01, fused.representation)


@broken("is_made_of_two_stages", "order", TOGETHER)
class GoesByOrder(Together):
    """It takes the representations in the order in which they come."""

    def fuse(self, representations, present):
        renamed = dict(zip(self.modalities, representations.values(), strict=True))
        for name, width in zip(self.modalities, (6, 5, 7), strict=True):
            vector = renamed[name].vector
            vector = nn.functional.pad(vector, (0, max(0, width - vector.shape[1])))[:, :width]
            renamed[name] = mmcore.Representation(vector)
        return super().fuse(renamed, present)


# kinds


@broken("collates_without_losing_a_row", "misaligned", CURVE)
class LosesAbsentRows(Curve):
    """Its collate leaves out rows that lack the modality, and all rows after them are misaligned."""

    def collate(self, prepared):
        return super().collate([inputs for inputs in prepared if bool(inputs["counts"].any())] or list(prepared))


@broken("refuses_granularities_it_does_not_know", "took granularity", CURVE)
class GuessesTheGranularity(Curve):
    """It takes any word for a granularity, and an explanation says "words" where none were asked for."""

    def players(self, sample, inputs, spec, *, granularity="auto"):
        return super().players(sample, inputs, spec)


@broken("masks_a_players_own_cells_only", "belong to more than one player", CURVE)
class PlayersOverlap(Curve):
    """Masking a number masks its neighbour too."""

    def mask(self, inputs, players, keep, *, baseline="default"):
        return super().mask(inputs, players, keep & np.roll(keep, 1, axis=1))


@broken("masks_everything_down_to_the_baseline", "do not cover it", CURVE)
class PlayersLeaveARest(Curve):
    """The last number belongs to no player, and is never masked: it explains nothing."""

    def players(self, sample, inputs, spec, *, granularity="auto"):
        return Players(tuple(f"number {index}" for index in range(len(sample) - 1)))

    def mask(self, inputs, players, keep, *, baseline="default"):
        return super().mask(inputs, players, np.concatenate([keep, np.ones((len(keep), 1), dtype=bool)], axis=1))


@broken("masks_a_players_own_cells_only", "one by one", CURVE)
class MasksByTheMean(Curve):
    """It fills with the mean of the numbers that are left, so that the baseline depends on who else plays."""

    def mask(self, inputs, players, keep, *, baseline="default"):
        masked = super().mask(inputs, players, keep)
        kept = torch.from_numpy(np.ascontiguousarray(keep))
        mean = masked["values"].sum(1, keepdim=True) / kept.sum(1, keepdim=True).clamp(min=1)
        return {**masked, "values": torch.where(kept, masked["values"], mean)}


@broken("keeps_the_sample_when_all_play", "not what it was", CURVE)
class ChangesTheUnmasked(Curve):
    """It normalises the sample while masking it."""

    def mask(self, inputs, players, keep, *, baseline="default"):
        masked = super().mask(inputs, players, keep)
        return {**masked, "values": masked["values"] - masked["values"].mean(1, keepdim=True)}


@broken("refuses_what_it_cannot_read", "UnicodeDecodeError", CURVE)
class LetsErrorsThrough(Curve):
    """It opens whatever it is given: wrong content ends in an error of Python's own."""

    def decode(self, value, *, root, budget):
        if not isinstance(value, str) or not (root / value).is_file():
            raise mmcore.InputError("not found", "there is no such file")
        (root / value).read_bytes().replace(b"this", b"\xff").decode("utf-8")
        return super().decode(value, root=root, budget=budget)


@broken("refuses_what_it_cannot_read", "hangs on a pipe", CURVE)
class OpensAPipe(Curve):
    """It opens a path without looking what it is, and waits for ever."""

    def decode(self, value, *, root, budget):
        path = root / value if isinstance(value, str) else None
        if path is not None and path.is_fifo():
            path.read_text()
        return super().decode(value, root=root, budget=budget)


@broken("keeps_to_its_budget", "took a file over a budget", CURVE)
class IgnoresItsBudget(Curve):
    """It reads files of any size."""

    def decode(self, value, *, root, budget):
        return super().decode(value, root=root, budget=dataclasses.replace(budget, bytes=2**60))


@broken("prepares_the_same_each_time", "something else the second time", CURVE)
class PreparesAtRandom(Curve):
    """It adds noise while preparing, in prediction too."""

    def prepare(self, sample, spec):
        prepared = super().prepare(sample, spec)
        return {**prepared, "values": prepared["values"] + torch.randn(len(sample))}


@broken("has_a_blank_like_the_rest", "NaN", CURVE)
class BlankIsNan(Curve):
    """It marks an absent curve with NaN."""

    def blank(self, spec, description):
        return {**super().blank(spec, description), "values": torch.full((1,), float("nan"))}


@broken("draws_its_samples", "drew nothing", CURVE)
class DrawsNothing(Curve):
    """Its pictures are empty."""

    def render(self, axes, sample, players=None, values=None):
        return


# explainers


@broken("builds", "can't `explain`", ONE_BY_ONE)
class HasNoExplain:
    """It forgot the one method that is asked of it."""


@broken("sums_to_the_output", "declared additive", ONE_BY_ONE)
class ForgetsTheBase(OneByOne):
    """It measures each player against the whole, and its values do not sum."""

    def explain(self, game):
        _, everybody = game.ends()
        return everybody - game.value(~np.eye(game.n_players, dtype=bool))


@broken("sums_to_the_output", "declared additive", ONE_BY_ONE)
class RoundsItsValues(OneByOne):
    """It rounds, and the sum is off by a little."""

    def explain(self, game):
        return super().explain(game).round(2) + 0.001


@broken("gives_nothing_to_who_changes_nothing", "changes nothing, and gets", ONE_BY_ONE)
class SharesWithEverybody(OneByOne):
    """It divides what a modality adds among all its players, idle ones included."""

    def explain(self, game):
        values = super().explain(game)
        for of in game.groups.values():
            values[list(of)] = values[list(of)].mean()
        return values


@broken("finds_the_player_that_matters", "order of the game's players", ONE_BY_ONE)
class TurnsTheOrderRound(OneByOne):
    """Its values are those of the players in another order."""

    def explain(self, game):
        return super().explain(game)[::-1]


@broken("finds_nothing_where_nothing_matters", "NaN", ONE_BY_ONE)
class DividesByTheSum(OneByOne):
    """It normalises its values, and where nobody matters divides by zero."""

    def explain(self, game):
        values = super().explain(game)
        with np.errstate(invalid="ignore"):
            return values / np.abs(values).sum()


@broken("copes_with_few_players", "ValueError", ONE_BY_ONE)
class TakesPlayersForGranted(OneByOne):
    """It looks for the best player of each modality, and one may have none."""

    def explain(self, game):
        values = super().explain(game)
        for of in game.groups.values():
            values[list(of)].argmax()
        return values


@broken("explains_rows_that_lack_a_modality", "without picture: KeyError", ONE_BY_ONE)
class TakesTwoModalitiesForGranted(OneByOne):
    """It knows its modalities by name, and a row may lack one."""

    def explain(self, game):
        values = super().explain(game)
        values[game.groups["picture"].start] += 0.0
        return values


@broken("says_the_same_each_time", "generator that all share", ONE_BY_ONE)
class DrawsFromTheGlobalGenerator(OneByOne):
    """Its values depend on whatever else drew random numbers before."""

    def explain(self, game):
        return super().explain(game) + np.random.rand(game.n_players) * 1e-9


@broken("says_the_same_each_time", "needs a seed", ONE_BY_ONE)
class HasNoSeed(OneByOne):
    """A generator of its own, with another seed each time."""

    def explain(self, game):
        return super().explain(game) + np.random.default_rng().random(game.n_players) * 1e-3


@broken("explains_a_row", "NaN", ONE_BY_ONE)
class GivesNanForARow(OneByOne):
    """It takes roots of what may be negative."""

    def explain(self, game):
        with np.errstate(invalid="ignore"):
            return np.sqrt(super().explain(game) - 1.0)


@broken("explains_a_row", "its standard errors for 'picture' are negative", ONE_BY_ONE)
class HasNegativeErrors(OneByOne):
    """Its standard errors are below zero."""

    def explain(self, game):
        values = super().explain(game)
        return mmcore.Attribution(values, errors=np.full(len(values), -0.1))


@broken("leaves_the_model_as_it_was", "training mode", SENSITIVITY)
class PutsTheModelIntoTraining(Sensitivity):
    """It switches dropout on, and leaves it so."""

    def explain(self, row):
        found = super().explain(row)
        row.model.train()
        return found


@broken("leaves_the_model_as_it_was", "gradients", SENSITIVITY)
class LeavesGradients(Sensitivity):
    """It sends gradients back to the parameters, and the next training step would take them for its own."""

    def explain(self, row):
        row.model(row.batch()).logits.sum().backward()
        return super().explain(row)


@broken("prints_nothing", "it printed", ONE_BY_ONE)
class TellsHowFarItIs(OneByOne):
    """It prints its progress into the results."""

    def explain(self, game):
        print(f"{game.n_players} players")
        return super().explain(game)


# declarations


class TakesAReservedKey(mmcore.Options):
    weights: str = mmcore.Field("none", description="which weights")


class SaysNothing(mmcore.Options):
    width: int = 3


BROKEN += [
    (dataclasses.replace(READER, name="Pulse-Net"), "has_a_well_formed_name", "lower-case"),
    (dataclasses.replace(READER, summary=""), "has_a_well_formed_name", "no summary"),
    (dataclasses.replace(READER, options=dict), "has_sound_options", "subclass of mmcore.Options"),
    (dataclasses.replace(READER, options=TakesAReservedKey, tiny={}), "has_sound_options", "weights are reserved"),
    (dataclasses.replace(READER, options=SaysNothing), "has_sound_options", "without a description: width"),
    (dataclasses.replace(READER, tiny={"widht": 3}), "accepts_its_small_options", "widht"),
]
