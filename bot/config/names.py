"""What things may be called: Fly apps and organisations, environments, Slack's commands and channels, GitHub's places.

Sources: flyctl, `validateAppName` (lower-case letters, digits and dashes; the name is a DNS label as well, hence its
length and ends); Slack, "App manifest" (slash commands); GitHub, "Workflow syntax" (place of workflow files).
"""

from __future__ import annotations

import re
from typing import Any

from bot.config.problems import Bad
from bot.config.schema import kind

NUMBER = "{number}"
# Six digits outlast the busiest repositories, and what fits with six fits with fewer.
LARGEST_NUMBER = "999999"
LONGEST_LABEL = 63
# Words that stand where an environment stands in a command: `/deploy status`, `/db status pr 42`.
RESERVED = frozenset(
    {
        "all",
        "doctor",
        "help",
        "history",
        "hold",
        "incident",
        "lock",
        "me",
        "pr",
        "stats",
        "status",
        "unlock",
        "watch",
        "where",
        "why",
    }
)


def text(raw: Any) -> str:
    """A text with something in it."""
    if not isinstance(raw, str):
        raise Bad(f"should be text, not {kind(raw)}", 'Put it in quotes: `"…"`.')
    if not raw.strip():
        raise Bad("is empty", "Give it a value, or leave the key out.")
    return raw.strip()


def fly_name(raw: Any) -> str:
    """A name that Fly accepts for an app; the problem names the nearest one that it would."""
    name = text(raw)
    if faults := _faults(name):
        raise Bad(f"`{name}` is not a name that Fly accepts: {faults}", _use(nearest_fly_name(name)))
    return name


def _use(name: str) -> str:
    return f"Use `{name}`." if name else "Use lower-case letters, digits and dashes."


def _faults(name: str) -> str:
    faults = {
        "it has upper-case letters": bool(re.search(r"[A-Z]", name)),
        "underscores are not allowed": "_" in name,
        "only lower-case letters, digits and dashes are allowed": bool(re.search(r"[^A-Za-z0-9_-]", name)),
        "it must not begin or end with a dash": name.startswith("-") or name.endswith("-"),
        f"it has {len(name)} characters, at most {LONGEST_LABEL} fit": len(name) > LONGEST_LABEL,
    }
    return ", ".join(fault for fault, is_so in faults.items() if is_so)


def nearest_fly_name(name: str) -> str:
    """The legal name that is closest to `name`; empty where nothing of it can stay."""
    return re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:LONGEST_LABEL].rstrip("-")


def numbered_name(raw: Any) -> str:
    """A pattern of Fly names with `{number}` once, legal up to a pull request of six digits."""
    pattern = text(raw)
    head, found, tail = pattern.partition(NUMBER)
    if not found or NUMBER in tail or re.search(r"[{}]", head + tail):
        raise Bad(f"`{pattern}` should contain `{NUMBER}` once", f"For example `{_nearest_pattern(head, '')}`.")
    if head[-1:].isdigit() or tail[:1].isdigit():
        raise Bad(f"`{pattern}` has a digit beside `{NUMBER}`", "Put a dash between, so that 1 and 12 stay apart.")
    if faults := _faults(pattern.replace(NUMBER, LARGEST_NUMBER)):
        raise Bad(
            f"`{pattern}` is not a name that Fly accepts for pull request {LARGEST_NUMBER}: {faults}",
            f"Use `{_nearest_pattern(head, tail)}`.",
        )
    return pattern


def _nearest_pattern(head: str, tail: str) -> str:
    start = re.sub(r"[^a-z0-9-]+", "-", head.lower()).lstrip("-") or "app-pr-"
    end = re.sub(r"[^a-z0-9-]+", "-", tail.lower()).rstrip("-")
    room = LONGEST_LABEL - len(LARGEST_NUMBER) - len(end)
    fitting = start if len(start) <= room else start[: room - 1].rstrip("-") + "-"
    return f"{fitting if fitting.endswith('-') else fitting + '-'}{NUMBER}{end}"


