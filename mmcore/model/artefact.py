"""A model on disk: safetensors and JSON, the same bytes for the same model, no pickle."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file

from mmcore.errors import RunError
from mmcore.files import read_json, sha256, write_json, writing
from mmcore.model.encoder_bank import banks_in

if TYPE_CHECKING:
    from torch import nn

FORMAT_VERSION = 1
"""The version of the layout of a model folder."""

STATE, MANIFEST, ASSETS = "model.safetensors", "model.json", "assets"


def save_model(model: nn.Module, folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write `model.safetensors`, `assets/<tower>/` and, last, `model.json` with the manifest and their hashes.

    A model that was in the folder is replaced. The same model and manifest give the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(folder / ASSETS, ignore_errors=True)
    for bank in banks_in(model.modules()):
        for name, tower in bank.towers.items():
            save_assets = getattr(tower, "save_assets", None)
            if callable(save_assets):
                (folder / ASSETS / name).mkdir(parents=True, exist_ok=True)
                save_assets(folder / ASSETS / name)
    tensors, aliases = _unshared(model)
    with writing(folder / STATE) as temporary:
        save_file(tensors, temporary)
    files = [folder / STATE, *sorted(path for path in (folder / ASSETS).rglob("*") if path.is_file())]
    hashes = {path.relative_to(folder).as_posix(): sha256(path) for path in files}
    about = {"format_version": FORMAT_VERSION, "aliases": aliases, "sha256": hashes}
    write_json(folder / MANIFEST, {**manifest, **about})


def read_manifest(folder: Path) -> dict[str, Any]:
    """What `model.json` says; a folder that is damaged or of another format is refused.

    Raises:
        RunError: with what to do.
    """
    if not (folder / MANIFEST).is_file():
        raise RunError("there is no model here", where=str(folder))
    manifest: dict[str, Any] = read_json(folder / MANIFEST)
    if not isinstance(manifest, dict):
        raise RunError("is not the manifest of a model", where=str(folder / MANIFEST))
    if manifest.get("format_version") != FORMAT_VERSION:
        raise RunError(
            f"this model has format version {manifest.get('format_version')}; this mmcore reads {FORMAT_VERSION}",
            where=str(folder),
            hint="Fit its experiment again, or use the mmcore version that wrote it.",
        )
    for name, expected in manifest["sha256"].items():
        if not (folder / name).is_file():
            raise RunError(f"{name} is missing", where=str(folder))
        if sha256(folder / name) != expected:
            raise RunError(f"{name} is damaged: its content is not what was written", where=str(folder))
    return manifest


def load_state(model: nn.Module, folder: Path) -> None:
    """Load a saved state into a model that was built as the saved one.

    Raises:
        RunError: a tensor is missing, unknown or of another shape.
    """
    manifest = read_manifest(folder)
    state = load_file(folder / STATE)
    for name, first in manifest["aliases"].items():
        state[name] = state[first]
    own = model.state_dict()
    for name in sorted(set(own) ^ set(state)):
        lacking = "the file lacks" if name in own else "the model lacks"
        raise RunError(f"the saved model does not fit the installed components: {lacking} {name!r}", where=str(folder))
    for name, value in own.items():
        if value.shape != state[name].shape:
            raise RunError(
                f"the saved model does not fit the installed components: {name!r} is {tuple(state[name].shape)} in "
                f"the file and {tuple(value.shape)} in the model",
                where=str(folder),
            )
    model.load_state_dict(state)


def state_digest(module: nn.Module) -> str:
    """SHA-256 over names, shapes, types and values of a module's state."""
    hasher = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        hasher.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        hasher.update(_bytes(value))
    return hasher.hexdigest()


def _bytes(value: torch.Tensor) -> memoryview | bytes:
    plain = value.detach().cpu().contiguous()
    return plain.reshape(-1).view(torch.uint8).numpy().data if plain.numel() else b""


def _unshared(model: nn.Module) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The state with each tensor once, and under which name a tensor that has several is to be found."""
    tensors: dict[str, torch.Tensor] = {}
    aliases: dict[str, str] = {}
    first: dict[tuple[Any, ...], str] = {}
    for name, value in sorted(model.state_dict().items()):
        key = (value.data_ptr(), tuple(value.shape), tuple(value.stride()), value.dtype)
        if value.numel() and key in first:
            aliases[name] = first[key]
            continue
        first[key] = name
        tensors[name] = value.detach().cpu().clone(memory_format=torch.contiguous_format)
    return tensors, aliases
