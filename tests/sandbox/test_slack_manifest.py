"""The app of the sandbox is the one that its manifest describes."""

from __future__ import annotations

import json

from sandbox.slack import SlackSimulator
from sandbox.slack.manifest import installed
from sandbox.slack.simulator import SEED
from sandbox.stack import MANIFEST, Simulators

OWN = json.loads(MANIFEST.read_text())


def test_the_sandbox_installs_the_app_from_its_manifest() -> None:
    """People see the commands with the hints that a real workspace shows, and the token has the same scopes."""
    app = Simulators().slack.world.app

    assert [command["usage_hint"] for command in app.commands] == [
        command["usage_hint"] for command in OWN["features"]["slash_commands"]
    ]
    assert app.bot_scopes == OWN["oauth_config"]["scopes"]["bot"]
    assert app.bot_events == ["app_home_opened"]
    assert app.home_tab_enabled


async def test_a_reset_keeps_the_installation() -> None:
    """Back at the start the app is still the one of the manifest."""
    slack = Simulators().slack

    await slack.actions()["reset"]({})

    assert slack.world.app.bot_scopes == OWN["oauth_config"]["scopes"]["bot"]


def test_a_manifest_without_a_home_tab_has_none() -> None:
    """What a manifest leaves out is off; the tokens stay those of the seed."""
    bare = {
        "display_information": {"name": "Bare"},
        "features": {},
        "oauth_config": {"scopes": {"bot": ["chat:write"]}},
    }

    app = SlackSimulator(installed(json.loads(SEED.read_text()), bare)).world.app

    assert (app.name, app.commands, app.bot_events, app.home_tab_enabled) == ("Bare", [], [], False)
    assert app.bot_token == "xoxb-sandbox-bot"
