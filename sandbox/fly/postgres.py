"""A Postgres cluster that Fly does not manage: its databases, users and settings, which outlive every restart.

The cluster is an app whose Machines run the image `flyio/postgres-flex`. What its Machines say about themselves is
`postgres_checks`, what is asked of it by command is `postgres_shell`.

Source: https://fly.io/docs/postgres/ and fly-apps/postgres-flex
"""

from __future__ import annotations

from dataclasses import dataclass, field

ROLE = "postgres_cluster"
MAX_CONNECTIONS = 300
RESERVED_CONNECTIONS = 3
# What an empty database takes, and what the server takes besides: its catalogue, logs and write-ahead log.
EMPTY_DATABASE_BYTES = 7_750_000
SERVER_BYTES = 262_000_000
SYSTEM_USERS = ("flypgadmin", "postgres", "repmgr")
SYSTEM_DATABASES = {"postgres": "postgres", "repmgr": "repmgr"}
SETTINGS = {
    "max_connections": str(MAX_CONNECTIONS),
    "superuser_reserved_connections": str(RESERVED_CONNECTIONS),
    "server_version": "17.2",
    "shared_buffers": "128MB",
    "work_mem": "4MB",
    "wal_level": "replica",
    "default_transaction_read_only": "off",
    "statement_timeout": "0",
    "log_min_duration_statement": "-1",
    "shared_preload_libraries": "repmgr",
}
# These take effect when the server starts again.
RESTART_SETTINGS = frozenset({"max_connections", "shared_buffers", "wal_level", "shared_preload_libraries"})
OBJECT_IN_USE, DUPLICATE_DATABASE, DUPLICATE_OBJECT = "55006", "42P04", "42710"
UNKNOWN_DATABASE, UNKNOWN_OBJECT, DEPENDENT_OBJECTS = "3D000", "42704", "2BP01"


class SqlError(Exception):
    """What Postgres answers instead of doing it, with its SQLSTATE.

    Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
    """

    def __init__(self, state: str, text: str) -> None:
        super().__init__(text)
        self.state = state
        self.text = text


@dataclass
class Database:
    name: str
    owner: str
    size_bytes: int = EMPTY_DATABASE_BYTES


@dataclass
class User:
    name: str
    superuser: bool = False


def _system_databases() -> dict[str, Database]:
    return {name: Database(name, owner) for name, owner in SYSTEM_DATABASES.items()}


def _system_users() -> dict[str, User]:
    return {name: User(name, superuser=True) for name in SYSTEM_USERS}


@dataclass
class Cluster:
    """Databases by name, users by name, and which Machine is the primary.

    `per_machine` is how many connections each running Machine of an app that uses it holds open.
    """

    databases: dict[str, Database] = field(default_factory=_system_databases)
    users: dict[str, User] = field(default_factory=_system_users)
    settings: dict[str, str] = field(default_factory=lambda: dict(SETTINGS))
    # Set, and not yet in force since the server has to start again for it.
    pending_settings: dict[str, str] = field(default_factory=dict)
    per_machine: int = 10
    primary: str | None = None
    # Somebody switched it to read-only by hand.
    locked: bool = False
    # By the number of a fault, what fills the disk since it was switched on.
    ballast_bytes: dict[int, int] = field(default_factory=dict)

    @property
    def used_bytes(self) -> int:
        return SERVER_BYTES + sum(database.size_bytes for database in self.databases.values())

    def create_database(self, name: str, owner: str = "postgres") -> Database:
        if name in self.databases:
            raise SqlError(DUPLICATE_DATABASE, f'database "{name}" already exists')
        self.user(owner)
        self.databases[name] = Database(name, owner)
        return self.databases[name]

    def drop_database(self, name: str, *, sessions: int = 0) -> None:
        """Drop a database; refused while somebody else is connected to it."""
        if name not in self.databases:
            raise SqlError(UNKNOWN_DATABASE, f'database "{name}" does not exist')
        if sessions:
            text = f'database "{name}" is being accessed by other users'
            raise SqlError(OBJECT_IN_USE, text)
        del self.databases[name]

    def create_user(self, name: str, *, superuser: bool = False) -> User:
        if name in self.users:
            raise SqlError(DUPLICATE_OBJECT, f'role "{name}" already exists')
        self.users[name] = User(name, superuser)
        return self.users[name]

    def user(self, name: str) -> User:
        if name not in self.users:
            raise SqlError(UNKNOWN_OBJECT, f'role "{name}" does not exist')
        return self.users[name]

    def drop_user(self, name: str) -> None:
        """Drop a user; refused while it owns a database."""
        self.user(name)
        if any(database.owner == name for database in self.databases.values()):
            text = f'role "{name}" cannot be dropped because some objects depend on it'
            raise SqlError(DEPENDENT_OBJECTS, text)
        del self.users[name]

    def reassign(self, name: str, to: str) -> None:
        """Give everything that one user owns to another."""
        self.user(name)
        for database in self.databases.values():
            if database.owner == name:
                database.owner = to

    def set(self, name: str, value: str) -> bool:
        """Change a setting; whether it waits for the server to start again."""
        if name not in self.settings:
            raise SqlError(UNKNOWN_OBJECT, f'unrecognized configuration parameter "{name}"')
        if name in RESTART_SETTINGS and value != self.settings[name]:
            self.pending_settings[name] = value
            return True
        self.settings[name] = value
        return False

    def server_starts(self) -> None:
        """What waited for a start is in force now."""
        self.settings.update(self.pending_settings)
        self.pending_settings.clear()

    @property
    def max_connections(self) -> int:
        return int(self.settings["max_connections"])

    @property
    def reserved_connections(self) -> int:
        return int(self.settings["superuser_reserved_connections"])
