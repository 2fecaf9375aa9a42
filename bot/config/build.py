"""From checked tables to the domain's values, with the defaults that depend on other settings."""

from __future__ import annotations

from dataclasses import dataclass

from bot.config.checks import database_pattern, image_repository
from bot.config.tables import DatabaseTable, Document, EnvironmentTable, FreezeTable, PipelineTable, ReviewAppsTable
from bot.domain.freeze import Freeze
from bot.domain.model import Database, Environment, Pipeline, Policy, ReviewApps, Strategy

RELEASE_REFS = {"tag": "v*", "push": "main"}


def build_pipelines(document: Document) -> dict[str, Pipeline]:
    """The pipelines by name."""
    return {table.name: _pipeline(table, document.slack.channel) for table in document.pipeline}


def release_ref(table: EnvironmentTable) -> str:
    """The tag's pattern or the branch that releases to the environment."""
    return table.ref or RELEASE_REFS[table.released_by]


def _pipeline(table: PipelineTable, channel: str) -> Pipeline:
    place = _Place(table, channel)
    return Pipeline(
        name=table.name,
        repository=table.repository,
        ci_workflow=table.ci_workflow,
        environments={name: _environment(name, env, place) for name, env in table.environments.items()},
        review_apps=_review_apps(table.review_apps) if table.review_apps else None,
    )


@dataclass(frozen=True)
class _Place:
    """What an environment takes from around it."""

    pipeline: PipelineTable
    channel: str


def _environment(name: str, table: EnvironmentTable, place: _Place) -> Environment:
    return Environment(
        name=name,
        pipeline=place.pipeline.name,
        repository=place.pipeline.repository,
        app=table.app,
        organisation=table.organisation,
        url=table.url or f"https://{table.app}.fly.dev",
        regions=table.regions,
        primary_region=table.primary_region or next(iter(table.regions)),
        auto_stop=table.auto_stop,
        min_machines=table.min_machines,
        memory_mb=table.memory,
        released_by=table.released_by,
        release_ref=release_ref(table),
        workflow=table.workflow or f".github/workflows/deploy-{name}.yml",
        release_command=table.release_command,
        image_repository=image_repository(table),
        migration_paths=place.pipeline.migration_paths,
        channel=table.channel or place.channel,
        policy=_policy(table),
        database=_database(table.database) if table.database else None,
        fly_toml=table.fly_toml or f"fly.{name}.toml",
    )


def _policy(environment: EnvironmentTable) -> Policy:
    table, is_by_tag = environment.policy, environment.released_by == "tag"
    return Policy(
        refs=table.refs,
        require_ci=table.require_ci,
        confirm=is_by_tag if table.confirm is None else table.confirm,
        restore_on_failure=table.restore_on_failure,
        max_unavailable=table.max_unavailable,
        release_command_timeout=table.release_command_timeout,
        wait_timeout=table.wait_timeout,
        smoke=table.smoke,
        plan_expires=table.plan_expires,
        strategy=Strategy(table.strategy),
        build_timeout=table.build_timeout,
        watch=table.watch,
        restore_on_trouble=table.restore_on_trouble,
        restore_countdown=table.restore_countdown,
        approvers=table.approvers,
        approve_deployments=table.approve_deployments,
        approve_rollbacks=table.approve_rollbacks,
        approve_scaling=table.approve_scaling,
        scale_min=_scale_min(environment),
        scale_max=table.scale_max,
        scale_check=table.scale_check,
        approval_expires=table.approval_expires,
        rollback=is_by_tag if table.rollback is None else table.rollback,
        freezes=tuple(_freeze(each) for each in environment.freezes),
    )


def _scale_min(environment: EnvironmentTable) -> int:
    if environment.policy.scale_min is not None:
        return environment.policy.scale_min
    return max(environment.min_machines, int(environment.auto_stop == "off"))


def _freeze(table: FreezeTable) -> Freeze:
    return Freeze(
        name=table.name,
        time_zone=table.time_zone,
        days=table.days,
        dates=table.dates,
        starts=table.starts,
        ends=table.ends,
    )


def _database(table: DatabaseTable) -> Database:
    return Database(app=table.app, kind=table.kind, nodes=table.nodes, disk_gb=table.disk, always_on=table.always_on)


def _review_apps(table: ReviewAppsTable) -> ReviewApps:
    return ReviewApps(
        app=table.app,
        organisation=table.organisation,
        url=table.url or f"https://{table.app}.fly.dev",
        region=table.region,
        memory_mb=table.memory,
        release_command=table.release_command,
        database=table.database,
        database_app=database_pattern(table),
    )
