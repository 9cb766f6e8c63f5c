"""Checks of encoders."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmcore.declarations import Encoder, Resources
from mmcore.representation import Representation
from mmcore.testing.bench import KindMaterial, build, kind_material
from mmcore.testing.check import check, claim
from mmcore.testing.modules import ROWS, ModuleBench, promised_dim, require_shape, skip_unless
from mmcore.testing.trees import is_near


class EncoderBench(ModuleBench):
    """An encoder, tried on the examples of the kind that it reads."""

    @cached_property
    def material(self) -> KindMaterial:
        """Samples of the encoder's kind."""
        kind = self.surroundings.kind(self.declaration.kind)
        return kind_material(kind, self.subfolder("examples"), ROWS)

    @cached_property
    def prepared(self) -> list[dict[str, Tensor]]:
        """The samples as the encoder's input spec asks, one by one."""
        spec = self.subject().input_spec
        return [self.material.kind.prepare(sample, spec) for sample in self.material.samples]

    def build_module(self, saved: Path | None = None) -> nn.Module:
        """Without pretrained weights; adapted to the samples unless it is part of a saved model."""
        assets = saved if saved is not None and any(saved.iterdir()) else None
        resources = Resources(weights="none", assets=assets)
        module = build(self.declaration, self.options, self.material.description, resources=resources)
        if saved is None and hasattr(module, "adapt"):
            module.adapt(self.material.samples)
        return module

    def arguments(self, rows: Sequence[int] = range(ROWS)) -> tuple[Any, ...]:
        """These rows' inputs, collated by the kind."""
        return (self.material.kind.collate([self.prepared[row] for row in rows]),)

    def encode(self, module: nn.Module, inputs: Any) -> Representation:
        """What the encoder returns, as a representation."""
        returned = module(inputs)
        return Representation(returned) if isinstance(returned, Tensor) else returned

    def call(self, module: nn.Module, arguments: tuple[Any, ...]) -> dict[str, Tensor]:
        """The vector, and the tokens that count where there are tokens."""
        representation = self.encode(module, *arguments)
        outputs = {"vector": representation.vector}
        if representation.tokens is not None:
            tokens, mask = representation.tokens, representation.mask
            outputs["tokens"] = tokens if mask is None else tokens * mask[..., None]
        return outputs


@check(Encoder)
def returns_what_it_promised(bench: EncoderBench) -> None:
    """It returns a Representation (or a tensor) of the width stated in `dim`."""
    module = bench.subject()
    dim = promised_dim(module)
    with torch.no_grad():
        returned = module(*bench.arguments())
    if not isinstance(returned, Tensor | Representation):
        claim(False, f"forward returned {type(returned).__name__}; return mmcore.Representation(vector) or a tensor")
    representation = Representation(returned) if isinstance(returned, Tensor) else returned
    require_shape("a vector", representation.vector, (ROWS, dim))
    if representation.tokens is not None:
        claim(representation.tokens.ndim == 3, f"tokens have shape {tuple(representation.tokens.shape)}, not (B, L, D)")
        length = representation.tokens.shape[1]
        require_shape("tokens", representation.tokens, (ROWS, length, representation.tokens.shape[2]))
        if representation.mask is not None:
            require_shape("a mask", representation.mask, (ROWS, length))
            claim(representation.mask.dtype == torch.bool, f"its mask is {representation.mask.dtype}, not bool")


@check(Encoder)
def states_an_input_spec_that_travels(bench: EncoderBench) -> None:
    """`input_spec` is of its kind's class, and a copy in another process prepares the same."""
    module = bench.subject()
    wanted = bench.material.declaration.input_spec
    spec = getattr(module, "input_spec", None)
    if not isinstance(spec, wanted):
        claim(
            False, f"`input_spec` is {type(spec).__name__}; the kind {bench.declaration.kind!r} reads {wanted.__name__}"
        )
    assert spec is not None
    copy = pickle.loads(pickle.dumps(spec))  # noqa: S301 - our own bytes, as a data loader's worker gets them
    same = copy.fingerprint() == spec.fingerprint() == bench.build_seeded(7).input_spec.fingerprint()  # type: ignore[union-attr, operator]
    claim(
        same and " at 0x" not in spec.fingerprint(),
        f"`input_spec.fingerprint()` changes from one process or build to the next ({spec.fingerprint()[:80]}), so "
        "cached features would never be found again. Make the spec a frozen dataclass of plain values.",
    )


@check(Encoder)
def tells_samples_apart(bench: EncoderBench) -> None:
    """Different samples have different vectors."""
    vectors = bench.outputs(bench.subject())["vector"]
    claim(
        not all(is_near(vector, vectors[0], 1e-6) for vector in vectors),
        "all samples have the same vector: it does not read its inputs",
    )


@check(Encoder)
def stays_finite_beside_an_absent_row(bench: EncoderBench) -> None:
    """A row in which the modality is absent does no harm to the others."""
    module, kind = bench.subject(), bench.material.kind
    blank = kind.blank(module.input_spec, bench.material.description)
    with torch.no_grad():
        vectors = bench.encode(module, kind.collate([bench.prepared[0], blank, bench.prepared[1]])).vector
    alone = bench.outputs(module, [0])["vector"][0]
    claim(bool(torch.isfinite(vectors).all()), "an absent row (the kind's `blank`) gave NaN or infinity")
    claim(is_near(vectors[0], alone), "an absent row in the batch changes another row's vector")


@check(Encoder, when=lambda declaration: declaration.half_precision)
def works_in_half_precision(bench: EncoderBench) -> None:
    """As it declares, it gives finite vectors under bfloat16 autocast."""
    module = bench.subject()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        vectors = bench.encode(module, *bench.arguments()).vector
    claim(bool(torch.isfinite(vectors.float()).all()), "NaN or infinity under bfloat16 autocast")


@check(Encoder)
def lists_blocks_of_its_own(bench: EncoderBench) -> None:
    """`blocks`, from which `trainable: {last: N}` counts, are parts of the module, each once."""
    module = bench.subject()
    skip_unless(hasattr(module, "blocks"), "it has no `blocks`, so `trainable: {last: N}` is refused for it")
    blocks = list(module.blocks)
    own = {id(part) for part in module.modules()}
    claim(bool(blocks), "`blocks` is empty")
    strangers = [index for index, block in enumerate(blocks) if id(block) not in own]
    claim(not strangers, f"blocks {strangers} are not parts of the module")
    claim(len({id(block) for block in blocks}) == len(blocks), "a block is listed twice")
    claim(
        all(any(True for _ in block.parameters()) for block in blocks),
        "a block has no parameters: nothing to fine-tune",
    )


@check(Encoder, when=lambda declaration: declaration.weights is not None)
def says_where_weights_come_from(bench: EncoderBench) -> None:
    """Pretrained weights are declared with their source and licence."""
    weights = bench.declaration.weights
    claim(bool(weights.source.strip()), "its weights have no source")
    claim(bool(weights.licence.strip()), "its weights have no licence")
