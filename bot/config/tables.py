"""The tables of `flytower.toml`: every key with its parser, its default and its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time, timedelta

from bot.config import names, prices, values
from bot.config.schema import array, key, optional_array, optional_table, settings, table, tables


@settings
class CommandsTable:
    deploy: str = key(names.command, "What `/deploy` is called in this workspace.", default="/deploy")
    rollback: str = key(names.command, "What `/rollback` is called.", default="/rollback")
    review_apps: str = key(names.command, "What `/review-apps` is called.", default="/review-apps")
    db: str = key(names.command, "What `/db` is called.", default="/db")
    scale: str = key(names.command, "What `/scale` is called.", default="/scale")


@settings
class SlackTable:
    channel: str = key(names.channel, "Id of the channel that hears of deployments.")
    commands: CommandsTable = table(CommandsTable)


@settings
class OrganisationTable:
    token_env: str = key(
        names.variable_name, "Name of the environment variable that holds this Fly organisation's token; no other's."
    )


@settings
class DatabaseTable:
    kind: str = key(
        values.choice("postgres", "managed"),
        "`postgres`: an app with Fly's postgres-flex image; `managed`: Fly's Managed Postgres.",
        default="postgres",
    )
    app: str = key(names.fly_name, "The database's Fly app, or the managed cluster's name.")
    always_on: bool = key(values.flag, "Whether it never sleeps; false where it may stop when idle.", default=True)
    nodes: int = key(values.count(1, 9), "How many nodes it has.", default=1)
    disk: int = key(values.disk, "Volume of each node.", default=1, shown="1gb")


@settings
class PolicyTable:
    refs: tuple[str, ...] = key(
        values.ref_patterns,
        "Globs of the refs that may be deployed, as people type them.",
        default=(),
        shown="every ref",
    )
    require_ci: bool = key(values.flag, "Whether CI must have passed on the commit.", default=True)
    confirm: bool | None = key(
        values.flag,
        "Whether a deployment asks its requester once more, with the plan in sight.",
        default=None,
        shown='true with `released_by = "tag"`, else false',
    )
    restore_on_failure: bool = key(
        values.flag, "Whether a failed deployment brings the old image back; never across a migration.", default=False
    )
    max_unavailable: float = key(
        values.max_unavailable,
        "Machines that are replaced at the same time: a share below 1, or their number. As in fly.toml.",
        default=0.33,
    )
    release_command_timeout: timedelta = key(
        values.duration("1s", "6h"), "How long the release command may take.", default=timedelta(minutes=5), shown="5m"
    )
    wait_timeout: timedelta = key(
        values.duration("1s", "1h"),
        "How long one Machine may take to start and pass its checks.",
        default=timedelta(minutes=5),
        shown="5m",
    )
    smoke: timedelta = key(
        values.duration("0s", "10m"),
        "How long each Machine must stay up before it counts, besides passing its checks.",
        default=timedelta(seconds=10),
        shown="10s",
    )
    plan_expires: timedelta = key(
        values.duration("1m", "7d"),
        "How long a plan waits for its confirmation.",
        default=timedelta(minutes=30),
        shown="30m",
    )
    strategy: str = key(
        values.choice("rolling", "immediate", "canary", "bluegreen"),
        "How Machines are brought to a new image, as in fly.toml; `--strategy` overrides it for one deployment.",
        default="rolling",
    )
    build_timeout: timedelta = key(
        values.duration("1m", "6h"),
        "How long the workflow may take where CI has to build first.",
        default=timedelta(minutes=30),
        shown="30m",
    )
    watch: timedelta = key(
        values.duration("0s", "1d"),
        "How long the Machines are watched after a success; `0s`: not at all.",
        default=timedelta(minutes=10),
        shown="10m",
    )
    restore_on_trouble: bool = key(
        values.flag,
        "Whether trouble during the watch brings the image from before back by itself, after a countdown; never "
        "across a migration.",
        default=False,
    )
    restore_countdown: timedelta = key(
        values.duration("10s", "1h"),
        "How long that countdown gives people to stop it.",
        default=timedelta(minutes=1),
        shown="1m",
    )
    approvers: tuple[str, ...] = key(
        values.approvers,
        "Who may approve: ids of Slack user groups (`S…`) and of people (`U…`). Never whoever asked.",
        default=(),
        shown="nobody",
    )
    approve_deployments: bool = key(
        values.flag, "Whether every deployment needs one of `approvers` besides its requester.", default=False
    )
    approve_rollbacks: bool = key(
        values.flag, "Whether every rollback needs one of them; a red one always does.", default=False
    )
    approve_scaling: bool = key(
        values.flag,
        "Whether every scaling needs one of them; of an environment that tags release it always does.",
        default=False,
    )
    scale_min: int | None = key(
        values.count(0, 1000),
        "So many Machines a scaling leaves at least.",
        default=None,
        shown="`min_machines`, and 1 where Machines never sleep",
    )
    scale_max: int = key(values.count(1, 1000), "To so many Machines a scaling may go.", default=20)
    scale_check: timedelta = key(
        values.duration("0s", "1d"),
        "How often the Machines are compared with this file, to propose a scaling where they differ; `0s`: never.",
        default=timedelta(minutes=5),
        shown="5m",
    )
    approval_expires: timedelta = key(
        values.duration("1m", "7d"), "How long a plan waits for its approval.", default=timedelta(hours=1), shown="1h"
    )
    rollback: bool | None = key(
        values.flag,
        "Whether the environment has `/rollback`; without it, it goes forward with the next push.",
        default=None,
        shown='true with `released_by = "tag"`, else false',
    )


@settings
class FreezeTable:
    name: str = key(names.label, "What people call it, for example `weekend`.")
    time_zone: str = key(values.time_zone, "The time zone of its days and hours, for example `Europe/Berlin`.")
    days: tuple[int, ...] = key(
        values.weekdays, 'Weekdays on which it begins, for example `["fri", "sat"]`.', default=(), shown="every day"
    )
    dates: tuple[tuple[date, date], ...] = key(
        values.date_ranges,
        'Days and ranges of days, both included: `["2026-12-24/2027-01-02"]`.',
        default=(),
        shown="always",
    )
    starts: time | None = key(values.time_of_day, "When it begins on such a day, `16:00`.", default=None, shown="00:00")
    ends: time | None = key(
        values.time_of_day, "When it ends; on the next day where that is not later.", default=None, shown="24:00"
    )


@settings
class EnvironmentTable:
    app: str = key(names.fly_name, "The environment's Fly app.")
    organisation: str = key(names.organisation, "The app's Fly organisation, one of `[organisations]`.")
    url: str = key(values.url, "Where people reach the app.", default="", shown="https://`app`.fly.dev")
    regions: Mapping[str, int] = key(
        values.region_counts, "How many Machines each region has, for example `{ iad = 1, sjc = 1 }`.", empty={}
    )
    primary_region: str = key(
        values.region, "Where the release command runs and the database writes.", default="", shown="the only region"
    )
    auto_stop: str = key(
        values.choice("off", "stop", "suspend"), "What idle Machines do; `off`: they never sleep.", default="off"
    )
    min_machines: int = key(
        values.count(0, 1000), "Machines in the primary region that stay awake where `auto_stop` is on.", default=0
    )
    memory: int = key(values.memory, "Memory of each Machine.", default=1024, shown="1gb")
    released_by: str = key(
        values.choice("tag", "push"), "What releases to this environment in CI: a `tag`, or a `push` to a branch."
    )
    ref: str = key(
        values.ref_pattern,
        "The tag's pattern or the branch that releases.",
        default="",
        shown='`v*` with `released_by = "tag"`, else `main`',
    )
    workflow: str = key(
        names.workflow,
        "The workflow that builds and releases.",
        default="",
        shown=".github/workflows/deploy-`environment`.yml",
    )
    release_command: str = key(
        values.release_command, "What runs once before a release, usually migrations.", default="", shown="none"
    )
    channel: str = key(names.channel, "A channel of its own for this environment.", default="", shown="`slack.channel`")
    fly_toml: str = key(
        names.text, "The fly.toml in the repository that CI deploys with.", default="", shown="fly.`environment`.toml"
    )
    image_repository: str = key(
        names.image_repository, "Where CI pushes this environment's images.", default="", shown="registry.fly.io/`app`"
    )
    database: DatabaseTable | None = optional_table(DatabaseTable)
    policy: PolicyTable = table(PolicyTable)
    freezes: tuple[FreezeTable, ...] = optional_array(FreezeTable)


@settings
class ReviewAppsTable:
    app: str = key(names.numbered_name, "Pattern of the apps' names, with `{number}` of the pull request.")
    organisation: str = key(names.organisation, "Their Fly organisation, which no environment may share.")
    url: str = key(
        values.numbered_url, "Where people reach one, with `{number}`.", default="", shown="https://`app`.fly.dev"
    )
    region: str = key(values.region, "Where they run.")
    memory: int = key(values.memory, "Memory of each Machine.", default=1024, shown="1gb")
    release_command: str = key(
        values.release_command, "What runs once before a release: migrations and seeds.", default="", shown="none"
    )
    database: str = key(
        values.choice("cluster", "shared"),
        "`cluster`: one for each pull request; `shared`: one for all, with a database for each.",
        default="cluster",
    )
    database_app: str = key(
        names.text,
        "Pattern of the databases' apps, with `{number}`; with `shared` the one app's name.",
        default="",
        shown="`app`-db",
    )


@settings
class PipelineTable:
    name: str = key(names.label, "What people call it before the slash: `reify-studio/production`.")
    repository: str = key(names.repository, "Its GitHub repository, `owner/name`.")
    ci_workflow: str = key(
        names.workflow, "The workflow whose success counts as CI.", default=".github/workflows/ci.yml"
    )
    migration_paths: tuple[str, ...] = key(
        values.path_patterns, "Globs of the files that are migrations.", default=("priv/*repo*/migrations/*.exs",)
    )
    environments: dict[str, EnvironmentTable] = tables(EnvironmentTable, "<environment>", names.environment_name)
    review_apps: ReviewAppsTable | None = optional_table(ReviewAppsTable)


@settings
class PricesTable:
    """What Fly takes, where it is not what the data file says: a discount, or a price that changed since."""

    as_of: date | None = key(
        prices.day,
        "The day of your own prices, which cards name.",
        default=None,
        shown="that of `bot/data/fly-prices.json`",
    )
    memory_gb_month: float | None = key(
        prices.amount, "USD for a GB of memory beyond what a size includes.", default=None, shown="Fly's"
    )
    volume_gb_month: float | None = key(prices.amount, "USD for a GB of a volume.", default=None, shown="Fly's")
    machines: Mapping[str, float] = key(
        prices.machines,
        'USD for a month of each size with its least memory, such as `{ "shared-cpu-1x" = 2.19 }`.',
        default={},
        shown="Fly's",
    )
    regions: Mapping[str, float] = key(
        prices.factors, "What Machines cost there, as a factor, such as `{ sjc = 1.19 }`.", default={}, shown="Fly's"
    )


@settings
class Document:
    """The whole file."""

    slack: SlackTable = table(SlackTable)
    organisations: dict[str, OrganisationTable] = tables(OrganisationTable, "<slug>", names.organisation)
    pipeline: tuple[PipelineTable, ...] = array(PipelineTable)
    prices: PricesTable = table(PricesTable)
