"""An app as its manifest describes it. Source: https://docs.slack.dev/reference/app-manifest."""

from __future__ import annotations

from sandbox.kit import Json

COMMAND_FIELDS = ("command", "description", "usage_hint", "should_escape")


def installed(seed: Json, manifest: Json) -> Json:
    """The seed with its app installed from this manifest: commands, scopes, events and Home tab, nothing else.

    Where requests go is not taken from it, since a sandbox has addresses of its own. KeyError where a part is missing
    that Slack requires.
    """
    features, settings = manifest["features"], manifest.get("settings", {})
    app = seed["app"] | {
        "name": manifest["display_information"]["name"],
        "commands": [_command(each) for each in features.get("slash_commands", [])],
        "bot_scopes": list(manifest["oauth_config"]["scopes"]["bot"]),
        "bot_events": list(settings.get("event_subscriptions", {}).get("bot_events", [])),
        "home_tab_enabled": bool(features.get("app_home", {}).get("home_tab_enabled")),
    }
    return seed | {"app": app}


def _command(command: Json) -> Json:
    return {key: command[key] for key in COMMAND_FIELDS if key in command}
