"""Checks of fusion strategies, by the models that they build."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from mmcore.data.batch import Batch
from mmcore.declarations import Description, FusionMethod, FusionStrategy, InputSpec
from mmcore.model.fusion_model import FusionModel, MethodFactory
from mmcore.representation import Output, Representation
from mmcore.testing.bench import build, seeded
from mmcore.testing.check import CheckFailed, Skipped, check, claim
from mmcore.testing.dropout import require_fair_dropout
from mmcore.testing.methods import CLASSES, filled_where_absent, presence_patterns
from mmcore.testing.modules import ROWS, ModuleBench, require_shape, skip_unless
from mmcore.testing.trees import difference, is_near, largest_gap

if TYPE_CHECKING:
    from mmcore.model.encoder_bank import EncoderBank
    from mmcore.tasks.task import Task

WIDTHS = {"first": 6, "second": 5, "third": 7}
FEATURES = 4
"""Numbers of each modality that the trial's encoders read."""


class TrialEncoder(nn.Module):
    """A linear layer as an encoder: `(B, 4)` numbers to `(B, dim)`."""

    def __init__(self, dim: int):
        super().__init__()
        self.dim, self.input_spec = dim, InputSpec()
        self.layer = nn.Linear(FEATURES, dim)

    def forward(self, inputs: Mapping[str, Tensor]) -> Representation:
        """Project the numbers."""
        return Representation(self.layer(inputs["values"]))


class TrialMethod(nn.Module):
    """What the trial fuses with: projections added up over the modalities that are present."""

    def __init__(self, widths: Mapping[str, int], dim: int):
        super().__init__()
        self.dim = dim
        self.projections = nn.ModuleDict({name: nn.Linear(width, dim) for name, width in widths.items()})

    def forward(self, inputs: Mapping[str, Any], present: Tensor) -> Tensor:
        """`(B, dim)`, or logits where decisions are fused."""
        total = torch.zeros(len(present), self.dim)
        for column, (name, value) in enumerate(inputs.items()):
            vector = value.vector if isinstance(value, Representation) else value
            here = present[:, column, None]
            total = total + torch.where(here, self.projections[name](torch.where(here, vector, 0.0)), 0.0)
        return total


class TrialStem(nn.Module):
    """Numbers as tokens, one for each: `(B, 4)` to tokens `(B, 4, dim)`."""

    def __init__(self, dim: int):
        super().__init__()
        self.dim, self.input_spec = dim, InputSpec()
        self.embed, self.place = nn.Linear(1, dim), nn.Parameter(torch.randn(FEATURES, dim))

    def forward(self, inputs: Mapping[str, Tensor]) -> Representation:
        """A token for each number."""
        tokens = self.embed(inputs["values"][..., None]) + self.place
        return Representation(tokens.mean(1), tokens)


class TrialParts:
    """Stands for `mmcore.Parts` where a strategy reads the trial's modalities by itself."""

    runs: ClassVar[dict[str, Any]] = {}

    def stems(self, modalities: Sequence[str], dim: int) -> EncoderBank:
        """A bank of trial stems."""
        from mmcore.model.encoder_bank import EncoderBank, EncoderSlot

        return EncoderBank({name: EncoderSlot(None, TrialStem(dim), trainable="all") for name in modalities})

    def stacked(self, name: str, config: Any, modalities: Sequence[str]) -> Any:
        """The trial's rows of numbers have no grids."""
        raise Skipped("it stacks grids, and the trial's modalities have none: try it in a run")

    def kind(self, modality: str) -> Any:
        """The trial's modalities are of no kind."""
        raise Skipped("it asks for a modality's kind, and the trial's have none: try it in a run")


