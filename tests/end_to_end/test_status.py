"""`/deploy status`: what Ana reads of what Fly runs."""

from __future__ import annotations

import pytest

from bot import sql
from bot.domain.operation import State
from sandbox.faults import Fault
from tests.world import PRODUCTION, SHA, STAGING, World

IAD, SJC = "148e2d1c6e9789", "9080e4f2c51387"
CONFIRM = "deployment_confirm"
LIST = rf"/apps/{PRODUCTION}/machines$"


async def asked(world: World, what: str = "", *, by: str = "U0ANA") -> str:
    """The status as the asker reads it, acknowledgement included."""
    before = len(world.private(by))
    await world.types(f"/deploy status {what}".strip(), by=by)
    return "\n".join(world.private(by)[before:])


async def test_status_tells_what_is_live_where_since_when_and_by_whom(world: World) -> None:
    """Both environments: tag, time, Fly's user, Machines with their checks, and how far production is behind."""
    told = await asked(world)

    assert world.private()[0] == "Looking at 2 environments…"
    assert "`v1.4.1` (dd085a7) since" in told
    assert "(7 days) by ci@tokens.fly.io" in told
    assert "✔ sjc 1 started · 1/1 checks" in told
    assert "5 commits and 3 days behind staging" in told
    assert "✔ iad 1 asleep ☾" in told
    assert "difference" not in told
    assert world.messages() == []


async def test_after_a_deployment_the_status_names_who_made_it(world: World) -> None:
    """What Flytower brought is known from its own records: the person, the title of the commit."""
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)

    told = await asked(world, "production")

    assert "`v1.4.2` (844d600) “Better error pages”" in told
    assert "by <@U0ANA>" in told
    assert "✔ the same commit as staging" in told
    assert "*staging*" not in told


async def test_after_a_failed_deployment_the_status_shows_the_mix(world: World) -> None:
    """Two images: which Machine runs which, what was expected, what to do; nobody is named for the mix."""
    world.fault("unhealthy", target=IAD)
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)

    told = await asked(world, "production")

    assert "mixed, on 1 of 2 Machines" in told
    assert f"`844d600` on iad {IAD}; `dd085a7` on sjc {SJC}" in told
    assert "⚠ iad 1 started · 0/1 checks" in told
    assert "production shows no single commit that is live" in told


async def test_a_running_deployment_is_shown_with_its_step_and_no_drift(world: World) -> None:
    """While the release command runs: who, what, which step, where the card is; and what waits for a button."""
    world.fault("release_command_hangs", target=PRODUCTION)
    await world.types("/deploy production v1.4.2")
    await world.press(CONFIRM)
    await world.until(lambda: bool(world.release_commands()), "the release command runs")
    await world.slack.command(user="U0BO", channel="C0DEPLOYS", text="/deploy status production")
    await world.until(lambda: len(world.private("U0BO")) > 1, "the status is there")

    told = world.private("U0BO")[-1]
    assert "deployment of `v1.4.2` by <@U0ANA> is running" in told
    assert "release command" in told
    assert "|card> in <#C0DEPLOYS>" in told
    assert "difference" not in told


async def test_a_plan_that_waits_is_shown(world: World) -> None:
    """Whose plan waits, of what."""
    await world.types("/deploy production v1.4.2")

    assert "a plan of `v1.4.2` by <@U0ANA> waits for its button" in await asked(world, "production")


async def test_drift_from_the_config_is_told_with_what_to_do(world: World) -> None:
    """Somebody changed auto stop and memory by hand and destroyed a Machine: each is a line."""
    machine = world.fly.control.machine(IAD)
    machine.config["services"][0]["autostop"] = "stop"
    machine.config["guest"]["memory_mb"] = 512
    world.fly.control.app(PRODUCTION).machines.pop(SJC)

    told = await asked(world, "production")

    assert "3 differences" in told
    assert "sjc has 0" in told
    assert f"iad {IAD}: auto stop is `stop`" in told
    assert f"iad {IAD}: 512 MB of memory" in told
    assert "fly scale memory 1024 -a reify-studio" in told


async def test_a_fly_that_does_not_answer_for_one_environment_leaves_the_other(world: World) -> None:
    """Production's Machines cannot be read: said there, as a problem, and staging is told as ever."""
    world.fault("status", method="GET", path=LIST, status=500)

    told = await asked(world)

    assert "production: not known. Fly did not tell the Machines" in told
    assert "staging: v1.4.2" in told
    assert "production shows no single commit" in told


async def test_releases_tags_and_comparison_that_fail_are_problems_of_their_own(world: World) -> None:
    """Fly's books and GitHub are down: the Machines are told, the rest is called unknown."""
    world.fault("status", path=r"/api/v1/", status=500)
    world.github.faults.add(Fault("status", path="/tags", status=500))
    world.github.faults.add(Fault("status", path="/compare/", status=500))

    told = await asked(world, "production")

    assert "`dd085a7`" in told
    assert "✔ sjc 1 started" in told
    assert "Fly did not tell the releases" in told
    assert "GitHub did not tell the tags" in told
    assert "how far behind staging is not known: GitHub" in told


async def test_an_app_that_fly_does_not_know_is_a_problem(world: World) -> None:
    """The app was destroyed at Fly: never an empty success."""
    world.fly.control.destroy_app(STAGING)

    assert "staging: not known. Fly did not tell the Machines" in await asked(world, "staging")


