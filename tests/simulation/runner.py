"""A seed from plan to verdict, in this process."""

from __future__ import annotations

import hashlib
import json
import logging
import random
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field

from pik import observability
from tests.simulation import faults, invariants, stored, workload
from tests.simulation.conditions import Conditions, bound, conditions
from tests.simulation.driver import SimulatedWorld
from tests.simulation.injector import Trace
from tests.simulation.patches import Patches
from tests.simulation.serial_pool import SerialPool, wait
from tests.simulation.violations import Violation
from tests.support.aws.clock import Clock

Plant = Callable[[Patches], None]


@dataclass(frozen=True, slots=True)
class SeedPlan:
    """A seed, and what is left of it: numbers of events and of faults; None for all."""

    seed: int
    events: frozenset[int] | None = None
    faults: frozenset[int] | None = None

    def __str__(self) -> str:
        parts = [f"--seed {self.seed}"]
        for name, kept in (("--events", self.events), ("--faults", self.faults)):
            if kept is not None:
                parts.append(f"{name} {','.join(map(str, sorted(kept))) or 'none'}")
        return " ".join(parts)


@dataclass(slots=True)
class SeedRun:
    """What came of a plan. `violation` is None when every rule held."""

    plan: SeedPlan
    violation: Violation | None
    trace: Trace
    fired: list[faults.Fault]
    events: list[int]
    calls: int
    state: Callable[[], str] = field(repr=False)

    @property
    def digest(self) -> str:
        """A hash of the schedule and of the final state."""
        return hashlib.sha256(json.dumps([self.trace, self.state()]).encode()).hexdigest()


def run(plan: SeedPlan, plant: Plant | None = None) -> SeedRun:
    """Run a plan, with a planted fault if there is one."""
    requests = workload.workload(plan.seed, plan.events)
    planned = [it for it in faults.plan(plan.seed) if plan.faults is None or it.number in plan.faults]
    rng = random.Random(f"{plan.seed}/world")
    with Patches() as patches, _quiet():
        surroundings = conditions(plan.seed)
        clock = Clock(surroundings.start)
        _isolate(patches, surroundings, rng, clock)
        if plant is not None:
            plant(patches)
        world = SimulatedWorld(surroundings, requests, planned, rng, clock)
        violation = None
        try:
            world.run()
            invariants.check_all(world)
        except Violation as found:
            violation = found
    return SeedRun(
        plan,
        violation,
        world.trace,
        world.injector.fired,
        workload.numbers(requests),
        len(world.aws.calls),
        lambda: stored.dump(world.aws, world.names),
    )


def _isolate(patches: Patches, surroundings: Conditions, rng: random.Random, clock: Clock) -> None:
    """Threads, limits, chance and metrics of the kit's modules in the hand of the seed."""
    pool_rng = random.Random(rng.random())
    patches.everywhere("ThreadPoolExecutor", futures.ThreadPoolExecutor, lambda *_: SerialPool(pool_rng, clock))
    patches.everywhere("wait", futures.wait, wait)
    for name, value in surroundings.limits.items():
        patches.everywhere(name, bound(name), value)
    random.seed(rng.random())  # the kit's jitter
    for name in ("add_metric", "flush_metrics"):
        patches.set(observability.metrics, name, lambda *_, **__: None)


@contextmanager
def _quiet() -> Iterator[None]:
    before, chance = logging.root.manager.disable, random.getstate()
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
        random.setstate(chance)
