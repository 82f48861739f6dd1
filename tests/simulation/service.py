"""What the services around the functions have in common: what they work on, and how the driver lets them act."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from random import Random

from tests.simulation.conditions import Conditions
from tests.simulation.deployment import Deployment
from tests.simulation.scheduler import Scheduler
from tests.support.aws.account import FakeAws
from tests.support.aws.stack import Names


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """What all services of a seed share."""

    aws: FakeAws
    names: Names
    deployment: Deployment
    scheduler: Scheduler
    conditions: Conditions
    rng: Random


class SimulatedService(ABC):
    """Something that starts invocations, or acts on AWS, whenever the driver picks it. `dry` is the stack's DryRun."""

    def __init__(self, context: ServiceContext) -> None:
        self._aws = context.aws
        self._names = context.names
        self._deployment = context.deployment
        self._scheduler = context.scheduler
        self._conditions = context.conditions
        self._rng = context.rng
        self.dry = False

    @property
    def _now(self) -> float:
        return self._scheduler.clock.now

    @abstractmethod
    def can_start(self) -> bool:
        """Whether there is something to do now."""

    @abstractmethod
    def start(self) -> None:
        """Do one thing; only after `can_start`."""

    @abstractmethod
    def wake(self) -> float | None:
        """The next moment at which there may be something to do; None when no time needs to pass for that."""
