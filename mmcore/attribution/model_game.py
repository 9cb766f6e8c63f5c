"""A model and a row as a game: masked copies are encoded once each, and combined by the head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mmcore.attribution.game import Game, TwoStageGame, rows_of
from mmcore.attribution.request import WholePlayer
from mmcore.data.batch import Batch
from mmcore.errors import ComponentError
from mmcore.representation import Representation

if TYPE_CHECKING:
    from mmcore.attribution.row import Row
    from mmcore.attribution.score import Score
    from mmcore.data.kind import Inputs, Players

NUMBERS_AT_A_TIME = 2**24
"""Numbers of all representations together that the head gets at a time (64 MiB in single precision)."""


class ModelGame(Game):
    """What all games of models share.

    Attributes:
        row: the row that is explained.
        players: modality → how its sample is divided.
        score: which output is the value.
        baselines: modality → what masked players become.
    """

    def __init__(self, row: Row, players: Mapping[str, Players], score: Score, baselines: Mapping[str, str]):
        super().__init__({name: each.labels for name, each in players.items()}, score.outputs)
        self.row, self.players, self.score = row, dict(players), score
        self.baselines = {name: baselines.get(name, "default") for name in players}

    def masked(self, modality: str, keep: np.ndarray) -> Inputs:
        """Masked copies `(m, …)` of one modality's inputs, on the model's device."""
        whole = self.players[modality]
        players = whole.parts if isinstance(whole, WholePlayer) else whole
        if players is not whole:
            keep = np.repeat(keep, len(players), axis=1)
        inputs = self.row.kinds[modality].mask(
            self.row.prepared[modality], players, keep, baseline=self.baselines[modality]
        )
        for name, tensor in inputs.items():
            if len(tensor) != len(keep):
                raise ComponentError(
                    f"{type(self.row.kinds[modality]).__name__}.mask made {len(tensor)} rows of {name!r} for "
                    f"{len(keep)} maskings of {modality!r}"
                )
        return {name: tensor.to(self.row.device) for name, tensor in inputs.items()}

    def _presence(self, count: int) -> torch.Tensor:
        return self.row.presence(count).to(self.row.device)


class JointGame(ModelGame):
    """A game of a model that reads all modalities at once: every distinct coalition is a pass through all of it."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self._whole = self.row.batch().inputs
        self._known = dict(zip(_key(np.ones((1, self.n_players), bool)), self.score(self.row.logits), strict=True))
        self.passes.update(dict.fromkeys(self.row.present, 1))
        self.evaluations = 1

    def _values(self, keep: np.ndarray) -> np.ndarray:
        keys = _key(keep)
        new = _first_places(keys, self._known)
        for start in range(0, len(new), self.row.batch_size):
            places = new[start : start + self.row.batch_size]
            for place, value in zip(places, self._evaluate(keep[places]), strict=True):
                self._known[keys[place]] = value
        return np.array([self._known[key] for key in keys])

    def _evaluate(self, keep: np.ndarray) -> np.ndarray:
        count = len(keep)
        inputs = {}
        for name, whole in self._whole.items():
            of = self.groups.get(name, range(0))
            if len(of):
                inputs[name] = self.masked(name, keep[:, of.start : of.stop])
            else:
                inputs[name] = {key: tensor.expand(count, *tensor.shape[1:]) for key, tensor in whole.items()}
        self.passes.update(dict.fromkeys(self.row.present, count))
        self.evaluations += count
        with torch.inference_mode():
            return self.score(self.row.model(Batch(self.row.model.modalities, self._presence(count), inputs)).logits)


