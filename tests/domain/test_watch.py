"""What the watch calls trouble, when it is over, and when nothing comes back by itself."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.domain.deployment import DeploymentPlan
from bot.domain.model import Check, Exit, Machine, MigrationRisk, Migrations
from bot.domain.operation import Kind, Operation, State
from bot.domain.watch import OPEN, Phase, Watch, due, looked, nothing_before, over, restore_refusal, superseded
from tests.builders import NEW, NOW, OLD, image, machine, operation, plan, receipt

UNTIL = NOW + timedelta(minutes=10)
LATER = NOW + timedelta(minutes=2)
RESTORING = plan(restore_on_trouble=True, restore_countdown_s=60.0)


def succeeded(of: DeploymentPlan | None = None, **changes: Any) -> Operation:
    """A deployment that brought the new image to one Machine."""
    return operation(receipt(m1=NEW), of=of, state=State.SUCCEEDED, **changes)


def runs(**changes: Any) -> Machine:
    """That Machine, healthy, as it stands now."""
    return machine("m1", **{"image": NEW, **changes})


def ended(code: int | None = 1, *, at: datetime | None = LATER, **changes: Any) -> Exit:
    """An exit that nobody asked for."""
    made = Exit(code, requested_stop=False, restarting=True, oom_killed=False, restart_count=2, at=at)
    return dataclasses.replace(made, **changes)


def fails(output: str = "refused") -> dict[str, Any]:
    """Checks that fail."""
    return {"checks": (Check("http", "critical", output),)}


def look(
    watch: Watch | None = None, *machines: Machine, of: DeploymentPlan | None = None, at: datetime = LATER
) -> Watch:
    """The watch after a look that saw these Machines."""
    return looked(watch or Watch("op", UNTIL), succeeded(of), of or plan(), machines, at)


SLEEPS = {"services": [{"autostop": True}]}
ASKED = ended(0, requested_stop=True, restarting=False)


@pytest.mark.parametrize(
    ("seen", "what"),
    [
        (runs(), ""),
        (runs(exit=ended(at=NOW - timedelta(hours=1))), ""),
        (runs(exit=ended(at=None)), ""),
        (runs(exit=ended(0)), ""),
        (runs(exit=ended(143, requested_stop=True)), ""),
        (runs(exit=ended(at=LATER - timedelta(seconds=30))), ""),
        (runs(exit=ended()), "crashed: exit code 1, 2 restarts"),
        (runs(exit=ended(None, restart_count=1)), "crashed: no exit code, 1 restart"),
        (runs(state="restarting", exit=ended(at=NOW)), "crashed: exit code 1, 2 restarts"),
        (runs(exit=ended(0, oom_killed=True)), "crashed: exit code 0, out of memory, 2 restarts"),
        (runs(state="failed"), "has failed"),
        (runs(state="stopped", exit=ASKED), "was stopped"),
        (runs(state="stopped", exit=ASKED, config=SLEEPS), ""),
        (runs(state="stopped", exit=ended(0), config=SLEEPS), "stopped by itself"),
        (runs(state="suspended", exit=ended(0), config=SLEEPS), ""),
        (runs(state="suspended"), "was suspended"),
        (runs(state="destroyed"), "is gone"),
        (runs(checks=(Check("http", "warning"),)), ""),
        (runs(**fails()), ""),
    ],
)
def test_one_look_at_a_machine(seen: Machine, what: str) -> None:
    """Crashes, stops that nobody may have wanted, and what is gone are trouble; sleep and old exits are not."""
    watch = look(None, seen)

    assert [trouble.what for trouble in watch.troubles] == ([what] if what else [])
    assert watch.phase is (Phase.TROUBLE if what else Phase.WATCHING)


def test_checks_are_trouble_at_the_second_look_in_a_row() -> None:
    """Fails, passes, fails, fails: only the last is trouble, with what the check printed."""
    watches = [look(None, runs(**fails()))]
    for seen in (runs(), runs(**fails()), runs(**fails("502 *bad*"))):
        watches.append(look(watches[-1], seen))

    assert [watch.phase for watch in watches] == ["watching", "watching", "watching", "trouble"]
    assert watches[-1].troubles[0].what == "http is critical: 502 ∗bad∗"


def test_a_machine_that_slept_before_may_be_gone_or_asleep_but_not_crash() -> None:
    """What was asleep at the receipt is not missed; when it wakes up and dies, that is trouble."""
    row = receipt(m1=NEW)
    row.detail["machines"][0]["state"] = "stopped"
    asleep = operation(row, state=State.SUCCEEDED)

    gone, stopped, dead = (
        looked(Watch("op", UNTIL), asleep, plan(), seen, LATER)
        for seen in ([], [runs(state="stopped")], [runs(exit=ended())])
    )
    assert [watch.phase for watch in (gone, stopped, dead)] == ["watching", "watching", "trouble"]


def test_it_takes_two_clean_looks_to_recover() -> None:
    """One look without a failing check is a flap, too: the countdown goes on until the second."""
    watch = look(look(None, runs(**fails()), of=RESTORING), runs(**fails()), of=RESTORING)
    once = look(watch, runs(), of=RESTORING)
    twice = look(once, runs(), of=RESTORING)
    again = look(look(once, runs(**fails()), of=RESTORING), runs(), of=RESTORING)

    assert [w.phase for w in (watch, once, twice, again)] == ["trouble", "trouble", "recovered", "trouble"]
    assert once.restore_at is not None
    assert twice.restore_at is None


@pytest.mark.parametrize(
    "seen",
    [
        [runs(image=OLD)],
        [runs(), machine("m9", image=OLD)],
        [runs(metadata={"fly_platform_version": "v2", "fly_process_group": "app", "fly_release_version": "43"})],
    ],
    ids=["another image", "a Machine on another image", "a newer release"],
)
def test_what_others_bring_ends_the_watch(seen: list[Machine]) -> None:
    """Another image or a newer release is somebody else's deployment, whatever its Machines do."""
    watch = look(Watch("op", UNTIL, release=42), *seen)

    assert watch.phase is Phase.SUPERSEDED


