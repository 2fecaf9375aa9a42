"""SQL as far as one looks at a cluster with it and makes databases and users; no tables, and no data in them.

A query is worked by SQLite over the catalogue of the cluster (`pg_database`, `pg_stat_activity`, `pg_roles`,
`pg_user`, `pg_settings`, `pg_stat_replication`, `pg_replication_slots`), with the functions that are asked of it most.

Source: https://www.postgresql.org/docs/current/catalogs.html and https://www.postgresql.org/docs/current/monitoring-stats.html
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sandbox.fly.postgres import Cluster, SqlError
from sandbox.fly.postgres_checks import OWN_SESSIONS, Member, data_size

SYNTAX_ERROR, UNDEFINED_TABLE, READ_ONLY = "42601", "42P01", "25006"
NAME = r'"?([A-Za-z_][\w$-]*)"?'
# What SQLite does not know of Postgres's dialect, and can do without.
CASTS = re.compile(r"::\s*[a-z_]+(?:\s*\[\s*\])?", re.IGNORECASE)
CATALOGUE = re.compile(r"\b(?:pg_catalog|public)\.", re.IGNORECASE)
DOLLARS = re.compile(r"\$\$(.*?)\$\$")
STATEMENTS = re.compile(r"""(?:'(?:[^']|'')*'|"[^"]*"|\$\$.*?\$\$|[^;'"$]|\$)+""", re.DOTALL)
Row = Sequence[Any]


@dataclass(frozen=True)
class Result:
    """Rows with their columns, or for a command without rows its tag."""

    tag: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()


def execute(member: Member, text: str, database: str) -> list[Result]:
    """The results of the statements of a text, one after the other; SqlError ends it."""
    statements = [found.strip() for found in STATEMENTS.findall(text) if found.strip()]
    return [_statement(member, statement, database) for statement in statements]


def _statement(member: Member, text: str, database: str) -> Result:
    for pattern, writes, command in COMMANDS:
        found = pattern.fullmatch(text)
        if found is None:
            continue
        if writes and member.is_read_only:
            verb = " ".join(text.split()[:2]).upper()
            raise SqlError(READ_ONLY, f"cannot execute {verb} in a read-only transaction")
        return command(member.cluster, found)
    if re.match(r"(?:select|with|table|values)\b", text, re.IGNORECASE):
        return _select(member, text, database)
    word = (text.split() or [""])[0]
    raise SqlError(SYNTAX_ERROR, f'syntax error at or near "{word}"')


def _create_database(cluster: Cluster, found: re.Match[str]) -> Result:
    cluster.create_database(found[1], found[2] or "postgres")
    return Result("CREATE DATABASE")


def _drop_database(cluster: Cluster, found: re.Match[str]) -> Result:
    if found[1] is None or found[2] in cluster.databases:
        cluster.drop_database(found[2])
    return Result("DROP DATABASE")


def _create_user(cluster: Cluster, found: re.Match[str]) -> Result:
    options = f" {found[2].upper()} "
    cluster.create_user(found[1], superuser=" SUPERUSER " in options)
    return Result("CREATE ROLE")


def _alter_user(cluster: Cluster, found: re.Match[str]) -> Result:
    options = f" {found[2].upper()} "
    user = cluster.user(found[1])
    if " SUPERUSER " in options or " NOSUPERUSER " in options:
        user.superuser = " SUPERUSER " in options
    return Result("ALTER ROLE")


def _drop_user(cluster: Cluster, found: re.Match[str]) -> Result:
    if found[1] is None or found[2] in cluster.users:
        cluster.drop_user(found[2])
    return Result("DROP ROLE")


def _reassign(cluster: Cluster, found: re.Match[str]) -> Result:
    cluster.user(found[2])
    cluster.reassign(found[1], found[2])
    return Result("REASSIGN OWNED")


def _drop_owned(cluster: Cluster, found: re.Match[str]) -> Result:
    cluster.user(found[1])
    return Result("DROP OWNED")


def _own(cluster: Cluster, found: re.Match[str]) -> Result:
    cluster.user(found[2])
    if found[1] not in cluster.databases:
        raise SqlError("3D000", f'database "{found[1]}" does not exist')
    cluster.databases[found[1]].owner = found[2]
    return Result("ALTER DATABASE")


def _set_system(cluster: Cluster, found: re.Match[str]) -> Result:
    cluster.set(found[1].lower(), found[2].strip().strip("'"))
    return Result("ALTER SYSTEM")


def _grant(_: Cluster, found: re.Match[str]) -> Result:
    return Result(found[1].upper())


def _show(cluster: Cluster, found: re.Match[str]) -> Result:
    name = found[1].lower()
    if name not in cluster.settings:
        raise SqlError("42704", f'unrecognized configuration parameter "{found[1]}"')
    return Result("SHOW", (name,), ((cluster.settings[name],),))


def _command(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.replace(" ", r"\s+").replace("NAME", NAME), re.IGNORECASE | re.DOTALL)


