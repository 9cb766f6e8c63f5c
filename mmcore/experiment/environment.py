"""What a run was made with: versions, plugins, device, seeds, and fingerprints of the data."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import mmcore
from mmcore.run import FORMAT_VERSION

if TYPE_CHECKING:
    from mmcore.catalog import Catalog
    from mmcore.experiment.prepared import PreparedData
    from mmcore.experiment.specification import Experiment

LIBRARIES = ("torch", "transformers", "accelerate", "timm", "numpy", "datasets", "scikit-learn", "shap", "torchmetrics")
"""The libraries on which figures depend."""


def describe_environment(experiment: Experiment, catalog: Catalog, data: PreparedData) -> dict[str, Any]:
    """What environment.json holds."""
    import torch

    from mmcore.training.loop import training_device

    device = training_device(experiment.training)
    return {
        "format_version": FORMAT_VERSION,
        "mmcore": mmcore.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "libraries": {name: found for name in LIBRARIES if (found := installed_version(name))},
        "plugins": {
            record.package: {"distribution": record.distribution, "version": record.version}
            for record in catalog.plugins.records
            if record.enabled and not record.problems
        },
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "seed": experiment.seed,
        "data": data.fingerprint(),
        "command": " ".join(sys.argv[1:]) if sys.argv[0].endswith("mmcore") else "",
    }


def installed_version(distribution: str) -> str | None:
    """The version of an installed distribution; None where it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
