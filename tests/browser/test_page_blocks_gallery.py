"""Blocks as they are drawn: texts, tables, pictures, what is not known, and hostile text everywhere."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from sandbox.slack.files import File
from tests.browser.block_kit import (
    ANA,
    FIELDS,
    GALLERY,
    PIXEL,
    Json,
    element,
    field_of,
    modal,
    mrkdwn,
    opened,
    plain,
    posted,
    serious_problems,
)
from tests.browser.windows import Sandbox

# What would ping, run, or turn the text around, if the page took it for more than text.
HOSTILE = "<script>alert(1)</script> &lt;!channel&gt; \u202etxt.exe \u2067<img src=x onerror=alert(1)>"
SEEN = "<script>alert(1)</script> <!channel> \u202etxt.exe \u2067<img src=x onerror=alert(1)>"


async def test_markup_is_drawn(quiet: Sandbox) -> None:
    """Bold, code, quotes, mentions by name, links and emoji."""
    text = (
        "*bold* _italic_ ~gone~ `code` <https://example.com/a|there> <@U0BO> <#C0DEPLOYS> <!subteam^S0APPROVERS> "
        "<!here> <!date^0^{date_num}|x> :tada: 10:30:45 snake_case_name\n&gt; quoted &amp; said\n```a &lt; b```"
    )
    await posted(quiet, {"type": "section", "text": mrkdwn(text)})

    card = (await quiet.window()).locator(".blocks")

    for tag, words in {"strong": "bold", "em": "italic", "s": "gone", "blockquote": "quoted & said"}.items():
        await expect(card.locator(tag)).to_have_text(words)
    await expect(card.locator("code")).to_have_text(["code", "a < b"])
    await expect(card.get_by_role("link", name="there")).to_have_attribute("href", "https://example.com/a")
    await expect(card.locator(".mention")).to_have_text(["@bo", "#deploys", "@approvers", "@here"])
    await expect(card).to_contain_text("🎉 10:30:45 snake_case_name")
    await expect(card.locator("time")).to_have_text("1970-01-01")


async def test_a_mention_of_me_stands_out(quiet: Sandbox) -> None:
    """Who reads it sees at once that they are meant; others see a mention."""
    await posted(quiet, {"type": "section", "text": mrkdwn("<@U0ANA>")})

    hers, his = await quiet.window(), await quiet.window("#user=U0BO")

    await expect(hers.locator(".blocks .mention")).to_have_class("mention me")
    await expect(his.locator(".blocks .mention")).to_have_class("mention")


async def test_hostile_text_is_text_in_every_place(quiet: Sandbox) -> None:
    """Nothing in a text becomes markup, a ping or a script, wherever it stands."""
    words = plain(HOSTILE[:70])
    seen = HOSTILE[:70]
    more = {"text": words, "description": words, "value": "v"}
    await posted(
        quiet,
        {"type": "header", "text": words},
        {"type": "section", "text": mrkdwn(HOSTILE), "fields": [words]},
        {"type": "context", "elements": [words]},
        {"type": "image", "image_url": "https://example.com/x.png", "alt_text": HOSTILE, "title": words},
        {
            "type": "rich_text",
            "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": seen}]}],
        },
        {"type": "table", "rows": [[{"type": "raw_text", "text": HOSTILE}]]},
        {"type": "markdown", "text": HOSTILE},
        {
            "type": "data_visualization",
            "title": HOSTILE[:50],
            "chart": {"type": "pie", "segments": [{"label": "<b>", "value": 1}]},
        },
        {"type": "actions", "elements": [{"type": "button", "text": words, "action_id": "go"}]},
        {"type": "actions", "elements": [element("checkboxes", "c", options=[more])]},
    )

    page = await quiet.window()
    card = page.locator(".blocks")
    await expect(card.get_by_role("button")).to_have_text(seen)

    await expect(card.locator(".section .text").first).to_have_text(SEEN)
    await expect(card.get_by_role("heading")).to_have_text(seen)
    await expect(card.locator("script, .blocks img, .mention")).to_have_count(0)


async def test_three_thousand_characters_fit(quiet: Sandbox) -> None:
    """A text without a single space breaks instead of widening the page."""
    await posted(quiet, {"type": "section", "text": mrkdwn("x" * 3_000)})

    page = await quiet.window(size=(400, 800))
    await expect(page.locator(".blocks .text")).to_have_text("x" * 3_000)

    assert await page.evaluate("document.documentElement.scrollWidth") <= 400


@pytest.mark.parametrize(
    ("block", "notice"),
    [
        ({"type": "task_card", "title": "x"}, "This page does not show “task_card” blocks."),
        (field_of("Files", {"type": "file_input", "action_id": "a"}), "This page does not show “file_input” inputs."),
    ],
)
async def test_what_is_not_known_says_so(quiet: Sandbox, block: Json, notice: str) -> None:
    """Nothing is left out silently."""
    await posted(quiet, block)

    page = await quiet.window()

    await expect(page.get_by_text(notice)).to_be_visible()


async def test_pictures_of_the_workspace_are_shown_and_others_are_links(quiet: Sandbox) -> None:
    """Nothing is loaded from elsewhere; what the app uploaded is."""
    world = quiet.slack.world
    world.files["F0PICTURE1"] = File("F0PICTURE1", "graph.png", len(PIXEL), content=PIXEL, state="complete")
    await posted(
        quiet,
        {"type": "image", "slack_file": {"id": "F0PICTURE1"}, "alt_text": "Our graph"},
        {"type": "image", "image_url": "https://example.com/graph.png", "alt_text": "Their graph"},
    )

    page = await quiet.window()
    ours = page.get_by_role("img", name="Our graph")

    await expect(ours).to_be_visible()
    await expect(ours).to_have_js_property("naturalWidth", 1)
    await expect(page.get_by_role("link", name="Their graph")).to_have_attribute(
        "href", "https://example.com/graph.png"
    )


async def test_a_button_for_others_is_not_shown(quiet: Sandbox) -> None:
    """`visible_to_user_ids` names those who see it."""
    button = {"type": "button", "text": plain("Approve"), "action_id": "approve", "visible_to_user_ids": ["U0CLEO"]}
    await posted(quiet, {"type": "header", "text": plain("Plan")}, {"type": "actions", "elements": [button]})

    hers, cleos = await quiet.window(), await quiet.window("#user=U0CLEO")

    await expect(cleos.get_by_role("button", name="Approve", exact=True)).to_be_visible()
    await expect(hers.get_by_role("heading", name="Plan")).to_be_visible()
    await expect(hers.get_by_role("button", name="Approve", exact=True)).to_have_count(0)


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
async def test_everybody_can_use_the_gallery_and_the_form(quiet: Sandbox, *, is_dark: bool) -> None:
    """Axe finds nothing serious in a message with every block and in a form with every input."""
    await posted(quiet, *GALLERY)
    page = await quiet.window(is_dark=is_dark, bypass_csp=True)
    await page.get_by_role("combobox", name="Region", exact=True).click()
    await expect(page.get_by_role("option", name="Ashburn")).to_be_visible()

    card = await serious_problems(page, ".blocks")
    opened(quiet, modal(*FIELDS), ANA)
    await page.get_by_role("dialog").get_by_role("button", name="Next").click()
    form = await serious_problems(page, ".modal")

    assert (card, form) == ([], [])
