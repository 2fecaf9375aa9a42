"""Statistics as a private answer: numbers that complete themselves, and a chart beside them.

Source: Slack, "Data visualization block" (title 50 characters, 6 series, 20 columns, labels 20, 2 a message).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import datetime

from bot.domain.dora import DAY, WEEK, Performance, column_length
from bot.views.blocks import TEXT_LIMIT, Block, Message, clip, clip_mrkdwn, code, context, link, plain, section
from bot.views.words import average

CHART = "data_visualization"
MOST_CHARTS = 2
TITLE_LIMIT = 50
# So many fit into the text alone.
MOST_ENVIRONMENTS = 10
DEFINITIONS = "https://dora.dev/guides/dora-metrics/"
SOURCE = (
    "From Flytower's own records: releases made without it are not in them. "
    f"A rollback mends a change and is none. {link(DEFINITIONS, 'What the figures mean')}"
)


def stats(figures: Mapping[str, Performance]) -> Message:
    """The figures of each environment, with a chart for the first two that were deployed to."""
    shown = list(figures.items())[:MOST_ENVIRONMENTS]
    texts = ["\n".join(_lines(title, each)) for title, each in shown]
    if left_out := len(figures) - len(shown):
        texts.append(f"{left_out} more: ask for one with `/deploy stats ENVIRONMENT`.")
    charts = [_chart(title, each) for title, each in shown if each.changes]
    blocks = [*map(section, texts), *charts[:MOST_CHARTS], context(SOURCE)]
    return Message(clip_mrkdwn("\n\n".join(texts), TEXT_LIMIT), blocks)


def without_charts(message: Message) -> Message:
    """The same message for a workspace or a client that does not know charts: its text says all."""
    return dataclasses.replace(message, blocks=[block for block in message.blocks if block["type"] != CHART])


def _lines(title: str, figures: Performance) -> Iterator[str]:
    days = (figures.until - figures.since).days
    window = f"the last {days} days" if days > 1 else "the last day"
    yield f"*{code(title, 80)}* · {window}"
    if not figures.changes:
        yield f"Flytower deployed nothing here in {window}, so there is nothing to count."
        return
    yield f"• Deployment frequency: {_many(figures.went_live, 'deployment')} went live, {figures.a_week:.1f} a week"
    yield f"• Lead time for changes: {_lead_time(figures)}"
    yield f"• Change failure rate: {_failure_rate(figures)}"
    yield f"• Time to restore: {_restore_time(figures)}"


def _lead_time(figures: Performance) -> str:
    if figures.lead_time is None:
        return "unknown, no commits are known of what went live"
    from_what = f"from {_many(figures.commits, 'commit')} in {_many(figures.went_live, 'deployment')}"
    return f"median {average(figures.lead_time)}, {from_what}"


def _failure_rate(figures: Performance) -> str:
    share = figures.failed / figures.changes
    return f"{share:.0%}, {figures.failed} of {_many(figures.changes, 'deployment')}"


def _restore_time(figures: Performance) -> str:
    open_one = "not restored since the newest failure" if figures.is_unrestored else ""
    if figures.restore_time is None:
        return open_one or "nothing had to be restored"
    median = f"median {average(figures.restore_time)}, from {_many(figures.restored, 'outage')}"
    return f"{median}; {open_one}" if open_one else median


def _chart(title: str, figures: Performance) -> Block:
    length = column_length(figures.until - figures.since)
    each = {DAY: "day", WEEK: "week"}.get(length, "four weeks")
    labels = [_date(column.start) for column in figures.columns]
    series = {
        "Well": [column.well for column in figures.columns],
        "Failed": [column.failed for column in figures.columns],
    }
    return {
        "type": CHART,
        "title": clip(plain(f"Deployments of {title}"), TITLE_LIMIT),
        "chart": {
            "type": "bar",
            "series": [
                {"name": name, "data": [{"label": label, "value": n} for label, n in zip(labels, values, strict=True)]}
                for name, values in series.items()
            ],
            "axis_config": {"categories": labels, "x_label": f"Each {each} from", "y_label": "Deployments"},
        },
    }


def _date(at: datetime) -> str:
    return f"{at.day} {at:%b}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
