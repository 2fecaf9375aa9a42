"""Commands that are run in a Machine of Postgres: `psql`, `pg_isready`, and `curl` to the API on its port 5500.

Source: fly-apps/postgres-flex, internal/api; https://www.postgresql.org/docs/current/app-psql.html
"""

from __future__ import annotations

import argparse
import re
import shlex
from typing import NoReturn
from urllib.parse import urlsplit

from sandbox.fly.postgres import SqlError
from sandbox.fly.postgres_api import answer
from sandbox.fly.postgres_checks import Member
from sandbox.fly.postgres_sql import Result, execute
from sandbox.kit import Json

PORT = 5500
USAGE, REFUSED, CONNECTION_FAILED, HTTP_ERROR = 2, 1, 2, 22
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*")
LIST = 'SELECT datname AS "Name", datdba AS "Owner" FROM pg_database ORDER BY datname'
USERS = 'SELECT rolname AS "Role name", rolsuper AS "Superuser" FROM pg_roles ORDER BY rolname'
SHORTCUTS = {r"\l": LIST, r"\l+": LIST, r"\du": USERS, r"\conninfo": "SELECT current_database() AS database"}


class UsageError(Exception):
    """Options that a program does not take."""


class Parser(argparse.ArgumentParser):
    """Parses without ending the process."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def run(member: Member, command: list[str]) -> Json | None:
    """What a command prints and its exit code; None for a program that is not one of these."""
    words = _without_prefix(command)
    program = words[0].rsplit("/", 1)[-1] if words else ""
    known = {"psql": _psql, "curl": _curl, "pg_isready": _is_ready}
    if program not in known:
        return None
    try:
        return known[program](member, words[1:])
    except UsageError as error:
        return _result(USAGE, "", f"{program}: {error}\n")


def _without_prefix(command: list[str]) -> list[str]:
    """The program itself: without a shell, assignments, and the user to be."""
    words = list(command)
    if len(words) == 3 and re.fullmatch(r"(?:/bin/)?(?:ba|da)?sh", words[0]) and words[1] in {"-c", "-lc"}:
        words = shlex.split(words[2])
    while words and (ASSIGNMENT.fullmatch(words[0]) or words[0] == "env"):
        words = words[1:]
    return words[2:] if words[:1] == ["gosu"] else words


def _psql(member: Member, arguments: list[str]) -> Json:
    parser = Parser(add_help=False)
    for flag in ("-t", "-A", "-q", "-w", "-x", "-X", "--csv", "-l"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--tuples-only", dest="t", action="store_true")
    parser.add_argument("--no-align", dest="A", action="store_true")
    for flag in ("-h", "-p", "-U", "-d", "-F", "-v"):
        parser.add_argument(flag)
    parser.add_argument("-c", "--command", dest="c", action="append", default=[])
    parser.add_argument("database", nargs="?")
    parser.add_argument("user", nargs="?")
    options = parser.parse_args(arguments)
    database = _database(options.d or options.database or "postgres")
    failure = _connection_failure(member, database, options.U or options.user)
    if failure:
        where = 'connection to server on socket "/var/run/postgresql/.s.PGSQL.5433"'
        return _result(CONNECTION_FAILED, "", f"psql: error: {where} failed: FATAL:  {failure}\n")
    separator = "," if options.csv else options.F or "|" if options.A else None
    printed = ""
    for text in [LIST] if options.l else options.c:
        try:
            results = execute(member, SHORTCUTS.get(text.strip(), text), database)
        except SqlError as error:
            return _result(REFUSED, printed, f"ERROR:  {error.text}\n")
        printed += "".join(_printed(result, separator, bare=options.t) for result in results)
    return _result(0, printed, "")


def _database(text: str) -> str:
    return urlsplit(text).path.strip("/") or "postgres" if "://" in text else text


def _connection_failure(member: Member, database: str, user: str | None) -> str:
    """Why a client is turned away, in Postgres's words; empty if it is not."""
    cluster, name = member.cluster, user or "postgres"
    if name not in cluster.users:
        return f'role "{name}" does not exist'
    if database not in cluster.databases:
        return f'database "{database}" does not exist'
    if member.sessions() >= cluster.max_connections:
        return "sorry, too many clients already"
    reserved = member.sessions() >= cluster.max_connections - cluster.reserved_connections
    if reserved and not cluster.users[name].superuser:
        return "remaining connection slots are reserved for roles with the SUPERUSER attribute"
    return ""


