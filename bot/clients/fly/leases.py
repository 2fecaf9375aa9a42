"""Leases on Machines.

Source: Fly docs, "Machine leases" of the Machines API. A lease is proven by its nonce, which only the answer
that granted it carries.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from bot.clients.fly import parse
from bot.clients.fly.connection import Flaps, machine_path, nonce_header, read
from bot.clients.http import Retry
from bot.domain.model import Lease
from bot.errors import LeaseHeld, RemoteRejected, RemoteTimeout, RemoteUnavailable
from bot.ports import Clock

GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED})


class Leases:
    """The part of the client that speaks of leases."""

    _flaps: Flaps
    _clock: Clock

    async def lease(self, app: str, machine_id: str) -> Lease | None:
        """The lease on the Machine, whoever holds it, or None. It never carries a nonce."""
        url = machine_path(app, machine_id, "lease")
        response = await self._flaps.call(
            "find-lease", machine_id, "GET", url, retry=Retry.SAFE, expect={HTTPStatus.NOT_FOUND}
        )
        if response.status == HTTPStatus.NOT_FOUND:
            return None
        return replace(read(response, lambda body: parse.lease(machine_id, body)), nonce="")

    async def acquire_lease(self, app: str, machine_id: str, *, ttl_s: int, description: str) -> Lease:
        """Take the lease for `ttl_s` seconds; LeaseHeld when somebody else has it.

        Where the answer is lost, the lease may be ours with a nonce that nobody knows: then its time is waited
        out, recognised by `description`, before it is taken again. So make that unique to the operation.
        """
        try:
            return await self._take(app, machine_id, ttl_s, description)
        except (RemoteUnavailable, RemoteTimeout) as error:
            if not error.sent:
                raise
        held = await self.lease(app, machine_id)
        if held is not None and held.description == description:
            await self._clock.sleep(ttl_s + 1)
        return await self._take(app, machine_id, ttl_s, description)

    async def _take(self, app: str, machine_id: str, ttl_s: int, description: str) -> Lease:
        response = await self._flaps.call(
            "lease",
            machine_id,
            "POST",
            machine_path(app, machine_id, "lease"),
            # The documentation shows the body, flyctl sends the query.
            params={"ttl": ttl_s},
            json={"ttl": ttl_s, "description": description},
            retry=Retry.UNSENT,
        )
        return read(response, lambda body: parse.lease(machine_id, body))

    async def refresh_lease(self, app: str, lease: Lease, *, ttl_s: int) -> Lease:
        """Hold our lease for `ttl_s` more seconds; LeaseHeld when it was lost."""
        try:
            response = await self._flaps.call(
                "lease",
                lease.machine_id,
                "POST",
                machine_path(app, lease.machine_id, "lease"),
                params={"ttl": ttl_s},
                json={"ttl": ttl_s, "description": lease.description},
                headers=nonce_header(lease.nonce),
                retry=Retry.SAFE,
            )
        except RemoteRejected as error:
            if error.status in GONE:
                raise LeaseHeld(lease.machine_id, "", None) from error
            raise
        return read(response, lambda body: parse.lease(lease.machine_id, body))

    async def release_lease(self, app: str, lease: Lease) -> None:
        """Give the lease back; one that is already gone, or somebody else's by now, is fine."""
        await self._flaps.call(
            "release-lease",
            lease.machine_id,
            "DELETE",
            machine_path(app, lease.machine_id, "lease"),
            headers=nonce_header(lease.nonce),
            retry=Retry.SAFE,
            expect=GONE,
        )