def label(raw: Any) -> str:
    """A name of ours for a pipeline: what people type before the slash."""
    name = text(raw)
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name):
        raise Bad(
            f"`{name}` cannot be typed as a name: lower-case letters, digits and dashes only",
            _use(nearest_fly_name(name)),
        )
    return name


def approver(raw: Any) -> str:
    """The id of a Slack user group (`S…`) or of a person (`U…`, `W…`)."""
    found = text(raw)
    if not re.fullmatch(r"[SUW][A-Z0-9]{2,20}", found):
        raise Bad(
            f"`{found}` is not the id of a Slack user group or person",
            "Write an id such as `S0123ABC` (a group, from its address in Slack) or `U0123ABC` (from a profile).",
        )
    return found


def environment_name(raw: Any) -> str:
    """A name of ours for an environment; the words of our commands are taken."""
    name = label(raw)
    if name in RESERVED:
        raise Bad(f"`{name}` is a word of the commands (`/deploy {name}`)", f"Call it `{name}-environment`, say.")
    return name


def organisation(raw: Any) -> str:
    """The slug of a Fly organisation."""
    slug = text(raw)
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug):
        raise Bad(f"`{slug}` is not an organisation's slug", "`fly orgs list` shows the slugs.")
    return slug


def variable_name(raw: Any) -> str:
    """The name of an environment variable, never a token itself."""
    name = text(raw)
    if re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
        return name
    # It may be the token itself, put where its variable's name belongs: then it must not be repeated.
    raise Bad(
        "should be the name of an environment variable in capitals",
        "For example `FLY_API_TOKEN_PRODUCTION`; the token itself never stands in this file.",
    )


def channel(raw: Any) -> str:
    """The id of a Slack channel."""
    found = text(raw)
    if not re.fullmatch(r"[CG][A-Z0-9]{7,}", found):
        raise Bad(
            f"`{found}` is not a channel's id",
            "In Slack open the channel's details: the id (`C…`) stands at the bottom.",
        )
    return found


def command(raw: Any) -> str:
    """A slash command as Slack takes it: at most 32 characters with the slash, no capitals, no spaces."""
    word = text(raw)
    if not re.fullmatch(r"/[a-z0-9_-]{1,31}", word):
        raise Bad(
            f"`{word}` is not a slash command", "Write a slash and up to 31 lower-case letters, digits or dashes."
        )
    return word


def repository(raw: Any) -> str:
    """A GitHub repository as `owner/name`."""
    found = text(raw)
    if re.fullmatch(r"[A-Za-z0-9](?:-?[A-Za-z0-9])*/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}", found):
        return found
    url = re.search(r"github\.com[/:]([^/\s]+/[^/\s]+?)(?:\.git)?/?$", found)
    mend = f"Write `{url.group(1)}`." if url else "Write `owner/name`, as in the repository's address."
    raise Bad(f"`{found}` is not a repository", mend)


def workflow(raw: Any) -> str:
    """The path of a GitHub Actions workflow."""
    path = text(raw)
    if re.fullmatch(r"\.github/workflows/[^/\s]+\.ya?ml", path):
        return path
    file = path.rsplit("/", 1)[-1]
    mend = f"Write `.github/workflows/{file}`." if re.fullmatch(r"\S+\.ya?ml", file) else "Workflows end in `.yml`."
    raise Bad(f"`{path}` is not the path of a workflow", mend)


def image_repository(raw: Any) -> str:
    """A repository of images with its registry's host, without a tag."""
    found = text(raw)
    if not re.fullmatch(r"[a-z0-9.-]+(:\d+)?(/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+", found):
        raise Bad(
            f"`{found}` is not a repository of images", "Write host and path without a tag: `registry.fly.io/my-app`."
        )
    return found
