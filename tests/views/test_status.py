"""The status as a message: what it says, and that Slack takes it however much there is."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.approval import Approval, ApprovalState
from bot.domain.drift import Drift, drifts
from bot.domain.model import NO_RELEASE, Relation
from bot.domain.operation import Kind, State
from bot.domain.status import EnvironmentStatus, Lag, Live, Rules
from bot.views import status as views
from bot.views.blocks import ALL_TEXT_LIMIT, Message
from tests.builders import NEW, NOW, OLD, environment, machine, operation
from tests.views.messages import TEAM, fits, said, texts
from tests.views.test_rules import FROZEN, HOSTILE, INCIDENT, hold, lock

PENDING = Approval(ApprovalState.PENDING, "hash", NOW, NOW + timedelta(hours=1))
VOID = dataclasses.replace(PENDING, state=ApprovalState.VOID)


def standing(name: str = "production", **changes: Any) -> EnvironmentStatus:
    """One environment where all is well."""
    env = environment(name=name)
    live = Live(NEW, "v1.4.2", "Better error pages", NOW - timedelta(hours=2), "<@U0ANA>")
    machines = (machine("148e01", image=NEW), machine("9080aa", image=NEW, region="sjc"))
    return dataclasses.replace(EnvironmentStatus(env, name, machines, live), **changes)


def shown(*found: EnvironmentStatus) -> Message:
    """The message, which Slack takes."""
    message = views.status(found, now=NOW, workspace=TEAM)
    fits(message)
    assert sum(map(len, texts(message.blocks))) <= ALL_TEXT_LIMIT
    return message


def test_the_text_alone_says_it_all() -> None:
    """A screen reader hears name, ref, since when, by whom, Machines, distance, differences, what runs and waits."""
    each = standing(
        lag=Lag("staging", Relation.AHEAD, 7, NOW - timedelta(days=3, hours=1)),
        drifts=(Drift("iad 148e01: 512 MB of memory.", "1024 MB.", "Scale it."),),
        running=operation(),
        waiting=(operation(state=State.REQUESTED),),
    )

    text = shown(each).text

    assert "production: v1.4.2 since 27 Nov 2026 10:00 UTC (2 hours) by <@U0ANA>; Machines: 2 started" in text
    assert "7 commits and 3 days behind staging" in text
    assert "deployment of `v1.4.2` by <@U0ANA> is running for 4 min; 1 plan waits" in text
    assert "1 difference: iad 148e01: 512 MB of memory." in text


@pytest.mark.parametrize(
    ("lag", "words"),
    [
        (Lag("staging", Relation.AHEAD, 1, NOW - timedelta(days=1)), "1 commit and 1 day behind staging"),
        (Lag("staging", Relation.AHEAD, 300), "300 commits behind staging"),
        (Lag("staging", Relation.DIVERGED, 2), "2 commits behind staging; each has commits that the other lacks"),
        (Lag("staging", Relation.IDENTICAL), "✔ the same commit as staging"),
        (Lag("staging", Relation.BEHIND), "nothing of staging is missing here; staging runs an older commit"),
        (Lag("staging", why="GitHub: down"), "how far behind staging is not known: GitHub: down"),
    ],
)
def test_the_distance_is_told_in_words(lag: Lag, words: str) -> None:
    """Behind, ahead, apart, level, unknown."""
    assert words in said(shown(standing(lag=lag)))


def test_what_runs_and_what_waits_is_named() -> None:
    """The step, who cancels, what waits and how many more, a release of somebody else."""
    running = operation(cancel_requested_by="U0BO", card=None)
    waiting = tuple(operation(state=State.REQUESTED) for _ in range(5))
    outside = dataclasses.replace(NO_RELEASE, version=43, user=HOSTILE)

    words = said(shown(standing(running=running, waiting=waiting, outside=outside)))

    assert "is running for 4 min, being cancelled by <@U0BO>" in words
    assert words.count("waits for its button, asked 5 min ago · <https://reify.slack.com/archives/") == 3
    assert "📋 and 2 plans wait" in words
    assert "5 plans wait" in words
    assert "release v43 by &lt;!channel&gt;" in words


def test_what_keeps_deployments_out_is_told() -> None:
    """A lock, a hold and a freeze as lines; in the text alone as words."""
    message = shown(standing(rules=Rules((lock(),), holds=(hold(),), frozen=FROZEN)))

    blocks = "\n".join(texts(message.blocks))
    assert all(part in blocks for part in ("🔒", "database work", "v1.4.2", "frozen (weekend) until"))
    assert "; locked, a hold, frozen (weekend) until <!date^" in message.text


def test_an_incident_is_told_once_and_first() -> None:
    """It is about every environment, so it stands above all of them."""
    rules = Rules(incident=INCIDENT)

    message = shown(standing("production", rules=rules), standing("staging", rules=rules))

    assert "all is red" in message.blocks[0]["text"]["text"]
    assert "all is red" in message.text.splitlines()[0]
    assert said(message).count("all is red") == 2


def test_many_rules_are_counted_where_there_is_no_room() -> None:
    """Beside one environment six lines and how many more; beside many the words alone; nothing is too long."""
    rules = Rules((lock(why=HOSTILE * 9),), holds=tuple(hold(bad_ref=f"v{n}") for n in range(20)), frozen=FROZEN)

    one = said(shown(standing(rules=rules)))
    many = said(shown(*(standing(f"e{n}", rules=rules) for n in range(40))))

    assert "and 16 more: `/deploy why production`" in one
    assert "locked, 20 holds, frozen" in many
    assert "<!channel>" not in one + many


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "a plan of `v1.4.2` by <@U0ANA> waits for its button, asked 5 min ago"),
        ({"approval": PENDING}, "a plan of `v1.4.2` by <@U0ANA> waits for an approval until <!date^"),
        ({"approval": VOID}, "a plan of `v1.4.2` by <@U0ANA> waits for a new plan, asked"),
        ({"kind": Kind.ROLLBACK}, "a rollback to `v1.4.2` by <@U0ANA> waits for its button"),
    ],
)
def test_what_waits_says_for_whom(changes: dict[str, Any], words: str) -> None:
    """Its requester's button, an approver's, or somebody who plans it again."""
    waiting = operation(state=State.REQUESTED, **changes)

    assert words in said(shown(standing(waiting=(waiting,))))


def test_a_running_rollback_is_called_one() -> None:
    """To where, by whom."""
    words = said(shown(standing(running=operation(kind=Kind.ROLLBACK))))

    assert "rollback to `v1.4.2` by <@U0ANA> is running for 4 min" in words


def test_an_outside_release_of_nobody_is_told_without_a_name() -> None:
    """Fly's books may name no user."""
    outside = dataclasses.replace(NO_RELEASE, version=43)

    assert "release v43 is under way" in said(shown(standing(outside=outside)))


