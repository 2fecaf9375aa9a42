"""Who may act: full members of the bot's own workspace. What cannot be established is refused."""

from __future__ import annotations

from bot.domain.model import Actor
from bot.errors import NotAllowed, Reason, RemoteError
from bot.ports import Chat


class People:
    """Decides at the moment of the act, on the server, by Slack ids alone."""

    def __init__(self, chat: Chat, team_id: str) -> None:
        self._chat = chat
        self._team_id = team_id

    async def require_member(self, actor: Actor) -> None:
        """Return when the actor may change something; NotAllowed, with the rule, when not."""
        if actor.team_id != self._team_id:
            raise NotAllowed(
                "Only people of this workspace can do that.",
                hint="Ask a colleague whose account belongs to it.",
                reason=Reason.OTHER_WORKSPACE,
            )
        try:
            member = await self._chat.member(actor.user_id)
        except RemoteError as error:
            raise NotAllowed(
                f"Slack did not say whether you are a full member of this workspace ({error.reason}).",
                hint="Try again in a moment.",
                reason=Reason.MEMBERSHIP_UNKNOWN,
            ) from error
        is_foreign = member.is_stranger or member.team_id not in {"", self._team_id}
        if member.is_guest or member.is_deleted or member.is_bot or is_foreign:
            raise NotAllowed(
                "Guests, deactivated accounts and apps cannot do that.",
                hint="Ask a full member of this workspace.",
                reason=Reason.NOT_A_MEMBER,
            )