class StrategyBench(ModuleBench):
    """A fusion strategy, tried with three modalities of four random numbers each, and linear encoders."""

    @cached_property
    def task(self) -> Task:
        """One label of three."""
        from mmcore.tasks.classes import SingleLabel

        return SingleLabel(classes=CLASSES)

    def method(self) -> MethodFactory:
        """A fusion method of a level that the strategy fuses at; a simple one of the trial's own where it can be."""
        levels = self.declaration.levels
        if "representation" in levels:
            declaration = FusionMethod(name="trial", summary="sum", build=TrialMethod, level="representation")
            return MethodFactory(declaration, lambda widths: TrialMethod(widths, 8))
        if "decision" in levels:
            declaration = FusionMethod(name="trial", summary="sum", build=TrialMethod, level="decision")
            return MethodFactory(declaration, lambda widths: TrialMethod(widths, self.task.n_outputs))
        own = self.declaration.method_for(self.options)
        for level in levels:
            for chosen in self.surroundings.methods(level):
                if own is not None and chosen.name != own:
                    continue
                options = chosen.options.model_validate(dict(chosen.tiny))
                return MethodFactory(chosen, lambda widths, chosen=chosen, options=options: build(  # type: ignore[misc]
                    chosen, options, widths, self.task
                ))  # fmt: skip
        raise Skipped(f"no fusion method of a level {' or '.join(levels)} to try it with")

    @property
    def reading(self) -> tuple[str, ...]:
        """The modalities that the strategy reads by itself."""
        strategy: FusionStrategy = self.declaration
        return strategy.reads(self.options)

    @property
    def names(self) -> tuple[str, ...]:
        """The modalities of the trial: those that the strategy names, else those of the trial's encoders."""
        return self.reading or tuple(WIDTHS)

    def build_module(self, saved: Path | None = None) -> nn.Module:
        """Build the model."""
        from mmcore.model.encoder_bank import EncoderBank, EncoderSlot

        slots = {
            name: EncoderSlot(None, TrialEncoder(width), trainable="all")
            for name, width in WIDTHS.items()
            if not self.reading
        }
        descriptions = {name: Description() for name in self.names}
        return build(
            self.declaration,
            self.options,
            descriptions,
            EncoderBank(slots),
            self.method(),
            self.task,
            parts=TrialParts(),
        )

    def batch(self, present: Tensor, *, absent: float = 0.0, rows: Sequence[int] = range(ROWS)) -> Batch:
        """These rows of random numbers; `absent` stands where a modality is absent."""
        generator = torch.Generator().manual_seed(11)
        numbers = {name: torch.randn(ROWS, FEATURES, generator=generator) for name in self.names}
        index = torch.tensor(list(rows))
        filled = filled_where_absent({name: values[index] for name, values in numbers.items()}, present, absent)
        return Batch(
            modalities=self.names,
            present=present,
            inputs={name: {"values": values} for name, values in filled.items()},
            targets=index % len(CLASSES),
        )

    def arguments(self, rows: Sequence[int] = range(ROWS)) -> tuple[Any, ...]:
        """A batch of these rows; in the last rows, not every modality is present."""
        present = torch.ones(ROWS, len(self.names), dtype=torch.bool)
        for row in range(ROWS // 2, ROWS):
            present[row, row % len(self.names)] = False
        return (self.batch(present[list(rows)], rows=rows),)

    def call(self, module: nn.Module, arguments: tuple[Any, ...]) -> dict[str, Tensor]:
        """Everything in the output that has a row for each row of the batch."""
        return outputs_of(module(*arguments))


def outputs_of(output: Output) -> dict[str, Tensor]:
    """The tensors of an output that have the batch first."""
    named = {
        "logits": output.logits,
        **{f"logits of {name}": each for name, each in output.per_modality_logits.items()},
    }
    return named if output.representation is None else {**named, "representation": output.representation}


@check(FusionStrategy)
def returns_what_it_promised(bench: StrategyBench) -> None:
    """Its `build` returns a FusionModel that gives logits for every class, and a loss."""
    model = bench.subject()
    claim(isinstance(model, FusionModel), f"`build` returned {type(model).__name__}, not a mmcore.FusionModel")
    claim(tuple(model.modalities) == bench.names, f"its modalities are {model.modalities}, not {bench.names}")
    claim(set(model.input_specs) == set(bench.names), f"it has input specs for {sorted(model.input_specs)} only")
    (batch,) = bench.arguments()
    with torch.no_grad():
        output = model(batch)
        claim(isinstance(output, Output), f"forward returned {type(output).__name__}, not a mmcore.Output")
        require_shape("logits", output.logits, (ROWS, bench.task.n_outputs))
        for name, logits in output.per_modality_logits.items():
            require_shape(f"logits of {name}", logits, (ROWS, bench.task.n_outputs))
        loss = model.loss(output, batch)
    claim(loss.ndim == 0 and bool(torch.isfinite(loss)), f"the loss is {loss}, not a finite number")


@check(FusionStrategy)
def ignores_absent_modalities(bench: StrategyBench) -> None:
    """What stands where a modality is absent can't change the output or the loss, be it numbers, NaN or infinity."""
    model = bench.subject()
    for present in presence_patterns(len(bench.names), ROWS):
        with torch.no_grad():
            plain = bench.batch(present)
            expected = outputs_of(model(plain))
            loss = model.loss(model(plain), plain)
            for content in (3.0, float("nan"), float("inf")):
                batch = bench.batch(present, absent=content)
                given = outputs_of(model(batch))
                gap = difference(_cast(expected, present, bench.names), _cast(given, present, bench.names))
                claim(gap is None, f"content {content} where a modality is absent changes the output: {gap}")
                other = model.loss(model(batch), batch)
                claim(bool(torch.equal(loss, other)), f"content {content} where a modality is absent changes the loss")


@check(FusionStrategy)
def stays_finite_where_a_modality_is_absent(bench: StrategyBench) -> None:
    """With a modality absent in the whole batch, the loss and its gradient are finite."""
    bench.subject()
    for present in presence_patterns(len(bench.names), ROWS):
        model = bench.build_seeded(0).train()
        assert isinstance(model, FusionModel)
        batch = bench.batch(present)
        with seeded(0):
            loss = model.loss(model(batch), batch)
        claim(bool(torch.isfinite(loss)), f"with modalities absent in every row, the loss is {loss.item()}")
        loss.backward()
        for name, parameter in model.named_parameters():
            if parameter.grad is not None:
                claim(bool(torch.isfinite(parameter.grad).all()), f"the gradient of {name} is NaN or infinite")


@check(FusionStrategy)
def is_made_of_two_stages(bench: StrategyBench) -> None:
    """Where it says `two_stage`, it is encode, then fuse, and encoding a modality does not look at the others."""
    model = bench.subject()
    skip_unless(model.two_stage, "it says that it is not two-stage")
    (batch,) = bench.arguments()
    everybody = torch.ones(ROWS, len(bench.names), dtype=torch.bool)
    with torch.no_grad():
        whole = outputs_of(model(batch))
        encoded = model.encode(batch)
        gap = difference(whole, outputs_of(model.fuse(encoded, batch.present)))
        claim(gap is None, f"fuse(encode(batch)) is not forward(batch): {gap}")
        gap = difference(whole, outputs_of(model.fuse(dict(reversed(encoded.items())), batch.present)))
        claim(gap is None, f"`fuse` goes by the order of its mapping instead of by name: {gap}")
        together = model.encode(bench.batch(everybody))
        for column, name in enumerate(bench.names):
            alone = torch.zeros_like(everybody)
            alone[:, column] = True
            vector = model.encode(bench.batch(alone))[name].vector
            claim(
                is_near(vector, together[name].vector),
                f"the encoding of {name!r} changes by {largest_gap(vector, together[name].vector):.3g} when the other "
                "modalities are absent: say `two_stage = False`",
            )


@check(FusionStrategy)
def takes_cached_representations(bench: StrategyBench) -> None:
    """Representations that were computed before give the same output as the inputs that they were computed from."""
    model = bench.subject()
    skip_unless(model.two_stage, "it says that it is not two-stage")
    (batch,) = bench.arguments()
    with torch.no_grad():
        encoded = model.encode(batch)
        cached = Batch(batch.modalities, batch.present, {}, batch.targets, dict(encoded))
        gap = difference(outputs_of(model(batch)), outputs_of(model(cached)))
    claim(gap is None, f"cached representations give another output: {gap}")


@check(FusionStrategy)
def can_learn_a_small_table(bench: StrategyBench) -> None:
    """It learns six rows by heart: its loss falls far below guessing."""
    bench.subject()
    guessing = math.log(len(CLASSES))
    loss = min(_loss_after(bench, rate) for rate in (0.05, 0.005))
    claim(
        loss < 0.25 * guessing,
        f"after 150 steps on six rows its loss is {loss:.3f}; guessing has {guessing:.3f}. Are its logits squashed "
        "(a softmax or sigmoid before the loss, which has its own), or is a part of it not trained?",
    )


def _loss_after(bench: StrategyBench, rate: float) -> float:
    """The loss on the six rows after 150 steps of Adam at a learning rate."""
    model = bench.build_seeded(0)
    assert isinstance(model, FusionModel)
    batch = bench.batch(torch.ones(ROWS, len(bench.names), dtype=torch.bool))
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trainable:
        raise CheckFailed("the model has nothing to train")
    optimiser = torch.optim.Adam(trainable, lr=rate)
    with seeded(0):
        for _ in range(150):
            optimiser.zero_grad()
            model.loss(model.train()(batch), batch).backward()
            optimiser.step()
    with torch.no_grad():
        assert batch.targets is not None
        return float(bench.task.loss(model.eval()(batch).logits, batch.targets))


@check(FusionStrategy)
def never_drops_every_modality_in_training(bench: StrategyBench) -> None:
    """Whatever it drops at random in training, it drops row by row, and never all of a row."""
    bench.subject()
    model = bench.build_seeded(0)
    assert isinstance(model, FusionModel)
    skip_unless(model.two_stage, "it says that it is not two-stage")

    with torch.no_grad():
        encoded = model.encode(bench.arguments()[0])

    def forward(tensors: list[Tensor], present: Tensor) -> Tensor:
        representations = {
            name: Representation(tensor, None if like.tokens is None else tensor[:, None])
            for (name, like), tensor in zip(encoded.items(), tensors, strict=True)
        }
        return model.fuse(representations, present).logits

    require_fair_dropout(model, [each.vector.shape[1] for each in encoded.values()], forward)


def _cast(outputs: Mapping[str, Tensor], present: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
    """Outputs without what a modality decides in rows where it is absent, which nobody reads."""
    counted = dict(outputs)
    for column, name in enumerate(names):
        key = f"logits of {name}"
        if key in counted:
            counted[key] = counted[key][present[:, column]]
    return counted