async def test_the_comparison_is_asked_beside_the_machines_and_never_twice(world: World) -> None:
    """The commits of our own successes are compared while Fly still answers; later the answer is remembered."""
    await world.types("/deploy staging main")
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)
    world.fault("delay", method="GET", path=r"/machines$", seconds=30)
    world.github.calls.clear()

    await asked(world)
    first = world.github.calls.find("GET", "/compare/")
    listed = world.fly.calls.find("GET", LIST)[-1]
    await asked(world)

    assert len(first) == len(world.github.calls.find("GET", "/compare/")) == 1
    assert first[0]["at"] < listed["at"] + 30


async def test_a_wrong_guess_is_asked_again(world: World) -> None:
    """CI released behind the bot's back: what Fly says now is compared, not what was live before."""
    await asked(world)
    await world.fly.control.ci.deploy(PRODUCTION, f"registry.fly.io/{PRODUCTION}:sha-{SHA['v1.4.2']}")

    told = await asked(world, "production")

    assert "✔ the same commit as staging" in told


async def test_a_release_made_outside_is_shown_while_it_runs(world: World) -> None:
    """Fly's newest release is running and none of ours is: said, with who makes it."""
    release = world.fly.control.app(PRODUCTION).releases[-1]
    release.status, release.created_at = "running", world.simulators.clock.now()

    assert "release v41 by ci@tokens.fly.io is under way at Fly, outside Flytower" in await asked(world, "production")


async def test_an_image_without_a_commit_is_named_by_its_label(world: World) -> None:
    """Deployed by hand with a label of its own: no commit, so no distance is claimed."""
    world.fly.control.push_image(app=PRODUCTION, label="by-hand")
    await world.fly.control.ci.deploy(PRODUCTION, f"registry.fly.io/{PRODUCTION}:by-hand")

    told = await asked(world, "production")

    assert "`by-hand` since" in told
    assert "production shows no single commit" in told


async def test_an_app_without_machines_runs_nothing(world: World) -> None:
    """No Machines at all: said, and counted as a difference."""
    world.fly.control.app(STAGING).machines.clear()

    told = await asked(world, "staging")

    assert "staging: nothing runs" in told
    assert "iad has 0" in told


async def test_an_unknown_environment_is_answered_with_what_was_meant(unchecked: World) -> None:
    """A misspelling is answered at once, and nobody is asked."""
    world = unchecked
    assert "Did you mean `production`?" in await asked(world, "prodction")
    assert world.fly.calls.find("GET", LIST) == []


async def test_help_and_too_many_words_show_the_usage(world: World) -> None:
    """Help is help; two environments are one too many."""
    assert "/deploy status [ENVIRONMENT]" in await asked(world, "help")
    assert "is too much" in await asked(world, "production staging")


async def test_what_keeps_deployments_out_is_told(world: World) -> None:
    """A lock on production with its holder and reason, an incident above everything; staging has the incident alone."""
    now = world.bot.clock.now().isoformat()
    lock = {"scope": "reify-studio/production", "branch": "", "holder_id": "U0BO", "holder_team": "T0REIFY"}
    incident = {"why": "all is red", "by_id": "U0CLEO", "by_team": "T0REIFY", "started_at": now}
    await world.bot.store.write(lambda db: sql.insert(db, "lock", lock | {"why": "database work", "since": now}))
    await world.bot.store.write(lambda db: sql.insert(db, "incident", incident))

    production, staging = await asked(world, "production"), await asked(world, "staging")

    assert "database work" in production
    assert "; locked" in production
    assert "database work" not in staging
    assert production.count("all is red") == staging.count("all is red") == 2


async def test_the_database_is_read_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Successes, what waits and the rules come in one look, so that they fit one another."""
    reads = []
    read = world.bot.store.read
    monkeypatch.setattr(world.bot.store, "read", lambda work: reads.append(work) or read(work))

    await asked(world)

    assert len(reads) == 1


async def test_guests_read_nothing(world: World) -> None:
    """A guest is refused, whatever Fly would have said."""
    assert "not_a_member" in await asked(world, by="U0GUS")


async def test_nothing_is_stored_or_posted_by_a_status(world: World) -> None:
    """A question leaves no trace in the database."""
    await asked(world)

    assert await world.bot.store.operations(*State) == []
    assert await world.bot.store.audit_events() == []


async def test_a_label_that_moved_names_nobody(world: World) -> None:
    """Fly's books name another image under the same label: its time and its maker are not those of what runs."""
    release = world.fly.control.app(PRODUCTION).releases[-1]
    release.image_ref = f"{release.image_ref}@sha256:{'0' * 64}"

    told = await asked(world, "production")

    assert "`v1.4.1` (dd085a7) · image" in told
    assert "ci@tokens.fly.io" not in told


async def test_few_comparisons_are_remembered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory is bounded: an older comparison is forgotten and asked again."""
    monkeypatch.setattr("bot.operations.status.COMPARISONS_KEPT", 1)
    await asked(world)
    await world.types("/deploy staging main")
    await asked(world)
    await world.fly.control.ci.deploy(STAGING, f"registry.fly.io/{STAGING}:sha-{SHA['v1.4.2']}")

    await asked(world)

    pairs = [call["path"].rpartition("/")[2] for call in world.github.calls.find("GET", "/compare/dd085a7")]
    assert len(pairs) == 3
    assert pairs[0] == pairs[2] != pairs[1]
