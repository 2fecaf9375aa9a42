"""The chart block: pie, bar, area and line.

Source: https://docs.slack.dev/reference/block-kit/blocks/data-visualization-block.
"""

from __future__ import annotations

import math
from typing import Any

from sandbox.slack.elements import ID
from sandbox.slack.rules import Report, Rules, array, shape, string, tagged, typed

NAME = "data_visualization"
CHARTS = 2
LABEL, TITLE = string(20), string(50)
SERIES, POINTS = 6, 20


def _number(value: Any, at: str, report: Report) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        report.error("must be a number", at)


def _weight(value: Any, at: str, report: Report) -> None:
    before = len(report.messages)
    _number(value, at, report)
    if len(report.messages) == before and value <= 0:
        report.error("must be greater than 0", at)


def _series_fit(chart: Any, at: str, report: Report) -> None:
    """Names are unique, and each series has one point for each category."""
    categories = chart["axis_config"]["categories"]
    if len({each["name"] for each in chart["series"]}) < len(chart["series"]):
        report.error("series names must be unique", f"{at}/series")
    if len(set(categories)) < len(categories):
        report.error("categories must be unique", f"{at}/axis_config/categories")
    for position, each in enumerate(chart["series"]):
        if sorted(point["label"] for point in each["data"]) != sorted(categories):
            report.error("data must have one point for each category", f"{at}/series/{position}/data")


_POINT = shape({"label": LABEL, "value": _number}, {})
_AXES: Rules = {
    "series": array(shape({"name": LABEL, "data": array(_POINT, most=POINTS)}, {}), most=SERIES),
    "axis_config": shape({"categories": array(LABEL, most=POINTS)}, {"x_label": TITLE, "y_label": TITLE}),
}
_SEGMENT = shape({"label": LABEL, "value": _weight}, {})
_CHART = tagged(
    dict(
        [
            typed("pie", {"segments": array(_SEGMENT, most=SERIES)}, {}),
            *(typed(kind, _AXES, {}, _series_fit) for kind in ("bar", "area", "line")),
        ]
    ),
    "chart type",
)
CHART = typed(NAME, {"title": TITLE, "chart": _CHART}, {"block_id": ID})