def test_a_machine_more_on_the_same_image_is_fine_and_one_without_a_digest_too() -> None:
    """Scaling is no deployment, and a host that does not answer hides what its Machine runs."""
    watch = look(None, runs(), machine("m2", image=NEW), machine("m3", image=image(digest="")))

    assert watch.phase is Phase.WATCHING


def test_the_first_look_notes_the_release() -> None:
    """Later looks compare with what ran at the first."""
    metadata = {"fly_platform_version": "v2", "fly_process_group": "app", "fly_release_version": "42"}

    assert look(None, runs(metadata=metadata)).release == 42
    assert look(None, runs()).release == 0


def test_a_countdown_begins_with_the_trouble_and_not_again() -> None:
    """The deadline stays where it was while the trouble lasts; after a Stop there is none any more."""
    first = look(None, runs(exit=ended()), of=RESTORING)
    later = LATER + timedelta(seconds=15)
    second = look(first, runs(exit=ended(at=later)), of=RESTORING, at=later)
    stopped = look(Watch("op", UNTIL, note="Bo stopped it."), runs(exit=ended()), of=RESTORING)

    assert first.restore_at == second.restore_at == LATER + timedelta(seconds=60)
    assert stopped.restore_at is None


@pytest.mark.parametrize(
    ("of", "kind", "words"),
    [
        (plan(), Kind.DEPLOYMENT, ""),
        (plan(), Kind.ROLLBACK, "itself a going back"),
        (plan(live=None), Kind.DEPLOYMENT, "nothing ran before"),
        (plan(live=NEW), Kind.DEPLOYMENT, "the same image ran before"),
        (plan(migrations=Migrations(MigrationRisk.LISTED, ("a.exs",))), Kind.DEPLOYMENT, "a migration is in range"),
        (plan(migrations=Migrations(MigrationRisk.UNKNOWN)), Kind.DEPLOYMENT, "it is unknown whether"),
    ],
)
def test_what_keeps_the_bot_from_restoring(of: DeploymentPlan, kind: Kind, words: str) -> None:
    """Only a known range without migrations, with something before it, and never ping-pong."""
    refusal = restore_refusal(succeeded(of, kind=kind), of)

    assert words in refusal
    assert bool(words) == bool(refusal)