def _printed(result: Result, separator: str | None, *, bare: bool) -> str:
    """A result as psql prints it; aligned unless there is a separator."""
    if not result.columns:
        return f"{result.tag}\n"
    rows = [["" if cell is None else str(cell) for cell in row] for row in result.rows]
    count = f"({len(rows)} row{'' if len(rows) == 1 else 's'})\n"
    if separator is not None:
        lines = [separator.join(row) for row in rows]
        if bare or separator == ",":
            return "".join(f"{line}\n" for line in (lines if bare else [separator.join(result.columns), *lines]))
        return "".join(f"{line}\n" for line in [separator.join(result.columns), *lines]) + count
    widths = [max(map(len, column)) for column in zip(result.columns, *rows, strict=True)]
    lines = [_aligned(row, widths) for row in rows]
    if bare:
        return "".join(f"{line}\n" for line in lines) + "\n"
    head = "|".join(f" {name:^{width}} " for name, width in zip(result.columns, widths, strict=True))
    rule = "+".join("-" * (width + 2) for width in widths)
    return "".join(f"{line}\n" for line in [head, rule, *lines]) + count + "\n"


def _aligned(row: list[str], widths: list[int]) -> str:
    cells = (f"{c:>{w}}" if re.fullmatch(r"-?[\d.]+", c) else f"{c:<{w}}" for c, w in zip(row, widths, strict=True))
    return "|".join(f" {cell} " for cell in cells).rstrip()


def _is_ready(member: Member, _: list[str]) -> Json:
    if member.sessions() >= member.cluster.max_connections:
        return _result(1, "/var/run/postgresql:5433 - rejecting connections\n", "")
    return _result(0, "/var/run/postgresql:5433 - accepting connections\n", "")


def _curl(member: Member, arguments: list[str]) -> Json:
    parser = Parser(add_help=False)
    for flag in ("-s", "-S", "-g", "-L"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("-f", "--fail", dest="f", action="store_true")
    parser.add_argument("--silent", "--show-error", "--globoff", dest="s", action="store_true")
    parser.add_argument("-X", "--request", dest="method")
    parser.add_argument("-d", "--data", "--data-raw", "--json", dest="data")
    parser.add_argument("-H", "--header", dest="headers", action="append")
    parser.add_argument("-w", "--write-out", dest="form", default="")
    parser.add_argument("-m", "--max-time", dest="limit")
    parser.add_argument("url")
    options = parser.parse_args(arguments)
    url = urlsplit(options.url if "://" in options.url else f"http://{options.url}")
    if url.port != PORT:
        where = f"{url.hostname} port {url.port or 80}"
        return _result(7, "", f"curl: (7) Failed to connect to {where}: Couldn't connect to server\n")
    method = options.method or ("POST" if options.data is not None else "GET")
    status, body = answer(member, method, url.path, options.data or "")
    tail = options.form.replace("%{http_code}", str(status)).replace(r"\n", "\n")
    if options.f and status >= 400:
        return _result(HTTP_ERROR, tail, f"curl: (22) The requested URL returned error: {status}\n")
    return _result(0, body + tail, "")


def _result(exit_code: int, stdout: str, stderr: str) -> Json:
    return {"exit_code": exit_code, "exit_signal": 0, "stdout": stdout, "stderr": stderr}
