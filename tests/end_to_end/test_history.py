"""`/deploy history`: pages, filters, search and files, as Ana reads them."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.operation import Event
from sandbox.kit import serving
from tests.builders import ANA, NOW, new_operation
from tests.world import CHANNEL, SHA, World

CONFIRM = "deployment_confirm"
CSV = "/deploy history --csv"


async def asked(world: World, what: str = "", *, by: str = "U0ANA") -> str:
    """The history as the asker reads it, acknowledgement included."""
    before = len(world.private(by))
    await world.types(f"/deploy history {what}".strip(), by=by)
    return "\n".join(world.private(by)[before:])


async def has_operations(world: World, count: int, *, since: int = 0) -> None:
    """Operations of production that failed while they were planned, a minute apart; refs `r0`, `r1`, …"""
    for number in range(since, since + count):
        at = NOW + timedelta(minutes=number)
        new = dataclasses.replace(new_operation(), request={"environment": "production", "ref": f"r{number}"})
        operation, _ = await world.bot.store.create_operation(new, at)
        await world.bot.store.transition(operation.id, Event.FAIL, by=ANA, at=at, reason="ci_not_green")


def page(world: World) -> dict[str, Any]:
    """The newest private message with buttons."""
    (channel,) = [c for c in world.slack.state()["channels"] if c["id"] == CHANNEL]
    found = [m for m in channel["messages"] if m["is_ephemeral"] and "actions" in str(m.get("blocks"))]
    return found[-1] | {"channel": CHANNEL}


def refs(message: dict[str, Any]) -> list[str]:
    """The refs of the operations on a page, in order."""
    return [block["text"]["text"].split("`")[1] for block in message["blocks"][1:] if block["type"] == "section"]


def buttons(message: dict[str, Any]) -> list[str]:
    return [element["text"]["text"] for element in message["blocks"][-1]["elements"]]


def file_of(world: World) -> list[list[str]]:
    """The newest file that was sent, as rows."""
    (found, *_) = [f for f in world.slack.state()["files"] if f["state"] == "complete"][::-1]
    content = world.slack.world.files[found["id"]].content
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


async def presses(world: World, action: str, value: str) -> None:
    """A click with a value that no button of ours carries."""
    slack = world.slack.world
    body = {
        "user": {"id": "U0ANA", "team_id": "T0REIFY"},
        "channel": {"id": CHANNEL},
        "actions": [{"action_id": action, "value": value}],
        "response_url": slack.new_response_url("U0ANA", slack.find_channel(CHANNEL)),
    }
    await world.bot.router.run_action(body)
    await world.settle()


async def test_history_tells_deployments_with_who_how_long_and_how_they_ended(world: World) -> None:
    """A success, a refusal and a cancelled plan: each with ref, commit, origin, person, duration, reason."""
    await world.types("/deploy staging main", by="U0BO")
    await world.types("/deploy staging main")
    await world.types('/deploy production v1.4.2 --reason "pricing fix"')
    await world.clicks("deployment_cancel")

    told = await asked(world)

    live, refused, cancelled = (told.index(word) for word in ("live · ", "refused · ", "cancelled · "))
    assert cancelled < refused < live
    assert "`main` (`0c48c64`) from `v1.4.2` · deployment" in told
    assert "by <@U0BO> · " in told
    assert "already_live" in told
    assert "“pricing fix”" in told
    assert "|card> in <#C0DEPLOYS>" in told


async def test_an_environment_narrows_the_history(world: World) -> None:
    """Only production's, under its whole name; an unknown one is answered with what was meant."""
    await world.types("/deploy staging main")
    await world.types("/deploy production v1.4.2")

    told = await asked(world, "production")

    assert "History of *reify-studio/production*" in told
    assert "`main`" not in told
    assert "Did you mean `production`?" in await asked(world, "prodction")


async def test_pages_lead_to_older_ones_and_back_in_the_same_message(world: World) -> None:
    """Ten to a page; a deployment that arrives meanwhile shifts nothing."""
    await has_operations(world, 25)
    await asked(world, "production")
    first = page(world)
    await world.clicks("history_older", card=first)
    await has_operations(world, 1, since=25)
    second = page(world)
    await world.clicks("history_older", card=second)
    third = page(world)
    await world.clicks("history_newer", card=third)
    again = page(world)

    assert refs(first) == [f"r{n}" for n in range(24, 14, -1)]
    assert refs(second) == refs(again) == [f"r{n}" for n in range(14, 4, -1)]
    assert refs(third) == [f"r{n}" for n in range(4, -1, -1)]
    assert buttons(first) == ["All", "Failed", "Succeeded", "Rejected", "Rollbacks", "Older"]
    assert buttons(third) == ["All", "Failed", "Succeeded", "Rejected", "Rollbacks", "Newer"]
    assert first["ts"] == again["ts"]


async def test_the_newest_page_is_shown_where_nothing_is_newer(world: World) -> None:
    """A page newer than the newest has nothing on it, so the newest is shown."""
    await has_operations(world, 12)
    newest = (await world.operations())[-1]

    await presses(world, "history_newer", json.dumps({"after": newest.id}))

    assert refs(page(world)) == [f"r{n}" for n in range(11, 1, -1)]


