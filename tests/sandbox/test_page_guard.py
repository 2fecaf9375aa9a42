"""Nobody but the page itself may use the page's server."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from sandbox.page.guard import refusal
from tests.sandbox.page_visit import ANA, DEPLOYS, FIXTURES, Visit

page_stage, bot_stage, visit = FIXTURES
PORT = 8600
HERE = ("host", f"127.0.0.1:{PORT}")
JSON = ("content-type", "application/json")
WORD = {"user": ANA, "channel": DEPLOYS, "text": "hello"}


def headers(*pairs: tuple[str, str]) -> Headers:
    return Headers(raw=[(name.encode(), value.encode()) for name, value in pairs])


@pytest.mark.parametrize(
    ("method", "sent"),
    [
        ("GET", [HERE]),
        ("GET", [("host", f"localhost:{PORT}")]),
        ("GET", [HERE, ("sec-fetch-site", "cross-site")]),
        ("POST", [HERE, JSON]),
        ("POST", [HERE, JSON, ("origin", f"http://127.0.0.1:{PORT}"), ("sec-fetch-site", "same-origin")]),
        ("POST", [HERE, ("content-type", "application/json; charset=utf-8")]),
    ],
)
def test_the_page_and_local_programs_may_pass(method: str, sent: list[tuple[str, str]]) -> None:
    """Its own origin under both names of loopback, and programs that send no origin."""
    objection = refusal(method, headers(*sent), port=PORT)

    assert objection is None


@pytest.mark.parametrize(
    ("method", "sent"),
    [
        ("GET", []),
        ("GET", [("host", "127.0.0.1")]),
        ("GET", [("host", "127.0.0.1:80")]),
        ("GET", [("host", f"evil.example:{PORT}")]),
        ("GET", [("host", f"127.0.0.1.evil.example:{PORT}")]),
        ("GET", [HERE, ("host", "evil.example")]),
        ("POST", [HERE, JSON, ("origin", "http://evil.example")]),
        ("POST", [HERE, JSON, ("origin", f"https://127.0.0.1:{PORT}")]),
        ("POST", [HERE, JSON, ("origin", "http://127.0.0.1:8601")]),
        ("POST", [HERE, JSON, ("origin", f"http://localhost:{PORT}")]),
        ("POST", [HERE, JSON, ("origin", "null")]),
        ("POST", [HERE, JSON, ("sec-fetch-site", "cross-site")]),
        ("POST", [HERE, JSON, ("sec-fetch-site", "same-site")]),
        ("POST", [HERE]),
        ("POST", [HERE, ("content-type", "text/plain")]),
        ("POST", [HERE, ("content-type", "application/x-www-form-urlencoded")]),
        ("DELETE", [HERE, JSON, ("origin", "http://evil.example")]),
    ],
)
def test_everybody_else_is_refused(method: str, sent: list[tuple[str, str]]) -> None:
    """Foreign names of this server, foreign origins, and what a form of another site can send."""
    objection = refusal(method, headers(*sent), port=PORT)

    assert objection is not None
    assert objection.endswith(".")


@pytest.mark.parametrize(
    "forged", [{"origin": "http://evil.example"}, {"host": "evil.example:8600"}, {"sec-fetch-site": "cross-site"}]
)
async def test_a_foreign_request_changes_nothing(visit: Visit, forged: dict[str, str]) -> None:
    """403 with a sentence, and nothing is said."""
    answer = await visit.client.post("/api/command", json=WORD, headers=forged)

    assert answer.status_code == 403
    assert answer.json()["error"].endswith(".")
    assert await visit.messages() == []


async def test_a_foreign_name_cannot_read_the_state(visit: Visit) -> None:
    """A name that resolves to loopback gets neither the state nor the page."""
    answers = [await visit.client.get(path, headers={"host": "evil.example"}) for path in ("/api/poll", "/")]

    assert [answer.status_code for answer in answers] == [403, 403]


@pytest.mark.parametrize("path", ["/", "/app.js", "/api/poll", "/nothing"])
async def test_every_answer_forbids_foreign_and_inline_scripts(visit: Visit, path: str) -> None:
    """The policy allows this origin alone and no markup made from text."""
    answer = await visit.client.get(path)

    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy
    assert answer.headers["cache-control"] == "no-cache"
