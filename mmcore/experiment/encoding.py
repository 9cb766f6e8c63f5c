"""One pass of each frozen encoder over a data set, kept in the feature cache."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from mmcore.experiment.preparation import Preparation
from mmcore.features import open_features
from mmcore.files import digest

if TYPE_CHECKING:
    from torch import nn

    from mmcore.data.loading import RowDataset
    from mmcore.data.source import DataSource
    from mmcore.data.survey import Survey
    from mmcore.model.encoder_bank import EncoderBank
    from mmcore.model.fusion_model import FusionModel

Progress = Callable[[str, int, int], None]
"""Told (stage, done, total)."""


def encoder_banks(model: nn.Module) -> list[EncoderBank]:
    """The encoder banks of a model, in order."""
    from mmcore.model.encoder_bank import EncoderBank

    return [module for module in model.modules() if isinstance(module, EncoderBank)]


def cacheable_modalities(model: FusionModel, augmented: frozenset[str]) -> tuple[str, ...]:
    """Modalities whose vectors can be computed once: frozen encoder, nothing augmented, no tokens read."""
    if not model.two_stage:
        return ()
    return tuple(
        name
        for bank in encoder_banks(model)
        for name in bank.modalities
        if bank.is_frozen(name) and name not in augmented and not getattr(model, "reads_tokens", False)
    )


def encode_modality(
    model: FusionModel,
    name: str,
    source: DataSource,
    survey: Survey,
    preparation: Preparation,
    *,
    identity: object,
    batch_size: int,
    progress: Progress,
    state: Callable[[nn.Module], str],
) -> np.ndarray:
    """Vectors `(N, D)` of one modality for all rows; zeros where it is absent. Memory-mapped.

    Rows are encoded in fixed batches of the rows that have the modality, so that a pass which was interrupted and
    resumed gives the same bits as one that was not. `state` gives the digest of an encoder's weights.
    """
    import torch

    from mmcore.data.loading import batch_from_tree, collate

    bank = next(bank for bank in encoder_banks(model) if name in bank.modalities)
    key = digest(
        {
            "encoder": identity,
            "state": state(bank.tower(name)),
            "spec": model.input_specs[name].fingerprint(),
            "description": preparation.descriptions[name].model_dump(mode="json"),
            "rows": survey.fingerprint(name),
            "batch": batch_size,
            "torch": version("torch"),
            "threads": torch.get_num_threads(),  # sums are split by thread, so the last bits depend on it
        }
    )
    wanted = survey.readable(name)  # more than this run's rows: the same pass serves runs of other modalities
    with open_features(key, len(survey.usable), bank.dims[name], batch_size=batch_size, rows=wanted) as features:
        total = len(wanted)
        missing = features.missing_batches()
        if not missing:
            return features.array()
        rows = rows_of_modality(model, name, source, preparation, wanted)
        done = total - sum(len(batch) for batch in missing)
        progress(f"encode {name}", done, total)
        model.eval()
        for batch in missing:
            items = rows.__getitems__(batch.tolist())
            with torch.inference_mode():
                encoded = bank.encode(batch_from_tree(collate(items), (name,)))[name].vector
            features.write(batch, encoded.float().cpu().numpy())
            done += len(batch)
            progress(f"encode {name}", done, total)
        return features.array()


def rows_of_modality(
    model: FusionModel, name: str, source: DataSource, preparation: Preparation, rows: np.ndarray
) -> RowDataset:
    """These rows of one modality, prepared as the model reads it."""
    only = Preparation({name: preparation.fields[name]}, {name: preparation.kinds[name]}, preparation.descriptions)
    return only.dataset(_OneModality(model, name), source.rows, root=source.root, indices=rows)  # type: ignore[arg-type]


class _OneModality:
    """The part of a model that preparing one modality needs."""

    def __init__(self, model: FusionModel, name: str):
        self.modalities = (name,)
        self.input_specs = {name: model.input_specs[name]}
