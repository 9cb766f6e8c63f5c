"""One pass of a model over rows: logits, representations and who was present, in the rows' order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch.utils.data import DataLoader

from mmcore.data.loading import batch_from_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mmcore.data.batch import Batch
    from mmcore.model.fusion_model import FusionModel
    from mmcore.representation import Output, Representation


@dataclass(frozen=True)
class Inference:
    """What a model gives for N rows, as NumPy arrays, float32 where not said otherwise.

    Args:
        modalities: names, in the order of the columns of `present`.
        index: `(N,)` int64, the rows' numbers in the data set.
        present: `(N, M)` bool.
        logits: `(N, C)`; `(N, 1)` in regression.
        fused: `(N, D)`; None where decisions are fused.
        vectors: modality → `(N, D_m)`, zeros where it is absent; empty for models that don't encode modalities apart.
        per_modality_logits: modality → `(N, C)`, from models that decide per modality.
        targets: encoded targets; None where unknown.
    """

    modalities: tuple[str, ...]
    index: np.ndarray
    present: np.ndarray
    logits: np.ndarray
    fused: np.ndarray | None
    vectors: Mapping[str, np.ndarray]
    per_modality_logits: Mapping[str, np.ndarray]
    targets: np.ndarray | None

    def __len__(self) -> int:
        return len(self.index)

    def rows(self, positions: np.ndarray) -> Inference:
        """The rows at these positions, in this order."""
        return Inference(
            self.modalities,
            self.index[positions],
            self.present[positions],
            self.logits[positions],
            None if self.fused is None else self.fused[positions],
            {name: values[positions] for name, values in self.vectors.items()},
            {name: values[positions] for name, values in self.per_modality_logits.items()},
            None if self.targets is None else self.targets[positions],
        )


def infer(
    model: FusionModel,
    dataset: Any,
    collate: Callable[..., Any],
    *,
    batch_size: int = 64,
    device: torch.device | str | Literal["auto"] = "auto",
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Inference:
    """Run `model` over `dataset` in eval mode, in order, without gradients; model and mode are as before afterwards.

    Args:
        dataset: a map-style data set with at least one row; `collate` makes trees of its items.
        device: "auto" takes a GPU where there is one.
        progress: told (rows done, rows in all).

    Raises:
        ValueError: the data set is empty.
    """
    if len(dataset) == 0:
        raise ValueError("there are no rows to run the model on")
    chosen = torch.device(_best_device() if device == "auto" else device)
    home, training = next(model.parameters(), torch.zeros(0)).device, model.training
    loader = DataLoader(
        dataset, batch_size=batch_size, collate_fn=collate, num_workers=workers, generator=torch.Generator()
    )
    parts: list[dict[str, Any]] = []
    done = 0
    try:
        model.to(chosen).eval()
        with torch.inference_mode():
            for tree in loader:
                batch = batch_from_tree(tree, model.modalities)
                output, encoded = _run(model, batch.to(chosen))
                parts.append(_as_numpy(batch, output, encoded))
                done += len(batch)
                if progress:
                    progress(done, len(dataset))
    finally:
        model.to(home).train(training)
    return Inference(modalities=tuple(model.modalities), **_join(parts))


def join(parts: Sequence[Inference]) -> Inference:
    """Inferences of one model over several lots of rows, one after the other."""
    fields = [{name: value for name, value in vars(part).items() if name != "modalities"} for part in parts]
    return Inference(modalities=parts[0].modalities, **_join(fields))


def _run(model: FusionModel, batch: Batch) -> tuple[Output, Mapping[str, Representation]]:
    if not model.two_stage:
        return model(batch), {}
    encoded = model.encode(batch)
    return model.fuse(encoded, batch.present), encoded


def _as_numpy(batch: Batch, output: Output, encoded: Mapping[str, Representation]) -> dict[str, Any]:
    index = torch.full((len(batch),), -1) if batch.index is None else batch.index
    return {
        "index": index.cpu().numpy().astype(np.int64),
        "present": batch.present.cpu().numpy(),
        "logits": _numpy(output.logits),
        "fused": None if output.representation is None else _numpy(output.representation),
        "vectors": {name: _numpy(representation.vector) for name, representation in encoded.items()},
        "per_modality_logits": {name: _numpy(logits) for name, logits in output.per_modality_logits.items()},
        "targets": None if batch.targets is None else batch.targets.cpu().numpy(),
    }


def _join(parts: list[dict[str, Any]]) -> dict[str, Any]:
    first = parts[0]
    joined: dict[str, Any] = {}
    for name, value in first.items():
        if value is None:
            joined[name] = None
        elif isinstance(value, dict):
            joined[name] = {key: np.concatenate([part[name][key] for part in parts]) for key in value}
        else:
            joined[name] = np.concatenate([part[name] for part in parts])
    return joined


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().float().cpu().numpy()


def _best_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"
