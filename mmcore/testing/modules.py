"""Checks of everything that is a torch module: encoders, fusion methods and the models of fusion strategies."""

from __future__ import annotations

import contextlib
import io
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmcore.declarations import Encoder, FusionMethod, FusionStrategy
from mmcore.testing.bench import Bench, seeded
from mmcore.testing.check import CheckFailed, Skipped, check, claim
from mmcore.testing.trees import cloned, difference, is_near, largest_gap, tensors_in, unregistered

ROWS = 6
"""Rows of the batches that modules are tried with."""

MODULES = (Encoder, FusionMethod, FusionStrategy)


class ModuleBench(Bench):
    """A component whose `build` returns a torch module."""

    @abstractmethod
    def build_module(self, saved: Path | None = None) -> nn.Module:
        """Build the module; as part of a saved model, whose files are in that folder, where `saved` is given."""

    @abstractmethod
    def arguments(self, rows: Sequence[int] = range(ROWS)) -> tuple[Any, ...]:
        """What `forward` is called with for these of the bench's rows; the same rows give the same tensors."""

    def call(self, module: nn.Module, arguments: tuple[Any, ...]) -> dict[str, Tensor]:
        """Call the module; what it returns, as named tensors with the batch first."""
        return dict(tensors_in({"output": module(*arguments)}))

    def build_fresh(self) -> nn.Module:
        """Build the module from a fixed seed, in evaluation mode."""
        return self.build_seeded(0)

    def build_seeded(self, seed: int, saved: Path | None = None) -> nn.Module:
        """Build the module from this seed, in evaluation mode."""
        with seeded(seed):
            module = self.build_module(saved)
        claim(isinstance(module, nn.Module), f"`build` returned {type(module).__name__}, not a torch.nn.Module")
        return module.eval()

    def outputs(self, module: nn.Module, rows: Sequence[int] = range(ROWS), seed: int = 0) -> dict[str, Tensor]:
        """Outputs in the module's present mode for these rows, without gradient."""
        with seeded(seed), torch.no_grad():
            return self.call(module, self.arguments(rows))


def loss_of(outputs: dict[str, Tensor]) -> Tensor:
    """A number that depends on every output value, each weighted differently, to send gradient everywhere."""
    total = torch.zeros(())
    for tensor in outputs.values():
        if tensor.requires_grad:
            weights = torch.linspace(0.5, 1.5, tensor.numel()).cos().reshape(tensor.shape)
            total = total + (tensor * weights).mean() + 0.1 * (tensor**2).mean()
    return total


@check(*MODULES)
def builds(bench: ModuleBench) -> None:
    """Builds with its small options."""
    bench.try_to_build()


@check(*MODULES)
def registers_its_parameters(bench: ModuleBench) -> None:
    """Every parameter and module that it holds is known to torch."""
    places = unregistered(bench.subject())
    claim(
        not places,
        f"{', '.join(places)} holds parameters or modules in a plain list or dict: they are never trained, moved or "
        "saved. Use torch.nn.ModuleList, ModuleDict, ParameterList or ParameterDict.",
    )


@check(*MODULES)
def sends_gradient_to_every_parameter(bench: ModuleBench) -> None:
    """Within a few training steps every trainable parameter gets a gradient and stays finite."""
    bench.subject()
    module = bench.build_seeded(0).train()
    trainable = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    reached: set[str] = set()
    if not trainable:
        return
    optimiser = torch.optim.Adam(trainable.values(), lr=1e-2)
    for step in range(4):
        with seeded(step):
            loss = loss_of(bench.call(module, bench.arguments()))
        claim(loss.requires_grad, "its output does not depend on its parameters: there is no gradient at all")
        optimiser.zero_grad()
        loss.backward()
        reached |= {name for name, each in trainable.items() if each.grad is not None and bool(each.grad.any())}
        optimiser.step()
        if reached == trainable.keys():
            break  # what begins with zeros (an adapter's second factor) needs a second step
    idle = sorted(trainable.keys() - reached)
    claim(not idle, f"no gradient reaches {_named(idle)}: {'they' if len(idle) > 1 else 'it'} would never be trained")
    broken = [name for name, each in trainable.items() if not bool(torch.isfinite(each).all())]
    claim(not broken, f"after training a little {_named(broken)} holds NaN or infinity")


@check(*MODULES)
def is_deterministic_in_evaluation(bench: ModuleBench) -> None:
    """In evaluation mode the same inputs give the same outputs, whatever the random state."""
    module = bench.subject()
    gap = difference(bench.outputs(module, seed=1), bench.outputs(module, seed=2))
    claim(gap is None, f"two calls on the same inputs in eval() differ: {gap}")


