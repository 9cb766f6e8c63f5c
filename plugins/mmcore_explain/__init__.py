"""Why a model decides as it does: Shapley values of players and of modalities, and simpler measures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import mmcore
from mmcore_explain.options import (
    BackgroundOptions,
    ModalityShapleyOptions,
    OcclusionOptions,
    ProductShapOptions,
    RepeatOptions,
    RobustnessOptions,
    SeparationOptions,
    ShapiqOptions,
    ShapOptions,
)

if TYPE_CHECKING:
    from mmcore_explain.libraries import Shap, Shapiq
    from mmcore_explain.measures import Emap, InterShap, PerceptualScore, Robustness, Shape
    from mmcore_explain.mm_shap import MMShap
    from mmcore_explain.product_shap import ModalityShapley, Occlusion, ProductShap
    from mmcore_explain.separation import Separation


class MMShapOptions(mmcore.Options):
    """The published procedure, unless told otherwise."""

    permutations: int = mmcore.Field(
        10, ge=2, le=10_000, description="orders in which players join, each forward and backward"
    )
    granularity: Literal["tokens", "words"] = mmcore.Field("tokens", description="what the players of a text are")
    grid: int | None = mmcore.Field(
        None, ge=1, le=64, description="side of the grid over a picture; by the number of tokens if left out"
    )
    output: Literal["probability", "logit", "log_odds"] | None = mmcore.Field(
        None, description="what of the predicted class is explained; the probability if left out"
    )
    seed: int = mmcore.Field(0, ge=0, le=2**32 - 1, description="of the orders")


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


def build_intershap(options: BackgroundOptions) -> InterShap:
    """The measure `intershap`."""
    from mmcore_explain.measures import InterShap

    return InterShap(options)


def build_shape(options: mmcore.NoOptions) -> Shape:
    """The measure `shape`."""
    from mmcore_explain.measures import Shape

    return Shape(options)


def build_emap(options: RepeatOptions) -> Emap:
    """The measure `emap`."""
    from mmcore_explain.measures import Emap

    return Emap(options)


def build_perceptual_score(options: RepeatOptions) -> PerceptualScore:
    """The measure `perceptual_score`."""
    from mmcore_explain.measures import PerceptualScore

    return PerceptualScore(options)


def build_robustness(options: RobustnessOptions) -> Robustness:
    """The measure `robustness`."""
    from mmcore_explain.measures import Robustness

    return Robustness(options)


def build_separation(options: SeparationOptions) -> Separation:
    """The measure `separation`."""
    from mmcore_explain.separation import Separation

    return Separation(options)


MEASURES = (
    mmcore.Explainer(
        name="intershap",
        summary="What part of behaviour comes from modalities acting together, over a data set; needs no labels",
        needs="dataset", options=BackgroundOptions, build=build_intershap, reference="arXiv:2412.15828",
        licence="Apache-2.0", tiny={"background": 4},
    ),
    mmcore.Explainer(
        name="shape",
        summary="How much of the score is owed to each modality, and what they gain by cooperating",
        needs="dataset", build=build_shape, reference="Hu et al., SHAPE, 2022", licence="Apache-2.0",
    ),
    mmcore.Explainer(
        name="emap",
        summary="Whether the score needs interactions: the best additive model of the same modalities beside the model",
        needs="dataset", options=RepeatOptions, build=build_emap, reference="arXiv:2010.06572",
        licence="Apache-2.0", tiny={"repeats": 2},
    ),
    mmcore.Explainer(
        name="perceptual_score",
        summary="How much of the score is lost when a modality is swapped with that of another row",
        needs="dataset", options=RepeatOptions, build=build_perceptual_score, reference="arXiv:2110.14375",
        licence="Apache-2.0", tiny={"repeats": 2},
    ),
    mmcore.Explainer(
        name="robustness",
        summary="The score while a modality is missing, or swapped, in 0 to 100 % of the rows, and the area below",
        needs="dataset", options=RobustnessOptions, build=build_robustness, licence="Apache-2.0", tiny={"steps": 2},
    ),
    mmcore.Explainer(
        name="separation",
        summary="How far classes lie apart in each representation and in the fused one, with maps of the rows",
        needs="dataset", options=SeparationOptions, build=build_separation,
        reference="Rousseeuw, 1987; van der Maaten & Hinton, 2008", licence="Apache-2.0",
        tiny={"projection": "pca"},
    ),
)  # fmt: skip
"""Measures over a data set."""


@mmcore.hookimpl
def mmcore_explainers() -> Iterator[mmcore.Explainer]:
    """Explainers of rows, and `MEASURES`."""
    yield from MEASURES
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
