"""The pieces of Block Kit: other people's text stays text, and nothing outgrows Slack's limits."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.views import blocks
from bot.views.blocks import Message
from sandbox.slack.blocks import check_message_blocks
from sandbox.slack.markup import find_controls, in_text
from sandbox.slack.messages import Content

ZWSP = "\u200b"
RAW = re.compile(r"[<>]|&(?!(?:amp|lt|gt);)")
HOSTILE = [
    "<!channel>",
    "<!here> deploy",
    "<!subteam^S0APPROVERS>",
    "<@U0ANA>",
    "<#C0DEPLOYS|general>",
    "<!date^1392734382^Posted {date}|now>",
    "<https://evil.example|https://github.com/reify/reify-studio/pull/7>",
    "&lt;!channel&gt;",
    "&amp;lt;!channel&amp;gt;",
    "<<!channel>>",
    "<\u200b!channel>",
    "<!chan\u202enel>",
    "`<!channel>`",
    "```\n<!channel>\n```",
    "x\n> approved by @cleo",
    "<" * 3000,
    "<!channel>" * 300,
    "&" * 3000,
]
texts = st.text() | st.text(alphabet="<>&`*_~!@#|;amplgt \n\u200b\u202e\u3164") | st.sampled_from(HOSTILE)
makers = pytest.mark.parametrize("make", [blocks.escape, blocks.code, blocks.code_block])


@makers
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_controls_nothing(make: Callable[[str], str], text: str) -> None:
    """No mention, link or date comes out of other people's text, wherever it stands."""
    assert list(in_text(make(text))) == []


@makers
@given(text=texts, limit=st.integers(1, 400))
def test_no_raw_character_of_a_control_sequence_comes_out(
    make: Callable[[str, int], str], text: str, limit: int
) -> None:
    """For any text and limit, `<`, `>` and `&` come out as the three entities only."""
    assert RAW.search(make(text, limit)) is None


@makers
@given(text=texts)
def test_what_is_shown_has_no_hidden_characters(make: Callable[[str], str], text: str) -> None:
    """No bidirectional, control or invisible character is left, but for our own separators and line breaks."""
    shown = make(text).replace(ZWSP, "").replace("\n", "")

    assert not any(blocks._is_hidden(char) for char in shown)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Pricing fix", "Pricing fix"),
        ("a\nb\tc\r\nd", "a b c d"),
        ("  wide   open  ", "wide open"),
        ("line\u2028separator\u2029here", "line separator here"),
        ("a \u200b b", "a b"),
        ("gpj.exe\u202e", "gpj.exe"),
        ("\u2066a\u2069\u061c", "a"),
        ("z\u200be\u200dr\ufeffo\u00ad", "zero"),
        ("\u3164\u115f\u2800", ""),
        ("nul\x00bell\x07esc\x1b[31m", "nulbellesc[31m"),
        ("\ud800half", "half"),
        ("\ue000private", "private"),
        ("naïve größe 日本 🚀", "naïve größe 日本 🚀"),
        ("", ""),
    ],
)
def test_plain_is_one_visible_line(text: str, expected: str) -> None:
    """White space becomes one space, and what cannot be seen is gone."""
    assert blocks.plain(text) == expected


@given(texts)
def test_plain_once_is_plain(text: str) -> None:
    """Cleaning what is clean changes nothing, and there are no doubled spaces."""
    once = blocks.plain(text)

    assert blocks.plain(once) == once
    assert "  " not in once


@given(st.text(), st.integers(-5, 60))
def test_clip_never_exceeds(text: str, limit: int) -> None:
    """At most `limit` characters, all of the text where it fits, an ellipsis where it does not."""
    clipped = blocks.clip(text, limit)

    assert len(clipped) <= max(limit, 0)
    assert clipped == text if len(text) <= limit else clipped in {"", text[: limit - 1] + "…"}


