"""Who may act: full members of the bot's own workspace. What cannot be established is refused."""

from __future__ import annotations

import asyncio

from bot.domain.approval import ApprovalNeed
from bot.domain.model import Actor
from bot.domain.operation import Operation
from bot.errors import NotAllowed, Reason, RemoteError
from bot.ports import Chat
from bot.store import Store

# What the bot does, nobody asked for.
BOT = Actor("flytower")


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

    async def require_approver(self, actor: Actor, need: ApprovalNeed, *, requester: Actor) -> None:
        """Return when the actor may say yes or no to what the requester wants; NotAllowed when not.

        A group that cannot be read holds nobody: then the answer is no.
        """
        await self.require_member(actor)
        if actor.user_id == requester.user_id:
            raise NotAllowed(
                "Nobody decides on their own request.",
                hint=f"Ask one of {need.mentions}.",
                reason=Reason.OWN_APPROVAL,
            )
        if actor.user_id in need.people or actor.user_id in await self._in_groups(need.groups):
            return
        raise NotAllowed(
            f"The approvers here are {need.mentions}.",
            hint="Ask one of them.",
            reason=Reason.NOT_AN_APPROVER,
        )

    async def _in_groups(self, groups: tuple[str, ...]) -> frozenset[str]:
        try:
            found = await asyncio.gather(*(self._chat.group_members(group) for group in groups))
        except RemoteError as error:
            raise NotAllowed(
                f"Slack did not say who is in the group of approvers ({error.reason}).",
                hint="Try again in a moment.",
                reason=Reason.APPROVERS_UNKNOWN,
            ) from error
        return frozenset().union(*found)


async def person_behind(store: Store, operation: Operation) -> Actor:
    """Whom an operation concerns: who asked for it, and where the bot went back by itself who deployed before."""
    while operation.actor == BOT and (deployed := operation.request.get("back_from")):
        operation = await store.operation(deployed)
    return operation.actor
