"""What the composition root makes of the settings: sign-ins, secrets, identities."""

from __future__ import annotations

from slack_bolt.authorization import AuthorizeResult

from bot.clients.fly.client import FlyClient, FlyEndpoints
from bot.clients.github import AppAuth, TokenAuth
from bot.clients.http import Observe
from bot.clients.slack import Identity
from bot.config import Settings
from bot.github_ingress import Hooks
from bot.ports import Clock


def github_auth(settings: Settings) -> TokenAuth | AppAuth:
    """How the bot signs in at GitHub: as an App where one is configured, else with the token."""
    github = settings.github
    if github.app is not None:
        installation = int(github.app.installation_id) if github.app.installation_id else None
        return AppAuth(github.app.app_id, github.app.private_key.reveal(), installation)
    assert github.token is not None
    return TokenAuth(github.token.reveal())


def fly_clients(settings: Settings, clock: Clock, observe: Observe) -> dict[str, FlyClient]:
    """A client of Fly for each organisation, with its token."""
    fly = settings.fly
    endpoints = FlyEndpoints(fly.flaps_url, fly.api_url, fly.uiex_url, fly.registry_url)
    return {
        organisation: FlyClient(endpoints, token.reveal(), clock=clock, observe=observe)
        for organisation, token in settings.organisations.items()
    }


def hooks(settings: Settings) -> Hooks:
    """Whose deliveries GitHub's ingress takes, and with which secrets."""
    github = settings.github
    repositories = frozenset(pipeline.repository.lower() for pipeline in settings.pipelines.values())
    secrets = [secret.reveal() for secret in github.webhook_secrets]
    return Hooks(secrets, repositories, github.app.app_id if github.app else "")


def authorize_result(identity: Identity, settings: Settings) -> AuthorizeResult:
    """Who the bot is, as Bolt wants to know it with each request."""
    return AuthorizeResult(
        enterprise_id=None,
        team_id=identity.team_id,
        bot_token=settings.slack.bot_token.reveal(),
        bot_id=identity.bot_id,
        bot_user_id=identity.user_id,
    )