def test_a_build_is_gone_back_from_by_what_ran_before() -> None:
    """The plan of a build names no image: there is one before it all the same."""
    assert nothing_before(plan(image=None)) == ""


@pytest.mark.parametrize(
    ("watch", "at", "phase"),
    [
        (Watch("op", UNTIL, release=1), LATER, Phase.WATCHING),
        (Watch("op", UNTIL, release=1), UNTIL, Phase.QUIET),
        (Watch("op", UNTIL, Phase.RECOVERED, release=1), UNTIL, Phase.HEALED),
        (Watch("op", UNTIL, Phase.TROUBLE, release=1), UNTIL, Phase.UNHEALED),
        (Watch("op", UNTIL, Phase.TROUBLE, release=1, restore_at=UNTIL), UNTIL, Phase.TROUBLE),
        (Watch("op", UNTIL, Phase.RESTORING, release=1), UNTIL, Phase.RESTORING),
    ],
)
def test_the_end_of_the_window(watch: Watch, at: datetime, phase: Phase) -> None:
    """What the newest look said, once the window is over; a countdown and a restore are waited for."""
    assert over(watch, at).phase is phase


@pytest.mark.parametrize(
    ("watch", "phase"),
    [
        (Watch("op", UNTIL, release=1), Phase.MISSED),
        (Watch("op", UNTIL, Phase.RECOVERED, release=1), Phase.HEALED),
        (Watch("op", UNTIL, Phase.TROUBLE, release=1), Phase.UNHEALED),
    ],
)
def test_an_end_that_nobody_saw_is_not_quiet(watch: Watch, phase: Phase) -> None:
    """What was told before stands; that there was no trouble is not claimed."""
    assert over(watch, UNTIL, is_seen=False).phase is phase


def test_a_bot_that_was_away_at_the_end_claims_no_quiet_window() -> None:
    """A look soon after the end has seen the end; one of minutes later has not."""
    watch = Watch("op", UNTIL, release=1)

    assert over(watch, UNTIL + timedelta(seconds=30)).phase is Phase.QUIET
    assert over(watch, UNTIL + timedelta(minutes=5)).phase is Phase.MISSED


def test_the_end_of_a_countdown() -> None:
    """At the deadline the bot restores, unless the newest look was clean; without one never."""
    counting = Watch("op", UNTIL, Phase.TROUBLE, restore_at=LATER)

    assert due(counting, LATER).phase is Phase.RESTORING
    assert due(counting, NOW) == counting
    assert due(dataclasses.replace(counting, is_clean=True), LATER).phase is Phase.TROUBLE
    assert due(Watch("op", UNTIL, Phase.TROUBLE), LATER).phase is Phase.TROUBLE


def test_what_is_superseded_is_over() -> None:
    """No countdown runs on."""
    watch = superseded(Watch("op", UNTIL, Phase.TROUBLE, restore_at=LATER))

    assert (watch.phase in OPEN, watch.is_open, watch.restore_at) == (False, False, None)


def test_without_a_receipt_there_is_nothing_to_miss() -> None:
    """An operation that read nothing back has no Machines to watch."""
    watch = looked(Watch("op", UNTIL), operation(state=State.SUCCEEDED), plan(), [], LATER)

    assert (watch.phase, watch.had_trouble) == (Phase.WATCHING, False)
