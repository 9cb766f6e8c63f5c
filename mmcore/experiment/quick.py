"""`mmcore.fit(frame, target="hs6")`: a DataFrame in, a fitted model out; what was guessed is printed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcore.experiment.guessing import LOOKED_AT, guess_table
from mmcore.experiment.specification import Experiment
from mmcore.experiment.starter import starter_sections

if TYPE_CHECKING:
    import pandas as pd

    from mmcore.experiment.fitted import FittedModel


def fit(
    frame: pd.DataFrame | str | Path,
    target: str,
    *,
    folder: str | Path | None = None,
    encoders: Mapping[str, Any] | None = None,
    fusion: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    seed: int = 0,
    on_event: Callable[[dict[str, Any]], None] | None = None,
) -> FittedModel:
    """Fit a model to a table; the kinds of its columns are guessed and printed.

    Args:
        frame: a DataFrame, or a table's path. Paths in cells start from the working folder, or from the table's own.
        target: the column to predict.
        folder: the run folder; by default a new one under `runs/`.
        encoders: modality → encoder; those that are not named get one that suits their kind. None leaves one out.
        fusion: `{"strategy": …, "method": …}`; by default representations are fused.
        training: options as under `training:` of an experiment.
        seed: decides everything that is drawn at random.
        on_event: told what happens; by default the stages are printed to standard error.

    Raises:
        UserError: the table or an option can't be used.
    """
    experiment = quick_experiment(
        frame, target, encoders=encoders, fusion=fusion, training=training, seed=seed, tell=_say
    )
    place = Path(folder) if folder is not None else free_folder(str(target))
    return experiment.run(place, on_event=on_event or _say_event).model()


def quick_experiment(
    frame: pd.DataFrame | str | Path,
    target: str,
    *,
    encoders: Mapping[str, Any] | None = None,
    fusion: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    seed: int = 0,
    tell: Callable[[str], None] = lambda line: None,
) -> Experiment:
    """The experiment that `fit` runs; arguments as there.

    A DataFrame is kept in the cache folder, so that the run can be repeated.
    """
    from mmcore.catalog import load
    from mmcore.experiment.starter import first_values

    catalog = load()
    if isinstance(frame, str | Path):
        path, root, columns = Path(frame), None, first_values(frame)
    else:
        path, root = _kept(frame), str(Path.cwd())
        columns = {str(name): frame[name].head(LOOKED_AT).tolist() for name in frame.columns}
    guess = guess_table(columns, catalog, target=target)
    for line in guess.describe():
        tell(line)
    sections = starter_sections(str(path), guess, catalog, root=root)
    chosen = {**sections["encoders"], **(encoders or {})}
    sections["encoders"] = {name: encoder for name, encoder in chosen.items() if encoder is not None}
    if fusion is not None:
        sections["fusion"] = dict(fusion)
    if len(sections["encoders"]) < 2:
        sections.pop("fusion", None)
    return Experiment(**sections, training=dict(training or {}), seed=seed)


def free_folder(name: str) -> Path:
    """runs/<name>, or with a number behind it where that is taken.

    >>> free_folder("no such run").as_posix()
    'runs/no such run'
    """
    first = Path("runs") / name.replace("/", "_")
    numbered = (first.with_name(f"{first.name}-{number}") for number in range(2, 1_000_000))
    return first if not first.exists() else next(folder for folder in numbered if not folder.exists())


def _kept(frame: pd.DataFrame) -> Path:
    """The frame as a Parquet file in the cache folder, named after its content."""
    import pyarrow.parquet as pq

    from mmcore.data.tables import read_table
    from mmcore.files import cache_folder, writing

    rows = read_table(frame)
    target = cache_folder() / "frames" / f"{rows._fingerprint}.parquet"
    if not target.exists():
        with writing(target) as temporary:
            pq.write_table(rows.data.table.combine_chunks(), temporary)
    return target


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _say_event(event: Mapping[str, Any]) -> None:
    if event.get("event") == "message":
        _say(str(event.get("text", "")))
    elif event.get("event") == "stage":
        _say(" ".join(str(event[key]) for key in ("stage", "model") if key in event))
