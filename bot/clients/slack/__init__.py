"""Slack's Web API as the bot uses it."""

from bot.clients.slack.client import Identity, SlackClient, member_of

__all__ = ["Identity", "SlackClient", "member_of"]