def test_unwell_and_unknown_states_are_shown_raw() -> None:
    """A state that nobody knows is told as Fly spells it, with a warning."""
    odd = machine("m3", state="hibernating")

    words = said(shown(standing(machines=(machine("m1"), odd, machine("m2", state="suspended")))))

    assert "⚠ iad 1 started, 1 asleep ☾, 1 hibernating · 1/1 checks" in words
    assert "Machines: 1 started, 1 asleep, 1 in other states" in words


def test_a_mix_is_told_before_the_image() -> None:
    """One of two Machines runs it: said first."""
    live = Live(OLD, "dd085a7", on=1, machines=2)

    words = said(shown(standing(live=live)))

    assert "⚠ mixed, on 1 of 2 Machines: `dd085a7` · image" in words
    assert "production: mixed, on 1 of 2 Machines dd085a7" in words


def test_an_image_without_a_digest_is_called_unknown() -> None:
    """Nothing is made up where Fly shows no digest."""
    live = Live(dataclasses.replace(OLD, digest=""), "v1.4.1")

    assert "image unknown" in said(shown(standing(live=live)))


def test_nothing_live_and_nothing_known_are_two_things() -> None:
    """An app without Machines is told as such; one that Fly did not tell is a problem."""
    empty = standing(machines=(), live=None)
    unknown = standing(machines=None, live=None, problems=("Fly did not tell the Machines: HTTP 500",))

    assert "Nothing runs" in said(shown(empty))
    assert "✖ Fly did not tell the Machines: HTTP 500" in said(shown(unknown))
    assert "production: not known." in shown(unknown).text


