"""What the runs of a grid have in common: passes of frozen encoders, and each modality alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmcore.comparison.grid import LABEL, Cell, shown
from mmcore.files import digest

if TYPE_CHECKING:
    from mmcore.experiment.sections import EncoderSlot
    from mmcore.experiment.specification import Experiment


def frozen_encoders(experiment: Experiment) -> dict[str, EncoderSlot]:
    """The encoders that stay as they are, so that their vectors are computed once."""
    from mmcore.catalog import load

    found = {}
    for name, slot in experiment.encoders.items():
        declaration = load().get("encoder", slot.name, kind=experiment.modalities()[name])
        pretrained = bool(declaration.weights) and slot.weights != "none"
        if (slot.trainable == "none" or (slot.trainable is None and pretrained)) and slot.augment is not True:
            found[name] = slot
    return found


def shared_passes(cells: Sequence[Cell]) -> list[tuple[str, int]]:
    """Passes of frozen encoders that several runs read: which, and how many runs."""
    counted: Counter[str] = Counter()
    for cell in distinct(cells):
        assert cell.experiment is not None
        for name, slot in frozen_encoders(cell.experiment).items():
            counted[f"{name} by {shown(slot.to_short_form())}"] += 1
    return [(name, count) for name, count in counted.most_common() if count > 1]


def alone(experiment: Experiment) -> dict[str, Experiment]:
    """Modality → the same experiment with that modality alone; nothing where there are not several to part."""
    if len(experiment.encoders) < 2 or set(experiment.modalities()) != set(experiment.encoders):
        return {}
    data = experiment.to_dict()
    return {
        name: type(experiment).from_dict({**data, "encoders": {name: data["encoders"][name]}, "fusion": None})
        for name in data["encoders"]
    }


def key_of(experiment: Experiment) -> str:
    """Equal for experiments that come to the same."""
    return digest(experiment.to_dict())


def with_baselines(cells: Sequence[Cell]) -> list[Cell]:
    """The combinations, and once for the whole grid each modality alone, where runs ask for that or it costs seconds.

    A run asks by `training.unimodal_baselines`; left out, it means runs whose encoders are all frozen.
    """
    known = {cell.key for cell in cells}
    added: dict[str, Cell] = {}
    for cell in cells:
        if cell.experiment is None or not _wants_baselines(cell):
            continue
        for name, single in alone(cell.experiment).items():
            key = key_of(single)
            if key not in known:
                label = f"{name} alone, {shown(single.encoders[name].to_short_form())}"
                seed = {"seed": single.seed} if "seed" in cell.changes else {}
                added.setdefault(key, Cell({LABEL: label, **seed}, single, key=key))
    return [*cells, *added.values()]


def _wants_baselines(cell: Cell) -> bool:
    assert cell.experiment is not None
    if cell.baselines is not None:
        return cell.baselines
    return len(frozen_encoders(cell.experiment)) == len(cell.experiment.encoders)


def distinct(cells: Sequence[Cell]) -> list[Cell]:
    """The combinations that run: possible, and no two that come to the same."""
    return list({cell.key: cell for cell in cells if cell.experiment is not None}.values())
