"""Statistics as people read them: numbers that complete themselves, and a chart that Slack takes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.domain.dora import DAY, Deployed, Performance, performance
from bot.views.stats import CHART, stats, without_charts
from bot.views.words import average
from tests.builders import NOW
from tests.views.messages import fits, said

HOUR = timedelta(hours=1)
TITLE = "reify-studio/production"


def figures(*found: Deployed, days: int = 30) -> Performance:
    """The figures of these deployments."""
    return performance(found, since=NOW - days * DAY, until=NOW)


def deployed(name: str, ago: timedelta, *, succeeded: bool = True, **changes: Any) -> Deployed:
    """A deployment that ended so long ago."""
    return Deployed(name, NOW - ago, succeeded, **changes)


BUSY = figures(
    deployed("a", 3 * DAY, commits={"1": NOW - 3 * DAY - 5 * HOUR, "2": NOW - 3 * DAY - 6 * HOUR}),
    deployed("b", 2 * DAY, succeeded=False),
    deployed("c", 2 * DAY - HOUR, commits={"3": NOW - 2 * DAY - 6 * HOUR}),
)


def test_each_figure_says_of_how_much_it_is_made() -> None:
    """Three deployments are few, and whoever reads the figures sees that."""
    text = stats({TITLE: BUSY}).text

    assert text.splitlines() == [
        "*`reify-studio/production`* · the last 30 days",
        "• Deployment frequency: 2 deployments went live, 0.5 a week",
        "• Lead time for changes: median 6.0 h, from 3 commits in 2 deployments",
        "• Change failure rate: 33%, 1 of 3 deployments",
        "• Time to restore: median 60 min, from 1 outage",
    ]


def test_nothing_is_said_to_be_nothing() -> None:
    """No zeros, and no empty chart."""
    message = stats({TITLE: figures(days=1)})

    assert "deployed nothing here in the last day" in message.text
    assert "0" not in message.text
    assert CHART not in {block["type"] for block in message.blocks}
    fits(message)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ([deployed("a", DAY)], "nothing had to be restored"),
        ([deployed("a", DAY)], "unknown, no commits are known"),
        ([deployed("a", DAY, succeeded=False)], "Time to restore: not restored since the newest failure"),
        (
            [deployed("a", 3 * DAY, succeeded=False), deployed("b", 2 * DAY), deployed("c", DAY, succeeded=False)],
            "from 1 outage; not restored since",
        ),
    ],
)
def test_what_is_not_known_is_said(found: list[Deployed], sentence: str) -> None:
    """A missing median is a sentence, and an outage that goes on is not hidden behind one."""
    assert sentence in stats({TITLE: figures(*found)}).text


def test_the_chart_shows_the_weeks() -> None:
    """Two bars for each: well and failed; the newest week is the last."""
    [chart] = [block for block in stats({TITLE: BUSY}).blocks if block["type"] == CHART]

    values = {each["name"]: [point["value"] for point in each["data"]] for each in chart["chart"]["series"]}
    assert values == {"Well": [0, 0, 0, 0, 2], "Failed": [0, 0, 0, 0, 1]}
    assert chart["chart"]["axis_config"]["categories"][-1] == "20 Nov"


@pytest.mark.parametrize("days", [1, 14, 15, 30, 140, 365])
def test_slack_takes_it(days: int) -> None:
    """Any window, long hostile names, more environments than charts, more than a message holds."""
    busy = figures(*(deployed(str(n), timedelta(hours=n)) for n in range(days * 24)), days=days)
    many = {f"<!channel>`*{n}*/{'production' * 9}": busy for n in range(60)}

    for message in (stats({TITLE: busy}), stats(many), without_charts(stats(many))):
        fits(message)
        assert "<!channel>" not in said(message)
        assert not message.text.endswith("…")


def test_environments_that_are_left_out_are_counted() -> None:
    """Nothing is missing unsaid."""
    message = stats({f"app-{n}/production": figures() for n in range(13)})

    assert "3 more" in said(message)


def test_without_charts_the_text_is_whole() -> None:
    """Every number stands in the text; the chart only shows it."""
    message = stats({TITLE: BUSY})

    plain = without_charts(message)

    assert plain.text == message.text
    assert [block["type"] for block in plain.blocks] == ["section", "context"]


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(seconds=20), "20 s"),
        (timedelta(minutes=14), "14 min"),
        (timedelta(minutes=89), "89 min"),
        (timedelta(hours=5, minutes=12), "5.2 h"),
        (timedelta(days=3, hours=6), "3.2 days"),
    ],
)
def test_durations_have_one_unit(duration: timedelta, text: str) -> None:
    """The one in which people think of it."""
    assert average(duration) == text
