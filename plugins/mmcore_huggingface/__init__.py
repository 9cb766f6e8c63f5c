"""Hugging Face data sets: a folder that `save_to_disk` wrote, or a name on the hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import mmcore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mmcore_huggingface.features import Layout


class HuggingFaceOptions(mmcore.Options):
    """Which data set, and what its columns mean; what is left out is told from its features."""

    path: str = mmcore.Field(
        min_length=1, description="a folder that save_to_disk wrote or that holds Parquet files, or a name on the hub"
    )
    config: str | None = mmcore.Field(None, min_length=1, description="which configuration, of a data set on the hub")
    revision: str | None = mmcore.Field(None, min_length=1, description="which branch, tag or commit, on the hub")
    modalities: dict[str, mmcore.TableModality] | None = mmcore.Field(
        None, min_length=1, description="name → {kind, column} or {kind, columns}; told from the features if left out"
    )
    target: str | None = mmcore.Field(
        None, min_length=1, description="the column to predict; if left out, `label` and the like, or the only class"
    )
    id: str | None = mmcore.Field(None, min_length=1, description="the column that names a row; else its number does")
    splits: dict[Literal["train", "validation", "test"], str] | None = mmcore.Field(
        None, min_length=1, description="part → the data set's own split; if left out, those of these names"
    )
    own_split: bool = mmcore.Field(
        True, description="keep to the data set's own splits; false: the experiment's `split` decides"
    )
    validation: float = mmcore.Field(
        0.1, ge=0.0, lt=1.0, description="share of the training rows that validates where there is no such split"
    )
    split_seed: int = mmcore.Field(0, ge=0, description="draws those rows")
    root: str | None = mmcore.Field(
        None, description="the folder that paths in cells start from; the data set's own if left out"
    )
    broken_limit: float = mmcore.Field(
        0.05, ge=0.0, le=1.0, description="share of rows that may be unusable before the run is refused"
    )


def modalities(options: HuggingFaceOptions) -> Mapping[str, str]:
    """Name → kind, as the user wrote them or as the features say."""
    if options.modalities is not None:
        return {name: modality.kind for name, modality in options.modalities.items()}
    return {name: field.kind for name, field in layout(options).modalities.items()}


def check(options: HuggingFaceOptions) -> None:
    """Look at the features: every column and split that is named must be there.

    Of a data set on the hub nothing is looked at here, unless the modalities have to be told from it.

    Raises:
        OptionError: the data set, a column or a split is not there; its path leads to the option.
    """
    if is_local(options.path) or options.modalities is None or options.target is None:
        layout(options)
    if options.root is not None and not Path(options.root).is_dir():
        raise mmcore.OptionError(f"no such folder: {options.root}", path=("root",))


def layout(options: HuggingFaceOptions) -> Layout:
    """Modalities, target and splits of the data set, without its rows."""
    from mmcore_huggingface.features import lay_out
    from mmcore_huggingface.folder import folder_features

    try:
        if is_local(options.path):
            features, splits = folder_features(Path(options.path))
        else:
            from mmcore_huggingface.hub import hub_features

            features, splits = hub_features(options.path, options.config, options.revision)
    except (mmcore.DataError, mmcore.MissingDependency) as error:
        where = f"{error.where}: " if error.where else ""
        raise mmcore.OptionError(f"{where}{error.what}", path=("path",), hint=error.hint) from error
    return lay_out(features, splits, options)


def is_local(path: str) -> bool:
    """Whether a path means something here; a name on the hub is `name` or `owner/name`, and no such folder is here.

    >>> is_local("ylecun/mnist"), is_local("./mnist"), is_local("data/mnist/train")
    (False, True, True)
    """
    place = Path(path)
    return place.exists() or place.is_absolute() or path.startswith((".", "~")) or len(place.parts) > 2


def build(options: HuggingFaceOptions) -> mmcore.DataSource:
    """The data set as a data source: classes by name, pictures and sounds undecoded, its own splits."""
    from mmcore_huggingface.rows import read_source

    check(options)
    return read_source(options, layout(options))


def example(folder: Path) -> dict[str, object]:
    """Write a small data set of pictures, texts and classes in two splits; returns the options that read it."""
    from mmcore_huggingface.rows import write_example

    return write_example(folder)


@mmcore.hookimpl
def mmcore_datasets() -> Iterator[mmcore.Dataset]:
    """The data set `huggingface`."""
    yield mmcore.Dataset(
        name="huggingface",
        summary="A Hugging Face data set: a saved folder or a name on the hub; its features say what is which modality",
        options=HuggingFaceOptions,
        build=build,
        modalities=modalities,
        check=check,
        example=example,
        reference="https://huggingface.co/docs/datasets",
        licence="the data set's own",
    )
