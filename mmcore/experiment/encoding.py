"""Passes of frozen encoders over a data set, each made once and kept in the feature cache."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from mmcore.errors import OptionError
from mmcore.experiment.preparation import Preparation
from mmcore.features import Features, TokenFeatures, open_features, rows_digest
from mmcore.files import digest

if TYPE_CHECKING:
    from torch import nn

    from mmcore.data.loading import RowDataset
    from mmcore.data.source import DataSource
    from mmcore.experiment.prepared import PreparedData
    from mmcore.experiment.specification import Experiment
    from mmcore.model.encoder_bank import EncoderBank
    from mmcore.model.fusion_model import FusionModel
    from mmcore.representation import Representation
    from mmcore.run import Event

Stored = np.ndarray | TokenFeatures
"""What an encoder gave for all rows: vectors `(N, D)`, or tokens beside them."""

LIMIT_VARIABLE = "MMCORE_TOKEN_CACHE_GB"
"""The environment variable that says how many GiB the tokens of one modality may take in the feature cache."""

DEFAULT_LIMIT = 8.0


@dataclass(frozen=True)
class Encoded:
    """What a model's frozen encoders gave.

    Args:
        plain: modality → of all rows, as they are.
        views: modality → of the training rows, changed at random; one for each view.
    """

    plain: Mapping[str, Stored] = field(default_factory=dict)
    views: Mapping[str, tuple[Stored, ...]] = field(default_factory=dict)

    def of(self, model: FusionModel, *, augment: bool) -> dict[str, Stored | tuple[Stored, ...]]:
        """What `model` reads in place of its encoders: views where rows are to be changed, tokens if it reads them."""
        reading = token_modalities(model)
        found: dict[str, Stored | tuple[Stored, ...]] = {}
        for name in model.modalities:
            if name not in self.plain:
                continue
            tokens = name in reading
            if augment and name in self.views:
                found[name] = tuple(each if tokens else _vectors(each) for each in self.views[name])
            else:
                found[name] = self.plain[name] if tokens else _vectors(self.plain[name])
        return found


def encoder_banks(model: nn.Module) -> list[EncoderBank]:
    """The encoder banks of a model, in order."""
    from mmcore.model.encoder_bank import EncoderBank

    return [module for module in model.modules() if isinstance(module, EncoderBank)]


def cacheable_modalities(model: FusionModel, augmented: frozenset[str]) -> tuple[str, ...]:
    """Modalities whose representations can be computed once: frozen encoder, not `augmented` anew in each epoch."""
    if not model.two_stage:
        return ()
    return tuple(
        name
        for bank in encoder_banks(model)
        for name in bank.modalities
        if bank.is_frozen(name) and name not in augmented
    )


def token_modalities(model: FusionModel) -> frozenset[str]:
    """Modalities of which the model, or a finished one within it, reads tokens."""
    from mmcore.model.fusion_model import FusionModel

    within = (module for module in model.modules() if isinstance(module, FusionModel))
    return frozenset(name for module in within if module.reads_tokens for name in module.modalities)


def token_limit() -> int:
    """How many bytes the tokens of one modality may take in the feature cache.

    Raises:
        OptionError: the environment variable holds no such number.
    """
    text = os.environ.get(LIMIT_VARIABLE, "")
    try:
        chosen = float(text) if text.strip() else DEFAULT_LIMIT
        if not 0 <= chosen < 2**30:
            raise ValueError
    except ValueError:
        raise OptionError(f"{text!r} is no number of GiB", where=LIMIT_VARIABLE, hint="0 keeps no tokens.") from None
    return int(chosen * 2**30)


@dataclass(frozen=True)
class Encoding:
    """The passes of one model's frozen encoders over one data set.

    Args:
        state: gives the digest of an encoder's weights.
        tell: is told progress, and where tokens take more room than they may.
    """

    model: FusionModel
    experiment: Experiment
    data: PreparedData
    state: Callable[[nn.Module], str]
    tell: Callable[[Event], None]

    def run(self) -> Encoded:
        """Whatever of it is not in the cache yet."""
        slots = self.experiment.encoders
        anew = frozenset(name for name, slot in slots.items() if slot.augment is True)
        plain: dict[str, Stored] = {}
        views: dict[str, tuple[Stored, ...]] = {}
        for name in cacheable_modalities(self.model, anew):
            count = (slots[name].views or 0) if name in slots else 0
            rows = self.data.survey.readable(name)  # more than this run's: the pass serves runs of other modalities
            training = np.intersect1d(rows, self.data.splits["train"])
            stored = self._pass(name, rows, beside=count * len(training))
            if stored is not None:
                plain[name] = stored
                if count:
                    views[name] = tuple(self._view(name, training, number, count) for number in range(count))
        return Encoded(plain, views)

    def _view(self, name: str, rows: np.ndarray, number: int, count: int) -> Stored:
        stored = self._pass(name, rows, view=number, stage=f"encode {name}, view {number + 1} of {count}")
        assert stored is not None
        return stored

    def _pass(
        self, name: str, rows: np.ndarray, *, view: int | None = None, beside: int = 0, stage: str | None = None
    ) -> Stored | None:
        """What one encoder gives for these rows, as they are or as one of their views; memory-mapped.

        Rows are encoded in fixed batches of the rows that have the modality, so that a pass which was interrupted and
        resumed gives the same bits as one that was not.

        Returns None where tokens of these rows, and of as many rows `beside` them, would take more room than they may.
        """
        tokens = name in token_modalities(self.model)
        with open_features(
            self._key(name, rows, view, tokens=tokens), len(self.data.survey), bank_of(self.model, name).dims[name],
            batch_size=self.experiment.training.encode_batch_size, rows=rows, tokens=tokens,
        ) as features:  # fmt: skip
            missing = features.missing_batches()
            dataset = self._rows(name, rows, view) if missing else None
            for batch in missing:
                if view is None and self._too_large(name, features, beside):
                    return None
                assert dataset is not None
                self._progress(stage or f"encode {name}", int(batch[0]), len(rows))
                encoded = encode_rows(self.model, name, dataset, batch)
                features.write(batch, *_arrays(encoded, tokens=tokens))
            if view is None and self._too_large(name, features, beside):
                return None
            if missing:
                self._progress(stage or f"encode {name}", len(rows), len(rows))
            return features.stored()

    def _key(self, name: str, rows: np.ndarray, view: int | None, *, tokens: bool) -> str:
        """Stands for all that what an encoder gives depends on."""
        import torch

        slot, preparation = self.experiment.encoders.get(name), self.data.preparation
        tower = bank_of(self.model, name).tower(name)
        parts: dict[str, Any] = {
            # the same rows as they are, whether or not they are also changed at random
            "encoder": "read by the strategy" if slot is None else {**slot.model_dump(mode="json"), "augment": False},
            "state": self.state(tower),
            "spec": self.model.input_specs[name].fingerprint(),
            "description": preparation.descriptions[name].model_dump(mode="json"),
            "rows": self.data.survey.fingerprint(name),
            "batch": self.experiment.training.encode_batch_size,
            "torch": version("torch"),
            "threads": torch.get_num_threads(),  # sums are split by thread, so the last bits depend on it
        }
        if tokens:
            parts["tokens"] = True
        if view is not None:
            axis = next((group for group in preparation.synchronised if name in group), (name,))
            parts["view"] = [self.experiment.seed, view, *axis]
            parts["chosen"] = rows_digest(rows)
        return digest(parts)

    def _rows(self, name: str, rows: np.ndarray, view: int | None) -> RowDataset:
        dataset = rows_of_modality(
            self.model, name, self.data.source, self.data.preparation, rows,
            augment=view is not None, seed=self.experiment.seed,
        )  # fmt: skip
        dataset.set_epoch(view or 0)
        return dataset

    def _too_large(self, name: str, features: Features, beside: int) -> bool:
        """Whether tokens would take more room than they may, which is told; judged by the first batch."""
        expected = (features.token_bytes_per_row() or 0.0) * (len(features.rows) + beside)
        if expected <= (limit := token_limit()):
            return False
        text = (
            f"The tokens of {name!r} would take about {expected / 2**30:.3g} GiB in the feature cache, which may hold "
            f"{limit / 2**30:.3g} GiB of them: its encoder reads every row in every epoch. "
            f"{LIMIT_VARIABLE} sets the limit."
        )
        self.tell({"event": "message", "text": text})
        return True

    def _progress(self, stage: str, done: int, total: int) -> None:
        self.tell({"event": "progress", "stage": stage, "done": done, "total": total})


def bank_of(model: nn.Module, name: str) -> EncoderBank:
    """The bank that a modality goes through."""
    return next(bank for bank in encoder_banks(model) if name in bank.modalities)


def rows_of_modality(
    model: FusionModel,
    name: str,
    source: DataSource,
    preparation: Preparation,
    rows: np.ndarray,
    *,
    augment: bool = False,
    seed: int = 0,
) -> RowDataset:
    """These rows of one modality, prepared as the model reads it."""
    only = _OneModality(model, name)
    return preparation.dataset(
        only, source.rows, root=source.root, indices=rows, augment={name: augment}, seed=seed,  # type: ignore[arg-type]
    )  # fmt: skip


def encode_rows(model: FusionModel, name: str, rows: RowDataset, positions: np.ndarray) -> Representation:
    """What one modality's encoder gives for the rows at these positions, as one batch, without gradients."""
    import torch

    from mmcore.data.loading import batch_from_tree, collate

    batch = batch_from_tree(collate(rows.__getitems__(positions.tolist())), (name,))
    model.eval()
    with torch.inference_mode():
        return bank_of(model, name).encode(batch.to(next(model.parameters(), torch.zeros(0)).device))[name]


def _arrays(encoded: Representation, *, tokens: bool) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Vectors, tokens and mask as the cache takes them."""
    vectors = encoded.vector.float().cpu().numpy()
    if not tokens or encoded.tokens is None:
        return vectors, None, None
    return vectors, encoded.tokens.float().cpu().numpy(), None if encoded.mask is None else encoded.mask.cpu().numpy()


def _vectors(stored: Stored) -> np.ndarray:
    return stored.vectors if isinstance(stored, TokenFeatures) else stored


class _OneModality:
    """The part of a model that preparing one modality needs."""

    def __init__(self, model: FusionModel, name: str):
        self.modalities = (name,)
        self.input_specs = {name: model.input_specs[name]}
