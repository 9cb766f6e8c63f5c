"""Models of the Hugging Face hub as folders on this machine."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import mmcore

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""Files that hold a model, the better one first."""

WAIT = 5.0
"""Seconds without an answer after which the hub counts as out of reach."""


def hub_folder(model: str, *, where: str) -> Path:
    """The folder with a model's configuration and weights, out of the cache or downloaded.

    Raises:
        MissingDependency: it is not in the cache, and the hub is out of reach or does not have it.
    """
    from huggingface_hub import HfApi, constants, snapshot_download

    folder = _cached(model)
    if folder is not None:
        return folder
    problem = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else _out_of_reach(constants.ENDPOINT)
    if problem is None:
        try:
            held = HfApi().list_repo_files(model)
            chosen = next((name for name in WEIGHTS if name in held), WEIGHTS[0])
            return Path(snapshot_download(model, allow_patterns=["*.json", chosen]))
        except Exception as error:  # whatever the hub's client raises
            problem = f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"
    raise mmcore.MissingDependency(
        f"the pretrained weights of {model!r} are not on this machine, and could not be downloaded ({problem})",
        where=where,
        hint="Go online once, give weights: <folder of the model>, or weights: none.",
    )


def weights_in(folder: Path) -> Path:
    """The file of weights in a model's folder; the name of the better one when there is none."""
    return next((folder / name for name in WEIGHTS if (folder / name).is_file()), folder / WEIGHTS[0])


def _cached(model: str) -> Path | None:
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(model, local_files_only=True))
    except Exception:  # it is not there, or its name is none: the download says which
        return None
    return folder if (folder / "config.json").is_file() and weights_in(folder).is_file() else None


def _out_of_reach(endpoint: str) -> str | None:
    """Why the hub can't be asked; None when it answers. Its own client would ask again for half a minute.

    >>> _out_of_reach("http://127.0.0.1:9") is None
    False
    """
    try:
        request = urllib.request.Request(endpoint, method="HEAD")  # noqa: S310 - the hub's address
        urllib.request.urlopen(request, timeout=WAIT).close()  # noqa: S310
    except urllib.error.HTTPError:
        return None  # an answer
    except (OSError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return None
