"""mmcore: multimodal learning as composition. Which encoder, when to fuse, how, and why the model decided so.

Names are imported when they are first used, so that `import mmcore` is light: no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "mmcore.errors": (
        "ComponentError", "CompositionError", "DataError", "InputError", "MissingDependency", "MMCoreError",
        "OptionError", "RunError", "UserError", "did_you_mean",
    ),
    "mmcore.files": ("cache_folder", "sha256", "writing"),
    "mmcore.options": ("ComponentConfig", "ComponentRef", "Field", "NoOptions", "Options"),
    "mmcore.declarations": (
        "API_VERSION", "Dataset", "Description", "Encoder", "Explainer", "FusionMethod", "FusionStrategy",
        "InputSpec", "ModalityKind", "Resources", "Weights",
    ),
    "mmcore.hookspecs": ("Command", "hookimpl"),
    "mmcore.catalog": ("check_encoder",),
    "mmcore.data.kind": ("Budget", "CapabilityMissing", "Kind", "Players"),
    "mmcore.data.opening": ("input_bytes", "input_file"),
    "mmcore.data.source": ("DataSource", "ModalityField"),
    "mmcore.data.table_modality": ("TableModality",),
    "mmcore.data.batch": ("Batch",),
    "mmcore.data.tables": ("read_table", "table_columns", "table_root"),
    "mmcore.tasks.classes": ("MultiLabel", "SingleLabel"),
    "mmcore.tasks.regression": ("Regression",),
    "mmcore.tasks.task": ("Task",),
    "mmcore.representation": ("Output", "Representation"),
    "mmcore.model.fusion_model": ("FusionModel", "MethodFactory"),
    "mmcore.model.encoder_bank": ("EncoderBank",),
    "mmcore.model.composition": ("EncoderChoice", "compose"),
    "mmcore.model.parts": ("Parts", "build_encoder"),
    "mmcore.attribution.game": ("Game",),
    "mmcore.attribution.request": ("GameRequest",),
    "mmcore.attribution.explanation": ("Attribution", "Explanation"),
    "mmcore.attribution.evaluated": ("EvaluatedRows", "Measure"),
    "mmcore.experiment.specification": ("Experiment",),
    "mmcore.experiment.fitted": ("FittedModel", "load"),
    "mmcore.experiment.quick": ("fit",),
    "mmcore.comparison.compare": ("compare",),
    "mmcore.comparison.grid": ("Grid",),
    "mmcore.cli.fit": ("fit_command",),
}  # fmt: skip
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted([*_HOME, "__version__"])  # pyright: ignore

if TYPE_CHECKING:
    from mmcore.attribution.evaluated import EvaluatedRows as EvaluatedRows
    from mmcore.attribution.evaluated import Measure as Measure
    from mmcore.attribution.explanation import Attribution as Attribution
    from mmcore.attribution.explanation import Explanation as Explanation
    from mmcore.attribution.game import Game as Game
    from mmcore.attribution.request import GameRequest as GameRequest
    from mmcore.catalog import check_encoder as check_encoder
    from mmcore.cli.fit import fit_command as fit_command
    from mmcore.comparison.compare import compare as compare
    from mmcore.comparison.grid import Grid as Grid
    from mmcore.data.batch import Batch as Batch
    from mmcore.data.kind import Budget as Budget
    from mmcore.data.kind import CapabilityMissing as CapabilityMissing
    from mmcore.data.kind import Kind as Kind
    from mmcore.data.kind import Players as Players
    from mmcore.data.opening import input_bytes as input_bytes
    from mmcore.data.opening import input_file as input_file
    from mmcore.data.source import DataSource as DataSource
    from mmcore.data.source import ModalityField as ModalityField
    from mmcore.data.table_modality import TableModality as TableModality
    from mmcore.data.tables import read_table as read_table
    from mmcore.data.tables import table_columns as table_columns
    from mmcore.data.tables import table_root as table_root
    from mmcore.declarations import API_VERSION as API_VERSION
    from mmcore.declarations import Dataset as Dataset
    from mmcore.declarations import Description as Description
    from mmcore.declarations import Encoder as Encoder
    from mmcore.declarations import Explainer as Explainer
    from mmcore.declarations import FusionMethod as FusionMethod
    from mmcore.declarations import FusionStrategy as FusionStrategy
    from mmcore.declarations import InputSpec as InputSpec
    from mmcore.declarations import ModalityKind as ModalityKind
    from mmcore.declarations import Resources as Resources
    from mmcore.declarations import Weights as Weights
    from mmcore.errors import ComponentError as ComponentError
    from mmcore.errors import CompositionError as CompositionError
    from mmcore.errors import DataError as DataError
    from mmcore.errors import InputError as InputError
    from mmcore.errors import MissingDependency as MissingDependency
    from mmcore.errors import MMCoreError as MMCoreError
    from mmcore.errors import OptionError as OptionError
    from mmcore.errors import RunError as RunError
    from mmcore.errors import UserError as UserError
    from mmcore.errors import did_you_mean as did_you_mean
    from mmcore.experiment.fitted import FittedModel as FittedModel
    from mmcore.experiment.fitted import load as load
    from mmcore.experiment.quick import fit as fit
    from mmcore.experiment.specification import Experiment as Experiment
    from mmcore.files import cache_folder as cache_folder
    from mmcore.files import sha256 as sha256
    from mmcore.files import writing as writing
    from mmcore.hookspecs import Command as Command
    from mmcore.hookspecs import hookimpl as hookimpl
    from mmcore.model.composition import EncoderChoice as EncoderChoice
    from mmcore.model.composition import compose as compose
    from mmcore.model.encoder_bank import EncoderBank as EncoderBank
    from mmcore.model.fusion_model import FusionModel as FusionModel
    from mmcore.model.fusion_model import MethodFactory as MethodFactory
    from mmcore.model.parts import Parts as Parts
    from mmcore.model.parts import build_encoder as build_encoder
    from mmcore.options import ComponentConfig as ComponentConfig
    from mmcore.options import ComponentRef as ComponentRef
    from mmcore.options import Field as Field
    from mmcore.options import NoOptions as NoOptions
    from mmcore.options import Options as Options
    from mmcore.representation import Output as Output
    from mmcore.representation import Representation as Representation
    from mmcore.tasks.classes import MultiLabel as MultiLabel
    from mmcore.tasks.classes import SingleLabel as SingleLabel
    from mmcore.tasks.regression import Regression as Regression
    from mmcore.tasks.task import Task as Task


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'mmcore' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
