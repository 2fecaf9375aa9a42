"""Machines: read, create, update, start, stop, cordon, destroy. Configs pass through untouched.

Source: Fly docs, "Machines resource" of the Machines API. A config is replaced whole by an update, so no typed
model touches it: a key that we do not know must survive.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from bot.clients.fly import parse
from bot.clients.fly.connection import Flaps, machine_gone, machine_path, nonce_header, read
from bot.clients.fly.limits import GET_MACHINE_RATE
from bot.clients.http import Retry, is_transient, path
from bot.domain.model import Machine, MachineVersion
from bot.errors import Conflict, LeaseHeld, Reason, RemoteRejected, RemoteTimeout, RemoteUnavailable
from bot.ports import Clock

# Creating and updating answer when the host has taken the Machine, which may include pulling the image.
WRITE_TIMEOUT_S = 90.0
UPDATE_TRIES = 3


class Machines:
    """The part of the client that speaks of Machines."""

    _flaps: Flaps
    _clock: Clock

    async def machines(self, app: str) -> list[Machine]:
        """Every Machine of the app that is not destroyed, reserved process groups included."""
        listed = await self._list(app, {})
        return [machine for machine in listed if machine.state != "destroyed"]

    async def marked_machines(self, app: str, key: str, value: str) -> list[Machine]:
        """Machines whose metadata carries `key=value`, destroyed ones included while Fly still lists them."""
        listed = await self._list(app, {f"metadata.{key}": value, "include_deleted": True})
        # Where the host is unreachable there is nothing to compare, and Fly's own filter has to be believed.
        return [m for m in listed if m.metadata.get(key) == value or not (m.config or m.metadata)]

    async def _list(self, app: str, params: Mapping[str, str | bool]) -> list[Machine]:
        url = path("apps", app, "machines")
        response = await self._flaps.call("list", app, "GET", url, params=params, retry=Retry.SAFE)
        return read(response, lambda body: [parse.machine(app, each) for each in body])

    async def machine(self, app: str, machine_id: str) -> Machine:
        """One Machine, readable for some time after it was destroyed; NotFound when it is not."""
        response = await self._flaps.call(
            "get",
            machine_id,
            "GET",
            machine_path(app, machine_id),
            rate=GET_MACHINE_RATE,
            retry=Retry.SAFE,
            expect={HTTPStatus.NOT_FOUND},
        )
        if response.status == HTTPStatus.NOT_FOUND:
            raise machine_gone(app, machine_id)
        return read(response, lambda body: parse.machine(app, body))

    async def machine_versions(self, app: str, machine_id: str) -> list[MachineVersion]:
        """The configurations that a Machine has and had, newest first; NotFound."""
        url = machine_path(app, machine_id, "versions")
        response = await self._flaps.call(
            "versions", machine_id, "GET", url, retry=Retry.SAFE, expect={HTTPStatus.NOT_FOUND}
        )
        if response.status == HTTPStatus.NOT_FOUND:
            raise machine_gone(app, machine_id)
        return read(response, lambda body: [parse.machine_version(each) for each in body])

    async def create_machine(
        self,
        app: str,
        *,
        config: Mapping[str, Any],
        region: str,
        skip_launch: bool = False,
        skip_service_registration: bool = False,
    ) -> Machine:
        """Create a Machine. Never repeated once it may have been worked: after that, look for its marker."""
        body = {
            "config": dict(config),
            "region": region,
            "skip_launch": skip_launch,
            "skip_service_registration": skip_service_registration,
        }
        url = path("apps", app, "machines")
        response = await self._flaps.call(
            "create", app, "POST", url, json=body, timeout_s=WRITE_TIMEOUT_S, retry=Retry.UNSENT
        )
        return read(response, lambda answer: parse.machine(app, answer))

    async def update_machine(
        self, machine: Machine, *, config: Mapping[str, Any], nonce: str, skip_launch: bool
    ) -> Machine:
        """Replace the Machine's whole config, if it is still the version that was read.

        Repeated only where no answer came, since Fly then refuses a second change of the same version; after
        such a refusal the Machine is read, and returned if it is as it was sent. Raises RemoteRejected (412)
        where somebody else changed it, LeaseHeld, and Conflict where `machine` was read without its config.
        """
        if not machine.config:
            raise Conflict(
                f"Machine {machine.id} was read without its config: its host is {machine.host_status}.",
                hint="Writing now would lose its services and environment; try again when the host is back.",
                reason=Reason.HOST_UNREACHABLE,
            )
        body = {"config": dict(config), "skip_launch": skip_launch, "current_version": machine.version}
        was_lost = False
        for tries in range(1, UPDATE_TRIES + 1):
            try:
                return await self._update(machine, body, nonce)
            except (RemoteUnavailable, RemoteTimeout) as error:
                if tries == UPDATE_TRIES or not error.sent or not is_transient(error):
                    raise
                was_lost = True
            except (RemoteRejected, LeaseHeld):
                updated = await self.machine(machine.app, machine.id) if was_lost else machine
                if updated.version != machine.version and contains(updated.config, config):
                    return updated
                raise
            await self._clock.sleep(tries)
        raise AssertionError("the last try returns or raises")

    async def _update(self, machine: Machine, body: Mapping[str, Any], nonce: str) -> Machine:
        response = await self._flaps.call(
            "update",
            machine.id,
            "POST",
            machine_path(machine.app, machine.id),
            json=body,
            headers=nonce_header(nonce),
            timeout_s=WRITE_TIMEOUT_S,
            retry=Retry.UNSENT,
        )
        return read(response, lambda answer: parse.machine(machine.app, answer))

    async def start_machine(self, app: str, machine_id: str, *, nonce: str = "") -> None:
        """Start a Machine. Not repeated once it may have been worked: a release command would run twice."""
        await self._act("start", app, machine_id, nonce, Retry.UNSENT)

    async def stop_machine(self, app: str, machine_id: str, *, nonce: str = "") -> None:
        """Stop a Machine with its own signal and time-out."""
        # Fly refuses a stop without a JSON body.
        await self._act("stop", app, machine_id, nonce, Retry.SAFE, json={})

    async def cordon(self, app: str, machine_id: str, *, nonce: str = "") -> None:
        """Let Fly's proxy send the Machine no more requests; done twice it does no harm."""
        await self._act("cordon", app, machine_id, nonce, Retry.SAFE)

    async def uncordon(self, app: str, machine_id: str, *, nonce: str = "") -> None:
        """Let Fly's proxy send the Machine requests; done twice it does no harm."""
        await self._act("uncordon", app, machine_id, nonce, Retry.SAFE)

    async def _act(
        self, action: str, app: str, machine_id: str, nonce: str, retry: Retry, json: Mapping[str, Any] | None = None
    ) -> None:
        url = machine_path(app, machine_id, action)
        headers = nonce_header(nonce)
        await self._flaps.call(action, machine_id, "POST", url, json=json, headers=headers, retry=retry)

    async def destroy_machine(self, app: str, machine_id: str, *, nonce: str = "") -> None:
        """Destroy by force; a Machine that is already gone counts as destroyed."""
        await self._flaps.call(
            "destroy",
            machine_id,
            "DELETE",
            machine_path(app, machine_id),
            params={"force": True},
            headers=nonce_header(nonce),
            timeout_s=WRITE_TIMEOUT_S,
            retry=Retry.SAFE,
            expect={HTTPStatus.NOT_FOUND},
        )


def contains(stored: Any, sent: Any) -> bool:
    """Whether Fly stored what was sent: it adds keys of its own and leaves empty values out."""
    if isinstance(sent, Mapping):
        pairs = stored if isinstance(stored, Mapping) else {}
        return all(contains(pairs.get(key), value) for key, value in sent.items())
    if isinstance(sent, list | tuple) and sent:
        is_as_long = isinstance(stored, list) and len(stored) == len(sent)
        return is_as_long and all(contains(*pair) for pair in zip(stored, sent, strict=True))
    return bool(stored == sent) or (not sent and not stored)
