"""The REST API of webhooks: a repository's and the App's, their configuration, their deliveries."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import jwt
import pytest

from sandbox.github import APP_KEY_FILE
from sandbox.kit import Json
from tests.sandbox.hook_receiver import SECRET, Hooked, hooked

EVENTS = ["push", "pull_request"]


@pytest.fixture
async def stage() -> AsyncIterator[Hooked]:
    async with hooked() as made:
        yield made


def config(stage: Hooked, **changed: Any) -> Json:
    return {"url": f"{stage.url}?own", "content_type": "json", "secret": SECRET, **changed}


async def make(stage: Hooked, **body: Any) -> httpx.Response:
    answer: httpx.Response = await stage.http.post("/hooks", json={"config": config(stage), "events": EVENTS, **body})
    return answer


async def existing(stage: Hooked) -> int:
    """The id of the hook that stands there already."""
    return int((await stage.http.get("/hooks")).json()[0]["id"])


async def as_app(stage: Hooked, method: str, path: str, body: Json | None = None) -> httpx.Response:
    """A call with the App's JSON web token."""
    now = int(time.time())
    token = jwt.encode({"iss": "424242", "iat": now - 60, "exp": now + 300}, APP_KEY_FILE.read_text(), "RS256")
    url, headers = f"{stage.actions.github.url}{path}", {"authorization": f"Bearer {token}"}
    answer: httpx.Response = await stage.http.request(method, url, json=body, headers=headers)
    return answer


async def test_a_new_hook_is_pinged(stage: Hooked) -> None:
    """201 with all but the secret; its ping comes at once."""
    answer = await make(stage)
    await stage.logged(2)

    made, ping = answer.json(), stage.receiver.received[-1].payload
    assert (answer.status_code, answer.headers["location"]) == (201, made["url"])
    assert (made["name"], made["active"], made["events"]) == ("web", True, EVENTS)
    assert (made["config"]["secret"], made["config"]["insecure_ssl"]) == ("********", "0")
    assert (ping["hook_id"], made["last_response"]["status"]) == (made["id"], "unused")


async def test_defaults_are_those_of_the_documentation(stage: Hooked) -> None:
    """`push` alone, as a form, active."""
    answer = await stage.http.post("/hooks", json={"config": {"url": f"{stage.url}?plain"}})

    made = answer.json()
    assert (made["events"], made["config"]["content_type"], made["active"]) == (["push"], "form", True)
    assert "secret" not in made["config"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"config": None}, "config"),
        ({"config": {}}, "url"),
        ({"config": {"url": "ftp://x"}}, "url"),
        ({"config": {"url": 7}}, "url"),
        ({"config": {"url": "http://127.0.0.1/", "content_type": "xml"}}, "content_type"),
        ({"config": {"url": "http://127.0.0.1/", "insecure_ssl": "2"}}, "insecure_ssl"),
        ({"config": {"url": "http://127.0.0.1/", "secret": 7}}, "secret"),
        ({"events": ["nonsense"]}, "events"),
        ({"events": []}, "events"),
        ({"active": "yes"}, "active"),
        ({"name": "irc"}, "name"),
    ],
)
async def test_a_hook_that_makes_no_sense_is_refused(stage: Hooked, body: Json, field: str) -> None:
    """422 with the field, and no hook is made."""
    answer = await make(stage, **body)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert len((await stage.http.get("/hooks")).json()) == 1


async def test_the_same_hook_twice_is_refused(stage: Hooked) -> None:
    """Same address and events: 422."""
    await make(stage)

    answer = await make(stage)

    assert answer.json()["errors"][0]["message"] == "Hook already exists on this repository"


async def test_a_hook_is_changed(stage: Hooked) -> None:
    """Its events as a whole or one by one, its address, whether it is active."""
    number = (await make(stage)).json()["id"]

    more = (await stage.http.patch(f"/hooks/{number}", json={"add_events": ["release"]})).json()
    less = (await stage.http.patch(f"/hooks/{number}", json={"remove_events": ["push"], "active": False})).json()
    moved = (await stage.http.patch(f"/hooks/{number}", json={"config": {"url": stage.url}})).json()

    assert (more["events"], less["events"]) == ([*EVENTS, "release"], ["pull_request", "release"])
    assert (less["active"], moved["config"]["url"], moved["config"]["secret"]) == (False, stage.url, "********")