Command = Callable[[Cluster, re.Match[str]], Result]
# The pattern of a statement, whether it writes, and what it does.
COMMANDS: tuple[tuple[re.Pattern[str], bool, Command], ...] = (
    (_command(r"create database NAME(?: (?:with )?owner\s*=?\s*NAME)?"), True, _create_database),
    (_command(r"drop database (if exists )?NAME(?:\s*(?:with\s*)?\(\s*force\s*\))?"), True, _drop_database),
    (_command(r"create (?:user|role) NAME(.*)"), True, _create_user),
    (_command(r"alter (?:user|role) NAME(.*)"), True, _alter_user),
    (_command(r"drop (?:user|role) (if exists )?NAME"), True, _drop_user),
    (_command(r"reassign owned by NAME to NAME"), True, _reassign),
    (_command(r"drop owned by NAME(?: cascade)?"), True, _drop_owned),
    (_command(r"alter database NAME owner to NAME"), True, _own),
    (_command(r"alter system set (\w+)\s*(?:=|to)\s*(.+)"), False, _set_system),
    (_command(r"(grant|revoke) .+"), True, _grant),
    (_command(r"show (\w+)"), False, _show),
)


def _select(member: Member, text: str, database: str) -> Result:
    query = DOLLARS.sub(lambda found: f"'{found[1]}'", CATALOGUE.sub("", CASTS.sub("", text)))
    with closing(sqlite3.connect(":memory:")) as connection:
        _fill(connection, member, database)
        try:
            cursor = connection.execute(query)
            rows = tuple(cursor.fetchall())
        except sqlite3.Error as error:
            raise _as_postgres(str(error)) from None
    return Result(f"SELECT {len(rows)}", tuple(column[0] for column in cursor.description), rows)


def _as_postgres(text: str) -> SqlError:
    missing = re.fullmatch(r"no such (table|column|function): (.+)", text)
    if missing is None:
        return SqlError(SYNTAX_ERROR, text)
    kind = {"table": "relation", "column": "column", "function": "function"}[missing[1]]
    return SqlError(UNDEFINED_TABLE, f'{kind} "{missing[2]}" does not exist')


def _fill(connection: sqlite3.Connection, member: Member, database: str) -> None:
    cluster = member.cluster
    sizes = {each.name: each.size_bytes for each in cluster.databases.values()}
    functions: dict[str, tuple[int, Callable[..., Any]]] = {
        "pg_database_size": (1, sizes.get),
        "pg_size_pretty": (1, lambda size: data_size(float(size)).replace("KB", "kB")),
        "pg_is_in_recovery": (0, lambda: "f" if member.is_primary else "t"),
        "pg_reload_conf": (0, lambda: "t"),
        "current_database": (0, lambda: database),
        "current_setting": (1, cluster.settings.get),
        "version": (0, lambda: f"PostgreSQL {cluster.settings['server_version']} on x86_64-pc-linux-gnu, 64-bit"),
    }
    for name, (count, function) in functions.items():
        connection.create_function(name, count, function)
    for table, (columns, rows) in _catalogue(member, database).items():
        connection.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
        marks = ", ".join("?" * len(columns))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608  our own names of tables


def _catalogue(member: Member, database: str) -> dict[str, tuple[tuple[str, ...], list[Row]]]:
    """Rows of the catalogue by table; SQLite would not know Postgres's booleans, so they are letters."""
    cluster = member.cluster
    databases: list[Row] = [
        (n, each.name, each.owner, "f") for n, each in enumerate(cluster.databases.values(), 16_384)
    ]
    users: list[Row] = [(n, user.name, _letter(user.superuser)) for n, user in enumerate(cluster.users.values(), 10)]
    settings: list[Row] = [
        (name, value, _letter(name in cluster.pending_settings)) for name, value in sorted(cluster.settings.items())
    ]
    replicas = [m for m in member.app.active_machines() if m.vitals and m.state == "started" and not _leads(cluster, m)]
    lags = [Member(member.world, member.app, machine).replication_lag_s for machine in replicas]
    replication: list[Row] = [(m.id, "streaming", lag) for m, lag in zip(replicas, lags, strict=True)]
    return {
        "pg_database": (("oid", "datname", "datdba", "datistemplate"), databases),
        "pg_user": (("usesysid", "usename", "usesuper"), users),
        "pg_roles": (("oid", "rolname", "rolsuper"), users),
        "pg_settings": (("name", "setting", "pending_restart"), settings),
        "pg_stat_activity": (("pid", "datname", "usename", "backend_type", "state"), _activity(member, database)),
        "pg_stat_replication": (("application_name", "state", "replay_lag"), replication if member.is_primary else []),
        "pg_replication_slots": (
            ("slot_name", "active", "wal_status"),
            [(f"repmgr_slot_{number}", "t", "reserved") for number, _ in enumerate(replication, 2)],
        ),
    }


def _activity(member: Member, database: str) -> list[Row]:
    own = [(kind, user) for kind, user in OWN_SESSIONS]
    clients = max(0, member.sessions() - len(own))
    own_rows = [(300 + n, None, user or None, kind, None) for n, (kind, user) in enumerate(own)]
    return [*own_rows, *((400 + n, database, "postgres", "client backend", "idle") for n in range(clients))]


def _leads(cluster: Cluster, machine: Any) -> bool:
    return bool(cluster.primary == machine.id)


def _letter(value: bool) -> str:
    return "t" if value else "f"