@given(texts, st.integers(0, 60))
def test_clipping_markup_never_exceeds_nor_tears(text: str, limit: int) -> None:
    """What is made of escaped text stays free of control sequences when it is cut, and keeps within the limit."""
    clipped = blocks.clip_mrkdwn(blocks.escape(text, 100) + blocks.code(text, 20), limit)

    assert len(clipped) <= limit
    assert RAW.search(clipped) is None


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("see <https://x.example/run|the run> now", 25, "see …"),
        ("a &amp; b &amp; c and more text to cut", 16, "a &amp; b …"),
        ("see <https://x.example|run>", 27, "see <https://x.example|run>"),
    ],
)
def test_no_link_and_no_entity_is_cut_in_half(text: str, limit: int, expected: str) -> None:
    """The cut goes in front of what would be torn."""
    assert blocks.clip_mrkdwn(text, limit) == expected


def test_a_cut_fence_is_closed() -> None:
    """The rest of the message is not swallowed by a code block without an end."""
    clipped = blocks.clip_mrkdwn("Log:\n" + blocks.code_block("x" * 2000), 1000)

    assert len(clipped) <= 1000
    assert clipped.endswith("…\n```")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fix <!channel> & co", "Fix &lt;!channel&gt; &amp; co"),
        ("*now*", f"{ZWSP}*{ZWSP}now{ZWSP}*{ZWSP}"),
        ("~gone~ `x`", f"{ZWSP}~{ZWSP}gone{ZWSP}~{ZWSP} {ZWSP}`{ZWSP}x{ZWSP}`{ZWSP}"),
        ("_quiet_", f"{ZWSP}_{ZWSP}quiet{ZWSP}_{ZWSP}"),
        ("priv/repo/add_plan_v2.exs", "priv/repo/add_plan_v2.exs"),
        ("> quoted", f"{ZWSP}&gt; quoted"),
        ("a > b", "a &gt; b"),
        ("&amp;", "&amp;amp;"),
        ("x" * 201, "x" * 199 + "…"),
    ],
)
def test_escape(text: str, expected: str) -> None:
    """Control sequences and formatting are taken away, names stay fit to copy."""
    assert blocks.escape(text) == expected


@given(texts, st.integers(1, 300))
def test_the_limit_of_escape_counts_what_is_seen(text: str, limit: int) -> None:
    """Entities and separators do not count: clipping comes before them."""
    shown = blocks.escape(text, limit).replace(ZWSP, "")
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        shown = shown.replace(entity, char)

    assert len(shown) <= limit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<@U0ANA> holds it since 12:00.", "<@U0ANA> holds it since 12:00."),
        ("There is no <!channel> & no <!subteam^S1>.", "There is no &lt;!channel&gt; &amp; no &lt;!subteam^S1&gt;."),
        ("<@U0ANA|cleo> <@here> <@u0ana>", "&lt;@U0ANA|cleo&gt; &lt;@here&gt; &lt;@u0ana&gt;"),
        ("<https://evil.example|login>", "&lt;https://evil.example|login&gt;"),
    ],
)
def test_prose_mentions_people_by_id_and_nothing_else(text: str, expected: str) -> None:
    """Our own sentences name people; every other control sequence in them is somebody else's text."""
    assert blocks.prose(text) == expected


def test_prose_calls_a_group_only_where_all_words_are_ours() -> None:
    """A branch that is called like a group calls nobody; who may approve is told by the group's name."""
    text = "Ask one of <!subteam^S0LEADS>, <!subteam^s>, <!channel>."

    assert blocks.prose(text, groups=True) == "Ask one of <!subteam^S0LEADS>, &lt;!subteam^s&gt;, &lt;!channel&gt;."
    assert "<!" not in blocks.prose(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("main", "`main`"),
        ("a`b", "`a'b`"),
        ("<!channel>", "`&lt;!channel&gt;`"),
        ("", "` `"),
        ("\u200b", "` `"),
        ("a\nb", "`a b`"),
        ("*b*", "`*b*`"),
    ],
)
def test_code(text: str, expected: str) -> None:
    """A code span begins and ends where we say, and is never empty."""
    assert blocks.code(text) == expected


