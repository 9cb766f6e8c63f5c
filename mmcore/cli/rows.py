"""Rows as files or on standard output, and the problems among them told one a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mmcore.errors import UserError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
MOST_PROBLEMS = 1000
"""Problems told one by one; a larger table with more of them has them in its `error` column."""


def require_writable(out: Path | None) -> None:
    """Refuse a file that could not be written, before anything is computed."""
    if out is None:
        return
    if out.suffix.lower() not in SUFFIXES:
        raise UserError(
            f"{out.suffix or 'a name without an ending'} says no format that can be written",
            where=str(out),
            hint=did_you_mean(out.suffix.lower(), SUFFIXES),
        )
    if out.is_dir():
        raise UserError("is a folder", where=str(out), hint="Name a file.")


def write_rows(found: pd.DataFrame, out: Path | None, *, as_json: bool = False) -> None:
    """Write rows whole or not at all, in the format that the file's name says; to standard output without one."""
    from mmcore.files import writing

    if out is None:
        typer.echo(_json_lines(found) if as_json else _separated(found, ","), nl=False)
        return
    with writing(out) as temporary:
        suffix = out.suffix.lower()
        if suffix == ".parquet":
            found.to_parquet(temporary, index=False)
        elif suffix == ".jsonl":
            temporary.write_text(_json_lines(found), encoding="utf-8")
        else:
            temporary.write_text(_separated(found, "\t" if suffix == ".tsv" else ","), encoding="utf-8")


def finish(found: pd.DataFrame, done: str, out: Path | None, *, strict: bool) -> None:
    """One line per problem and a summary, on standard error; exit with 2 when no row is good, or under `strict`."""
    from mmcore.report.wording import number

    failed = found[found["error"].notna()]
    for position, row in failed.head(MOST_PROBLEMS).iterrows():
        typer.echo(f"row {position} (id {row['id']}): {row['error']}", err=True)
    if len(failed) > MOST_PROBLEMS:
        typer.echo(f"… and {number(len(failed) - MOST_PROBLEMS)} more: see the column `error`", err=True)
    good = len(found) - len(failed)
    where = f" in {out}" if out is not None else ""
    failures = f"; {len(failed)} failed" if len(failed) else ""
    typer.echo(f"{good} of {len(found)} rows {done}{where}{failures}", err=True)
    if not good or (strict and len(failed)):
        raise typer.Exit(2)


def _json_lines(found: pd.DataFrame) -> str:
    lines = [json.dumps(_plain(row), ensure_ascii=False, allow_nan=False) for row in found.to_dict("records")]
    return "".join(f"{line}\n" for line in lines)


def _plain(value: Any) -> Any:
    """What JSON can hold; a number that is none becomes null."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and value != value else value


def _separated(found: pd.DataFrame, separator: str) -> str:
    lists = [name for name in found.columns if any(isinstance(value, list | tuple) for value in found[name])]
    if lists or any(hasattr(value, "tolist") for name in found.columns for value in found[name].head(50)):
        found = found.map(lambda value: json.dumps(_plain(value)) if _is_list(value) else value)
    return found.to_csv(index=False, sep=separator, lineterminator="\n")


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple) or (hasattr(value, "tolist") and getattr(value, "ndim", 0) > 0)
