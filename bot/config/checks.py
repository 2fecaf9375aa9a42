"""Rules between settings: what each value may be is checked where it is read, what they may be together here."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, time
from itertools import pairwise

from bot.config import names
from bot.config.problems import Bad, Problems, suggestion
from bot.config.schema import specs
from bot.config.tables import CommandsTable, Document, EnvironmentTable, FreezeTable, PipelineTable, ReviewAppsTable
from bot.domain.toml_lines import Path

REGISTRY = "registry.fly.io/"


@dataclass(frozen=True)
class Placed:
    """A value with its place; `title` is how a sentence names it."""

    path: Path
    value: str
    title: str


def check(document: Document, problems: Problems) -> None:
    """Report every rule that the file breaks. Values that were refused before are empty and break none."""
    for rule in RULES:
        rule(document, problems)


def pipelines(document: Document) -> Iterator[tuple[Path, PipelineTable]]:
    for index, pipeline in enumerate(document.pipeline):
        yield ("pipeline", index), pipeline


def environments(document: Document) -> Iterator[tuple[Path, str, EnvironmentTable]]:
    """Each environment with its path and its title."""
    for path, pipeline in pipelines(document):
        for name, environment in pipeline.environments.items():
            yield (*path, "environments", name), f"{pipeline.name}/{name}", environment


def review_apps(document: Document) -> Iterator[tuple[Path, ReviewAppsTable]]:
    for path, pipeline in pipelines(document):
        if pipeline.review_apps:
            yield (*path, "review_apps"), pipeline.review_apps


def database_pattern(review: ReviewAppsTable) -> str:
    """The pattern of the databases' apps, with its default."""
    return review.database_app or (f"{review.app}-db" if review.app else "")


def image_repository(environment: EnvironmentTable) -> str:
    """Where the environment's images are, with its default."""
    return environment.image_repository or f"{REGISTRY}{environment.app}"


def _unique(placed: list[Placed], problems: Problems, sentence: str, mend: str) -> None:
    """Report every value that stands in more than one place, at its second and later ones."""
    places: dict[str, list[Placed]] = defaultdict(list)
    for entry in placed:
        places[entry.value].append(entry)
    for value, found in places.items():
        for first, second in pairwise(found if value else []):
            problems.add(second.path, sentence.format(value=value, other=first.title), mend)


def _pipeline_names(document: Document, problems: Problems) -> None:
    placed = [Placed((*path, "name"), pipeline.name, "pipeline") for path, pipeline in pipelines(document)]
    _unique(placed, problems, "another {other} is called `{value}` too", "Give each pipeline a name of its own.")


def _command_names(document: Document, problems: Problems) -> None:
    commands = document.slack.commands
    placed = [
        Placed(("slack", "commands", name), getattr(commands, name), f"`{name}`") for name in specs(CommandsTable)
    ]
    _unique(placed, problems, "{other} is called `{value}` already", "Give each command a name of its own.")


def _token_variables(document: Document, problems: Problems) -> None:
    placed = [
        Placed(("organisations", slug, "token_env"), organisation.token_env, f"`{slug}`")
        for slug, organisation in document.organisations.items()
    ]
    mend = "Give each organisation a variable, and a token, of its own: what holds one must not reach the other."
    _unique(placed, problems, "`{value}` holds the token of organisation {other}", mend)


def _known_organisations(document: Document, problems: Problems) -> None:
    used = [((*path, "organisation"), env.organisation) for path, _, env in environments(document)]
    used += [((*path, "organisation"), review.organisation) for path, review in review_apps(document)]
    for path, slug in used:
        if slug and document.organisations and slug not in document.organisations:
            mend = suggestion(slug, document.organisations) + f" Or add `[organisations.{slug}]`."
            problems.add(path, f"there is no organisation `{slug}`", mend)


