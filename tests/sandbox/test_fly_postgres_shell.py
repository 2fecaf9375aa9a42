"""Commands in a Machine of Postgres: psql, and curl to the API on its port 5500."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.fly_client import FIXTURES, Fly

fly_stage, fly = FIXTURES
DATABASE, PRIMARY = "reify-studio-production-db", "3287a91b4d0e85"
API = "http://localhost:5500/commands"


async def run(fly: Fly, *command: str) -> Any:
    """Exit code and what was printed."""
    answer = await fly.call("POST", f"/v1/apps/{DATABASE}/machines/{PRIMARY}/exec", {"command": list(command)})
    return answer.json()


async def psql(fly: Fly, sql: str, *options: str) -> Any:
    return await run(fly, "psql", "-U", "postgres", *options, "-c", sql)


async def rows(fly: Fly, sql: str) -> list[str]:
    """Rows of a query, unaligned."""
    answer = await psql(fly, sql, "-A", "-t")
    assert answer["exit_code"] == 0, answer
    return str(answer["stdout"]).splitlines()


QUERIES = {
    "select count(*) from pg_stat_activity": ["9"],
    "SELECT datname FROM pg_database WHERE datistemplate = 'f' ORDER BY datname": [
        "postgres",
        "reify_studio",
        "repmgr",
    ],
    "select pg_size_pretty(pg_database_size('reify_studio'))": ["50 MB"],
    "select setting::int from pg_settings where name = $$max_connections$$": ["300"],
    "SELECT usename, usesuper FROM pg_catalog.pg_user WHERE usename = 'reify_studio'": ["reify_studio|t"],
    "select count(*) filter (where backend_type = 'client backend') from pg_stat_activity": ["4"],
    "select pg_is_in_recovery(), current_database()": ["f|postgres"],
    "show max_connections": ["300"],
    "select 1; select 2": ["1", "2"],
}


@pytest.mark.parametrize("sql", QUERIES)
async def test_a_query_over_the_catalogue_is_worked(fly: Fly, sql: str) -> None:
    """Whatever SQL says of the cluster agrees with what its checks say."""
    assert await rows(fly, sql) == QUERIES[sql]


async def test_psql_prints_a_table_as_psql_does(fly: Fly) -> None:
    """Centred names, a rule, numbers to the right, and the count of rows."""
    answer = await psql(fly, "select count(*) as connections from pg_stat_activity")

    assert answer["stdout"] == " connections \n-------------\n           9\n(1 row)\n\n"


async def test_a_database_and_its_user_are_made_and_dropped(fly: Fly) -> None:
    """They stay across a restart, and show in the list until they are dropped."""
    made = await psql(fly, "CREATE USER pr_42 WITH LOGIN PASSWORD 'x'; CREATE DATABASE pr_42 OWNER pr_42")
    await fly.call("POST", f"/v1/apps/{DATABASE}/machines/{PRIMARY}/restart")
    fly.clock.advance(30)
    owners = await rows(fly, "select datdba from pg_database where datname = 'pr_42'")
    refused = await psql(fly, "DROP USER pr_42")
    dropped = await psql(fly, "DROP DATABASE IF EXISTS pr_42 WITH (FORCE); DROP USER pr_42")

    assert made["stdout"] == "CREATE ROLE\nCREATE DATABASE\n"
    assert owners == ["pr_42"]
    assert refused["stderr"] == 'ERROR:  role "pr_42" cannot be dropped because some objects depend on it\n'
    assert dropped["exit_code"] == 0
    assert await rows(fly, "select 1 from pg_database where datname = 'pr_42'") == []


REFUSALS = {
    "CREATE DATABASE reify_studio": 'ERROR:  database "reify_studio" already exists\n',
    "DROP DATABASE nothing": 'ERROR:  database "nothing" does not exist\n',
    "CREATE USER postgres": 'ERROR:  role "postgres" already exists\n',
    "CREATE DATABASE x OWNER nobody": 'ERROR:  role "nobody" does not exist\n',
    "select * from accounts": 'ERROR:  relation "accounts" does not exist\n',
    "VACUUM FULL": 'ERROR:  syntax error at or near "VACUUM"\n',
    "show nonsense": 'ERROR:  unrecognized configuration parameter "nonsense"\n',
}


@pytest.mark.parametrize("sql", REFUSALS)
async def test_what_cannot_be_done_is_an_error_in_the_words_of_postgres(fly: Fly, sql: str) -> None:
    """The exit code is 1, and standard error says why; nothing changed."""
    before = fly.sim.state()["apps"][DATABASE]["postgres"]

    answer = await psql(fly, sql)

    assert (answer["exit_code"], answer["stderr"]) == (1, REFUSALS[sql])
    assert fly.sim.state()["apps"][DATABASE]["postgres"] == before


@pytest.mark.parametrize("kind", ["disk_full", "database_read_only", "zombie"])
async def test_a_read_only_database_refuses_writes_and_answers_queries(fly: Fly, kind: str) -> None:
    """So does the API on port 5500."""
    fly.fault(kind, target=DATABASE)

    refused = await psql(fly, "CREATE DATABASE pr_42")
    by_api = await run(fly, "curl", "-s", "-d", '{"name": "pr_42"}', f"{API}/databases/create")

    assert refused["stderr"] == "ERROR:  cannot execute CREATE DATABASE in a read-only transaction\n"
    assert "read-only transaction" in by_api["stdout"]
    assert await rows(fly, "select 1") == ["1"]


async def test_when_connections_run_out_only_superusers_get_in(fly: Fly) -> None:
    """The last three are theirs; then nobody gets in."""
    await psql(fly, "CREATE USER reader LOGIN PASSWORD 'x'")
    fly.fault("connections_exhausted", target=DATABASE)
    reader = await run(fly, "psql", "-U", "reader", "-d", "reify_studio", "-c", "select 1")
    superuser = await psql(fly, "select 1")
    fly.sim.faults.clear()
    fly.fault("connections_exhausted", target=DATABASE, detail={"used": 300})
    nobody = await psql(fly, "select 1")

    assert (reader["exit_code"], superuser["exit_code"], nobody["exit_code"]) == (2, 0, 2)
    assert "remaining connection slots are reserved" in reader["stderr"]
    assert "too many clients already" in nobody["stderr"]


async def test_the_api_makes_and_lists_databases_and_users(fly: Fly) -> None:
    """As flyctl attaches an app: the database, then its user, which is a superuser if wanted."""
    await run(fly, "sh", "-c", f'curl -s -X POST -d \'{{"name": "pr_42"}}\' {API}/databases/create')
    user = json.dumps({"username": "pr_42", "password": "x", "superuser": True})
    await run(fly, "curl", "-s", "-d", user, f"{API}/users/create")
    again = await run(fly, "curl", "-s", "-w", "%{http_code}", "-d", user, f"{API}/users/create")
    databases = json.loads((await run(fly, "curl", "-s", f"{API}/databases/list"))["stdout"])
    found = json.loads((await run(fly, "curl", "-s", f"{API}/users/pr_42"))["stdout"])

    assert [database["name"] for database in databases["result"]] == ["postgres", "pr_42", "reify_studio", "repmgr"]
    assert found["result"]["superuser"] is True
    assert again["stdout"].endswith("409")
    assert "already exists" in again["stdout"]


async def test_deleting_a_user_gives_its_databases_to_postgres(fly: Fly) -> None:
    """The databases stay: detaching an app deletes no data."""
    gone = await run(fly, "curl", "-s", "-X", "DELETE", f"{API}/users/delete/reify_studio")

    assert json.loads(gone["stdout"]) == {"result": True}
    assert await rows(fly, "select datdba from pg_database where datname = 'reify_studio'") == ["postgres"]


API_ANSWERS = {
    "/databases/nothing": (404, "no rows in result set"),
    "/users/nobody": (200, '{"result":null}'),
    "/admin/role": (200, '{"result":"primary"}'),
    "/admin/readonly/state": (200, '{"result":false}'),
    "/nonsense": (404, "404 page not found"),
}


@pytest.mark.parametrize("path", API_ANSWERS)
async def test_the_api_answers_a_get(fly: Fly, path: str) -> None:
    """Status and body of each."""
    answer = await run(fly, "curl", "-s", "-w", " %{http_code}", API + path)

    status, text = API_ANSWERS[path]
    assert answer["stdout"].endswith(f" {status}")
    assert text in answer["stdout"]


async def test_a_lock_set_by_hand_is_in_the_check_until_it_is_taken_off(fly: Fly) -> None:
    """The check reads the lock that the API writes."""
    await run(fly, "curl", "-s", f"{API}/admin/readonly/enable")
    locked = await run(fly, "curl", "-s", "localhost:5500/flycheck/pg")
    await run(fly, "curl", "-s", f"{API}/admin/readonly/disable")
    unlocked = await run(fly, "curl", "-s", "-f", "localhost:5500/flycheck/pg")

    assert "`readonly.lock` detected" in locked["stdout"]
    assert "No active locks detected" in unlocked["stdout"]


async def test_a_setting_that_needs_a_restart_waits_for_one(fly: Fly) -> None:
    """The answer says so, and the checks count with the new value afterwards."""
    changed = await run(fly, "curl", "-s", "-d", '{"max_connections": 500}', f"{API}/admin/settings/update/postgres")
    before = await rows(fly, "show max_connections")
    await fly.call("POST", f"/v1/apps/{DATABASE}/machines/{PRIMARY}/restart")
    fly.clock.advance(30)

    assert json.loads(changed["stdout"])["result"]["restart_required"] is True
    assert before == ["300"]
    assert await rows(fly, "show max_connections") == ["500"]


BAD_COMMANDS = {
    ("curl", "-s", f"{API}/users/create", "-d", "{"): (0, "invalid request"),
    ("curl", "-s", f"{API}/databases/create", "-d", "[]"): (0, "invalid request"),
    ("curl", "-s", f"{API}/databases/create", "-d", '{"name": "a; drop"}'): (0, "syntax error"),
    ("curl", "-f", "-s", f"{API}/databases/nothing"): (22, "404"),
    ("curl", "http://localhost:9999/"): (7, "Failed to connect"),
    ("curl", "--nonsense"): (2, "curl: "),
    ("psql", "-d", "nothing", "-c", "select 1"): (2, 'database "nothing" does not exist'),
    ("psql", "-U", "nobody", "-c", "select 1"): (2, 'role "nobody" does not exist'),
    ("flyadmin", "list"): (127, "not found"),
}


@pytest.mark.parametrize("command", BAD_COMMANDS, ids=" ".join)
async def test_a_command_that_goes_wrong_says_so_and_changes_nothing(fly: Fly, command: tuple[str, ...]) -> None:
    """An exit code and a text, as the program itself has them."""
    before = fly.sim.state()["apps"][DATABASE]["postgres"]

    answer = await run(fly, *command)

    exit_code, text = BAD_COMMANDS[command]
    assert answer["exit_code"] == exit_code
    assert text in answer["stdout"] + answer["stderr"]
    assert fly.sim.state()["apps"][DATABASE]["postgres"] == before


async def test_a_sleeping_database_runs_no_commands(fly: Fly) -> None:
    """The Machine has to be started first."""
    await fly.do("stop_machine", machine=PRIMARY)
    fly.clock.advance(10)

    body = {"command": ["psql", "-c", "select 1"]}
    refused = await fly.call("POST", f"/v1/apps/{DATABASE}/machines/{PRIMARY}/exec", body)

    assert (refused.status_code, refused.json()["error"]) == (412, "failed_precondition: machine not running")
