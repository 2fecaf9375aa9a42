"""What flyctl says to Fly, command by command, as far as a test needs it: each back end with its form of the token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from sandbox.fly.seeding import reference_seed
from tests.sandbox.fly_client import APP, Fly

TOKENS = {row["organization"]: row["text"] for row in reference_seed()["tokens"] if row.get("name")}
APP_FIELDS = "id name hostname deployed status appUrl platformVersion organization { id slug rawSlug paidPlan }"
COMPACT = f"query ($appName: String!) {{ app(name: $appName) {{ {APP_FIELDS} postgresAppRole: role {{ name }} }} }}"


@dataclass
class Conversation:
    """A flyctl whose token is in its environment."""

    fly: Fly
    token: str = TOKENS["reify-studio-production"]

    async def flaps(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """The Machines API: macaroons with their own scheme, and a body only where there is one."""
        headers = {"Authorization": f"FlyV1 {self.token}", **options.pop("headers", {})}
        content = {} if body is None else {"json": body}
        return await self.fly.http.request(method, f"/v1{path}", headers=headers, **content, **options)

    async def uiex(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        """`api/v1`: all tokens as one bearer."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return await self.fly.http.request(method, f"/api/v1{path}", json=body, params=query, headers=headers)

    async def graphql(self, query: str, **variables: Any) -> Any:
        """Data of an answer without errors."""
        answer = await self.graphql_answer(query, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    async def graphql_answer(self, query: str, **variables: Any) -> Any:
        headers = {"Authorization": f"FlyV1 {self.token}", "User-Agent": "flyctl/0.4.60"}
        body = {"query": query, "variables": variables}
        return (await self.fly.http.post("/graphql", json=body, headers=headers)).json()

    # Machines

    async def machines(self, app: str = APP) -> list[Any]:
        """Machines that belong to the app's process groups, by id."""
        found = (await self.flaps("GET", f"/apps/{app}/machines")).json()
        reserved = {"fly_app_release_command", "fly_app_console"}
        kept = [m for m in found if m["config"]["metadata"].get("fly_process_group") not in reserved]
        return sorted((m for m in kept if m["state"] != "destroyed"), key=lambda m: str(m["id"]))

    async def lease(self, machine: str, app: str = APP, ttl: int = 13) -> dict[str, str]:
        """Take the lease as flyctl does, with the time in the query; the header that carries it."""
        answer = await self.flaps("POST", f"/apps/{app}/machines/{machine}/lease?ttl={ttl}")
        assert answer.json()["status"] == "success"
        return {"fly-machine-lease-nonce": answer.json()["data"]["nonce"]}

    async def release_lease(self, machine: str, lease: dict[str, str], app: str = APP) -> None:
        answer = await self.flaps("DELETE", f"/apps/{app}/machines/{machine}/lease", headers=lease)
        assert answer.is_success

    async def wait(self, machine: Any, state: str, app: str = APP) -> None:
        query = {"version": machine["instance_id"], "timeout": "60", "state": state}
        answer = await self.flaps("GET", f"/apps/{app}/machines/{machine['id']}/wait", params=query)
        assert answer.is_success, answer.text

    async def healthy(self, machine_id: str, app: str = APP) -> None:
        """Poll until every configured check passes."""
        while True:
            machine = (await self.flaps("GET", f"/apps/{app}/machines/{machine_id}")).json()
            wanted = sum(len(service.get("checks") or []) for service in machine["config"].get("services") or [])
            if [check["status"] for check in machine["checks"]] == ["passing"] * wanted:
                return
            await self.fly.clock.sleep(1)
