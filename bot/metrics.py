"""Figures for Prometheus, in one registry of the application."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """What the bot counts. Label values come from fixed sets, never from people's text."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.slack_requests = Counter(
            "flytower_slack_requests",
            "Requests at /slack/events by how they were met.",
            ["result"],
            registry=self.registry,
        )
        self.github_deliveries = Counter(
            "flytower_github_deliveries",
            "Deliveries at /github/webhooks by how they were met.",
            ["result"],
            registry=self.registry,
        )
        self.remote_calls = Histogram(
            "flytower_remote_call_seconds",
            "Calls to Fly, GitHub and Slack.",
            ["service", "method", "status"],
            registry=self.registry,
        )
        self.operations = Counter(
            "flytower_operations", "Operations by kind and how they ended.", ["kind", "state"], registry=self.registry
        )
        self.ready = Gauge("flytower_ready", "1 while the bot can work.", registry=self.registry)

    def observe_call(self, service: str, method: str, status: int, seconds: float) -> None:
        """Count one call to a provider; `status` is 0 where no answer came."""
        self.remote_calls.labels(service, method, str(status)).observe(seconds)

    def text(self) -> bytes:
        """The figures in Prometheus' text format."""
        return generate_latest(self.registry)
