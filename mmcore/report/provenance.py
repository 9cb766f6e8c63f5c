"""What the result stands on: the data and their problems, the environment, the experiment and how to run it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from mmcore.report.contents import Contents
from mmcore.report.wording import MISSING, number, percent

EXAMPLES = 12
_UNITS = {"seconds": "s"}


def data_section(contents: Contents) -> dict[str, Any] | None:
    """Rows, splits, problems by reason with examples, rows without each modality."""
    data = contents.metrics.get("data")
    if not isinstance(data, Mapping) or not data:
        return None
    rows, used = data.get("rows"), data.get("used")
    problems = dict(data.get("problems") or {})
    return {
        "rows": rows,
        "used": used,
        "left_out": rows - used if rows is not None and used is not None else None,
        "splits": [(name, f"{count:,}") for name, count in (data.get("splits") or {}).items()],
        "notice": data.get("notice") or "",
        "problems": [
            {"reason": str(reason).replace("_", " "), "n": f"{n:,}"}
            for reason, n in sorted(problems.items(), key=lambda item: (-item[1], str(item[0])))
        ],
        "examples": _examples(contents),
        "missing": [
            {"name": name, "n": f"{n:,}", "share": percent(n / used), "width": round(100 * n / used, 2)}
            for name, n in (data.get("missing") or {}).items()
            if used
        ],
        "any_missing": any((data.get("missing") or {}).values()),
    }


def environment_section(contents: Contents) -> dict[str, Any] | None:
    """Single facts, tables of versions, what it cost."""
    told = {
        name: value for name, value in contents.environment.items() if name != "command" and value not in ("", None)
    }
    facts, tables = _facts_and_tables(told)
    cost, _ = _facts_and_tables(contents.metrics.get("cost") or {})
    return {"facts": facts, "tables": tables, "cost": cost} if facts or tables or cost else None


def reproduction(contents: Contents) -> dict[str, Any] | None:
    """The experiment file and the commands that use it."""
    if not contents.experiment_text:
        return None
    name = contents.folder.resolve().name
    return {
        "made_by": f"mmcore {command}" if (command := contents.environment.get("command")) else "",
        "yaml": contents.experiment_text.rstrip("\n"),
        "fit": f"mmcore fit experiment.yaml -o {shlex.quote('runs/' + name + '-again')}",
        "predict": f"mmcore predict {shlex.quote('runs/' + name)} items.csv -o out.csv",
    }


def _examples(contents: Contents) -> dict[str, Any] | None:
    frame = contents.table("problems.csv")
    if frame is None:
        return None
    columns = [name for name in ("id", "row", "modality", "reason", "message") if name in frame]
    if "id" in columns and "row" in columns and (frame["id"] == frame["row"]).all():
        columns.remove("row")
    shown = frame[columns].head(EXAMPLES)
    return {"columns": columns, "rows": shown.astype(str).values.tolist(), "total": len(frame)}


def _facts_and_tables(values: Mapping[str, Any]) -> tuple[list[tuple[str, str]], list[dict[str, Any]]]:
    facts, tables = [], []
    for name, value in values.items():
        title = _title(name)
        if isinstance(value, Mapping) and value:
            tables.append({"title": title, "rows": [(str(key), _said(part)) for key, part in value.items()]})
        elif not isinstance(value, Mapping):
            facts.append((title, _said(value, name)))
    return facts, tables


def _title(name: str) -> str:
    """
    >>> _title("training_seconds"), _title("format_version")
    ('Training time', 'Format version')
    """
    words = str(name).split("_")
    if words[-1] in _UNITS and len(words) > 1:
        words[-1] = "time"
    return " ".join(words).capitalize()


def _said(value: Any, name: str = "") -> str:
    if value is None or value == "" or value == []:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_said(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_said(part) for part in value)
    unit = _UNITS.get(str(name).rpartition("_")[2])
    if unit and isinstance(value, int | float):
        return f"{number(value)} {unit}"
    if isinstance(value, int):
        return f"{value:,}" if str(name).endswith("parameters") else str(value)
    return str(value)
