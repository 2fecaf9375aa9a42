"""The metrics endpoint of the simulated Fly: queries over what its Machines, volumes and databases publish."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.fly_client import APP, FIXTURES, IAD, SJC, Fly

fly_stage, fly = FIXTURES
PATH = "/prometheus/reify-studio-production/api/v1/query"
DATABASE, PRIMARY = "reify-studio-production-db", "3287a91b4d0e85"


async def query(fly: Fly, text: str) -> list[tuple[dict[str, str], float]]:
    """Labels and value of each sample."""
    answer = await fly.get(PATH, query=text)
    assert answer["status"] == "success", answer
    return [(row["metric"], float(row["value"][1])) for row in answer["data"]["result"]]


async def value(fly: Fly, text: str) -> float:
    """The only value of a query."""
    ((_, found),) = await query(fly, text)
    return found


async def test_a_series_has_the_standard_labels(fly: Fly) -> None:
    """App, region, host and instance."""
    found = await query(fly, f'fly_instance_up{{app="{APP}"}}')

    assert {labels["instance"] for labels, _ in found} == {IAD, SJC}
    assert {labels["__name__"] for labels, _ in found} == {"fly_instance_up"}
    assert {tuple(sorted(labels)) for labels, _ in found} == {("__name__", "app", "host", "instance", "region")}


QUERIES: dict[str, float] = {
    "count(fly_instance_up)": 3,
    f'fly_instance_memory_mem_total{{instance="{PRIMARY}"}} / 1048576': 962.56,
    f'count(fly_instance_up{{instance=~"{IAD}|{SJC}"}})': 2,
    'count(fly_instance_up{app!="reify-studio"})': 1,
    f'max by (app) (fly_volume_size_bytes{{app="{DATABASE}"}})': 2**30,
    'sum(pg_stat_activity_count{app=~".+-db"})': 9,
    'pg_database_size_bytes{datname="reify_studio"}': 52_428_800,
    "min(pg_replication_lag)": 0,
    "(1 + 2) * 3": 9,
}


@pytest.mark.parametrize("text", QUERIES)
async def test_an_expression_is_worked(fly: Fly, text: str) -> None:
    """Selectors, aggregations and arithmetic."""
    assert await value(fly, text) == pytest.approx(QUERIES[text])


async def test_memory_in_use_is_told_by_two_series(fly: Fly) -> None:
    """Their quotient has a sample for each Machine; one that starves has next to nothing left."""
    share = "fly_instance_memory_mem_available / fly_instance_memory_mem_total"
    healthy = {labels["instance"]: found for labels, found in await query(fly, share)}
    fly.fault("out_of_memory", target=PRIMARY)
    starved = {labels["instance"]: found for labels, found in await query(fly, share)}

    assert healthy[PRIMARY] == pytest.approx(0.62)
    assert starved[PRIMARY] == pytest.approx(0.02)
    assert starved[IAD] == pytest.approx(0.62)


async def test_requests_are_counted(fly: Fly) -> None:
    """The query of the documentation: what increased, by app and status; without a window it is five minutes."""
    for _ in range(3):
        await fly.do("visit", app=APP)
    fly.clock.advance(600)
    await fly.do("visit", app=APP)
    recent = await query(fly, "sum(increase(fly_edge_http_responses_count)) by (app, status)")
    hour = await query(fly, f'increase(fly_edge_http_responses_count{{app="{APP}"}}[1h])')

    assert ({"app": APP, "status": "200"}, 1.0) in recent
    assert [found for _, found in hour] == [4.0]


async def test_a_full_disk_shows_on_its_volume(fly: Fly) -> None:
    """In percent of the volume."""
    before = await value(fly, f'fly_volume_used_pct{{app="{DATABASE}"}}')
    fly.fault("disk_full", target=DATABASE)

    assert before < 40
    assert await value(fly, f'fly_volume_used_pct{{app="{DATABASE}"}}') > 90


async def test_a_crash_shows_with_its_exit_code(fly: Fly) -> None:
    """Once the Machine runs again."""
    await fly.do("crash", machine=IAD, exit_code=137, oom=True)
    fly.clock.advance(30)

    assert await value(fly, f'fly_instance_exit_code{{instance="{IAD}"}}') == 137
    assert await value(fly, f'fly_instance_exit_oom{{instance="{IAD}"}}') == 1


async def test_a_replica_behind_says_by_how_much(fly: Fly) -> None:
    """In seconds; the primary is never behind."""
    cluster = fly.sim.app(DATABASE).postgres
    assert cluster is not None
    cluster.primary = "another"
    fly.fault("replication_lag", target=DATABASE, seconds=42)

    assert await value(fly, "pg_replication_lag") == 42


async def test_a_query_may_come_as_a_form(fly: Fly) -> None:
    """As curl sends it with --data-urlencode."""
    answer = await fly.http.post(PATH, data={"query": "count(fly_instance_up)"})

    assert answer.json()["data"]["result"][0]["value"][1] == "3"


BAD_QUERIES = [
    "",
    "sum(",
    "fly_instance_up{app=}",
    'fly_instance_up{app=~"("}',
    "1 +",
    "fly_instance_up}",
    "sum(1)",
    "increase(up[5x])",
    "%",
    "(" * 5000,
]


@pytest.mark.parametrize("text", BAD_QUERIES)
async def test_what_cannot_be_read_is_refused(fly: Fly, text: str) -> None:
    """422, in the shape of Prometheus."""
    refused = await fly.call("GET", PATH, params={"query": text})

    assert refused.status_code == 422
    assert refused.json()["status"] == "error"


async def test_metrics_belong_to_an_organisation(fly: Fly) -> None:
    """Another one's are refused, and so is a stranger."""
    other = await fly.call("GET", PATH.replace("production", "staging"), params={"query": "up"})
    stranger = await fly.call("GET", PATH, params={"query": "up"}, headers={"Authorization": "Bearer nobody"})

    assert (other.status_code, stranger.status_code) == (403, 401)


async def test_the_names_of_the_series_are_listed(fly: Fly) -> None:
    """As a dashboard asks for them."""
    found: Any = await fly.get(PATH.replace("query", "label/__name__/values"))

    assert {"fly_instance_up", "fly_volume_used_pct", "pg_stat_activity_count"} <= set(found["data"])
