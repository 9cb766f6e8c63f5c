"""Predicted against true values."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmcore.report.contents import Contents
from mmcore.report.svg import Frame, line, markers, padded, ticks
from mmcore.report.wording import number

MOST_POINTS = 2000


def scatter(contents: Contents) -> dict[str, Any] | None:
    """Predicted against true values of the split's rows, and the rows that are furthest off."""
    frame = contents.predictions
    if contents.task != "regression" or frame is None or not {"target", "prediction"} <= set(frame):
        return None
    target = frame["target"].to_numpy(dtype=float)
    predicted = frame["prediction"].to_numpy(dtype=float)
    there = np.isfinite(target) & np.isfinite(predicted)
    if not there.any():
        return None
    ids = frame["id"].astype(str).to_numpy() if "id" in frame else np.arange(len(frame)).astype(str)
    target, predicted, ids = target[there], predicted[there], ids[there]
    shown = np.arange(len(target))
    if len(shown) > MOST_POINTS:
        shown = np.sort(np.random.default_rng(0).choice(shown, MOST_POINTS, replace=False))
    low, high = padded([float(value) for value in (*target, *predicted)])
    chart = Frame((low, high), (low, high), width=400, height=380, left=54)
    marks = ticks(low, high, 5)
    parts = [
        chart.axes("true", "predicted", x_ticks=marks, y_ticks=marks),
        line(chart.x(low), chart.y(low), chart.x(high), chart.y(high), "ideal"),
        markers([(chart.x(target[i]), chart.y(predicted[i])) for i in shown], 0, "s0 cloud", 2.6),
    ]
    furthest = np.argsort(-np.abs(predicted - target), kind="stable")[:8]
    return {
        "svg": chart.document(parts, title=f"Predicted against true values of {len(shown)} rows."),
        "shown": len(shown),
        "rows": len(target),
        "furthest": [
            {"id": ids[i], "target": number(target[i]), "prediction": number(predicted[i]),
             "off": number(predicted[i] - target[i])}
            for i in furthest
        ],
    }  # fmt: skip
