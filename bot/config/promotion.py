"""Whether one environment can run the images of another.

Source: Fly, "Using the Fly Docker Registry": a repository belongs to an app, and its organisation can read it.
"""

from __future__ import annotations

from itertools import combinations

from bot.config.settings import Settings
from bot.domain.model import Environment


def shares_registry(one: Environment, other: Environment) -> bool:
    """Whether each of the two can run the other's images: they share an organisation."""
    return one.organisation == other.organisation


def promotion_notes(settings: Settings) -> list[str]:
    """One sentence for each pair of environments in a pipeline: whether an image can be promoted between them."""
    return [
        _note(one, other)
        for pipeline in settings.pipelines.values()
        for one, other in combinations(pipeline.environments.values(), 2)
    ]


def _note(one: Environment, other: Environment) -> str:
    pair = f"{one.title} and {other.title}"
    if shares_registry(one, other):
        return f"{pair} share organisation {one.organisation}: an image can be promoted from one to the other."
    return (
        f"{pair} are in different organisations ({one.organisation}, {other.organisation}): neither can read the"
        " other's images, so CI builds the commit for each."
    )
