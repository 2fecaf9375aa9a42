"""The modal of a bare `/deploy`: what to deploy and where, then the plan. Pure functions.

A modal is in no channel, so its metadata says where it was asked for, and on the plan what was asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from bot.domain.deployment import DeploymentPlan, DeploymentRequest
from bot.domain.model import CiState, FoundRef, RefKind, Strategy
from bot.views.blocks import Block, Message, View, code, escape, plain, section
from bot.views.deployments import plan_blocks
from bot.views.modals import VALUE_LIMIT, checkbox, field, menu, option, option_group, search_menu, text_input

ASK = "deploy_ask"
PLAN = "deploy_plan"
# The inputs' block ids. An error of a submission stands beside the input that it names.
ENVIRONMENT, REF, REASON, STRATEGY, SKIP = "environment", "ref", "reason", "strategy", "skip"
SEARCH = "deploy_ref"

TITLE = "Deploy"
REASON_LIMIT = 300
AS_CONFIGURED = "configured"
# Groups of a menu together may show a hundred options.
OF_A_KIND = 30
MARKS = {CiState.SUCCESS: "✔", CiState.FAILURE: "✖", CiState.PENDING: "…"}
CI_WORDS = {
    CiState.SUCCESS: "CI passed",
    CiState.FAILURE: "CI failed",
    CiState.PENDING: "CI is running",
    CiState.NONE: "no CI",
    CiState.UNKNOWN: "CI unknown",
}
KINDS = {RefKind.TAG: "Tags", RefKind.BRANCH: "Branches", RefKind.COMMIT: "Recent commits"}
SKIP_OPTION = option(
    "Skip the release command", "skip", "Migrations do not run: the new code may not fit the database."
)


def ask(
    environments: Sequence[str], request: DeploymentRequest, *, channel: str, trouble: Message | None = None
) -> View:
    """The first page, filled in with what is known; `trouble` says why it is shown again."""
    strategies = [option("As configured", AS_CONFIGURED), *(option(name.capitalize(), name) for name in Strategy)]
    chosen = option(request.ref, request.ref) if request.ref else None
    blocks = [
        field(ENVIRONMENT, "Environment", menu(ENVIRONMENT, _named(environments), chosen=request.environment)),
        field(
            REF,
            "Tag, branch or commit",
            search_menu(SEARCH, "Search by name, title or hash", chosen=chosen),
            hint="Another environment means what runs there. Where tags release, a tag that does not exist yet is made "
            "on the newest commit of the default branch.",
        ),
        field(REASON, "Reason", text_input(REASON, limit=REASON_LIMIT, value=request.why), optional=True),
        field(
            STRATEGY, "Strategy", menu(STRATEGY, strategies, chosen=request.strategy or AS_CONFIGURED), optional=True
        ),
        field(
            SKIP,
            "Release command",
            checkbox(SKIP, SKIP_OPTION, is_ticked=request.skip_release_command),
            optional=True,
        ),
    ]
    told = [section(trouble.text)] if trouble else []
    return View(ASK, TITLE, [*told, *blocks], submit="Show the plan", close="Cancel", metadata=_metadata(channel))


def waiting(request: DeploymentRequest) -> View:
    """What stands there while the plan is made."""
    planning = f"Planning {code(request.ref)} to *{escape(request.environment)}*…"
    late = "If the plan does not come within a minute, close this and type `/deploy` again; nothing was changed."
    return View("deploy_wait", TITLE, [section(f"{planning}\n{late}")])


def planned(plan: DeploymentPlan, request: DeploymentRequest, *, channel: str) -> View:
    """The plan, with a button where nothing speaks against it."""
    return View(
        PLAN,
        "Plan",
        plan_blocks(plan, "Plan"),
        submit="" if plan.is_blocked else f"Deploy to {plan.environment}",
        metadata=_metadata(
            channel,
            environment=request.environment,
            ref=request.ref,
            why=request.why,
            strategy=request.strategy,
            skip=request.skip_release_command,
            hash=plan.hash,
        ),
    )


def ref_options(typed: str, found: Iterable[FoundRef], environments: Iterable[str]) -> list[Block]:
    """What the menu offers, in groups: what GitHub found, environments to promote from, and the text as it is."""
    wanted = plain(typed)
    refs = [ref for ref in found if len(ref.ref) <= VALUE_LIMIT]
    others = [name for name in environments if wanted.casefold() in name.casefold()]
    groups = [(title, [_found(ref) for ref in refs if ref.kind is kind]) for kind, title in KINDS.items()]
    groups.append(("Environments", [option(name, name, "what runs there now") for name in others]))
    groups.append(("As typed", list(_as_typed(wanted, {*others, *(ref.ref for ref in refs)}))))
    return [option_group(title, options[:OF_A_KIND]) for title, options in groups if options]


def _as_typed(wanted: str, offered: set[str]) -> Iterator[Block]:
    # Words with a space between them searched the titles; no ref has one.
    if wanted and wanted not in offered and " " not in wanted and len(wanted) <= VALUE_LIMIT:
        yield option(f"Use “{wanted}” as it is", wanted)


def _found(ref: FoundRef) -> Block:
    commit, mark = ref.commit, MARKS.get(ref.ci, "")
    name = f"{commit.short} {commit.title}" if ref.kind is RefKind.COMMIT else ref.ref
    detail = commit.author if ref.kind is RefKind.COMMIT else f"{commit.short} {commit.title}"
    return option(f"{mark} {name}", ref.ref, f"{CI_WORDS[ref.ci]} · {detail}")


def _named(names: Iterable[str]) -> list[Block]:
    return [option(name, name) for name in names]


def _metadata(channel: str, **facts: str | bool) -> str:
    return json.dumps({"channel": channel, **facts}, ensure_ascii=False)
