"""Structured logging: one stream, one shape for our own lines and for the libraries', and no secret in either.

Context travels by `structlog.contextvars`: `operation`, `actor` and `request` are bound where they become known and
stand in every line below, libraries' lines included.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable
from typing import TextIO

import structlog
from structlog.typing import Processor

from bot.config.secret import MASK, Secret

# Bolt logs whole bodies at INFO where a signature is wrong, slack_sdk parameters and answers at DEBUG; the others
# tell of every request or job.
QUIET = ("slack_bolt", "slack_sdk", "aiohttp", "apscheduler", "httpx", "httpcore", "uvicorn.access")
# Anything shorter would mask ordinary words.
SHORTEST_SECRET = 6
TOKENS = re.compile(
    r"xox[a-z](?:\.xox[a-z])?-[\w-]+|xapp-[\w-]+"  # Slack, "Tokens"
    r"|hooks\.slack\.com/[^\s\"'<>|]+"  # whoever has a response URL can answer as us
    r"|\bgh[opsur]_[\w.-]+|\bgithub_pat_\w+"  # GitHub, "Token formats"
    r"|\beyJ[\w-]+\.eyJ[\w-]+\.[\w-]+"  # a GitHub App's JWT
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\b(?:fm1[ar]|fm2|fo1)_[\w+/=-]+"  # Fly, "Access tokens"
    r"|(?<=\bFlyV1 )(?!\W)[\w+/=.,-]{6,}"
    r"|(?<=\bBearer )(?=\S*(?:\d|[a-z][A-Z]))[\w+/=.,~-]{8,}"
    r"|(?<=\bBasic )(?=\S*(?:\d|[a-z][A-Z]))[\w+/=]{8,}"
    r"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)",  # the password of a database's URL
    re.DOTALL,
)


def configure(log_format: str, *, secrets: Iterable[Secret] = (), stream: TextIO | None = None) -> None:
    """Send all logging, ours and the libraries', to one stream: standard error unless another is given.

    `log_format` is `json` (one object a line) or `console`. The values of `secrets`, and whatever looks like a
    token, are masked in every line and traceback. Calling it again replaces the former configuration.
    """
    target = stream or sys.stderr
    handler = _Handler(target)
    handler.addFilter(_is_worth_a_line)
    handler.setFormatter(_Masking(_renderer(log_format, target), secrets))
    root = logging.getLogger()
    for former in [known for known in root.handlers if isinstance(known, _Handler)]:
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, so that it can be told from what others put on the root logger."""


class _Masking(structlog.stdlib.ProcessorFormatter):
    """Formats a line, then masks it: nothing is added to a line after this."""

    def __init__(self, renderer: Processor, secrets: Iterable[Secret]) -> None:
        remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
        super().__init__(processors=[remove, renderer], foreign_pre_chain=_shared())
        self._secrets = _pattern(secrets)

    def format(self, record: logging.LogRecord) -> str:
        return TOKENS.sub(MASK, self._secrets.sub(MASK, super().format(record)))


def _pattern(secrets: Iterable[Secret]) -> re.Pattern[str]:
    """The secrets in every spelling that a line may have: as given, without a scheme word, with escaped line ends."""
    given = {secret.reveal() for secret in secrets}
    given |= {value.removeprefix("FlyV1 ").removeprefix("Bearer ") for value in given}
    given |= {json.dumps(value)[1:-1] for value in given}
    # The longest first, so that no secret leaves its end behind where another is its beginning.
    known = sorted((value for value in given if len(value) >= SHORTEST_SECRET), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, known)) or r"(?!)")


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Libraries speak from WARNING on.

    Asked here and not set as a level, because Bolt gives each of its loggers the root's level when it makes them.
    """
    is_quiet = any(record.name == name or record.name.startswith(f"{name}.") for name in QUIET)
    return record.levelno >= (logging.WARNING if is_quiet else logging.INFO)


def _shared() -> list[Processor]:
    """What happens to every line before it is rendered."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _renderer(log_format: str, stream: TextIO) -> Processor:
    if log_format == "console":
        # The other traceback formatters print local variables.
        plain = structlog.dev.plain_traceback
        return structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain)
    return _as_json


def _as_json(logger: logging.Logger, method: str, event: structlog.typing.EventDict) -> str:
    event = structlog.processors.format_exc_info(logger, method, event)
    first = {name: event.pop(name) for name in ("timestamp", "level", "event") if name in event}
    return json.dumps(first | dict(event), default=repr, ensure_ascii=False)
