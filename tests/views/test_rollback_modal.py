"""The page of `/rollback` and what its menu offers, within Slack's limits whatever there is to show."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.domain.model import Image
from bot.domain.rollback import EarlierRelease
from bot.views import rollback_modal as views
from bot.views.modals import modal_body
from sandbox.slack.blocks import check_options, check_view
from tests.builders import NEW, OLD_SHA, earlier, live

HOSTILE = "<!channel> :boom: *b* \u202e`c`\n" * 30
RUNS = live(problem="It runs already.")
FAILED = earlier(43, "v1.4.3", problem="It failed.")
GOOD = earlier()
UNNAMED = earlier(40, "v40", Image("r", "deployment-01"), title="", ran_s=None, by="", ended_at=None)


def by_group(typed: str, found: list[EarlierRelease]) -> dict[str, list[str]]:
    """What is offered, as values under their headings."""
    groups = views.release_options(typed, found)
    assert check_options({"option_groups": groups}) == []
    return {group["label"]["text"]: [option["value"] for option in group["options"]] for group in groups}


def test_only_what_one_can_go_back_to_is_offered() -> None:
    """By Fly's number, newest first, without what runs, failed or is gone; the last good one stands on top."""
    assert by_group("", [RUNS, FAILED, GOOD, UNNAMED]) == {
        "Most often": ["previous"],
        "Earlier releases": ["v41", "v40"],
    }


def test_a_release_is_told_apart_by_tag_number_title_and_time() -> None:
    """When it was live, for how long, by whom."""
    (_, group) = views.release_options("", [GOOD, UNNAMED])

    first, second = group["options"]
    assert first["text"]["text"] == "v1.4.1 · v41 Better error pages"
    assert first["description"]["text"] == "until 27 Nov 2026 11:00 UTC · ran 3 days · by bo@reify.example"
    assert second["text"]["text"] == "v40"
    assert "description" not in second


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("v1.4", ["v41"]),
        ("V41", ["v41"]),
        (OLD_SHA[:9], ["v41"]),
        ("error", ["v41"]),
        ("bo@", ["v41"]),
        ("nothing like it", []),
    ],
)
def test_a_search_looks_at_everything_that_people_know(typed: str, offered: list[str]) -> None:
    """Tag, number, commit, title, person; capitals do not count."""
    other = earlier(39, "v1.3.0", NEW, title="Other", by="cleo")

    assert by_group(typed, [GOOD, other]).get("Earlier releases", []) == offered


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("v1.0.0", ["v1.0.0"]),
        (" v1.0.0\u200b ", ["v1.0.0"]),
        ("v41", []),
        ("v1.4.1", []),
        ("previous", []),
        ("fix the prices", []),
        ("", []),
        ("x" * 151, []),
    ],
)
def test_text_is_offered_as_it_is_where_it_may_be_a_release(typed: str, offered: list[str]) -> None:
    """One that is older than the list can be named all the same."""
    assert by_group(typed, [GOOD]).get("As typed", []) == offered


@pytest.mark.parametrize(("typed", "is_offered"), [("", True), ("prev", True), ("v1", False)])
def test_the_previous_release_needs_no_list(typed: str, is_offered: bool) -> None:
    """It is there where Fly does not answer, too."""
    assert ("Most often" in by_group(typed, [])) is is_offered


def test_a_menu_of_hostile_and_long_names_is_legal() -> None:
    """Hundreds of releases with titles of any length: Slack takes the answer; a name too long for a choice is out."""
    found = [earlier(n, f"{n}{HOSTILE}", title=HOSTILE, by=HOSTILE) for n in range(300)]

    assert len(by_group("", found)["Earlier releases"]) == views.SHOWN


def test_the_page_begins_with_what_is_usual() -> None:
    """The previous release, the image alone; the channel is carried along."""
    view = views.ask(["production"], channel="C1", chosen="production")

    elements: dict[str, Any] = {block["block_id"]: block["element"] for block in view.blocks if "element" in block}
    assert elements["environment"]["initial_option"]["value"] == "production"
    assert elements["release"]["initial_option"]["value"] == "previous"
    assert elements["what"]["initial_option"]["value"] == views.IMAGE
    assert json.loads(view.metadata) == {"channel": "C1"}


def test_the_page_is_legal_with_the_longest_of_everything() -> None:
    """A hundred environments."""
    names = [f"{'p' * 60}-{number}/{'e' * 60}" for number in range(120)]

    check_view(modal_body(views.ask(names, channel="C" * 20)))


def test_where_nothing_has_a_rollback_it_is_said_what_to_do() -> None:
    """The setting, and the way with `/deploy`."""
    text = views.no_rollback().text

    assert "`policy.rollback`" in text
    assert "`/deploy ENVIRONMENT COMMIT`" in text
