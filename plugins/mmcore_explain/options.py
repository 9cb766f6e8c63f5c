"""What can be asked of the explainers. Light: no torch, no shap."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

import mmcore


class GameOptions(mmcore.Options):
    """Which game is played: who plays, how finely, for which output."""

    output: Literal["probability", "logit", "log_odds", "quantity"] | None = mmcore.Field(
        None, description="what is explained; the probability, and in regression the quantity, if left out"
    )
    target: str = mmcore.Field("predicted", description="of which class: predicted, true, all, or a class by its name")
    baseline: dict[str, str] = mmcore.Field(
        default_factory=dict, description="modality → what masked players become, a word of its kind"
    )

    def game_request(self, granularity: str = "auto", grid: int | None = None) -> mmcore.GameRequest:
        """The game that these options mean."""
        return mmcore.GameRequest(
            granularity=granularity, grid=grid, output=self.output, target=self.target, baseline=self.baseline
        )  # fmt: skip


class PlayerOptions(GameOptions):
    """Games of parts of the inputs."""

    granularity: str = mmcore.Field(
        "auto", min_length=1, description="what the players are, a word of the kinds that know it: tokens, words …"
    )
    grid: int | None = mmcore.Field(
        None, ge=1, le=64, description="side of the grid over pictures; by the number of tokens if left out"
    )

    def game_request(self, granularity: str | None = None, grid: int | None = None) -> mmcore.GameRequest:
        """The game that these options mean."""
        return super().game_request(granularity or self.granularity, grid or self.grid)


class ProductShapOptions(PlayerOptions):
    """Exact where the budget allows it, else Gaussian-process cubature over products of maskings."""

    estimator: Literal["auto", "exact", "permutation", "kernel", "lattice", "product_gp"] = mmcore.Field(
        "auto", description="how values are found; auto: exact within the budget, else product_gp, else permutation"
    )
    passes: int | None = mmcore.Field(256, ge=1, le=10**8, description="encoder passes of all modalities together")
    seconds: float | None = mmcore.Field(None, gt=0, description="ends the work after so long")
    share_error: float | None = mmcore.Field(
        None, gt=0, lt=1, description="ends the work once every modality's share has a smaller standard error"
    )
    interactions: bool = mmcore.Field(False, description="also how players of different modalities need each other")
    seed: int = mmcore.Field(0, ge=0, le=2**32 - 1, description="of masks and orders")

    @model_validator(mode="after")
    def _some_limit(self) -> Self:
        if self.passes is None and self.seconds is None and self.share_error is None:
            raise ValueError("a budget needs a limit: passes, seconds or share_error")
        return self


class ModalityShapleyOptions(GameOptions):
    """Modalities as players."""


class OcclusionOptions(PlayerOptions):
    """Each player masked by itself."""


class ShapOptions(PlayerOptions):
    """The library shap on our games."""

    algorithm: Literal["permutation", "kernel", "sampling", "exact"] = mmcore.Field(
        "permutation", description="of the library: PermutationExplainer, KernelExplainer …"
    )
    evaluations: int = mmcore.Field(2048, ge=4, le=10**7, description="coalitions that the library may ask for")
    seed: int = mmcore.Field(0, ge=0, le=2**32 - 1, description="of what it draws")


class ShapiqOptions(PlayerOptions):
    """The library shapiq on our games."""

    algorithm: Literal[
        "KernelSHAP", "UnbiasedKernelSHAP", "PermutationSamplingSV", "StratifiedSamplingSV", "OwenSamplingSV", "SVARM",
        "SHAPIQ",
    ] = mmcore.Field("KernelSHAP", description="the library's approximator of Shapley values")  # fmt: skip
    pairs: bool = mmcore.Field(False, description="k-SII of order 2 by KernelSHAPIQ: pairs become interactions")
    evaluations: int = mmcore.Field(2048, ge=4, le=10**7, description="coalitions that the library may ask for")
    seed: int = mmcore.Field(0, ge=0, le=2**32 - 1, description="of what it draws")


class BackgroundOptions(mmcore.Options):
    """What stands in for a modality that is left out."""

    background: int = mmcore.Field(100, ge=1, le=10_000, description="random rows that stand in, for each row")
    seed: int = mmcore.Field(0, ge=0, le=2**32 - 1, description="of the rows that are drawn")


class RepeatOptions(mmcore.Options):
    """How often modalities are exchanged."""

    repeats: int = mmcore.Field(20, ge=1, le=10_000, description="exchanges: more makes the figure more certain")
    seed: int = mmcore.Field(0, ge=0, le=2**32 - 1, description="of the exchanges")


class RobustnessOptions(mmcore.Options):
    """How modalities get worse."""

    how: Literal["missing", "swapped"] = mmcore.Field(
        "missing", description="what happens to the modality: it is missing, or it is that of another row"
    )
    steps: int = mmcore.Field(10, ge=1, le=100, description="between no row and all rows")
    seed: int = mmcore.Field(0, ge=0, le=2**32 - 1, description="of the rows that are touched first")


class SeparationOptions(mmcore.Options):
    """What is looked at, and how the map is drawn."""

    projection: Literal["tsne", "pca", "umap"] = mmcore.Field(
        "tsne", description="how the rows are laid out in two dimensions; umap needs the package umap-learn"
    )
    neighbours: int = mmcore.Field(1, ge=1, le=1000, description="nearest rows that vote on the class of a row")
    seed: int = mmcore.Field(0, ge=0, le=2**32 - 1, description="of the map")
