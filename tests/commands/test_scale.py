"""`/scale` as people type it: what was asked, what is wrong with it, and what the world shows afterwards."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.scale import Count, ScaleRequest, SizeWish
from bot.errors import BadCommand
from bot.views.deploy_modal import REASON_LIMIT
from commands.scale import USAGE, ScaleCommand, parse_scale, read_memory
from tests.operations.test_scaling import CLEO
from tests.world import PRODUCTION, World, text_of


@pytest.mark.parametrize("text", ["", "  ", "help", "Help me"])
def test_nothing_to_scale_is_help(text: str) -> None:
    """Asked for help, or asked for nothing, the answer is the help."""
    assert parse_scale(text) == ScaleCommand()


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("production", ScaleRequest("production")),
        ("production iad=2 sjc=0", ScaleRequest("production", (Count("iad", 2), Count("sjc", 0)))),
        ("production IAD=2", ScaleRequest("production", (Count("iad", 2),))),
        ("production worker:iad=2", ScaleRequest("production", (Count("iad", 2, "worker"),))),
        ("production memory=2gb", ScaleRequest("production", sizes=(SizeWish(memory_mb=2048),))),
        (
            "production memory=2gb cpus=2 cpu_kind=Performance web:memory=512",
            ScaleRequest("production", sizes=(SizeWish("", 2048, 2, "performance"), SizeWish("web", 512))),
        ),
        ("production iad=2 for 4h", ScaleRequest("production", (Count("iad", 2),), lasts_s=4 * 3600)),
        ("production For 1h 30m iad=2", ScaleRequest("production", (Count("iad", 2),), lasts_s=5400)),
        ('production iad=2 --reason "launch day"', ScaleRequest("production", (Count("iad", 2),), why="launch day")),
    ],
)
def test_a_scaling_is_read(text: str, request_: ScaleRequest) -> None:
    """Counts by region, sizes, each of a process group where one is named."""
    assert parse_scale(text) == ScaleCommand(request_)
    assert parse_scale(f"{text} --plan") == ScaleCommand(request_, is_dry_run=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("production 4", "nothing is inferred from a total"),
        ("production iad", "no count and no size"),
        ("production iad=two", "names no number of Machines"),
        ("production iad=100", "from 0 to 99"),
        ("production iad=1 IAD=2", "named twice"),
        ("production cpus=0", "no number of CPUs"),
        ("production cpus=2 cpus=4", "named twice"),
        ("production cpu-kind=fast", "no kind of CPU"),
        ("production memory=lots", "names no memory"),
        ("production iad=1 for", "`for` needs a time"),
        ("production iad=1 for ever", "`ever` is no time"),
        ("production iad=1 for 5m", "from 10 minutes to 30 days"),
        ("production iad=1 for 5w", "from 10 minutes to 30 days"),
        ("production for 4h", "Say how many Machines"),
        ("production iad=1 until 17:00", "not at a time of day"),
        ("production iad=1 --quick", "--quick"),
        (f'production iad=1 --reason "{"x" * (REASON_LIMIT + 1)}"', f"at most {REASON_LIMIT}"),
    ],
)
def test_what_cannot_be_read_is_told(text: str, said: str) -> None:
    """A sentence with an example, and the usage."""
    with pytest.raises(BadCommand) as refusal:
        parse_scale(text)

    assert said in refusal.value.message
    assert refusal.value.usage == USAGE


@pytest.mark.parametrize(
    ("typed", "memory"), [("512", 512), ("512mb", 512), ("1GB", 1024), ("1.5g", 1536), ("2048M", 2048)]
)
def test_memory_is_read_with_its_unit(typed: str, memory: int) -> None:
    """MB where none is said."""
    assert read_memory(typed) == memory


@pytest.mark.parametrize("typed", ["", "0", "0.4gb", "1.3mb", "-1gb", "1tb"])
def test_what_is_no_memory_is_refused(typed: str) -> None:
    """Nothing is rounded."""
    with pytest.raises(BadCommand):
        read_memory(typed)


@given(st.text(max_size=80))
def test_no_text_is_too_strange(text: str) -> None:
    """Whatever is typed, it is read or refused with a sentence."""
    with contextlib.suppress(BadCommand):
        parse_scale(text)


async def test_a_scaling_goes_from_the_command_to_the_machines(world: World) -> None:
    """Planned on a card, approved by somebody else, done, and told in the thread."""
    await world.types("/scale production fra=1")
    card = text_of(world.card())
    assert "fra 0 → *1*" in card
    assert "a month" in card

    await world.clicks("approval_approve", by="U0CLEO")

    assert sorted(machine["region"] for machine in world.machines()) == ["fra", "iad", "sjc"]
    assert "Scaled" in text_of(world.card())
    assert "Receipt: fra 1, iad 1, sjc 1." in text_of(world.thread()[-1])


async def test_the_requester_and_a_guest_approve_nothing(world: World) -> None:
    """Each hears why; the Machines are as they were."""
    await world.types("/scale production fra=1", by="U0CLEO")

    await world.clicks("approval_approve", by="U0CLEO")
    await world.clicks("approval_approve", by="U0GUS")

    assert any("own_approval" in said for said in world.private("U0CLEO"))
    assert any("not_a_member" in said for said in world.private("U0GUS"))
    assert len(world.machines()) == 2


async def test_a_rejected_scaling_changes_nothing(world: World) -> None:
    """The card says who and why."""
    await world.types("/scale production fra=1")
    operation = (await world.operations())[0]
    await world.bot.approvals.reject(operation.id, plan_hash=operation.plan_hash, by=CLEO, why="too dear")
    await world.settle()

    assert "too dear" in text_of(world.card())
    assert len(world.machines()) == 2


async def test_a_plan_alone_is_private(world: World) -> None:
    """Nothing is stored, and nobody else sees it."""
    await world.types("/scale production iad=0 --plan")

    assert any("Plan only" in said and "is destroyed" in said for said in world.private())
    assert await world.operations() == []


async def test_a_refusal_is_private_and_says_what_lifts_it(world: World) -> None:
    """Below the minimum nothing is planned."""
    await world.types("/scale production iad=0 sjc=0")

    assert any("below_minimum" in said for said in world.private())
    assert len(world.machines()) == 2


async def test_without_a_count_it_says_how_things_stand(world: World) -> None:
    """What runs, what the configuration wants, what it costs, and what to type."""
    world.fly.control.destroy_machine(next(m["id"] for m in world.machines() if m["region"] == "sjc"))

    await world.types("/scale production")

    (said,) = [said for said in world.private() if "configured" in said]
    assert "sjc 0 (configured *1*)" in said
    assert "/scale production sjc=1" in said


async def test_an_unknown_environment_is_told(world: World) -> None:
    """With those that there are."""
    await world.types("/scale prodution iad=1")

    assert any("production" in said for said in world.private())


async def test_help_shows_examples(world: World) -> None:
    """Privately."""
    result = await world.types("/scale help")

    assert "memory=2gb" in str(result)


async def test_a_failed_scaling_is_tried_again_by_its_button(world: World) -> None:
    """Once Fly has room again, the same is planned anew."""
    world.fault("no_capacity", target="fra", times=1)
    await world.types("/scale production fra=1")
    await world.clicks("approval_approve", by="U0CLEO")
    assert "no_capacity" in text_of(world.card())
    assert len(world.machines(PRODUCTION)) == 2

    await world.clicks("scaling_retry")

    assert "fra 0 → *1*" in text_of(world.card())
