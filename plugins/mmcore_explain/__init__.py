"""Why a model decides as it does: Shapley values of players and of modalities, and simpler measures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, Self

from pydantic import model_validator

import mmcore
from mmcore_explain.options import (
    ModalityShapleyOptions,
    OcclusionOptions,
    ProductShapOptions,
    ShapiqOptions,
    ShapOptions,
)

if TYPE_CHECKING:
    from mmcore_explain.libraries import Shap, Shapiq
    from mmcore_explain.mm_shap import MMShap
    from mmcore_explain.product_shap import ModalityShapley, Occlusion, ProductShap


class MMShapOptions(mmcore.Options):
    """The published procedure, unless told otherwise."""

    permutations: int = mmcore.Field(
        10, ge=2, le=10_000, description="orders in which players join, each forward and backward"
    )
    granularity: Literal["tokens", "words"] = mmcore.Field("tokens", description="what the players of a text are")
    grid: int | None = mmcore.Field(
        None, ge=1, le=64, description="side of the grid over a picture; by the number of tokens if left out"
    )
    pair: tuple[str, str] | None = mmcore.Field(
        None, description="two modalities that play while the others stay as they are; all play if left out"
    )
    output: Literal["probability", "logit", "log_odds"] | None = mmcore.Field(
        None, description="what of the predicted class is explained; the probability if left out"
    )
    seed: int = mmcore.Field(0, ge=0, le=2**32 - 1, description="of the orders")

    @model_validator(mode="after")
    def _two_modalities(self) -> Self:
        if self.pair is not None and self.pair[0] == self.pair[1]:
            raise ValueError(f"a pair needs two modalities; {self.pair[0]!r} is there twice")
        return self


def build_mm_shap(options: MMShapOptions) -> MMShap:
    """The explainer of games `mm_shap`."""
    from mmcore_explain.mm_shap import MMShap

    return MMShap(options)


def build_product_shap(options: ProductShapOptions) -> ProductShap:
    """The explainer of games `product_shap`."""
    from mmcore_explain.product_shap import ProductShap

    return ProductShap(options)


def build_modality_shapley(options: ModalityShapleyOptions) -> ModalityShapley:
    """The explainer of games `modality_shapley`."""
    from mmcore_explain.product_shap import ModalityShapley

    return ModalityShapley(options)


def build_occlusion(options: OcclusionOptions) -> Occlusion:
    """The explainer of games `occlusion`."""
    from mmcore_explain.product_shap import Occlusion

    return Occlusion(options)


def build_shap(options: ShapOptions) -> Shap:
    """The explainer of games `shap`."""
    from mmcore_explain.libraries import Shap

    return Shap(options)


def build_shapiq(options: ShapiqOptions) -> Shapiq:
    """The explainer of games `shapiq`."""
    from mmcore_explain.libraries import Shapiq

    return Shapiq(options)


@mmcore.hookimpl
def mmcore_explainers() -> Iterator[mmcore.Explainer]:
    """`product_shap`, `modality_shapley`, `occlusion`, `shap`, `shapiq` and `mm_shap`."""
    yield mmcore.Explainer(
        name="product_shap",
        summary="Shapley values of patches, words and columns with few encoder passes, with errors and interactions",
        needs="game",
        additive=True,
        options=ProductShapOptions,
        build=build_product_shap,
        reference="Shapley, 1953; Owen, 1972; the cubature is ours",
        licence="Apache-2.0",
        tiny={"passes": 64, "grid": 2},
    )
    yield mmcore.Explainer(
        name="modality_shapley",
        summary="Exact Shapley values and interactions of whole modalities: what each added to this decision",
        needs="game",
        additive=True,
        options=ModalityShapleyOptions,
        build=build_modality_shapley,
        reference="Shapley, 1953; Grabisch & Roubens, 1999",
        licence="Apache-2.0",
    )
    yield mmcore.Explainer(
        name="occlusion",
        summary="What each patch, word or column alone takes with it when it is masked",
        needs="game",
        options=OcclusionOptions,
        build=build_occlusion,
        reference="arXiv:1311.2901",
        licence="Apache-2.0",
        tiny={"grid": 2},
    )
    yield mmcore.Explainer(
        name="shap",
        summary="Shapley values by an algorithm of the library shap, with each masking encoded once",
        needs="game",
        additive=True,
        options=ShapOptions,
        build=build_shap,
        reference="https://shap.readthedocs.io",
        licence="MIT",
        requires=("shap",),
        extra="mmcore-framework[explain]",
        tiny={"evaluations": 256, "grid": 2},
    )
    yield mmcore.Explainer(
        name="shapiq",
        summary="Shapley values or interactions by the library shapiq, with each masking encoded once",
        needs="game",
        options=ShapiqOptions,
        build=build_shapiq,
        reference="https://shapiq.readthedocs.io",
        licence="MIT",
        requires=("shapiq",),
        extra="mmcore-framework[explain]",
        tiny={"evaluations": 256, "grid": 2},
    )
    yield mmcore.Explainer(
        name="mm_shap",
        summary="MM-SHAP: Shapley values of patches, tokens and columns by permutations; the share of each modality",
        needs="game",
        additive=True,
        options=MMShapOptions,
        build=build_mm_shap,
        reference="arXiv:2212.08158",
        licence="MIT",
        requires=("shap",),
        extra="mmcore-framework[explain]",
        tiny={"permutations": 2, "grid": 2},
    )
