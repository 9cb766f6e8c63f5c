"""How training went: losses and the main metric, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmcore.files import read_json
from mmcore.report.contents import FUSED, Contents
from mmcore.report.scores import main_metric
from mmcore.report.svg import COLOURS, Frame, key, line, markers, padded, ticks, whole_ticks
from mmcore.report.wording import is_proportion, metric_name, number, percent

Course = list[dict[str, Any]]


def learning_curves(contents: Contents) -> dict[str, Any] | None:
    """The fused model's losses and every model's main validation metric, as charts; by fold where there are folds."""
    courses = histories(contents)
    if not courses:
        return None
    styles = {name: f"s{contents.colour(name) if name in contents.modalities else 0}" for name in courses}
    best = None
    if contents.folds:
        styles = {name: f"s{place % COLOURS}" for place, name in enumerate(courses)}
        losses, loss_styles = {name: curve(course, "loss") for name, course in courses.items()}, styles
    else:
        fused = courses.get(FUSED) or next(iter(courses.values()))
        losses = {"training": curve(fused, "train_loss"), "validation": curve(fused, "loss")}
        loss_styles = {"training": "s9 dashed", "validation": "s0"}
        best = best_epoch(contents)
    charts = [_chart("Validation loss" if contents.folds else "Loss", losses, "loss", loss_styles, best=best)]
    metric = main_metric(contents)
    if metric:
        scored = {name: curve(course, metric) for name, course in courses.items()}
        charts.append(_chart(f"{metric_name(metric)}, validation", scored, metric, styles))
    charts = [chart for chart in charts if chart]
    return {"charts": charts, "facts": _facts(contents, courses)} if charts else None


def histories(contents: Contents) -> dict[str, Course]:
    """Model (or fold) → one record per epoch, from metrics.json, else from events (of an epoch run twice, the last)."""
    found = {name: _epochs(course) for name, course in _kept(contents).items()}
    for place in range(1, len(contents.folds) + 1):
        beside = contents.folder / "folds" / str(place) / "metrics.json"
        if beside.is_file():
            found[f"fold {place}"] = _epochs((read_json(beside).get("history") or {}).get(FUSED))
    found = {name: course for name, course in found.items() if course}
    return found or ({} if contents.folds else _told(contents))


def best_epoch(contents: Contents, model: str = FUSED) -> int | None:
    """The epoch whose weights were kept, where the run says so."""
    return (_kept(contents).get(model) or {}).get("best_epoch")


def _kept(contents: Contents) -> Mapping[str, Mapping[str, Any]]:
    return contents.metrics.get("history") or {}


def _epochs(course: Mapping[str, Any] | None) -> Course:
    return list((course or {}).get("epochs") or [])


def _told(contents: Contents) -> dict[str, Course]:
    by_epoch: dict[str, dict[int, dict[str, Any]]] = {}
    for event in contents.events:
        if event.get("event") == "epoch" and isinstance(event.get("metrics"), Mapping):
            model = str(event.get("model", FUSED))
            by_epoch.setdefault(model, {})[int(event["epoch"])] = {"epoch": int(event["epoch"]), **event["metrics"]}
    return {model: [epochs[number] for number in sorted(epochs)] for model, epochs in by_epoch.items()}


def curve(course: Sequence[Mapping[str, Any]], key: str) -> list[tuple[float, float]]:
    """(epoch, value) where the value is defined."""
    return [
        (int(record.get("epoch", place)), float(record[key]))
        for place, record in enumerate(course, 1)
        if isinstance(record.get(key), int | float)
    ]


def _chart(
    name: str,
    series: Mapping[str, list[tuple[float, float]]],
    metric: str,
    styles: Mapping[str, str],
    *,
    best: int | None = None,
) -> dict[str, Any] | None:
    series = {label: points for label, points in series.items() if points}
    if not series:
        return None
    points = [point for line_ in series.values() for point in line_]
    epochs, values = [int(x) for x, _ in points], [y for _, y in points]
    low, high = padded(values)
    if metric == "loss" or is_proportion(metric):
        low = max(low, 0.0)
    frame = Frame((min(epochs) - 0.15, max(max(epochs), min(epochs) + 1) + 0.15), (low, high))
    said = percent if is_proportion(metric) else number
    y_ticks = ticks(low, high, 4)
    digits = 0 if all(abs(100 * tick - round(100 * tick)) < 1e-9 for tick in y_ticks) else 1
    parts = [
        frame.axes(
            "epoch",
            "",
            x_ticks=whole_ticks(min(epochs), max(epochs)),
            y_ticks=y_ticks,
            y_text=(lambda value: percent(value, digits)) if said is percent else None,
        )
    ]
    if best is not None and min(epochs) <= best <= max(epochs):
        parts.append(line(frame.x(best), frame.top, frame.x(best), frame.height - frame.bottom, "best"))
    legend = []
    for place, (label, line_) in enumerate(series.items()):
        parts.append(frame.polyline(line_, styles[label]))
        parts.append(markers([(frame.x(x), frame.y(y)) for x, y in line_], place, styles[label], 2.6))
        legend.append({"label": label, "mark": key(place, styles[label])})
    ends = "; ".join(
        f"{name} from {said(line_[0][1])} to {said(line_[-1][1])}" for name, line_ in series.items() if line_
    )
    title = f"{metric_name(metric)} over epochs {min(epochs)} to {max(epochs)}: {ends}."
    return {"title": name, "svg": frame.document(parts, title=title), "legend": legend, "best": best}


def _facts(contents: Contents, courses: Mapping[str, Course]) -> list[str]:
    facts = []
    for model in courses:
        kept, ran = best_epoch(contents, model), len(courses[model])
        if kept is not None:
            name = "The fused model" if model == FUSED and len(contents.modalities) > 1 else f"{model} alone"
            name = "The model" if model == FUSED and len(contents.modalities) == 1 else name
            early = ", stopped early" if _kept(contents)[model].get("stopped_early") else ""
            facts.append(f"{name}: {ran} epochs{early}; the weights of epoch {kept} were kept.")
    return facts