class TwoStageModelGame(TwoStageGame, ModelGame):
    """A game of a model with two stages. Each distinct masking of a modality is encoded once and kept."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self._whole = self.row.encoded
        self.passes.update(dict.fromkeys(self.row.present, 1))
        self._encoded = {name: _Encoded() for name in self.groups}
        for name, of in self.groups.items():
            self._encoded[name].add([_key(np.ones((1, len(of)), dtype=bool))[0]], self._whole[name])

    def encode(self, modality: str, keep: np.ndarray) -> Representation:
        """Maskings `keep (m, n_k)` of one modality, encoded; those met before are taken from memory."""
        known, keys = self._encoded[modality], _key(keep)
        new = _first_places(keys, known.place)
        for start in range(0, len(new), self.row.batch_size):
            places = new[start : start + self.row.batch_size]
            known.add([keys[place] for place in places], self._encode(modality, keep[places]))
            self.passes[modality] += len(places)
        return known.rows(keys)

    def fuse(self, representations: Mapping[str, Representation]) -> np.ndarray:
        """The values of K rows, by the head alone."""
        count = len(next(iter(representations.values())).vector)
        at_a_time = self._rows_at_a_time()
        parts = []
        for start in range(0, count, at_a_time):
            places = np.arange(start, min(start + at_a_time, count))
            chunk = {name: rows_of(of, places) for name, of in representations.items()}
            still = {name: _repeated(of, len(places)) for name, of in self._whole.items() if name not in chunk}
            together = {name: (chunk | still)[name] for name in self._whole}
            with torch.inference_mode():
                parts.append(self.score(self.row.model.fuse(together, self._presence(len(places))).logits))
        self.evaluations += count
        return np.concatenate(parts)

    def _encode(self, modality: str, keep: np.ndarray) -> Representation:
        others = {name: _repeated(of, len(keep)) for name, of in self._whole.items() if name != modality}
        batch = Batch(
            self.row.model.modalities,
            self._presence(len(keep)),
            {modality: self.masked(modality, keep)},
            representations=others,
        )
        with torch.inference_mode():
            return self.row.model.encode(batch)[modality]

    def _rows_at_a_time(self) -> int:
        wide = sum(part.numel() for of in self._whole.values() for part in (of.vector, of.tokens) if part is not None)
        return max(1, min(8192, NUMBERS_AT_A_TIME // max(wide, 1)))


def model_game(row: Row, players: Mapping[str, Players], score: Score, baselines: Mapping[str, str]) -> ModelGame:
    """The game of a row, with encodings kept where the model has two stages."""
    made = TwoStageModelGame if row.model.two_stage else JointGame
    return made(row, players, score, baselines)


class _Encoded:
    """Encoded maskings of one modality, by masking."""

    def __init__(self) -> None:
        self.place: dict[bytes, int] = {}
        self._parts: list[Representation] = []

    def add(self, keys: list[bytes], encoded: Representation) -> None:
        for key in keys:
            self.place[key] = len(self.place)
        self._parts.append(encoded)

    def rows(self, keys: list[bytes]) -> Representation:
        if len(self._parts) > 1:
            self._parts = [_joined(self._parts)]
        return rows_of(self._parts[0], np.array([self.place[key] for key in keys]))


def _key(keep: np.ndarray) -> list[bytes]:
    return list(map(bytes, np.packbits(keep, axis=1)))


def _first_places(keys: list[bytes], known: Mapping[bytes, Any]) -> list[int]:
    """Where each key that is not known yet stands for the first time, in order."""
    first: dict[bytes, int] = {}
    for place, key in enumerate(keys):
        if key not in known:
            first.setdefault(key, place)
    return list(first.values())


def _joined(parts: list[Representation]) -> Representation:
    def join(tensors: list[torch.Tensor | None]) -> torch.Tensor | None:
        held = [tensor for tensor in tensors if tensor is not None]
        return torch.cat(held) if held else None

    vector = join([part.vector for part in parts])
    assert vector is not None
    return Representation(vector, join([part.tokens for part in parts]), join([part.mask for part in parts]))


def _repeated(representation: Representation, count: int) -> Representation:
    parts = (representation.vector, representation.tokens, representation.mask)
    wide = [None if part is None else part.expand(count, *part.shape[1:]) for part in parts]
    return Representation(wide[0], wide[1], wide[2])  # type: ignore[arg-type]
