"""The pages of the modal and what its menu offers, within Slack's limits whatever there is to show."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from bot.domain.deployment import DeploymentRequest
from bot.domain.model import CiState, Commit, FoundRef, RefKind
from bot.views import deploy_modal as views
from bot.views.modals import modal_body
from sandbox.slack.blocks import check_options, check_view
from tests.builders import blocker, commit, plan, planned

SHA = "844d6008b85920b87c9f6767ee5ea0e879305a82"
HOSTILE = "<!channel> :boom: *b* \u202e`c`\n" * 30


def found(ref: str, kind: RefKind = RefKind.BRANCH, title: str = "Title", ci: CiState = CiState.SUCCESS) -> FoundRef:
    return FoundRef(ref, kind, Commit(SHA, title, "Ana"), ci)


def by_group(groups: list[dict[str, Any]]) -> dict[str, list[str]]:
    return {group["label"]["text"]: [option["value"] for option in group["options"]] for group in groups}


def test_the_menu_is_in_groups() -> None:
    """Each kind under its heading, in the order in which they were found, those without any left out."""
    refs = [found("v2", RefKind.TAG), found("v1", RefKind.TAG), found(SHA, RefKind.COMMIT)]

    groups = by_group(views.ref_options("", refs, ["staging"]))

    assert groups == {"Tags": ["v2", "v1"], "Recent commits": [SHA], "Environments": ["staging"]}


@pytest.mark.parametrize("ci", CiState)
def test_ci_is_said_in_words_too(ci: CiState) -> None:
    """A mark alone tells a screen reader nothing."""
    (group,) = views.ref_options("", [found("main", ci=ci)], [])

    assert "CI" in group["options"][0]["description"]["text"]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("v1.5.0", ["v1.5.0"]),
        (SHA, [SHA]),
        (" v1.5.0\u200b ", ["v1.5.0"]),
        ("main", []),
        ("staging", []),
        ("fix the prices", []),
        ("", []),
        ("\u200b", []),
        ("x" * 151, []),
    ],
)
def test_text_is_offered_as_it_is_where_it_may_be_a_ref(typed: str, offered: list[str]) -> None:
    """Unless it is offered already, is a search for words, or is longer than a choice may be."""
    groups = by_group(views.ref_options(typed, [found("main")], ["staging"]))

    assert groups.get("As typed", []) == offered


def test_a_menu_of_hostile_and_long_names_is_legal() -> None:
    """Hundreds of refs with titles of any length: Slack takes the answer; a name too long for a choice is left out."""
    refs = [found(f"b{number}-{HOSTILE}"[:150], kind, HOSTILE * 9) for kind in RefKind for number in range(200)]

    groups = views.ref_options("b", [*refs, found("x" * 151)], [])

    assert check_options({"option_groups": groups}) == []
    assert sum(len(group["options"]) for group in groups) <= 100


def test_the_first_page_is_filled_in_with_what_is_known() -> None:
    """Shown again after an error, it has everything that was chosen."""
    request = DeploymentRequest("staging", "main", "why", strategy="canary", skip_release_command=True)

    view = views.ask(["production", "staging"], request, channel="C1", trouble=None)

    elements = {block["block_id"]: block["element"] for block in view.blocks}
    assert elements["environment"]["initial_option"]["value"] == "staging"
    assert elements["ref"]["initial_option"]["value"] == "main"
    assert elements["reason"]["initial_value"] == "why"
    assert elements["strategy"]["initial_option"]["value"] == "canary"
    assert elements["skip"]["initial_options"][0]["value"] == "skip"
    assert json.loads(view.metadata) == {"channel": "C1"}


def test_the_pages_are_legal_with_the_longest_of_everything() -> None:
    """A hundred environments, and hostile text where people type."""
    names = [f"{'p' * 60}-{number}/{'e' * 60}" for number in range(120)]
    request = DeploymentRequest(names[0], "r" * 150, "y" * 300)

    for view in (views.ask(names, request, channel="C1"), views.waiting(DeploymentRequest(HOSTILE, HOSTILE))):
        check_view(modal_body(view))


def test_the_plan_has_a_button_only_where_nothing_speaks_against_it() -> None:
    """And carries, as ids, what the last button needs."""
    request = DeploymentRequest("production", "v1.4.2", "why", strategy="canary", skip_release_command=True)

    allowed = views.planned(plan(), request, channel="C1")
    refused = views.planned(plan(blockers=(blocker(),)), request, channel="C1")

    assert (allowed.submit, refused.submit) == ("Deploy to production", "")
    assert json.loads(allowed.metadata) == {
        "channel": "C1",
        "environment": "production",
        "ref": "v1.4.2",
        "why": "why",
        "strategy": "canary",
        "skip": True,
        "hash": plan().hash,
    }


def test_a_plan_of_the_largest_size_is_a_legal_page() -> None:
    """Three hundred commits with titles of 3,000 characters, sixty Machines, twenty rules that say no."""
    commits = tuple(commit(f"{number:040x}", HOSTILE * 9) for number in range(300))
    states = [planned(f"148e{number:010x}") for number in range(60)]
    changes = dataclasses.replace(plan().changes, total=300, commits=commits)
    request = DeploymentRequest("p" * 63 + "/" + "e" * 63, "r" * 150, '"' * 300)

    for blockers in ((), (blocker(message=HOSTILE * 9),) * 20):
        large = plan(changes=changes, machines=tuple(states), environment="e" * 63, blockers=blockers)

        check_view(modal_body(views.planned(large, request, channel="C" * 20)))
