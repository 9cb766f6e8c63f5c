"""From features to modalities: what each column of a Hugging Face data set seems to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import mmcore

if TYPE_CHECKING:
    from mmcore_huggingface import HuggingFaceOptions

MEDIA = {"Image": "image", "Audio": "audio", "Video": "video"}
"""Features whose cells are files or their bytes, and the kind that reads them."""

LISTS = ("List", "LargeList", "Sequence", "Array2D")

TARGETS = ("label", "labels", "target", "class", "category", "y")
NAMES_OF_ROWS = ("id", "idx", "uid", "uuid", "key", "index", "__index_level_0__")

PARTS = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip

FACTS = "facts"
"""The modality that numbers and classes make up together."""


@dataclass(frozen=True)
class Layout:
    """What a data set's columns and splits mean.

    Args:
        modalities: name → field.
        target: the column to predict.
        splits: the data set's own split → the part that it is; empty when there is only one.
        left_out: columns that no kind reads → why.
    """

    modalities: Mapping[str, mmcore.ModalityField]
    target: str
    splits: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)


def lay_out(features: Mapping[str, Any], splits: Sequence[str], options: HuggingFaceOptions) -> Layout:
    """Fit a data set's features to what the user wrote.

    Args:
        features: column → feature, as `datasets.Features.to_dict()` writes them.
        splits: the data set's own splits.

    Raises:
        OptionError: a column or split is not there, or nothing says what to predict or from what.
    """
    target = _target(features, options)
    _check_column(options.id, features, ("id",))
    left_out: dict[str, str] = {}
    if options.modalities is not None:
        modalities = {name: modality.field for name, modality in options.modalities.items()}
        _check_modalities(options, features, target)
    else:
        modalities, left_out = guess_modalities(features, without={target, options.id})
        if not modalities:
            raise mmcore.OptionError(
                f"no column of {options.path} looks like a modality", path=("modalities",), hint=_columns(features)
            )
    return Layout(modalities, target, _parts(splits, options), left_out)


def guess_modalities(
    features: Mapping[str, Any], *, without: set[str | None]
) -> tuple[dict[str, mmcore.ModalityField], dict[str, str]]:
    """Modalities by the columns' features, and the columns that are left out with the reason.

    >>> features = {"photo": {"_type": "Image"}, "price": {"dtype": "float32", "_type": "Value"}, "tags": ["string"]}
    >>> guess_modalities(features, without=set())[0]["facts"].columns
    ('price',)
    """
    found: dict[str, mmcore.ModalityField] = {}
    facts: list[str] = []
    left_out: dict[str, str] = {}
    for column, feature in features.items():
        if column in without or column == "split":
            continue
        kind = kind_of(feature)
        if column in NAMES_OF_ROWS and kind in ("text", "tabular"):
            left_out[column] = "names rows"
        elif kind == "tabular":
            facts.append(column)
        elif kind is None:
            left_out[column] = f"no kind reads {_named(feature)}"
        else:
            found[column] = mmcore.ModalityField(kind, (column,))
    if facts:
        name = FACTS if FACTS not in found else "columns"
        found[name] = mmcore.ModalityField("tabular", tuple(facts), single=False)
    return found, left_out


def kind_of(feature: Any) -> str | None:
    """The kind that reads a feature's cells.

    >>> kind_of({"_type": "Image"}), kind_of({"dtype": "string", "_type": "Value"}), kind_of({"_type": "ClassLabel"})
    ('image', 'text', 'tabular')
    >>> kind_of({"_type": "List", "feature": {"dtype": "float32", "_type": "Value"}})
    'timeseries'
    """
    if not isinstance(feature, Mapping):
        return None
    type_ = feature.get("_type")
    if type_ in MEDIA:
        return MEDIA[type_]
    if type_ == "ClassLabel":
        return "tabular"
    if type_ == "Value":
        dtype = str(feature.get("dtype", ""))
        if dtype in ("string", "large_string"):
            return "text"
        return "tabular" if _is_number(dtype) else None
    return "timeseries" if type_ in LISTS and _holds_numbers(feature) else None


def _is_number(dtype: str) -> bool:
    return dtype == "bool" or dtype.startswith(("int", "uint", "float", "double"))


def _holds_numbers(feature: Mapping[str, Any]) -> bool:
    inner = feature.get("feature", feature)
    if inner is not feature and isinstance(inner, Mapping) and inner.get("_type") in LISTS:
        return _holds_numbers(inner)
    return isinstance(inner, Mapping) and _is_number(str(inner.get("dtype", "")))


def _named(feature: Any) -> str:
    if isinstance(feature, Mapping) and isinstance(feature.get("_type"), str):
        inner = feature.get("feature")
        of = f" of {_named(inner)}" if isinstance(inner, Mapping) else ""
        return f"{feature['_type']} {feature.get('dtype', '')}".strip() + of
    return "a record" if isinstance(feature, Mapping) else "a list"


def _target(features: Mapping[str, Any], options: HuggingFaceOptions) -> str:
    if options.target is not None:
        _check_column(options.target, features, ("target",))
        return options.target
    named = [name for name in TARGETS if name in features]
    classes = [name for name, feature in features.items() if _is_class(feature)]
    if named:
        return named[0]
    if len(classes) == 1:
        return classes[0]
    raise mmcore.OptionError(
        "nothing says which column to predict", path=("target",), hint=f"Name it: target. {_columns(features)}"
    )


def _is_class(feature: Any) -> bool:
    return isinstance(feature, Mapping) and feature.get("_type") == "ClassLabel"


def _columns(features: Mapping[str, Any]) -> str:
    return "Columns: " + ", ".join(f"{name} ({_named(feature)})" for name, feature in features.items()) + "."


def _check_column(column: str | None, features: Mapping[str, Any], path: tuple[str | int, ...]) -> None:
    if column is not None and column not in features:
        raise mmcore.OptionError(f"no column {column!r}", path=path, hint=mmcore.did_you_mean(column, features))


def _check_modalities(options: HuggingFaceOptions, features: Mapping[str, Any], target: str) -> None:
    for name, modality in (options.modalities or {}).items():
        where: tuple[str | int, ...] = ("modalities", name)
        _check_column(modality.column, features, (*where, "column"))
        for position, column in enumerate(modality.columns or ()):
            _check_column(column, features, (*where, "columns", position))
        if target in modality.all_columns:
            raise mmcore.OptionError(f"the target column {target!r} is also an input", path=where)


def _parts(splits: Sequence[str], options: HuggingFaceOptions) -> dict[str, str]:
    """The data set's own split → the part of an experiment that it is."""
    if options.splits is not None:
        for part, split in options.splits.items():
            if split not in splits:
                raise mmcore.OptionError(
                    f"no split {split!r}", path=("splits", part), hint=mmcore.did_you_mean(split, splits)
                )
        if len(set(options.splits.values())) < len(options.splits):
            raise mmcore.OptionError("two parts are the same split", path=("splits",))
        return {split: part for part, split in options.splits.items()}
    if len(splits) < 2:
        return {}
    named = {split: PARTS[split.lower()] for split in splits if split.lower() in PARTS}
    if "train" not in named.values() or len(set(named.values())) < len(named):
        raise mmcore.OptionError(
            f"which of its splits train, validate and test can't be told ({', '.join(splits)})",
            path=("splits",),
            hint="Name them: splits: {train: …, test: …}.",
        )
    return named
