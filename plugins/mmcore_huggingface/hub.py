"""Data sets on the hub: found out about, downloaded once, and plainly refused where there is no network."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import mmcore

if TYPE_CHECKING:
    import datasets

WAIT = 3.0
"""Seconds after which a hub that does not answer counts as out of reach."""


@lru_cache(maxsize=8)
def hub_features(name: str, config: str | None, revision: str | None) -> tuple[dict[str, Any], list[str]]:
    """Column → feature, and the splits; the rows are downloaded only where the hub does not say.

    Raises:
        DataError: there is no such data set or configuration, or the hub is out of reach.
    """
    import datasets

    with _from_hub(name):
        about = datasets.load_dataset_builder(name, config, revision=revision).info
    if about.features is not None and about.splits:
        return about.features.to_dict(), list(about.splits)
    loaded = hub_rows(name, config, revision)
    return next(iter(loaded.values())).features.to_dict(), list(loaded)


def hub_rows(name: str, config: str | None, revision: str | None) -> Mapping[str, datasets.Dataset]:
    """Split → rows, memory-mapped from the library's own cache.

    Raises:
        DataError: as `hub_features`.
    """
    import datasets

    with _from_hub(name):
        loaded: Mapping[str, datasets.Dataset] = datasets.load_dataset(name, config, revision=revision)
    return loaded


@contextmanager
def _from_hub(name: str) -> Iterator[None]:
    """Out of the local cache alone where the hub can't be reached, without retries; errors in a line."""
    import datasets

    with _offline_if_out_of_reach() as offline:
        try:
            yield
        except datasets.exceptions.DatasetNotFoundError as error:
            raise mmcore.DataError(
                "there is no such data set, neither here nor on the hub, or it asks for an account",
                where=name,
                hint="A folder is written ./name; for one that asks for an account: hf auth login.",
            ) from error
        except (ConnectionError, OSError) as error:
            if not offline:
                raise mmcore.DataError(f"can't be downloaded ({_first_line(error)})", where=name) from error
            raise mmcore.DataError(
                "is not in the local cache, and the hub is out of reach",
                where=name,
                hint="Where there is a network: datasets.load_dataset(name).save_to_disk(folder); then path: folder.",
            ) from error
        except (ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:  # also an unknown configuration
            raise mmcore.DataError(_first_line(error), where=name) from error


@contextmanager
def _offline_if_out_of_reach() -> Iterator[bool]:
    import datasets.config
    import huggingface_hub.constants

    offline = bool(huggingface_hub.constants.HF_HUB_OFFLINE) or not is_reachable(huggingface_hub.constants.ENDPOINT)
    places = ((huggingface_hub.constants, "HF_HUB_OFFLINE"), (datasets.config, "HF_HUB_OFFLINE"))
    before = [getattr(module, flag) for module, flag in places]
    try:
        if offline:
            for module, flag in places:
                setattr(module, flag, True)
        yield offline
    finally:
        for (module, flag), value in zip(places, before, strict=True):
            setattr(module, flag, value)


def is_reachable(endpoint: str) -> bool:
    """Whether a server answers, within `WAIT` seconds; behind a proxy that is left to the proxy to say.

    >>> is_reachable("http://127.0.0.1:9")
    False
    """
    address = urlsplit(endpoint)
    proxies = (f"{address.scheme}_proxy", f"{address.scheme}_proxy".upper(), "all_proxy", "ALL_PROXY")
    if any(os.environ.get(name) for name in proxies) and address.hostname not in ("localhost", "127.0.0.1"):
        return True
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        with socket.create_connection((address.hostname or "", port), timeout=WAIT):
            return True
    except OSError:
        return False


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
