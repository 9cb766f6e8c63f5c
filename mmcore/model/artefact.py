"""A model on disk: safetensors and JSON, the same bytes for the same model, no pickle."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file

from mmcore.errors import RunError
from mmcore.files import read_json, sha256, write_json, writing
from mmcore.model.encoder_bank import EncoderBank, banks_in

if TYPE_CHECKING:
    from torch import nn

    from mmcore.model.frozen import FrozenEncoders

FORMAT_VERSION = 1
"""The version of the layout of a model folder."""

STATE, FROZEN, MANIFEST, ASSETS = "model.safetensors", ".frozen.safetensors", "model.json", "assets"


@dataclass(frozen=True)
class SavedFile:
    """A file as it was written, and its hash."""

    path: Path
    inode: int
    sha256: str


def save_model(
    model: nn.Module, folder: Path, manifest: Mapping[str, Any], frozen: FrozenEncoders | None = None
) -> None:
    """Write the state, `assets/<tower>/` and, last, `model.json` with the manifest and the files' hashes.

    `<tower>.frozen.safetensors` holds an encoder of which nothing trained, `model.safetensors` all else. A model that
    was in the folder is replaced. The same model and manifest give the same bytes.

    Args:
        frozen: encoders that models share; of one that was saved before, the file is linked, where the file system
            can, and takes no space again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in (folder / MANIFEST, *folder.glob(f"*{FROZEN}")):
        old.unlink(missing_ok=True)
    shutil.rmtree(folder / ASSETS, ignore_errors=True)
    for bank in banks_in(model.modules()):
        for name, tower in bank.towers.items():
            save_assets = getattr(tower, "save_assets", None)
            if callable(save_assets):
                (folder / ASSETS / name).mkdir(parents=True, exist_ok=True)
                save_assets(folder / ASSETS / name)
    towers = _frozen_towers(model)
    names, aliases = _unshared(model)
    hashes = {}
    for prefix, (name, tower) in towers.items():
        own = {each: value for each, value in names.items() if each.startswith(prefix)}
        hashes[f"{name}{FROZEN}"] = _save_tower(own, prefix, tower, folder / f"{name}{FROZEN}", frozen)
    rest = {each: value for each, value in names.items() if not each.startswith(tuple(towers))}
    _save(rest, folder / STATE)
    files = [folder / STATE, *sorted(path for path in (folder / ASSETS).rglob("*") if path.is_file())]
    hashes |= {path.relative_to(folder).as_posix(): sha256(path) for path in files}
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
    state: dict[str, torch.Tensor] = {}
    for path in sorted(folder / name for name in manifest["sha256"] if name == STATE or name.endswith(FROZEN)):
        state |= load_file(path)
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


def _frozen_towers(model: nn.Module) -> dict[str, tuple[str, nn.Module]]:
    """Prefix of the names in the state → name and module of each encoder of which nothing trains."""
    found: dict[str, tuple[str, nn.Module]] = {}
    for path, bank in model.named_modules():
        if not isinstance(bank, EncoderBank):
            continue
        for name, tower in bank.towers.items():
            taken = {known for known, _ in found.values()}
            parameters = list(tower.parameters())
            if parameters and name not in taken and not any(each.requires_grad for each in parameters):
                found[f"{path}.towers.{name}.".lstrip(".")] = (name, tower)
    return found


def _save_tower(
    tensors: Mapping[str, torch.Tensor], prefix: str, tower: nn.Module, path: Path, frozen: FrozenEncoders | None
) -> str:
    """Write or link an encoder's file; its hash."""
    key = None if frozen is None else f"{prefix} {frozen.digest(tower)} {sorted(tensors)}"
    known = frozen.saved.get(key) if frozen is not None and key is not None else None
    if known is not None and _link(known, path):
        return known.sha256
    _save(tensors, path)
    hashed = sha256(path)
    if frozen is not None and key is not None:
        frozen.saved[key] = SavedFile(path, path.stat().st_ino, hashed)
    return hashed


def _link(saved: SavedFile, path: Path) -> bool:
    """Give a file a second name; False where that can't be done, or another file has taken its place."""
    path.unlink(missing_ok=True)
    try:
        os.link(saved.path, path)
    except OSError:
        return False
    return path.stat().st_ino == saved.inode


def _save(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    whole = {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}
    with writing(path) as temporary:
        save_file(whole, temporary)


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
        tensors[name] = value
    return tensors, aliases
