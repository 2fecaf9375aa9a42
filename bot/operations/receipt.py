"""The last step of every way: every Machine read back, for only what was seen is called done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

from bot.domain.model import Machine
from bot.domain.proof import Reading
from bot.domain.rollout import Step, failure
from bot.errors import NotFound, RemoteError
from bot.operations.engine import Run
from bot.operations.facts import serving_machines
from bot.operations.health import Patience

LOOK_S = 5.0
# After a failure nothing is waited for but Machines between two states.
SETTLE_S = 10.0


async def write_receipt(run: Run, plan: Patience, read: Callable[[Sequence[Machine]], Awaitable[Reading]]) -> None:
    """Record how the Machines stand, once `read` finds them right or their time is over; StepFailed where not."""
    has_failed = failure(run.operation) is not None
    deadline = run.clock.now() + timedelta(seconds=SETTLE_S if has_failed else plan.wait_timeout_s)
    while True:
        machines = await serving_machines(run.fly, plan.app)
        reading = await read(machines)
        waits = any(machine.is_in_transit for machine in machines) if has_failed else reading.may_mend
        if not waits or run.clock.now() >= deadline:
            break
        await run.clock.sleep(LOOK_S)
    noted: dict[str, Any] = {} if has_failed or reading.problem else await remembered(run, plan)
    await run.done(Step.RECEIPT, machines=list(reading.lines), **noted)
    if reading.problem is not None and not has_failed:
        raise reading.problem


async def remembered(run: Run, plan: Patience) -> dict[str, dict[str, str]]:
    """The digests of the app's secrets by name, for a later rollback; nothing where Fly does not tell them.

    A digest says that a secret changed, and not what it is.
    """
    try:
        secrets = await run.fly.secrets(plan.app)
    except (NotFound, RemoteError):
        return {}
    return {"secrets": {secret.name: secret.digest for secret in secrets}}
