"""Log lines: one shape for all, context in each, and never a secret."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from slack_bolt.async_app import AsyncApp

from bot.config import Secret
from bot.log import configure

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEhush\nhush\n-----END RSA PRIVATE KEY-----"
# Each has "hush" in its secret part.
TOKENS = [
    "xoxb-1-2-hush",
    "xoxe.xoxp-1-hush",
    "xapp-1-A0-1-hush",
    "ghp_hush1",
    "ghs_hush.with-parts",
    "github_pat_11A_hush",
    "fm1r_a/hush+g==",
    "fm1a_hush",
    "fm2_hush",
    "fo1_hush",
    "FlyV1 0hush0",
    "Bearer 0hush000",
    "Basic eDpmhush",
    "https://hooks.slack.com/commands/T0/1/hush",
    "postgres://studio:hush@db.flycast:5432/studio",
    "eyJhushG.eyJhush.hush",
    PEM,
]


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def stream() -> io.StringIO:
    """Where the lines go."""
    return io.StringIO()


@pytest.fixture
def lines(stream: io.StringIO) -> Callable[[], list[dict[str, Any]]]:
    """The lines so far, as JSON."""
    configure("json", secrets=[Secret("sesame-open"), Secret(PEM), Secret("FlyV1 plain-old-token")], stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object(lines: Callable[[], list[dict[str, Any]]]) -> None:
    """Event, level, logger and time in UTC stand in each, values keep their names."""
    structlog.get_logger().info("deployment started", app="reify-studio", machines=2)

    [line] = lines()
    assert (line["event"], line["level"]) == ("deployment started", "info")
    assert (line["app"], line["machines"]) == ("reify-studio", 2)
    assert line["timestamp"].endswith("Z")
    assert line["logger"] == __name__


def test_context_stands_in_every_line_below(lines: Callable[[], list[dict[str, Any]]]) -> None:
    """Our lines and the libraries' carry what was bound around them."""
    with structlog.contextvars.bound_contextvars(operation="op1", actor="U0ANA", request="req1"):
        structlog.get_logger().info("ours")
        logging.getLogger("uvicorn.error").info("theirs %s", "too")
    structlog.get_logger().info("outside")

    ours, theirs, outside = lines()
    assert ours.items() >= {"operation": "op1", "actor": "U0ANA", "request": "req1"}.items()
    assert theirs.items() >= {"operation": "op1", "actor": "U0ANA", "request": "req1"}.items()
    assert theirs["event"] == "theirs too"
    assert "operation" not in outside


@pytest.mark.parametrize("name", ["slack_bolt.AsyncApp", "slack_sdk.web", "apscheduler.scheduler", "httpx"])
def test_talkative_libraries_are_heard_from_warning_on(lines: Callable[[], list[dict[str, Any]]], name: str) -> None:
    """What they tell at INFO is left out, even where a logger's own level would let it through."""
    logger = logging.getLogger(name)
    logger.setLevel(logging.INFO)

    logger.info("the whole body")
    logger.warning("something is wrong")

    assert [line["event"] for line in lines()] == ["something is wrong"]


def test_a_bolt_app_stays_quiet(lines: Callable[[], list[dict[str, Any]]]) -> None:
    """Bolt gives its loggers the root's level as they are made; its bodies stay out all the same."""
    app = AsyncApp(signing_secret="s", token="xoxb-1")

    app.logger.info("Invalid request signature detected (body: text=hello)")

    assert lines() == []


def test_debug_lines_are_left_out(lines: Callable[[], list[dict[str, Any]]]) -> None:
    """INFO is the floor for everybody."""
    structlog.get_logger().debug("detail")
    logging.getLogger("uvicorn").debug("detail")

    assert lines() == []


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token[:12])
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_what_looks_like_a_token_is_masked(stream: io.StringIO, token: str, log_format: str) -> None:
    """In the event, in values however deep, in libraries' messages and in tracebacks, known or not."""
    configure(log_format, stream=stream)

    structlog.get_logger().info(f"sent {token} there", value=token, deep={"list": [token, Secret(token)]})
    logging.getLogger("uvicorn").warning("header: %s", token)
    _fail_with(token)

    assert "***" in stream.getvalue()
    assert "there" in stream.getvalue()
    assert "hush" not in stream.getvalue()


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("spelt", ["sesame-open", "plain-old-token", "FlyV1 plain-old-token"])
def test_configured_secrets_are_masked_whatever_they_look_like(
    stream: io.StringIO, spelt: str, log_format: str
) -> None:
    """A secret that has no known form is masked by its value, with and without its scheme."""
    configure(log_format, secrets=[Secret("sesame-open"), Secret("FlyV1 plain-old-token")], stream=stream)

    structlog.get_logger().warning(f"got {spelt}!", value={"header": spelt})
    _fail_with(spelt)

    assert "sesame" not in stream.getvalue()
    assert "plain-old" not in stream.getvalue()


def test_an_objects_own_text_is_masked_too(lines: Callable[[], list[dict[str, Any]]]) -> None:
    """Masking happens after rendering, so that no repr gets past it."""

    class Client:
        def __repr__(self) -> str:
            return "Client(token=xoxb-123-456)"

    structlog.get_logger().info("made", client=Client())

    assert lines()[0]["client"] == "Client(token=***)"


def test_tracebacks_show_no_local_variables(stream: io.StringIO) -> None:
    """Whatever formatters are installed, a traceback is the plain one."""
    configure("console", stream=stream)

    _fail_with("visible message")

    assert "visible message" in stream.getvalue()
    assert "hidden_local" not in stream.getvalue()


@pytest.mark.parametrize("harmless", ["Basic authentication", "Bearer of news", "expo_1 sha256:9f2c", "v1.4.2 → iad"])
def test_ordinary_words_stay_readable(lines: Callable[[], list[dict[str, Any]]], harmless: str) -> None:
    """Masking does not eat what people write."""
    structlog.get_logger().info(harmless)

    assert lines()[0]["event"] == harmless


def test_configuring_again_replaces_the_former(stream: io.StringIO) -> None:
    """No line comes twice, and the last configuration counts."""
    configure("console", stream=io.StringIO())
    configure("json", stream=stream)

    structlog.get_logger().info("once")

    assert stream.getvalue().count("once") == 1


def _fail_with(text: str) -> None:
    hidden_local = f"hidden_local{text}"
    try:
        int(text)
    except ValueError as error:
        structlog.get_logger().exception("failed", size=len(hidden_local), why=error)
