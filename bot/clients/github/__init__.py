"""GitHub's REST API as far as deployments need it."""

from bot.clients.github.auth import AppAuth, TokenAuth
from bot.clients.github.client import GitHubClient

__all__ = ["AppAuth", "GitHubClient", "TokenAuth"]
