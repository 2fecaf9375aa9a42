"""The API that every Machine of Postgres has on its port 5500, for those on the private network.

It asks for no password. An answer is `{"result": ...}` or `{"error": "..."}`.

Source: fly-apps/postgres-flex, internal/api (handler.go, handle_databases.go, handle_users.go, handle_admin.go)
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from sandbox.fly.postgres import DUPLICATE_OBJECT, SqlError, User
from sandbox.fly.postgres_checks import Member
from sandbox.fly.postgres_sql import READ_ONLY

STATUS = {DUPLICATE_OBJECT: 409, "23505": 409, "23503": 400, "23502": 400}
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class NotFoundError(Exception):
    """There is no row of this name."""


def answer(member: Member, method: str, path: str, body: str) -> tuple[int, str]:
    """Status and body of a request."""
    if path.startswith("/flycheck/"):
        status, text = member.report(path.removeprefix("/flycheck/"))
        return (200 if status == "passing" else 500), text
    for wanted, pattern, handle in ROUTES:
        found = re.fullmatch(pattern, path)
        if found is not None and wanted == method:
            return _worked(handle, member, found[1] if found.groups() else "", body)
    return 404, "404 page not found\n"


def _worked(handle: Callable[[Member, str, Any], Any], member: Member, name: str, body: str) -> tuple[int, str]:
    try:
        sent: Any = json.loads(body) if body else {}
        return 200, _line({"result": handle(member, name, sent)})
    except NotFoundError:
        return 404, _line({"error": "no rows in result set"})
    except SqlError as error:
        return STATUS.get(error.state, 500), _line({"error": f"ERROR: {error.text} (SQLSTATE {error.state})"})
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        return 500, _line({"error": f"invalid request: {error}"})


def _line(value: Any) -> str:
    return json.dumps(value, separators=(",", ":")) + "\n"


def _may_write(member: Member, verb: str) -> None:
    if member.is_read_only:
        raise SqlError(READ_ONLY, f"cannot execute {verb} in a read-only transaction")


def _named(name: Any) -> str:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise SqlError("42601", f'syntax error at or near "{name}"')
    return name.lower()


def _databases(member: Member, _: str, __: Any) -> Any:
    return [_database_json(member, name) for name in sorted(member.cluster.databases)]


def _database(member: Member, name: str, _: Any) -> Any:
    if name not in member.cluster.databases:
        raise NotFoundError
    return _database_json(member, name)


def _create_database(member: Member, _: str, body: Any) -> Any:
    name = _named(body["name"])
    # A database that is there already is what was wanted.
    if name not in member.cluster.databases:
        _may_write(member, "CREATE DATABASE")
        member.cluster.create_database(name)
    return True


def _delete_database(member: Member, name: str, _: Any) -> Any:
    _may_write(member, "DROP DATABASE")
    member.cluster.drop_database(name)
    return True


def _users(member: Member, _: str, __: Any) -> Any:
    return [_user_json(member, member.cluster.users[name]) for name in sorted(member.cluster.users)]


def _user(member: Member, name: str, _: Any) -> Any:
    found = member.cluster.users.get(name)
    return _user_json(member, found) if found else None


def _create_user(member: Member, _: str, body: Any) -> Any:
    _may_write(member, "CREATE ROLE")
    name, superuser = _named(body["username"]), body.get("superuser") is True
    if not body.get("password"):
        raise SqlError("42601", "a password is required")
    member.cluster.create_user(name, superuser=superuser)
    return True


def _delete_user(member: Member, name: str, _: Any) -> Any:
    _may_write(member, "DROP ROLE")
    member.cluster.reassign(name, "postgres")
    member.cluster.drop_user(name)
    return True


def _role(member: Member, _: str, __: Any) -> Any:
    return "primary" if member.is_primary else "replica"


def _is_read_only(member: Member, _: str, __: Any) -> Any:
    return member.has_read_only_lock or member.is_zombie


def _lock(member: Member, name: str, _: Any) -> Any:
    member.cluster.locked = name == "enable"
    return True


def _settings(member: Member, _: str, names: Any) -> Any:
    cluster = member.cluster
    found = [name for name in names if name in cluster.settings]
    return {
        "settings": [
            {"name": name, "setting": cluster.settings[name], "pending_restart": name in cluster.pending_settings}
            for name in found
        ]
    }


def _set(member: Member, _: str, values: Any) -> Any:
    waiting = [name for name, value in values.items() if member.cluster.set(name, str(value))]
    text = f"Updated, but settings {', '.join(waiting)} need a restart to apply" if waiting else "Updated"
    return {"message": text, "restart_required": bool(waiting)}


def _database_json(member: Member, name: str) -> Any:
    return {"name": name, "users": sorted(member.cluster.users)}


def _user_json(member: Member, user: User) -> Any:
    return {"username": user.name, "superuser": user.superuser, "databases": sorted(member.cluster.databases)}


ROUTES: tuple[tuple[str, str, Callable[[Member, str, Any], Any]], ...] = (
    ("GET", r"/commands/databases/list", _databases),
    ("GET", r"/commands/databases/(\w+)", _database),
    ("POST", r"/commands/databases/create", _create_database),
    ("DELETE", r"/commands/databases/delete/(\w+)", _delete_database),
    ("GET", r"/commands/users/list", _users),
    ("GET", r"/commands/users/(\w+)", _user),
    ("POST", r"/commands/users/create", _create_user),
    ("DELETE", r"/commands/users/delete/(\w+)", _delete_user),
    ("GET", r"/commands/admin/role", _role),
    ("GET", r"/commands/admin/readonly/state", _is_read_only),
    ("GET", r"/commands/admin/readonly/(enable|disable)", _lock),
    ("GET", r"/commands/admin/settings/view/postgres", _settings),
    ("POST", r"/commands/admin/settings/update/postgres", _set),
)
