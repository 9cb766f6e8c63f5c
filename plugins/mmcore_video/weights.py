"""Published weights: from an address or a file into a network, name by name."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import mmcore

WRAPPERS = ("model_state", "state_dict", "model")
"""Under which training scripts put the tensors."""

PREFIXES = ("module.", "backbone.", "model.", "encoder.model.")
"""What training scripts put before names."""

WAIT = 15.0
"""Seconds without an answer after which a server counts as out of reach."""


def fetched(url: str, *, encoder: str) -> Path:
    """The file at an address, downloaded once into the user's cache.

    Raises:
        MissingDependency: it is not in the cache and can't be downloaded.
    """
    path = mmcore.cache_folder() / "weights" / url.rsplit("/", 1)[-1]
    if path.is_file():
        return path
    try:
        with (
            urllib.request.urlopen(url, timeout=WAIT) as response,  # noqa: S310 - addresses of ours, https
            mmcore.writing(path) as temporary,
            temporary.open("wb") as target,
        ):
            while chunk := response.read(1 << 20):
                target.write(chunk)
            said = response.headers.get("Content-Length")
            if said is not None and target.tell() != int(said):
                raise OSError(f"{target.tell():,} of {said} bytes came")
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise mmcore.MissingDependency(
            f"the pretrained weights are not on this machine, and could not be downloaded ({_first_line(error)})",
            where=f"encoder {encoder!r}",
            hint=f"Go online once, give weights: <path of {url.rsplit('/', 1)[-1]}>, or weights: none.",
        ) from error
    return path


def read_state(path: Path) -> dict[str, Tensor]:
    """The named tensors of a file of weights: safetensors, or a torch file without code.

    Raises:
        DataError: there is no such file, or it holds none.
    """
    if not path.is_file():
        raise mmcore.DataError("there is no such file of weights", where=str(path))
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state: Any = load_file(path)
        else:
            state = torch.load(path, "cpu", weights_only=True)
    except Exception as error:
        raise mmcore.DataError(f"can't be read as weights ({_first_line(error)})", where=str(path)) from error
    for key in WRAPPERS:
        state = state[key] if isinstance(state, Mapping) and isinstance(state.get(key), Mapping) else state
    if not isinstance(state, Mapping) or not any(isinstance(value, Tensor) for value in state.values()):
        raise mmcore.DataError("holds no mapping of names to tensors", where=str(path))
    return {str(name): value for name, value in state.items() if isinstance(value, Tensor)}


def without_prefix(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state without what stands before every wanted name, if that makes more of the names known."""
    options = [dict(state)]
    for prefix in PREFIXES:
        options.append({name.removeprefix(prefix): value for name, value in options[-1].items()})
    return max(options, key=lambda names: sum(name in wanted for name in names))


def load_state(model: nn.Module, state: Mapping[str, Tensor], where: str, *, first: str | None = None) -> None:
    """Load the tensors that a network wants; others (a classifier) are passed over.

    Args:
        model: the network.
        state: names to tensors.
        where: how errors name the origin.
        first: the name of the first layer's weights, which are fitted to other channels than RGB.

    Raises:
        DataError: a tensor is missing or has another shape.
    """
    wanted = model.state_dict()
    found = without_prefix(state, wanted)
    for name in (name for name in found if first is not None and name.startswith(first)):
        if name in wanted and found[name].ndim == wanted[name].ndim > 1:
            found[name] = for_channels(found[name], wanted[name].shape[1])
    chosen = {}
    for name, value in wanted.items():
        if name.endswith("num_batches_tracked") and name not in found:
            chosen[name] = value
            continue
        if name not in found or found[name].shape != value.shape:
            what = f"as {tuple(found[name].shape)}" if name in found else "not at all"
            raise mmcore.DataError(
                f"holds {name!r} {what}; the network needs {tuple(value.shape)}",
                where=where,
                hint="Are the encoder's options those of the weights, or is it another network?",
            )
        chosen[name] = found[name]
    model.load_state_dict(chosen)


def for_channels(weight: Tensor, channels: int) -> Tensor:
    """A first layer's weights `(out, 3, …)` for another number of channels.

    The three are repeated in turn and scaled by 3 / channels, so that equal channels give what grey gave before; one
    channel gets their sum. The choice is ours.

    >>> for_channels(torch.tensor([[1.0, 2.0, 3.0]]), 1).tolist(), for_channels(torch.ones(1, 3), 4).sum().item()
    ([[6.0]], 3.0)
    """
    if weight.shape[1] == channels:
        return weight
    if channels == 1:
        return weight.sum(1, keepdim=True)
    turns = -(-channels // weight.shape[1])
    repeated = weight.repeat(1, turns, *[1] * (weight.ndim - 2))[:, :channels]
    return repeated * (weight.shape[1] / channels)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