async def test_filters_show_one_result(world: World) -> None:
    """Succeeded, then failed, then all again; the chosen one is marked."""
    await world.types("/deploy staging main")
    await has_operations(world, 1)
    await asked(world)
    await world.clicks("history_succeeded", card=page(world))
    succeeded = page(world)
    await world.clicks("history_failed", card=succeeded)
    failed = page(world)

    assert refs(succeeded) == ["main"]
    assert refs(failed) == ["r0"]
    styles = {e["text"]["text"]: e.get("style") for e in failed["blocks"][-1]["elements"]}
    assert [caption for caption, style in styles.items() if style == "primary"] == ["Failed"]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "not json",
        "[]",
        '{"result": "DROP TABLE"}',
        '{"before": "%"}',
        '{"before": "a", "after": "b"}',
        '{"search": "x", "before": "abc"}',
        json.dumps({"search": "x" * 300}),
        "\\ud800",
    ],
)
async def test_a_button_with_a_hostile_value_is_refused(world: World, value: str) -> None:
    """A value that none of our buttons carries: a sentence, no page, no incident."""
    await presses(world, "history_older", value)

    assert "stale_action" in world.private()[-1]
    assert "/deploy history" in world.private()[-1]


async def test_a_button_of_an_environment_that_left_is_answered(world: World) -> None:
    """The environment is no longer configured: said as for any unknown name."""
    await presses(world, "history_older", '{"environment": "reify-studio/qa"}')

    assert "unknown_environment" in world.private()[-1]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("v1.4.2", 1),
        (SHA["v1.4.2"][:7], 2),
        ("<@U0BO|bo>", 1),
        ('"PRICING Fix"', 1),
        ('"say ""hi"""', 0),
        ("100%", 0),
        ("v1_4", 0),
        ("deployment.cancel", 1),
    ],
)
async def test_the_search_finds_what_was_recorded(world: World, text: str, count: int) -> None:
    """Ref, commit, person, reason and action, in whichever case; what is a pattern to SQL is text here."""
    await world.types('/deploy production v1.4.2 --reason "pricing fix"')
    await world.clicks("deployment_cancel", by="U0BO")
    operations = await world.operations()

    told = await asked(world, f"--search {text}")

    shown = told.split("newest first.")[-1] if count else ""
    assert shown.count("*deployment.") == count
    assert ("newest first: none" in told) is (count == 0)
    assert operations[0].id in told or not count


async def test_a_search_has_pages_and_keeps_to_an_environment(world: World) -> None:
    """Two events for each of 8 operations: ten, then six; of staging there is none."""
    await has_operations(world, 8)
    await asked(world, "production --search deployment")
    first = page(world)
    await world.clicks("history_older", card=first)
    second = page(world)
    await world.clicks("history_newer", card=second)

    assert [len(p["blocks"]) - 2 for p in (first, second, page(world))] == [10, 6, 10]
    assert buttons(first) == ["Older"]
    assert buttons(second) == ["Newer"]
    assert "none" in await asked(world, "staging --search deployment")


async def test_the_file_has_every_operation_and_no_formula(world: World) -> None:
    """CSV in the direct messages: a header, a row for each, a reason that is no formula in a spreadsheet."""
    await world.types("/deploy staging main --reason '=HYPERLINK(1)'".replace("'", '"'))
    await world.types("/deploy production v1.4.2")

    told = await asked(world, "--csv")

    header, newest, oldest = (row for row in file_of(world))
    assert "2 rows" in told
    assert dict(zip(header, newest, strict=True))["state"] == "requested"
    row = dict(zip(header, oldest, strict=True))
    assert (row["environment"], row["ref"], row["state"]) == ("reify-studio/staging", "main", "succeeded")
    assert (row["commit"], row["from"], row["actor"]) == (SHA["heading"], "v1.4.2", "U0ANA")
    assert row["why"] == "'=HYPERLINK(1)"
    assert float(row["duration_s"]) > 0


async def test_a_search_as_a_file_has_the_events(world: World) -> None:
    """What was searched for, as rows with the whole detail."""
    await world.types("/deploy production v1.4.2")

    told = await asked(world, "production --search v1.4.2 --csv")

    header, event = file_of(world)
    assert "1 row." in told
    assert header[:4] == ["seq", "at", "actor", "action"]
    assert json.loads(event[-1])["ref"] == "v1.4.2"


async def test_a_long_history_is_cut_and_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than a file takes: the newest are in it, and it is said."""
    monkeypatch.setattr("bot.operations.history.ROWS_MOST", 5)
    monkeypatch.setattr("bot.operations.history.FILE_PAGE", 4)
    await has_operations(world, 12)

    told = await asked(world, "--csv")

    header, *rows = file_of(world)
    assert [row[header.index("ref")] for row in rows] == ["r11", "r10", "r9", "r8", "r7"]
    assert "the file has the newest" in told


async def test_a_history_of_several_reads_is_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in parts of four, ten rows are ten rows."""
    monkeypatch.setattr("bot.operations.history.FILE_PAGE", 4)
    await has_operations(world, 10)

    told = await asked(world, "--csv")

    assert len(file_of(world)) == 11
    assert "10 rows." in told


async def test_history_is_there_after_a_restart(world: World) -> None:
    """Another process on the same database tells the same."""
    await world.types("/deploy staging main")
    await world.restarts_after(lambda: None)

    async with serving(world.bot.asgi) as url:
        world.slack.request_url = f"{url}/slack/events"
        told = await asked(world)

    assert "`main` (`0c48c64`)" in told


async def test_guests_read_no_history_in_whichever_form(world: World) -> None:
    """A page and a file are refused, and nothing is sent."""
    pages = await asked(world, by="U0GUS")
    files = await asked(world, "--csv", by="U0GUS")

    assert "not_a_member" in pages
    assert "not_a_member" in files
    assert world.slack.state()["files"] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("help", "--search"),
        ("production staging", "is too much"),
        ("--search", "needs a value"),
        ("--serch x", "Did you mean `--search`?"),
        (f"--search {'x' * 201}", "at most 200"),
    ],
)
async def test_what_cannot_be_read_is_explained(world: World, text: str, said: str) -> None:
    """Help and mistakes have the usage."""
    told = await asked(world, text)

    assert said in told
    assert "/deploy history [ENVIRONMENT]" in told
