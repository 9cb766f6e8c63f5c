"""Checks of fusion methods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mmcore.declarations import FusionMethod
from mmcore.errors import CompositionError
from mmcore.representation import Representation
from mmcore.testing.bench import build, seeded
from mmcore.testing.check import check, claim
from mmcore.testing.modules import ROWS, ModuleBench, promised_dim, require_shape
from mmcore.testing.trees import difference, is_near

if TYPE_CHECKING:
    from mmcore.tasks.task import Task

CLASSES = ("ash", "birch", "cedar")
NAMES = ("first", "second", "third")
WIDTHS = (5, 7, 4)
TOKENS = 3
GRID = (4, 6)


class MethodBench(ModuleBench):
    """A fusion method, tried on random numbers in two or three modalities of different widths."""

    @cached_property
    def task(self) -> Task:
        """The task it serves: one label of three."""
        from mmcore.tasks.classes import SingleLabel

        return SingleLabel(classes=CLASSES)

    @cached_property
    def widths(self) -> dict[str, int]:
        """What it combines: vectors of different widths, or decisions over the classes."""
        return self.widths_for(self.task)

    def widths_for(self, task: Task) -> dict[str, int]:
        """Modality → width, for a task, as many modalities as the method takes but at most three if it can."""
        declaration = self.declaration
        count = max(declaration.min_modalities, min(3, declaration.max_modalities or 3))
        names = [NAMES[index] if index < len(NAMES) else f"number_{index + 1}" for index in range(count)]
        if declaration.level == "decision":
            return dict.fromkeys(names, task.n_outputs)
        return {name: WIDTHS[index % len(WIDTHS)] for index, name in enumerate(names)}

    def build_module(self, saved: Path | None = None) -> nn.Module:
        """For the task and widths; one that learns from held-out decisions has learned from some."""
        return self.build_for(self.task)

    def build_for(self, task: Task) -> nn.Module:
        """Build it for a task."""
        module = build(self.declaration, self.options, self.widths_for(task), task)
        if self.declaration.learns(self.options):
            module.fit(*self.held_out(task))
        return module

    def held_out(self, task: Task) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Decisions that are mostly right, some of them absent, with the targets: what a method learns from."""
        rows = ROWS * 10
        decisions, present = self.pool(rows, task)
        answers = torch.arange(rows) % len(CLASSES)
        towards = torch.eye(len(CLASSES))[answers] * 3
        targets: Tensor = answers
        if task.type == "multi_label":
            targets, towards = towards / 3, towards - 1.5
        elif task.type == "regression":
            targets = torch.linspace(-1.5, 1.5, rows)
            towards = targets[:, None]
        for column in range(present.shape[1]):
            present[column :: 2 * present.shape[1], column] = False
        return (
            filled_where_absent({name: own + towards for name, own in decisions.items()}, present, 0.0),
            present,
            targets,
        )

    def pool(self, rows: int, task: Task | None = None) -> tuple[dict[str, Any], Tensor]:
        """Random inputs for that many rows, and who is present: everybody."""
        generator = torch.Generator().manual_seed(5)
        inputs: dict[str, Any] = {}
        widths = self.widths_for(task or self.task)
        for name, width in widths.items():
            if self.declaration.reads == "grid":
                inputs[name] = {"grid": torch.randn(rows, width, *GRID, generator=generator)}
                continue
            vector = torch.randn(rows, width, generator=generator)
            if self.declaration.reads == "tokens":
                tokens = torch.randn(rows, TOKENS, width, generator=generator)
                inputs[name] = Representation(vector, tokens, torch.ones(rows, TOKENS, dtype=torch.bool))
            else:
                inputs[name] = vector
        return inputs, torch.ones(rows, len(widths), dtype=torch.bool)

    def arguments(self, rows: Sequence[int] = range(ROWS)) -> tuple[Any, ...]:
        """These rows of the pool; in the last rows, not every modality is present."""
        inputs, present = self.pool(ROWS)
        for row in range(ROWS // 2, ROWS):
            present[row, row % present.shape[1]] = False
        index = torch.tensor(list(rows))
        inputs = {name: picked(value, index) for name, value in inputs.items()}
        return filled_where_absent(inputs, present[index], 0.0), present[index]


@check(FusionMethod)
def returns_what_it_promised(bench: MethodBench) -> None:
    """Vectors of the width stated in `dim`; at decision level, logits for every class; of grids, grids alike."""
    module = bench.subject()
    with torch.no_grad():
        returned = module(*bench.arguments())
    if bench.declaration.reads == "grid":
        for name, width in bench.widths.items():
            require_shape(f"grid of {name}", returned[name]["grid"], (ROWS, width, *GRID))
    elif bench.declaration.level == "decision":
        require_shape("logits", returned, (ROWS, bench.task.n_outputs))
    else:
        require_shape("vectors", returned, (ROWS, promised_dim(module)))


@check(FusionMethod)
def ignores_absent_modalities(bench: MethodBench) -> None:
    """What stands where a modality is absent can't change the output, be it numbers, NaN or infinity."""
    module = bench.subject()
    inputs, _ = bench.pool(ROWS)
    for present in presence_patterns(len(bench.widths), ROWS):
        with torch.no_grad():
            zeros = bench.call(module, (filled_where_absent(inputs, present, 0.0), present))
            for content in (3.0, -1e4, float("nan"), float("inf")):
                other = bench.call(module, (filled_where_absent(inputs, present, content), present))
                gap = difference(zeros, other)
                claim(
                    gap is None,
                    f"with {_absent(bench.widths, present)} absent, content {content} there changes the output: {gap}. "
                    "Use torch.where with `present`, not a product with it.",
                )


@check(FusionMethod)
def stays_finite_where_a_modality_is_absent(bench: MethodBench) -> None:
    """With a modality absent in the whole batch, outputs and gradients are finite."""
    for present in presence_patterns(len(bench.widths), ROWS):
        module = bench.build_seeded(0).train()
        inputs, _ = bench.pool(ROWS)
        outputs = bench.call(module, (filled_where_absent(inputs, present, 0.0), present))
        total = torch.stack([tensor.float().square().mean() for tensor in outputs.values()]).sum()
        where = f"with {_absent(bench.widths, present)} absent in every row"
        claim(bool(torch.isfinite(total)), f"{where} the output is NaN or infinite")
        if total.requires_grad:
            total.backward()
        broken = [
            name
            for name, parameter in module.named_parameters()
            if parameter.grad is not None and not bool(torch.isfinite(parameter.grad).all())
        ]
        claim(not broken, f"{where} the gradient of {', '.join(broken)} is NaN or infinite")


@check(FusionMethod)
def reads_every_modality(bench: MethodBench) -> None:
    """Each modality that is present matters for the output."""
    module = bench.subject()
    inputs, present = bench.pool(ROWS)
    with torch.no_grad():
        before = bench.call(module, (inputs, present))
        for name in bench.widths:
            turned = {**inputs, name: picked(inputs[name], torch.arange(ROWS).roll(1))}
            after = bench.call(module, (turned, present))
            claim(difference(before, after) is not None, f"the content of modality {name!r} changes nothing")


@check(FusionMethod, when=lambda declaration: declaration.level == "decision")
def returns_logits_and_not_probabilities(bench: MethodBench) -> None:
    """Where all modalities are sure of one class, so is the method: nothing is squashed twice."""
    module = bench.subject()
    sure = torch.full((len(CLASSES), len(CLASSES)), -12.0).fill_diagonal_(12.0)
    present = torch.ones(len(CLASSES), len(bench.widths), dtype=torch.bool)
    with torch.no_grad():
        probabilities = bench.task.probabilities(module(dict.fromkeys(bench.widths, sure), present))
    right = probabilities.diagonal()
    claim(
        bool((right > 0.9).all()),
        f"unanimous and sure decisions come out with probability {float(right.min()):.3f} instead of about 1: return "
        "logits (log-probabilities will do), not probabilities, which the task would squash again",
    )


@check(FusionMethod, when=lambda declaration: declaration.level == "decision")
def serves_several_labels_and_numbers(bench: MethodBench) -> None:
    """It also combines multi-label and regression decisions, or refuses such a task with a reason."""
    from mmcore.tasks.classes import MultiLabel
    from mmcore.tasks.regression import Regression

    bench.subject()
    for task in (MultiLabel(classes=CLASSES), Regression()):
        try:
            with seeded(0):
                module = bench.build_for(task).eval()
        except CompositionError:
            continue
        inputs, present = bench.pool(ROWS, task)
        with torch.no_grad():
            returned = module(inputs, present)
        require_shape(f"logits of a {task.type} task", returned, (ROWS, task.n_outputs))
        claim(bool(torch.isfinite(returned).all()), f"logits of a {task.type} task are NaN or infinite")
        if task.type == "multi_label":
            sure = torch.tensor([[12.0, -12.0, -12.0]])
            agreed = module(dict.fromkeys(bench.widths, sure), present[:1]).sigmoid()
            claim(
                is_near(agreed, sure.sigmoid(), 0.1),
                f"unanimous labels come out as {agreed[0].tolist()}: squashed by a sigmoid twice?",
            )


@check(FusionMethod, when=lambda declaration: declaration.level != "decision" and declaration.reads == "vector")
def never_drops_every_modality_in_training(bench: MethodBench) -> None:
    """Whatever it drops at random in training, it drops row by row, and never all of a row."""
    from mmcore.testing.dropout import require_fair_dropout

    bench.subject()
    module = bench.build_seeded(0)
    require_fair_dropout(module, list(bench.widths.values()), lambda tensors, present: module(
        dict(zip(bench.widths, tensors, strict=True)), present
    ))  # fmt: skip


def presence_patterns(modalities: int, rows: int) -> Iterator[Tensor]:
    """`(rows, modalities)` bool for each way in which some, but not all, modalities are absent from every row."""
    for pattern in product((True, False), repeat=min(modalities, 4)):
        wanted = [*pattern, *[True] * (modalities - len(pattern))]
        if any(wanted) and not all(wanted):
            yield torch.tensor(wanted).expand(rows, modalities).clone()


def filled_where_absent(inputs: Mapping[str, Any], present: Tensor, content: float) -> dict[str, Any]:
    """A copy of the inputs that holds `content` where a modality is absent."""
    filled: dict[str, Any] = {}
    for column, (name, value) in enumerate(inputs.items()):
        here = present[:, column]
        if isinstance(value, Representation):
            assert value.tokens is not None
            filled[name] = Representation(
                torch.where(here[:, None], value.vector, content),
                torch.where(here[:, None, None], value.tokens, content),
                value.mask,
            )
        elif isinstance(value, Mapping):
            filled[name] = {key: torch.where(here[:, None, None, None], grid, content) for key, grid in value.items()}
        else:
            filled[name] = torch.where(here[:, None], value, content)
    return filled


def picked(value: Any, index: Tensor) -> Any:
    """Rows of a tensor, of a representation, or of named tensors."""
    if isinstance(value, Mapping):
        return {key: grid[index] for key, grid in value.items()}
    if isinstance(value, Representation):
        assert value.tokens is not None
        assert value.mask is not None
        return Representation(value.vector[index], value.tokens[index], value.mask[index])
    return value[index]


def _absent(names: Mapping[str, int], present: Tensor) -> str:
    return " and ".join(name for name, here in zip(names, present[0].tolist(), strict=True) if not here)