@check(*MODULES)
def returns_finite_numbers(bench: ModuleBench) -> None:
    """No NaN and no infinity, neither in evaluation nor in training mode."""
    for module in (bench.subject(), bench.build_seeded(0).train()):
        for name, tensor in bench.outputs(module).items():
            mode = "training" if module.training else "evaluation"
            bad = int((~torch.isfinite(tensor)).sum())
            claim(bad == 0, f"{bad} of {tensor.numel()} numbers of {name} are NaN or infinite in {mode} mode")


@check(*MODULES)
def leaves_its_inputs_as_they_were(bench: ModuleBench) -> None:
    """A forward pass changes neither the inputs nor the containers that hold them."""
    arguments = bench.arguments()
    before = cloned(arguments)
    with torch.no_grad():
        bench.call(bench.subject(), arguments)
    gap = difference(before, arguments)
    claim(gap is None, f"forward changed its inputs: {gap}. Work on a copy.")


@check(*MODULES)
def accepts_a_batch_of_one(bench: ModuleBench) -> None:
    """One row alone can be predicted."""
    for name, tensor in bench.outputs(bench.subject(), [0]).items():
        claim(len(tensor) == 1, f"a batch of one row gave {name} of shape {tuple(tensor.shape)}")


@check(*MODULES)
def keeps_rows_apart(bench: ModuleBench) -> None:
    """In evaluation mode a row's output depends neither on the other rows nor on their order."""
    module = bench.subject()
    together = bench.outputs(module)
    turned = bench.outputs(module, list(reversed(range(ROWS))))
    for row in range(ROWS):
        alone = bench.outputs(module, [row])
        for name, tensor in together.items():
            if tensor.shape[1:] != alone[name].shape[1:]:
                continue  # tokens of a padded batch; the vector is compared
            for other, where in ((alone[name][0], "alone"), (turned[name][ROWS - 1 - row], "in a batch turned round")):
                gap = largest_gap(tensor[row], other)
                claim(
                    is_near(other, tensor[row]),
                    f"row {row}'s {name} differs by {gap:.3g} when it is computed {where}",
                )


@check(*MODULES)
def survives_saving(bench: ModuleBench) -> None:
    """Saved and built again, from another random state, it gives the same outputs."""
    module = bench.subject()
    saved = bench.subfolder("saved")
    if hasattr(module, "save_assets"):
        module.save_assets(saved)
    state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    again = bench.build_seeded(12345, saved)
    try:
        again.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise CheckFailed(
            f"the state of the saved module does not fit one that is built again: {' '.join(str(error).split())}. "
            "What it learned in `adapt` belongs in buffers of a fixed shape, or in files of `save_assets(folder)`."
        ) from error
    for (name, before), after in zip(bench.outputs(module).items(), bench.outputs(again).values(), strict=True):
        claim(
            is_near(after, before, 1e-6),
            f"{name} differs by up to {largest_gap(before, after):.3g} after saving and loading: something it "
            "computes with is neither a parameter, nor a buffer, nor in `save_assets`",
        )


@check(*MODULES)
def prints_nothing(bench: ModuleBench) -> None:
    """Building and calling it write nothing to standard output."""
    bench.subject()
    heard = io.StringIO()
    with contextlib.redirect_stdout(heard):
        bench.outputs(bench.build_seeded(0))
    claim(not heard.getvalue(), f"it printed {heard.getvalue()[:60]!r}: standard output belongs to results")


def require_shape(name: str, tensor: Any, shape: tuple[int, ...]) -> None:
    """Fail unless a tensor is there and has this shape."""
    if not isinstance(tensor, Tensor):
        raise CheckFailed(f"{name} is {type(tensor).__name__}, not a tensor")
    claim(tuple(tensor.shape) == shape, f"promised {name} of shape {shape}, returned {tuple(tensor.shape)}")


def promised_dim(module: nn.Module) -> int:
    """The width that a module states in `dim`."""
    dim = getattr(module, "dim", None)
    claim(isinstance(dim, int) and dim > 0, f"its module must state the width it returns in `dim`; that is {dim!r}")
    return int(dim)  # type: ignore[arg-type]


def no_dropout(module: nn.Module) -> nn.Module:
    """The module with its ordinary dropout layers off, so that only randomness over whole modalities is left."""
    for part in module.modules():
        if isinstance(part, nn.modules.dropout._DropoutNd):
            part.p = 0.0
    return module


def skip_unless(holds: bool, reason: str) -> None:
    """Skip the check that calls this, with the reason, unless the condition holds."""
    if not holds:
        raise Skipped(reason)


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"
