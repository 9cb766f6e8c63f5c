"""Checks of modality kinds."""

from __future__ import annotations

import json
import os
import pickle
import stat
import threading
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmcore.data.kind import Budget, CapabilityMissing, Kind
from mmcore.declarations import ModalityKind
from mmcore.errors import InputError
from mmcore.testing.bench import Bench, KindMaterial, build, build_tiny, kind_material
from mmcore.testing.check import CheckFailed, Skipped, check, claim
from mmcore.testing.trees import difference, is_near, tensors_in

COUNT = 6


class KindBench(Bench):
    """A modality kind, tried on its own examples, prepared as one of its encoders asks."""

    @cached_property
    def material(self) -> KindMaterial:
        """The kind's examples, decoded and described."""
        self.subject()
        return kind_material(self.declaration, self.subfolder("examples"), COUNT)

    @property
    def kind(self) -> Kind:
        """The kind itself."""
        return self.material.kind

    @cached_property
    def spec(self) -> Any:
        """An input spec: that of the first encoder of this kind that builds, or the class's own defaults."""
        for declaration in self.surroundings.encoders(self.declaration.name):
            try:
                encoder = build_tiny(declaration, self.material.description)
                if hasattr(encoder, "adapt"):
                    encoder.adapt(self.material.samples)
                return encoder.input_spec
            except Exception:  # noqa: S112 - that encoder's own checks say what is wrong with it
                continue
        try:
            return self.declaration.input_spec()
        except TypeError:
            raise Skipped("no encoder of this kind could be built, and its input spec has no defaults") from None

    @cached_property
    def prepared(self) -> list[dict[str, Tensor]]:
        """The samples, prepared one by one."""
        return [self.kind.prepare(sample, self.spec) for sample in self.material.samples]

    @cached_property
    def blank(self) -> dict[str, Tensor]:
        """What stands for an absent one."""
        return self.kind.blank(self.spec, self.material.description)

    @property
    def files(self) -> list[Path]:
        """The examples that are names of files."""
        paths = [self.material.root / value for value in self.material.values if isinstance(value, str)]
        return [path for path in paths if len(str(path)) < 1000 and path.is_file()]

    def decode(self, value: Any, budget: Budget | None = None) -> Any:
        """Decode a value beside the examples."""
        return self.kind.decode(value, root=self.material.root, budget=budget or Budget())


@check(ModalityKind)
def builds(bench: KindBench) -> None:
    """Builds, and is a mmcore.Kind with examples to try."""
    bench.try_to_build()
    kind = build(bench.declaration, bench.options)
    claim(isinstance(kind, Kind), f"`build` returned {type(kind).__name__}, not a mmcore.Kind")


@check(ModalityKind)
def reads_its_examples(bench: KindBench) -> None:
    """It decodes the examples that it declares, and they are neither missing nor all alike."""
    claim(
        len(bench.material.samples) == COUNT, f"`examples(folder, {COUNT})` gave {len(bench.material.samples)} values"
    )
    absent = [value for value in bench.material.values if bench.kind.is_missing(value)]
    claim(not absent, f"`is_missing` says that an example is missing: {absent[:1]}")
    alike = all(difference(prepared, bench.prepared[0]) is None for prepared in bench.prepared)
    claim(not alike, "all examples are prepared to the same tensors")
    missing = [value for value in (None, float("nan"), "") if not bench.kind.is_missing(value)]
    claim(not missing, f"`is_missing` does not know {missing[:1]} for a missing cell")


@check(ModalityKind)
def refuses_what_it_cannot_read(bench: KindBench) -> None:
    """A value that is not of this kind is refused with InputError, never with another error or by hanging."""
    for name, value in _nonsense(bench):
        _require_refusal(bench, name, value, must_refuse=True)
    for name, value in _damaged(bench):
        _require_refusal(bench, name, value, must_refuse=False)