async def test_a_change_that_makes_no_sense_changes_nothing(stage: Hooked) -> None:
    """Neither the good part nor the bad one."""
    number = await existing(stage)
    before = (await stage.http.get(f"/hooks/{number}")).json()

    answer = await stage.http.patch(f"/hooks/{number}", json={"active": False, "config": {"content_type": "xml"}})

    assert answer.status_code == 422
    assert (await stage.http.get(f"/hooks/{number}")).json() == before


async def test_an_inactive_hook_hears_nothing(stage: Hooked) -> None:
    """Until it is active again."""
    number = await existing(stage)
    await stage.http.patch(f"/hooks/{number}", json={"active": False})
    await stage.do("tag", name="v7", sha="main")
    await stage.http.patch(f"/hooks/{number}", json={"active": True})
    await stage.do("tag", name="v8", sha="main")
    await stage.settled()

    assert [each.payload["ref"] for each in stage.receiver.named("create")] == ["v8"]


async def test_its_configuration_stands_alone_too(stage: Hooked) -> None:
    """A new secret signs from then on."""
    number = await existing(stage)
    await stage.http.patch(f"/hooks/{number}/config", json={"secret": "another"})
    shown = (await stage.http.get(f"/hooks/{number}/config")).json()
    await stage.http.post(f"/hooks/{number}/pings")
    await stage.logged(2)

    ping = stage.receiver.received[-1]
    assert shown == {"content_type": "json", "insecure_ssl": "0", "url": stage.url, "secret": "********"}
    assert (ping.event, ping.is_signed(), ping.is_signed("another")) == ("ping", False, True)


async def test_a_deleted_hook_is_gone(stage: Hooked) -> None:
    """204, then 404 in all its paths, and nothing is delivered."""
    number = await existing(stage)
    answer = await stage.http.delete(f"/hooks/{number}")
    await stage.do("tag", name="v7", sha="main")
    await stage.settled()

    again = [await stage.http.get(f"/hooks/{number}{rest}") for rest in ("", "/config", "/deliveries")]
    assert (answer.status_code, [each.status_code for each in again]) == (204, [404] * 3)
    assert [each.event for each in stage.receiver.received] == ["ping"]


async def test_a_test_sends_the_latest_push(stage: Hooked) -> None:
    """To this hook alone, and only where it subscribes to `push`."""
    deaf = (await make(stage, events=["release"])).json()["id"]
    number = await existing(stage)

    answers = [await stage.http.post(f"/hooks/{each}/tests") for each in (number, deaf)]
    await stage.settled()

    (sent,) = stage.receiver.named("push")
    assert [answer.status_code for answer in answers] == [204, 204]
    assert (sent.headers["x-github-hook-id"], sent.payload["ref"]) == (str(number), "refs/heads/main")
    assert sent.payload["commits"][0]["message"] == "Rename a heading"


async def test_deliveries_are_listed_newest_first(stage: Hooked) -> None:
    """Without their bodies; pages by a cursor that the Link header tells."""
    for name in ("v7", "v8"):
        await stage.do("tag", name=name, sha="main")
    await stage.logged(5)
    number = await existing(stage)

    first = await stage.http.get(f"/hooks/{number}/deliveries", params={"per_page": 3})
    second = await stage.http.get(first.links["next"]["url"])

    assert [item["event"] for item in [*first.json(), *second.json()]] == ["push", "create", "push", "create", "ping"]
    assert "next" not in second.links
    assert {"request", "response", "url"} & first.json()[0].keys() == set()
    assert (first.json()[0]["status"], first.json()[0]["installation_id"]) == ("OK", None)


async def test_the_filter_looks_at_the_code_alone(stage: Hooked) -> None:
    """`failure` is 400 to 599; what was redelivered can be asked for."""
    stage.receiver.status = 500
    await stage.http.post(f"/hooks/{await existing(stage)}/pings")
    failed = (await stage.logged(2))[-1]
    stage.receiver.status = 200
    path = f"/hooks/{failed.hook}/deliveries"
    await stage.http.post(f"{path}/{failed.id}/attempts")
    await stage.logged(3)

    async def ids(**query: str) -> list[int]:
        return [item["id"] for item in (await stage.http.get(path, params=query)).json()]

    assert await ids(status="failure") == [failed.id]
    assert len(await ids(status="success")) == 2
    assert await ids(redelivery="true") == [max(await ids())]