def test_hostile_text_stays_text() -> None:
    """Titles, tags, users, problems: no mention and no link comes out of them."""
    live = Live(NEW, HOSTILE, HOSTILE, NOW, HOSTILE)
    each = standing(live=live, lag=Lag("staging", why=HOSTILE), problems=(HOSTILE,))

    words = said(shown(each))

    assert "<!channel>" not in words
    assert "<https://evil" not in words


@pytest.mark.parametrize("environments", [1, 12, 60, 400])
def test_however_much_there_is_slack_takes_it(environments: int) -> None:
    """Sixty Machines in six regions each, every kind of difference: less of each, and nothing cut in two."""
    regions = ("ams", "fra", "gru", "iad", "nrt", "sjc")
    machines = tuple(
        machine(
            f"148e2d1c6e{number:04}",
            region=regions[number % 6],
            image=(OLD, NEW)[number % 2],
            metadata={} if number > 50 else machine().metadata,
            config={
                "guest": {"memory_mb": 256 * (number % 4 + 1)},
                "services": [{"autostop": ("stop", "suspend", "off")[number % 3]}],
            },
        )
        for number in range(60)
    )
    live = Live(NEW, "v1.4.2", "T" * 3000, NOW - timedelta(days=2), "<@U0ANA>", 30, 60)
    each = standing(
        machines=machines,
        live=live,
        lag=Lag("staging", Relation.AHEAD, 300, NOW - timedelta(days=30)),
        drifts=drifts(environment(), machines),
        running=operation(),
        waiting=(operation(state=State.REQUESTED),) * 3,
        problems=("GitHub did not tell the tags: HTTP 500",),
    )
    found = [dataclasses.replace(each, label=f"app-{number}/production") for number in range(environments)]

    message = shown(*found)

    words = "\n".join(texts(message.blocks))
    assert words.count("<@") == words.count("<@U0ANA>")
    assert ("ask for one by its name" in words) is (environments > 12)
    assert ("/deploy status app-0/production" in words) is (environments == 12)


def test_twelve_calm_environments_are_told_in_full() -> None:
    """Twelve apps of sixty Machines in six regions: image, regions, distance of each."""
    machines = tuple(machine(f"m{number}", region=f"r{number % 6}") for number in range(60))
    found = [
        standing(machines=machines, label=f"app-{number}/production", lag=Lag("staging", Relation.IDENTICAL))
        for number in range(12)
    ]

    words = "\n".join(texts(shown(*found).blocks))

    assert words.count("✔ r5 10 started · 10/10 checks") == 12
    assert words.count("the same commit as staging") == 12


def test_one_more_difference_is_counted() -> None:
    """Where not all differences fit, the rest is counted and the way to see them is named."""
    many = tuple(Drift(f"d{number}.", "e.", "m.") for number in range(13))

    assert "⚠ and 1 difference more: `/deploy status production`" in said(shown(standing(drifts=many)))


@pytest.mark.parametrize(("count", "words"), [(1, "Looking at the environment…"), (2, "Looking at 2 environments…")])
def test_the_first_answer_says_how_many(count: int, words: str) -> None:
    """Somebody looks, at so many."""
    assert views.looking(count).text == words
