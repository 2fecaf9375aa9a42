"""The parts of the page, in one place: each topic has its module."""

from __future__ import annotations

from sandbox.page.deliveries_part import DeliveriesPart
from sandbox.page.faults_part import FaultsPart
from sandbox.page.fly_part import FlyPart
from sandbox.page.github_part import GitHubPart
from sandbox.page.items import Part
from sandbox.page.saves_part import SavesPart
from sandbox.page.scenes_part import ScenesPart
from sandbox.page.slack_part import SlackPart
from sandbox.page.workbench_part import WorkbenchPart
from sandbox.workbench import Workbench


def parts(workbench: Workbench) -> list[Part]:
    """What the page shows of this workbench."""
    simulators = workbench.simulators
    return [
        SlackPart(simulators.slack),
        FlyPart(simulators),
        GitHubPart(simulators.github),
        WorkbenchPart(workbench),
        FaultsPart(simulators),
        DeliveriesPart(simulators),
        SavesPart(workbench),
        ScenesPart(workbench),
    ]