def _one_app_each(document: Document, problems: Problems) -> None:
    placed = [Placed((*path, "app"), env.app, f"`{title}`") for path, title, env in environments(document)]
    mend = "Give each environment an app of its own: two would overwrite each other."
    _unique(placed, problems, "`{value}` is the app of {other} already", mend)


def _databases_are_no_apps(document: Document, problems: Problems) -> None:
    apps = {env.app: title for _, title, env in environments(document)}
    for path, _, env in environments(document):
        name = env.database.app if env.database else ""
        if name and name in apps:
            problems.add(
                (*path, "database", "app"),
                f"`{name}` is the app of `{apps[name]}`",
                f"A database is an app of its own: `{name}-db`, say.",
            )


def _review_apps_stand_alone(document: Document, problems: Problems) -> None:
    holders: dict[str, str] = {}
    for _, title, env in environments(document):
        holders.setdefault(env.organisation, title)
    for path, review in review_apps(document):
        if review.organisation and review.organisation in holders:
            problems.add(
                (*path, "organisation"),
                f"`{review.organisation}` is the organisation of `{holders[review.organisation]}` too",
                "Give review apps an organisation of their own: what destroys them must not be able to reach it.",
            )


def _review_names(document: Document, problems: Problems) -> None:
    patterns: list[Placed] = []
    for path, review in review_apps(document):
        _review_database(path, review, problems)
        place = (*path, "database_app" if review.database_app else "app")
        patterns.append(Placed((*path, "app"), review.app, "another pattern"))
        if review.database == "cluster":
            patterns.append(Placed(place, database_pattern(review), "another pattern"))
    mend = "Give each pattern a name of its own."
    _unique(patterns, problems, "`{value}` is {other} of review apps already", mend)
    _patterns_spare_the_rest(document, patterns, problems)


def _review_database(path: Path, review: ReviewAppsTable, problems: Problems) -> None:
    if review.database == "shared" and not review.database_app:
        mend = 'Name the app of the one cluster: `database_app = "review-apps-db"`, say.'
        problems.add((*path, "database_app"), "is missing", mend)
        return
    parse = names.fly_name if review.database == "shared" else names.numbered_name
    try:
        if pattern := database_pattern(review):
            parse(pattern)
    except Bad as bad:
        problems.add((*path, "database_app"), bad.what, bad.mend)


def _patterns_spare_the_rest(document: Document, patterns: list[Placed], problems: Problems) -> None:
    """No app that stays may be named like one that is destroyed with its pull request."""
    lasting = {env.app: title for _, title, env in environments(document)}
    lasting |= {env.database.app: f"{title}'s database" for _, title, env in environments(document) if env.database}
    lasting |= {
        review.database_app: "all review apps" for _, review in review_apps(document) if review.database == "shared"
    }
    for pattern in patterns:
        matches = re.compile(re.escape(pattern.value).replace(re.escape(names.NUMBER), r"\d+")).fullmatch
        for app, title in lasting.items():
            if pattern.value and matches(app):
                problems.add(pattern.path, f"`{pattern.value}` matches `{app}` ({title})", "Rename one of the two.")


def _primary_regions(document: Document, problems: Problems) -> None:
    for path, _, env in environments(document):
        place = (*path, "primary_region")
        if env.regions and env.primary_region and env.primary_region not in env.regions:
            mend = suggestion(env.primary_region, env.regions)
            problems.add(place, f"`{env.primary_region}` is not one of its regions", mend)
        elif len(env.regions) > 1 and not env.primary_region and not problems.has(place):
            problems.add(place, "is missing, and there are several regions", suggestion("", env.regions))


def _sleep(document: Document, problems: Problems) -> None:
    for path, _, env in environments(document):
        if env.auto_stop == "off" and env.min_machines:
            problems.add(
                (*path, "min_machines"),
                "means nothing where `auto_stop` is `off`: every Machine stays awake",
                "Leave it out, or set `auto_stop` to `stop` or `suspend`.",
            )