async def test_a_delivery_is_told_whole(stage: Hooked) -> None:
    """With what was sent and what came back; its payload can be worked off without any request coming in."""
    await stage.do("tag", name="v7", sha="main")
    item = (await stage.logged(3))[-1]

    told = (await stage.http.get(f"/hooks/{item.hook}/deliveries/{item.id}")).json()

    assert (told["guid"], told["url"], told["status_code"]) == (item.guid, stage.url, 202)
    assert told["request"]["payload"] == stage.receiver.received[-1].payload
    assert told["request"]["headers"]["X-GitHub-Event"] == "push"
    assert told["response"] == {"headers": told["response"]["headers"], "payload": "heard"}


async def test_a_redelivery_is_asked_for(stage: Hooked) -> None:
    """202, and another delivery of the same GUID follows."""
    (ping,) = stage.log()

    answer = await stage.http.post(f"/hooks/{ping.hook}/deliveries/{ping.id}/attempts")
    again = (await stage.logged(2))[-1]

    assert (answer.status_code, again.guid, again.redelivery) == (202, ping.guid, True)


@pytest.mark.parametrize("path", ["/hooks/1", "/hooks/1/deliveries", "/hooks/HOOK/deliveries/1"])
async def test_what_is_not_there_is_404(stage: Hooked, path: str) -> None:
    """Unknown hooks and deliveries."""
    answer = await stage.http.get(path.replace("HOOK", str(await existing(stage))))

    assert answer.status_code == 404


async def test_an_app_without_the_permission_is_refused(stage: Hooked) -> None:
    """Reading and changing hooks needs `repository_hooks`."""
    token = (await as_app(stage, "POST", "/app/installations/515151/access_tokens")).json()["token"]
    headers = {"authorization": f"Bearer {token}"}

    answer = await stage.http.get("/hooks", headers=headers)

    assert answer.status_code == 403
    assert answer.headers["x-accepted-github-permissions"] == "repository_hooks=read"


async def test_the_apps_hook_answers_to_the_app(stage: Hooked) -> None:
    """Its configuration can be read and changed with a JSON web token, and with nothing else."""
    body = {"url": stage.url, "content_type": "json", "secret": "app secret"}
    changed = await as_app(stage, "PATCH", "/app/hook/config", body)
    await stage.do("edit_pull", number=12, title="New")
    await stage.logged(3)

    shown = (await as_app(stage, "GET", "/app/hook/config")).json()
    refused = await stage.http.get(f"{stage.actions.github.url}/app/hook/config")
    # What goes to different hooks goes side by side.
    target = "x-github-hook-installation-target-type"
    sent = sorted(stage.receiver.named("pull_request.edited"), key=lambda each: each.headers[target], reverse=True)
    assert (changed.json(), refused.status_code) == (shown, 401)
    assert [each.headers[target] for each in sent] == ["repository", "integration"]
    assert [each.is_signed("app secret") for each in sent] == [False, True]
    assert len({each.guid for each in sent}) == 1


async def test_the_apps_deliveries_answer_to_the_app(stage: Hooked) -> None:
    """Listed, told whole, delivered again."""
    await stage.do("configure", **{"webhook_url": stage.url, "for": "app"})
    await stage.do("edit_pull", number=12, title="New")
    await stage.logged(4)

    newest = (await as_app(stage, "GET", "/app/hook/deliveries")).json()[0]
    path = f"/app/hook/deliveries/{newest['id']}"
    told = (await as_app(stage, "GET", path)).json()
    again = await as_app(stage, "POST", f"{path}/attempts")
    item = (await stage.logged(5))[-1]

    assert (newest["event"], newest["action"], newest["installation_id"]) == ("pull_request", "edited", 515151)
    assert told["request"]["payload"]["installation"]["id"] == 515151
    assert (again.status_code, item.guid, item.redelivery) == (202, newest["guid"], True)