@check(ModalityKind)
def keeps_to_its_budget(bench: KindBench) -> None:
    """A file that is larger than the budget of bytes is refused before it is read."""
    if not bench.files:
        raise Skipped("its examples are not files")
    name = str(bench.files[0].relative_to(bench.material.root))
    _require_refusal(bench, "a file over a budget of one byte", name, must_refuse=True, budget=Budget(bytes=1))


@check(ModalityKind)
def describes_from_one_reading(bench: KindBench) -> None:
    """`describe` reads an iterator, returns the declared class, and the description survives JSON."""
    description = bench.kind.describe(iter(bench.material.samples))
    wanted = bench.declaration.description
    claim(
        isinstance(description, wanted), f"`describe` returned {type(description).__name__}, declared {wanted.__name__}"
    )
    again = wanted.model_validate(json.loads(json.dumps(description.model_dump(mode="json"), allow_nan=False)))
    claim(again == description, f"the description changed on its way through JSON: {description} became {again}")


@check(ModalityKind)
def prepares_the_same_each_time(bench: KindBench) -> None:
    """`prepare` is deterministic, finite, without a batch dimension of its own, and leaves the sample alone."""
    for sample, prepared in zip(bench.material.samples, bench.prepared, strict=True):
        gap = difference(prepared, bench.kind.prepare(sample, bench.spec))
        claim(gap is None, f"`prepare` gave something else the second time: {gap}")
        claim(bool(prepared), "`prepare` returned no tensors")
        for name, tensor in prepared.items():
            claim(isinstance(tensor, Tensor), f"`prepare` returned {type(tensor).__name__} for {name!r}, not a tensor")
            claim(bool(torch.isfinite(tensor.float()).all()), f"`prepare` gave NaN or infinity in {name!r}")
        claim(
            bench.kind.primary in prepared, f"`primary` is {bench.kind.primary!r}; `prepare` gives {sorted(prepared)}"
        )


@check(ModalityKind)
def has_a_blank_like_the_rest(bench: KindBench) -> None:
    """`blank` is finite, and has the names, types and number of dimensions of what `prepare` gives."""
    claim(
        bench.blank.keys() == bench.prepared[0].keys(),
        f"`blank` gives {sorted(bench.blank)}, `prepare` gives {sorted(bench.prepared[0])}",
    )
    for name, tensor in bench.blank.items():
        like = bench.prepared[0][name]
        claim(bool(torch.isfinite(tensor.float()).all()), f"`blank` has NaN or infinity in {name!r}")
        claim(
            tensor.dtype == like.dtype and tensor.ndim == like.ndim,
            f"`blank` gives {name!r} as {tensor.dtype} with {tensor.ndim} dimensions, `prepare` as {like.dtype} "
            f"with {like.ndim}",
        )


@check(ModalityKind)
def collates_without_losing_a_row(bench: KindBench) -> None:
    """A batch has one row for each sample, in order, absent ones included."""
    rows = [bench.prepared[0], bench.blank, *bench.prepared[1:], bench.blank]
    batch = bench.kind.collate(rows)
    for name, tensor in batch.items():
        claim(
            len(tensor) == len(rows),
            f"`collate` made {len(tensor)} rows of {name!r} from {len(rows)}: every row after a lost one is misaligned",
        )
        for index, row in enumerate(rows):
            alone = bench.kind.collate([row])[name][0]
            inside = tensor[index][tuple(slice(0, size) for size in alone.shape)]
            claim(
                inside.shape == alone.shape and is_near(inside.double(), alone.double(), 1e-6),
                f"row {index} of {name!r} in a batch is not the row that was put in",
            )


@check(ModalityKind)
def travels_to_other_processes(bench: KindBench) -> None:
    """The kind, its samples and its input specs can be pickled, as data loaders with workers need."""
    for name, value in (("kind", bench.kind), ("input spec", bench.spec), ("sample", bench.material.samples[0])):
        try:
            pickle.loads(pickle.dumps(value))  # noqa: S301 - our own bytes
        except Exception as error:
            raise CheckFailed(f"its {name} can't be pickled: {error}") from error


