"""What all calls to the Machines API share: limits, lease refusals, and reading an answer into a value."""

from __future__ import annotations

from collections.abc import Callable, Collection
from http import HTTPStatus
from typing import Any, TypeVar

from bot.clients.fly.limits import DEFAULT_RATE, Limits, Rate
from bot.clients.fly.parse import lease_holder
from bot.clients.http import TIMEOUT_S, Headers, HttpClient, Query, Response, Retry, path
from bot.errors import LeaseHeld, NotFound, Reason, RemoteRejected
from bot.ports import Clock

NONCE_HEADER = "fly-machine-lease-nonce"

T = TypeVar("T")


class Flaps:
    """The Machines API, by the name flyctl gives it, within Fly's limits.

    Calls that may take long have slots of their own (`slow`): twenty Machines that are waited for must not keep
    a lease from being refreshed.
    """

    def __init__(self, http: HttpClient, slow: HttpClient, clock: Clock) -> None:
        self.service = http.service
        self._http = http
        self._slow = slow
        self._limits = Limits(clock)

    async def call(
        self,
        action: str,
        target: str,
        method: str,
        url: str,
        *,
        rate: Rate = DEFAULT_RATE,
        params: Query | None = None,
        json: Any = None,
        headers: Headers | None = None,
        timeout_s: float = TIMEOUT_S,
        retry: Retry = Retry.NEVER,
        expect: Collection[int] = (),
    ) -> Response:
        """Do `action` on `target` (a Machine, an app) when its turn comes.

        Raises LeaseHeld where the refusal names another holder of the Machine's lease.
        """
        http = self._slow if timeout_s > TIMEOUT_S else self._http
        try:
            return await http.call(
                method,
                url,
                params=params,
                json=json,
                headers=headers,
                timeout_s=timeout_s,
                retry=retry,
                expect=expect,
                turn=self._limits.turn(action, target, rate),
            )
        except RemoteRejected as error:
            owner, expires_at = lease_holder(error.message)
            if error.status == HTTPStatus.CONFLICT and owner:
                raise LeaseHeld(target, owner, expires_at) from error
            raise


def read(response: Response, reader: Callable[[Any], T]) -> T:
    """The answer's JSON through `reader`; UnexpectedResponse where it has another shape."""
    body = response.json()
    try:
        return reader(body)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise response.unexpected(f"The answer has another shape ({type(error).__name__})") from error


def nonce_header(nonce: str) -> dict[str, str]:
    """The proof that the lease is ours, where there is one."""
    return {NONCE_HEADER: nonce} if nonce else {}


def machine_path(app: str, machine_id: str, *rest: str) -> str:
    """The path of a Machine, or of something below it."""
    return path("apps", app, "machines", machine_id, *rest)


def machine_gone(app: str, machine_id: str) -> NotFound:
    """The error for a Machine that Fly does not know (any more)."""
    return NotFound(f"{app} has no Machine {machine_id}.", reason=Reason.MACHINE_GONE)