def _readable_images(document: Document, problems: Problems) -> None:
    """An app of Fly's registry can be read within its organisation only."""
    owners = {f"{REGISTRY}{env.app}": env.organisation for _, _, env in environments(document) if env.app}
    for path, _, env in environments(document):
        owner = owners.get(env.image_repository)
        if owner and env.organisation and owner != env.organisation:
            problems.add(
                (*path, "image_repository"),
                f"`{env.image_repository}` belongs to organisation `{owner}`, and `{env.organisation}` cannot read it",
                f"Let CI push to `{REGISTRY}{env.app}` as well, and leave this key out.",
            )


def _approvers(document: Document, problems: Problems) -> None:
    """Whatever needs an approval needs somebody who may give it."""
    for path, _, env in environments(document):
        place = (*path, "policy")
        if env.policy.approvers or problems.has((*place, "approvers")):
            continue
        for name in ("approve_deployments", "approve_rollbacks", "approve_scaling"):
            if getattr(env.policy, name):
                mend = 'Say who: `approvers = ["S0123ABC"]` beside it, with the id of a Slack user group.'
                problems.add((*place, name), "asks for an approval that nobody may give", mend)


def _scale_limits(document: Document, problems: Problems) -> None:
    """What a scaling has to leave must be there in the first place, and fit below the most."""
    for path, _, env in environments(document):
        least, place = env.policy.scale_min, (*path, "policy", "scale_min")
        if least is None or any(problems.has(each) for each in (place, (*path, "regions"))):
            continue
        configured = sum(env.regions.values())
        if least > env.policy.scale_max:
            problems.add(place, f"{least} is more than `scale_max` ({env.policy.scale_max})", "Change one of the two.")
        elif least > configured:
            mend = "Raise `regions`, or write a smaller number."
            problems.add(place, f"{least} is more than the {configured} Machines of `regions`", mend)


def _freezes(document: Document, problems: Problems) -> None:
    for path, _, env in environments(document):
        places = [((*path, "freezes", number), freeze) for number, freeze in enumerate(env.freezes)]
        placed = [Placed((*place, "name"), freeze.name, "another freeze") for place, freeze in places]
        _unique(placed, problems, "{other} is called `{value}` too", "Give each freeze a name of its own.")
        for place, freeze in places:
            if not any(problems.has((*place, name)) for name in ("days", "dates", "starts", "ends")):
                _freeze_window(place, freeze, problems)


def _freeze_window(path: Path, freeze: FreezeTable, problems: Problems) -> None:
    """A freeze must begin, end, and leave room for deployments."""
    starts = freeze.starts or time()
    if starts == freeze.ends:
        mend = "Leave both out for whole days, or write another time."
        problems.add((*path, "ends"), f"is {starts:%H:%M}, when the freeze begins", mend)
    elif starts == (freeze.ends or time()) and len(freeze.days) in {0, 7} and not freeze.dates:
        mend = "Give it `days`, `dates`, `starts` or `ends`."
        problems.add(path, "would keep deployments out for ever", mend)
    if freeze.days and freeze.dates and not any(_has_weekday(span, freeze.days) for span in freeze.dates):
        problems.add((*path, "dates"), "have none of its `days` among them", "Change one of the two, or leave it out.")


def _has_weekday(span: tuple[date, date], days: tuple[int, ...]) -> bool:
    first, last = span
    return any((first.weekday() + passed) % 7 in days for passed in range(min(7, (last - first).days + 1)))


RULES: tuple[Callable[[Document, Problems], None], ...] = (
    _pipeline_names,
    _command_names,
    _token_variables,
    _known_organisations,
    _one_app_each,
    _databases_are_no_apps,
    _review_apps_stand_alone,
    _review_names,
    _primary_regions,
    _sleep,
    _readable_images,
    _approvers,
    _scale_limits,
    _freezes,
)