@check(ModalityKind)
def changes_samples_by_the_generator_alone(bench: KindBench) -> None:
    """`augment` draws from the generator it is given, keeps the form of the sample, and leaves the original alone."""
    sample, before = bench.material.samples[0], bench.prepared[0]
    try:
        first, second = (bench.kind.augment(sample, np.random.default_rng(3)) for _ in range(2))
    except CapabilityMissing:
        raise Skipped("it has no augmentation") from None
    prepared = bench.kind.prepare(first, bench.spec)
    gap = difference(prepared, bench.kind.prepare(second, bench.spec))
    claim(gap is None, f"the same generator state gave two different samples: {gap}")
    claim(prepared.keys() == before.keys(), "an augmented sample is prepared to other tensors")
    claim(difference(before, bench.kind.prepare(sample, bench.spec)) is None, "`augment` changed the sample itself")


@check(ModalityKind)
def draws_its_samples(bench: KindBench) -> None:
    """`render` draws a sample on the axes it is given, with and without its players' values."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from mmcore.testing.players import players_of

    for index, with_values in ((0, False), (0, True), (1, True)):
        figure = Figure(figsize=(3, 3))
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        canvas.draw()
        empty = bytes(canvas.buffer_rgba())
        sample, inputs = bench.material.samples[index], bench.prepared[index]
        if with_values:
            players = players_of(bench, index, "auto")
            bench.kind.render(axes, sample, players, np.linspace(-1.0, 1.0, len(players)))
        else:
            bench.kind.render(axes, sample)
        canvas.draw()
        claim(bytes(canvas.buffer_rgba()) != empty, "`render` drew nothing on the axes")
        claim(difference(inputs, bench.prepared[index]) is None, "`render` changed the sample")


@check(ModalityKind)
def embeds_tokens_for_early_fusion(bench: KindBench) -> None:
    """`stem`, where the kind has one, is an encoder that gives finite tokens of the width that is asked for."""
    try:
        stem: Any = bench.kind.stem(bench.material.description, 8)
    except CapabilityMissing:
        raise Skipped("it has no stem, so it takes no part in a joint transformer") from None
    if hasattr(stem, "adapt"):
        stem.adapt(iter(bench.material.samples))
    claim(getattr(stem, "dim", None) == 8, f"its stem's `dim` is {getattr(stem, 'dim', None)}, not 8")
    prepared = [bench.kind.prepare(sample, stem.input_spec) for sample in bench.material.samples]
    with torch.no_grad():
        representation = stem.eval()(bench.kind.collate(prepared))
    tokens, count = representation.tokens, len(prepared)
    claim(tokens is not None, "its stem returns no tokens")
    claim(tokens.ndim == 3 and tokens.shape[0] == count and tokens.shape[2] == 8, f"tokens {tuple(tokens.shape)}")
    claim(all(bool(torch.isfinite(tensor).all()) for _, tensor in tensors_in([tokens])), "its tokens are not finite")


@check(ModalityKind)
def stacks_grids_by_channel(bench: KindBench) -> None:
    """`join`, `split` and `stack`, where the kind has them: two modalities become one input of the joined encoder."""
    description = bench.material.description
    try:
        joined = bench.kind.join([description, description])
    except CapabilityMissing:
        raise Skipped("it has no channels to stack") from None
    claim(isinstance(joined, bench.declaration.description), f"`join` gave {type(joined).__name__}")
    spec = bench.kind.default_spec(joined)
    parts = bench.kind.split(spec, [description, description])
    claim(len(parts) == 2, f"`split` gave {len(parts)} specs for 2 modalities")
    batches = [
        bench.kind.collate([bench.kind.prepare(sample, part) for sample in bench.material.samples]) for part in parts
    ]
    before = [{key: tensor.clone() for key, tensor in batch.items()} for batch in batches]
    stacked = bench.kind.stack(batches)
    whole = bench.kind.collate([bench.kind.blank(spec, joined)] * len(bench.material.samples))
    for key, tensor in whole.items():
        claim(
            key in stacked and stacked[key].shape == tensor.shape,
            f"`stack` gave {key!r} of shape {tuple(stacked[key].shape) if key in stacked else None}, and the joined "
            f"spec's own blank is {tuple(tensor.shape)}",
        )
    claim(difference(batches, before) is None, "`stack` changed its inputs")


@check(ModalityKind, when=lambda declaration: declaration.guess is not None)
def guesses_its_own_columns(bench: KindBench) -> None:
    """`guess` gives a number from 0 to 1, above 0 for a column of its own examples."""
    values = bench.material.values
    columns = (
        {key: [value[key] for value in values] for key in values[0]} if isinstance(values[0], dict) else {"x": values}
    )
    guesses = [bench.declaration.guess(name, list(cells)) for name, cells in columns.items()]
    claim(all(0.0 <= guess <= 1.0 for guess in guesses), f"`guess` gave {guesses}, not numbers from 0 to 1")
    claim(max(guesses) > 0.0, "`guess` does not recognise the kind's own examples")
    claim(0.0 <= bench.declaration.guess("empty", []) <= 1.0, "`guess` of an empty column is not a number from 0 to 1")


def _nonsense(bench: KindBench) -> Iterator[tuple[str, Any]]:
    """Values that no kind can read, with what they are."""
    yield "an object", object()
    if bench.files:
        yield "the name of a file that is not there", "no-such-file.bin"
        yield "a folder", str(_folder(bench).relative_to(bench.material.root))
        yield "an empty file", _written(bench, "empty", b"")
        yield "a file of something else", _written(bench, "other", b"this is not what it should be\x00\x01" * 40)
        yield "a number", 7
        if hasattr(os, "mkfifo"):
            yield "a pipe that nobody writes to", _pipe(bench)


def _damaged(bench: KindBench) -> Iterator[tuple[str, Any]]:
    """Values that a kind may or may not be able to read."""
    for path in bench.files[:1]:
        content = path.read_bytes()
        yield "half a file", _written(bench, f"half{path.suffix}", content[: len(content) // 2])
        yield "a file that breaks off at its end", _written(bench, f"cut{path.suffix}", content[:-3])
    yield "a list", [1, 2]
    yield "bytes", b"\x00\x01\x02"
    yield "a very long text", "x" * 5000


def _require_refusal(
    bench: KindBench, name: str, value: Any, *, must_refuse: bool, budget: Budget | None = None
) -> None:
    """Decode in a thread, because a pipe would hang it; fail unless it ends as it should."""
    _ = bench.material
    outcome: list[BaseException | None] = []

    def decode() -> None:
        try:
            bench.decode(value, budget)
            outcome.append(None)
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=decode, daemon=True)
    thread.start()
    thread.join(timeout=5.0)
    if not outcome:
        _let_go(bench, value)
        raise CheckFailed(f"`decode` hangs on {name}: look what a path is before opening it")
    error = outcome[0]
    if error is None:
        claim(not must_refuse, f"`decode` took {name} without an error")
    elif not isinstance(error, InputError):
        raise CheckFailed(f"`decode` met {name} with {type(error).__name__}: {error}. Raise mmcore.InputError.")
    elif not error.reason.strip() or len(error.reason) > 40:
        raise CheckFailed(f"the reason {error.reason!r} for refusing {name} is not a short phrase to count by")


def _folder(bench: KindBench) -> Path:
    folder = bench.material.root / "a-folder"
    folder.mkdir(exist_ok=True)
    return folder


def _written(bench: KindBench, stem: str, content: bytes) -> str:
    suffix = "" if Path(stem).suffix else bench.files[0].suffix
    path = bench.material.root / f"mmcore-{stem}{suffix}"
    path.write_bytes(content)
    return path.name


def _pipe(bench: KindBench) -> str:
    path = bench.material.root / f"mmcore-pipe{bench.files[0].suffix}"
    if not path.exists():
        os.mkfifo(path)
    return path.name


def _let_go(bench: KindBench, value: Any) -> None:
    """Open the other end of a pipe, so that a thread that waits for it ends."""
    path = bench.material.root / str(value)
    if path.exists() and stat.S_ISFIFO(path.stat().st_mode):
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
