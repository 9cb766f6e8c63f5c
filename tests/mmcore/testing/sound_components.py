"""One component of each type that keeps its contract: what broken ones are made from, and must not be blamed for."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch
from torch import nn

import mmcore
from mmcore.attribution.row import Row
from mmcore.data.kind import Kind, Players


@dataclasses.dataclass(frozen=True)
class CurveSpec(mmcore.InputSpec):
    scale: float = 1.0


class CurveDescription(mmcore.Description):
    longest: int


class Curve(Kind):
    """A text file of numbers; its players are its numbers."""

    def decode(self, value, *, root, budget):
        if not isinstance(value, str):
            raise mmcore.InputError("wrong type", f"{type(value).__name__} is not a file name")
        path = root / value
        if len(value) > 255 or not path.is_file():
            raise mmcore.InputError("not found", f"there is no file {value[:40]}")
        if path.stat().st_size > budget.bytes:
            raise mmcore.InputError("too large", "it is over the budget")
        try:
            numbers = [float(word) for word in path.read_text(encoding="utf-8").split()]
        except ValueError as error:
            raise mmcore.InputError("damaged", str(error)) from error
        if not numbers:
            raise mmcore.InputError("empty", "it has no numbers")
        return numbers

    def describe(self, samples):
        return CurveDescription(longest=max(len(sample) for sample in samples))

    def prepare(self, sample, spec):
        return {"values": torch.tensor(sample) * spec.scale, "counts": torch.ones(len(sample), dtype=torch.bool)}

    def blank(self, spec, description):
        return {"values": torch.zeros(1), "counts": torch.zeros(1, dtype=torch.bool)}

    def collate(self, prepared):
        return {
            name: nn.utils.rnn.pad_sequence([inputs[name] for inputs in prepared], batch_first=True)
            for name in prepared[0]
        }

    def players(self, sample, inputs, spec, *, granularity="auto"):
        if granularity not in ("auto", "numbers"):
            raise mmcore.OptionError(f"curves have no granularity {granularity!r}")
        return Players(tuple(f"number {index}" for index in range(len(sample))))

    def mask(self, inputs, players, keep, *, baseline="default"):
        kept = torch.from_numpy(np.ascontiguousarray(keep))
        return {
            "values": torch.where(kept, inputs["values"], 0.0),
            "counts": inputs["counts"].expand(len(keep), -1).clone(),
        }

    def render(self, axes, sample, players=None, values=None):
        axes.plot(sample)


def curve_examples(folder: Path, count: int) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for index in range(count):
        numbers = np.random.default_rng(index).normal(size=5 + index % 3)
        (folder / f"curve-{index}.txt").write_text(" ".join(f"{number:.4f}" for number in numbers))
        names.append(f"curve-{index}.txt")
    return names


def build_curve(options):
    return Curve()


CURVE = mmcore.ModalityKind(
    name="curve",
    summary="numbers in a row",
    build=build_curve,
    description=CurveDescription,
    input_spec=CurveSpec,
    examples=curve_examples,
)


class Reader(nn.Module):
    """The mean over a curve of a small network of each number."""

    def __init__(self, width=4):
        super().__init__()
        self.dim, self.input_spec = width, CurveSpec()
        self.network = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, width))

    @property
    def blocks(self):
        return [self.network[0], self.network[2]]

    def forward(self, inputs):
        tokens = self.network(inputs["values"][..., None])
        counts = inputs["counts"][..., None]
        total = torch.where(counts, tokens, 0.0).sum(1)
        return mmcore.Representation(total / counts.sum(1).clamp(min=1), tokens, inputs["counts"])


class ReaderOptions(mmcore.Options):
    width: int = mmcore.Field(4, ge=1, description="numbers in the vector")


def build_reader(options, description):
    return Reader(options.width)


READER = mmcore.Encoder(
    name="reader",
    summary="a small network",
    kind="curve",
    options=ReaderOptions,
    build=build_reader,
    tiny={"width": 3},
    half_precision=True,
)


class Add(nn.Module):
    """Projections of the modalities that are present, added up."""

    def __init__(self, widths, dim=6):
        super().__init__()
        self.dim = dim
        self.projections = nn.ModuleDict({name: nn.Linear(width, dim) for name, width in widths.items()})

    def forward(self, inputs, present):
        total = 0.0
        for column, (name, vector) in enumerate(inputs.items()):
            here = present[:, column, None]
            total = total + torch.where(here, self.projections[name](torch.where(here, vector, 0.0)), 0.0)
        return total


def build_add(options, widths, task):
    return Add(widths)


ADD = mmcore.FusionMethod(name="add", summary="a sum", build=build_add, level="representation")


class Vote(nn.Module):
    """The mean of the log-probabilities of the modalities that are present."""

    def forward(self, inputs, present):
        decisions = torch.stack([logits.log_softmax(-1) for logits in inputs.values()], dim=1)
        here = present[..., None]
        return torch.where(here, decisions, 0.0).sum(1) / here.sum(1)


def build_vote(options, widths, task):
    if task.type != "single_label":
        raise mmcore.CompositionError("it votes on one label")
    return Vote()


VOTE = mmcore.FusionMethod(name="vote", summary="a vote", build=build_vote, level="decision")


class Together(mmcore.FusionModel):
    """Encode, fuse, decide; in training, a row keeps at least one of its modalities."""

    def __init__(self, encoders, method, task, dropout=0.5):
        super().__init__(tuple(encoders.dims), encoders.specs, task)
        self.bank, self.dropout = encoders, dropout
        self.method = method(encoders.dims)
        self.head = nn.Linear(self.method.dim, task.n_outputs)

    def encode(self, batch):
        return self.bank.encode(batch)

    def drop(self, present):
        kept = present & (torch.rand(present.shape) >= self.dropout)
        first = torch.nn.functional.one_hot(present.float().multinomial(1)[:, 0], present.shape[1]).bool()
        return torch.where(kept.any(1, keepdim=True), kept, first)

    def fuse(self, representations, present):
        if self.training:
            present = self.drop(present)
        vectors = {name: representations[name].vector for name in self.modalities}
        fused = self.method(vectors, present)
        return mmcore.Output(self.head(fused), fused)


def build_together(options, descriptions, encoders, method, task):
    return Together(encoders, method, task)


TOGETHER = mmcore.FusionStrategy(
    name="together", summary="meet in the middle", build=build_together, levels=("representation",)
)


def small_table(folder: Path) -> dict[str, str]:
    names = curve_examples(folder, 8)
    lines = ["id,curve,label", *(f"{index},{name},{'ab'[index % 2]}" for index, name in enumerate(names))]
    (folder / "rows.csv").write_text("\n".join(lines) + "\n")
    return {"path": str(folder / "rows.csv")}


class RowsOptions(mmcore.Options):
    path: str = mmcore.Field(description="the table")


def build_rows(options):
    return mmcore.DataSource(
        rows=mmcore.read_table(options.path, text=["curve", "id"]),
        modalities={"curve": mmcore.ModalityField("curve", ("curve",))},
        target="label",
        root=Path(options.path).parent,
        id="id",
    )


ROWS = mmcore.Dataset(
    name="rows",
    summary="a few curves",
    options=RowsOptions,
    build=build_rows,
    modalities=lambda options: {"curve": "curve"},
    example=small_table,
)


class OneByOne:
    """Players join in the game's order, and each gets what it adds: additive, and quick."""

    def explain(self, game):
        joined = np.tri(game.n_players + 1, game.n_players, k=-1, dtype=bool)
        return np.diff(game.value(joined))


def build_one_by_one(options):
    return OneByOne()


ONE_BY_ONE = mmcore.Explainer(
    name="one_by_one", summary="what each adds", build=build_one_by_one, needs="game", additive=True
)


class Sensitivity:
    """How much the output moves when a modality's samples are halved: an explainer that needs the model."""

    def explain(self, row):
        whole = float(row.score()(row.logits)[0])
        values, players = [], {}
        for name in row.present:
            samples = {**row.samples, name: row.samples[name] / 2}
            halved = Row(row.model, row.kinds, samples, descriptions=dict.fromkeys(row.kinds, mmcore.Description()))
            values.append(whole - float(row.score()(halved.logits)[0]))
            players[name] = Players((name,))
        return mmcore.Attribution(np.array(values), base_value=0.0, players=players)


def build_sensitivity(options):
    return Sensitivity()


SENSITIVITY = mmcore.Explainer(name="sensitivity", summary="halves", build=build_sensitivity, needs="model")

SOUND = (CURVE, READER, ADD, VOTE, TOGETHER, ROWS, ONE_BY_ONE, SENSITIVITY)
