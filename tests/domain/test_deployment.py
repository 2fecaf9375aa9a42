"""Plans: what makes two of them the same, and how the difference reads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.deployment import Changes, PlannedMachine
from bot.domain.model import Ci, CiState, Image, MigrationRisk, Migrations, Relation
from bot.errors import Reason
from bot.operations.plans import plan_of, to_json
from tests.builders import NEW, NEW_SHA, OLD_SHA, blocker, commit, image, machine, operation, plan, planned

LISTED = Migrations(MigrationRisk.LISTED, ("priv/repo/migrations/1_a.exs",))
# What a person should see before saying yes again, and a word of how they are told.
MATTERS: dict[str, tuple[dict[str, Any], str]] = {
    "app": ({"app": "reify-studio-eu"}, "reify-studio-eu"),
    "commit": ({"commit": commit(OLD_SHA)}, OLD_SHA[:7]),
    "image": ({"image": image(digest="sha256:other")}, "image"),
    "image gone": ({"image": None}, "image"),
    "machine gone": ({"machines": (planned("148e01"),)}, "Machines"),
    "machine moved": ({"machines": (planned("148e01"), planned("9080aa", region="ams"))}, "Machines"),
    "machine changed": ({"machines": (planned("148e01", runs=NEW), planned("9080aa", region="sjc"))}, "Machines"),
    "migrations": ({"migrations": LISTED}, "migrations"),
    "migrations unknown": ({"migrations": Migrations(MigrationRisk.UNKNOWN, why="no answer")}, "migrations"),
    "release command": ({"release_command": "/app/bin/seed"}, "release command"),
    "blockers": ({"blockers": (blocker(),)}, "blocks"),
    "warnings": ({"warnings": ("This commit is older than what runs.",)}, "warns"),
}
IS_THE_SAME: dict[str, dict[str, Any]] = {
    "asleep": {"machines": (planned("148e01", state="stopped"), planned("9080aa", region="sjc"))},
    "order": {"machines": (planned("9080aa", region="sjc"), planned("148e01"))},
    "reason": {"why": "pricing fix"},
    "ci": {"ci": Ci(CiState.PENDING)},
    "reason of unknown migrations": {"migrations": Migrations(MigrationRisk.NONE, why="seen")},
    "commits shown": {"changes": Changes(Relation.AHEAD, 9)},
}


@pytest.mark.parametrize(("changes", "word"), MATTERS.values(), ids=MATTERS.keys())
def test_what_matters_makes_another_plan_and_is_named(changes: dict[str, Any], word: str) -> None:
    """A change that a person should see gives another hash and stands in the difference."""
    shown, fresh = plan(), plan(**changes)

    assert shown.hash != fresh.hash
    assert word in shown.difference(fresh)


@pytest.mark.parametrize("changes", IS_THE_SAME.values(), ids=IS_THE_SAME.keys())
def test_what_does_not_matter_asks_nobody_again(changes: dict[str, Any]) -> None:
    """A Machine that fell asleep or another wording leaves the plan as it was."""
    shown, fresh = plan(), plan(**changes)

    assert shown.hash == fresh.hash
    assert shown.difference(fresh) == ""


def test_a_difference_names_all_that_changed() -> None:
    """Two changes at once are both told."""
    said = plan().difference(plan(commit=commit(OLD_SHA), release_command=""))

    assert said == f"`v1.4.2` now means {OLD_SHA[:7]}; the release command changed"


@given(st.sets(st.sampled_from(sorted(MATTERS))), st.sets(st.sampled_from(sorted(IS_THE_SAME))))
def test_hash_and_difference_never_disagree(matters: set[str], harmless: set[str]) -> None:
    """Whatever changed together: another hash and a difference in words come together, or neither."""
    changes = {k: v for name in sorted(harmless) for k, v in IS_THE_SAME[name].items()}
    changes |= {k: v for name in sorted(matters) for k, v in MATTERS[name][0].items()}

    shown, fresh = plan(), plan(**changes)

    assert (shown.hash != fresh.hash) == bool(shown.difference(fresh)) == bool(matters)


def test_a_blocked_plan_says_so() -> None:
    """One blocker is enough."""
    assert plan(blockers=(blocker(),)).is_blocked
    assert not plan().is_blocked


def test_two_blockers_of_one_kind_differ_from_one() -> None:
    """A second leased Machine is another fact than the first alone."""
    held = blocker(Reason.LEASE_HELD)

    assert plan(blockers=(held,)).hash != plan(blockers=(held, held)).hash


@pytest.mark.parametrize(("state", "is_warm"), [("started", True), ("stopped", False), ("starting", False)])
def test_a_planned_machine_remembers_how_it_stood(state: str, is_warm: bool) -> None:
    """The plan keeps id, region, state and image of a Machine; only a started one is warm."""
    made = PlannedMachine.of(machine("m1", state=state, region="sjc"))

    assert (made.id, made.region, made.state, made.image.sha) == ("m1", "sjc", state, OLD_SHA)
    assert made.is_warm is is_warm


def test_a_machine_without_a_digest_is_known_by_its_reference() -> None:
    """Where Fly shows no digest the reference tells two images apart."""
    unpinned = plan(machines=(planned("m1", runs=Image("r/a", "one")),))

    assert unpinned.hash != plan(machines=(planned("m1", runs=Image("r/a", "two")),)).hash


def test_a_plan_survives_being_stored() -> None:
    """A plan that was stored as JSON and read back is the same plan, so the button's hash still fits."""
    made = plan(migrations=LISTED, blockers=(blocker(),), warnings=("older",), why="pricing fix")

    read = plan_of(operation(of=made))

    assert read == made
    assert read.hash == made.hash
    assert to_json(read)["commit"]["sha"] == NEW_SHA