@given(texts)
def test_a_code_span_cannot_be_left(text: str) -> None:
    """There are two backticks, at both ends."""
    shown = blocks.code(text)

    assert (shown[0], shown[-1], shown.count("`")) == ("`", "`", 2)


@given(texts, st.integers(10, 3000))
def test_a_code_block_cannot_be_left_and_keeps_its_size(text: str, limit: int) -> None:
    """Two fences, at both ends, and at most `limit` characters between them."""
    shown = blocks.code_block(text, limit)

    assert shown.startswith("```\n")
    assert shown.endswith("\n```")
    assert shown.count("```") == 2
    assert len(shown) <= limit + 8


def test_a_code_block_keeps_its_lines_and_indentation() -> None:
    """A stack trace stays readable."""
    assert blocks.code_block("** (Error)\n    lib/a.ex:1\t\n\tb") == "```\n** (Error)\n    lib/a.ex:1\n b\n```"


def test_a_long_code_block_keeps_its_end() -> None:
    """The error stands at the end; an entity at the cut is not torn."""
    shown = blocks.code_block("&" * 100 + "the error", 30)

    assert shown == "```\n…&amp;&amp;&amp;&amp;the error\n```"


@pytest.mark.parametrize(
    ("url", "label", "expected"),
    [
        ("https://github.com/r/1", "the run", "<https://github.com/r/1|the run>"),
        ("http://127.0.0.1:8080/a?b=1&c=2", "x", "<http://127.0.0.1:8080/a?b=1&amp;c=2|x>"),
        ("https://x.example", "a|b>c", "<https://x.example|a/b&gt;c>"),
        ("https://x.example", "", "<https://x.example>"),
        ("javascript:alert(1)", "x", "x"),
        ("https://x.example|https://evil.example", "x", "x"),
        ("https://x.example> <!channel", "x", "x"),
        ("https://x.example/\u202egpj", "x", "x"),
        ("https://x.example/\n", "x", "x"),
        ("", "x", "x"),
    ],
)
def test_link(url: str, label: str, expected: str) -> None:
    """Only a plain http address becomes a link, and neither part can break out of it."""
    assert blocks.link(url, label) == expected


@given(texts, texts)
def test_a_link_is_one_link_or_none(url: str, label: str) -> None:
    """Whatever label and address, at most one link comes out and nothing else."""
    for address in (url, f"https://x.example/{url}"):
        assert {control["kind"] for control in in_text(blocks.link(address, label))} <= {"link"}


@given(texts)
def test_every_block_is_accepted_by_slack(text: str) -> None:
    """Whatever text, each piece keeps Slack's limits and controls nothing."""
    safe = blocks.escape(text, 4000)
    confirm = blocks.confirmation(text, blocks.escape(text, 1000), text, text)
    button = blocks.button(text, action="a", value="1", style="danger", confirm=confirm, label=text)
    made = [
        blocks.header(text),
        blocks.section(safe),
        blocks.section(blocks.code_block(text)),
        blocks.section(blocks.prose(text)),
        blocks.context(*[blocks.code(text)] * 12),
        blocks.divider(),
        blocks.actions(button, block_id="b"),
        blocks.actions(blocks.button("Go", action="go", value="1")),
    ]

    for block in made:
        check_message_blocks([block])

    kinds = {control["kind"] for control in find_controls(Content(text=safe, blocks=made))}
    # Prose alone may mention people, since our own sentences do.
    assert kinds <= {"user"}


def test_a_button_has_what_it_was_given_and_no_more() -> None:
    """Style, dialog and label are left out where they are not wanted."""
    assert blocks.button("Deploy", action="deploy", value="op1") == {
        "type": "button",
        "text": {"type": "plain_text", "text": "Deploy"},
        "action_id": "deploy",
        "value": "op1",
    }


def test_a_message_is_private_unless_it_says_otherwise() -> None:
    """Nothing becomes public by omission."""
    assert Message("text") == Message("text", [], in_channel=False)
