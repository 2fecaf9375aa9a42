"""The chart block as Slack takes it, and what it refuses."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest

from sandbox.slack.blocks import check_message_blocks, check_view
from sandbox.slack.errors import SlackError

DATA = [{"label": "Mon", "value": 3}, {"label": "Tue", "value": -1.5}]
BAR = {
    "type": "bar",
    "series": [{"name": "well", "data": DATA}, {"name": "failed", "data": DATA[::-1]}],
    "axis_config": {"categories": ["Mon", "Tue"], "x_label": "Day", "y_label": "Deployments"},
}
PIE = {"type": "pie", "segments": [{"label": "well", "value": 3}, {"label": "failed", "value": 0.5}]}


def block(chart: Any, **changes: Any) -> dict[str, Any]:
    """A chart block."""
    return {"type": "data_visualization", "title": "Deployments", "chart": copy.deepcopy(chart), **changes}


def bar(*path: str | int, value: Any) -> dict[str, Any]:
    """The bar chart with something else in one place."""
    chart: Any = copy.deepcopy(BAR)
    place = chart
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return block(chart)


def refusal(*blocks: dict[str, Any]) -> list[str]:
    """What Slack says of a message with these blocks."""
    with pytest.raises(SlackError) as caught:
        check_message_blocks(list(blocks))
    assert caught.value.code == "invalid_blocks"
    messages: list[str] = caught.value.body()["response_metadata"]["messages"]
    return messages


@pytest.mark.parametrize("chart", [BAR, BAR | {"type": "line"}, BAR | {"type": "area"}, PIE])
def test_the_four_kinds_are_taken(chart: dict[str, Any]) -> None:
    """Bars, lines and areas over categories, in any order of points; a pie of segments."""
    blocks = [block(chart, block_id="a"), block(chart)]

    assert check_message_blocks(blocks) == blocks


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (block(BAR, title=""), "/0/title"),
        (block(BAR, title="x" * 51), "less than 51"),
        (block(BAR, colour="red"), "additional property: colour"),
        (block(BAR | {"type": "donut"}), "unsupported chart type: donut"),
        (block({"type": "bar", "series": BAR["series"]}), "missing required field: axis_config"),
        (block(PIE | {"axis_config": BAR["axis_config"]}), "additional property: axis_config"),
        (bar("series", value=[]), "no less than 1"),
        (bar("series", value=[{"name": str(n), "data": DATA} for n in range(7)]), "no more than 6"),
        (bar("series", 0, "name", value="x" * 21), "less than 21"),
        (bar("series", 1, "name", value="well"), "names must be unique"),
        (bar("series", 0, "data", value=DATA[:1]), "one point for each category"),
        (bar("series", 0, "data", value=[DATA[0], DATA[0]]), "one point for each category"),
        (bar("series", 0, "data", 0, "label", value="x" * 21), "less than 21"),
        (bar("series", 0, "data", 0, "value", value="3"), "must be a number"),
        (bar("series", 0, "data", 0, "value", value=True), "must be a number"),
        (bar("series", 0, "data", 0, "value", value=math.nan), "must be a number"),
        (bar("axis_config", "categories", value=["Mon", "Mon"]), "categories must be unique"),
        (bar("axis_config", "categories", value=[str(n) for n in range(21)]), "no more than 20"),
        (bar("axis_config", "x_label", value="x" * 51), "less than 51"),
        (block({"type": "pie", "segments": []}), "no less than 1"),
        (block({"type": "pie", "segments": [{"label": "none", "value": 0}]}), "greater than 0"),
        (block({"type": "pie", "segments": [{"label": "none", "value": None}]}), "must be a number"),
    ],
)
def test_whatever_breaks_a_rule_is_refused(odd: dict[str, Any], said: str) -> None:
    """Each documented limit has its sentence and its place."""
    assert said in " ".join(refusal(odd))


def test_a_message_has_two_charts_at_most() -> None:
    """The third one spoils the message."""
    assert "no more than 2 charts" in refusal(*[block(BAR)] * 3)[0]


def test_a_modal_has_no_charts() -> None:
    """They belong into messages."""
    title = {"type": "plain_text", "text": "Stats"}

    with pytest.raises(SlackError):
        check_view({"type": "modal", "title": title, "blocks": [block(BAR)]})
