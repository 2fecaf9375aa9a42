"""Opens modals, and says what went wrong where Slack does not."""

from __future__ import annotations

from collections.abc import Mapping

from bot.domain.model import Environment
from bot.errors import RemoteRejected, StaleAction
from bot.ports import Chat
from bot.views.blocks import View


async def open_form(chat: Chat, trigger_id: str, view: View, *, again: str) -> str:
    """Open a modal; its id, or an empty text where it is open already.

    `again` tells how to get to it once more. StaleAction where time ran out, RemoteError.
    """
    try:
        return await chat.open_view(trigger_id, view)
    except RemoteRejected as error:
        if error.code == "expired_trigger_id":
            raise StaleAction("Slack gives three seconds to open the form, and they were over.", hint=again) from error
        # The same request came twice, and the form is open.
        if error.code != "exchanged_trigger_id":
            raise
        return ""


def usual_environment(environments: Mapping[str, Environment], channel: str) -> str:
    """The one that a form chooses beforehand: the only one there is, or the only one whose channel this is."""
    here = [name for name, environment in environments.items() if environment.channel == channel]
    candidates = list(environments) if len(environments) == 1 else here
    return candidates[0] if len(candidates) == 1 else ""
