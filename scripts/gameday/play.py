"""What a gameday is made of: expectations, the scenario that checks them, and the score."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Protocol, TypeVar

from pik.domain.operate.failure_modes import NO_FAULT
from pik.domain.shared import times
from pik.domain.shared.runs import stamp
from scripts.gameday.orders import Order, OrderFacts

T = TypeVar("T")

DRAIN_SECONDS: Final = 90.0
"""For which events may be on their way when nothing fails; cold starts on a busy machine took 15 s."""

SETTLED_LOOKS: Final = 3
"""Looks in a row at an empty WorkQueue before it counts as empty: SQS counts approximately."""

LOOK_SECONDS: Final = 1.0
"""Between two looks."""

CANARY: Final[Mapping[str, Any]] = {"size": 3, "widen": 10, "wait_seconds": 3}
"""Of a gameday's redrives: a few dozen messages in two waves. Operators have larger ones and longer waits."""

AT_ONCE: Final[Mapping[str, Any]] = {"force": True, "min_age_seconds": 0, "backoff": False}
"""A gameday has made its failures itself and ends them itself, so it need not wait a minute for their age."""


class GamedayWorld(Protocol):
    """The pipeline that a scenario is played on. Everything that a scenario knows, it reads here."""

    def send(self, orders: list[Order]) -> list[str]:
        """POST /events: one order alone, or several as NDJSON. Returns the status of each."""

    def days(self, entities: set[str], day: str) -> dict[str, OrderFacts]:
        """What LIVE has counted on a day, of the entities that have anything."""

    def index(self, entities: set[str]) -> dict[str, int]:
        """Rows of EventsTable by status."""

    def attempts(self, events: list[str]) -> dict[str, list[dict[str, Any]]]:
        """Failed attempts in the ledger, the first first, of the events that have any."""

    def waiting(self) -> int:
        """Messages of WorkQueue, whatever their state."""

    def dead(self, source: str) -> dict[str, Any]:
        """GET /redrive/preview of a source's dead letters."""

    def rehearse(self, request: dict[str, Any]) -> dict[str, Any]:
        """POST /redrive/start as a dry run."""

    def redrive(self, request: dict[str, Any]) -> dict[str, Any]:
        """POST /redrive/start, and the run as it is when it is over."""

    def set_fault(self, mode: str, *, wait: bool = True) -> None:
        """Set the failure mode, and wait until all functions see it."""

    def now(self) -> datetime: ...

    def clock(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...

    def tell(self, text: str) -> None:
        """Say what happens now."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing that must hold, in a sentence; `look` are the words after `pik` that help when it does not."""

    text: str
    look: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckedExpectation:
    """What became of an expectation."""

    expectation: Expectation
    met: bool
    expected: str
    found: str


@dataclass(frozen=True)
class Scenario:
    """`play` checks every expectation once. `parameters` are those of the template on an engine of its own."""

    name: str
    objective: str
    expectations: tuple[Expectation, ...]
    play: Callable[[Game], None]
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recovered:
    """What LIVE holds of some orders at the end, against what it must."""

    expected: Mapping[str, OrderFacts]
    found: Mapping[str, OrderFacts]

    @property
    def exact(self) -> bool:
        """Count, sum and hash of each entity's day."""
        return dict(self.expected) == dict(self.found)

    @property
    def counted_exactly(self) -> bool:
        """Count of each entity's day."""
        return {name: it.count for name, it in self.expected.items()} == {
            name: it.count for name, it in self.found.items()
        }


class Game:
    """One scenario being played. Everything it sends has its own sources and entities, which `tag` identifies."""

    def __init__(self, world: GamedayWorld, scenario: Scenario, chance: str) -> None:
        self.world = world
        self.scenario = scenario
        self.event_time = times.from_datetime(world.now())
        self.tag = f"gameday-{stamp(self.event_time).lower()}-{chance}"
        self.results: list[CheckedExpectation] = []

    @property
    def day(self) -> str:
        """The day that all orders of this game count towards."""
        return times.day_of(self.event_time)

    def source(self, name: str = "shop") -> str:
        """A producer of this game."""
        return f"{self.tag}-{name}"

    def order(self, number: int, payload: Mapping[str, Any], source: str = "", counted: Decimal | None = None) -> Order:
        """An order of one of three customers; `counted` is the amount that must be counted when it is another one."""
        source = source or self.source()
        whole = {"orderId": f"{source}-{number}", **payload}
        return Order(source, f"{source}-customer-{number % 3}", self.event_time, whole, counted)

    def check(self, expectation: Expectation, met: bool, expected: object, found: object) -> None:
        """Note whether an expectation holds, with what was found."""
        if expectation not in self.scenario.expectations:
            raise ValueError(f"{self.scenario.name} does not announce: {expectation.text}")
        self.results.append(CheckedExpectation(expectation, met, str(expected), str(found)))
        self.world.tell(f"{'met' if met else 'NOT MET'}: {expectation.text}")

    def until(self, look: Callable[[], T], good: Callable[[T], bool], seconds: float = DRAIN_SECONDS) -> T:
        """What `look` sees when it is good, or when time is up."""
        end = self.world.clock() + seconds
        while True:
            seen = look()
            if good(seen) or self.world.clock() >= end:
                return seen
            self.world.sleep(LOOK_SECONDS)

    def counted(self, orders: list[Order], seconds: float = DRAIN_SECONDS) -> Recovered:
        """What LIVE holds of these orders once WorkQueue is empty too: what counts twice is late."""
        expected = facts_of(orders)
        self.until(lambda: self._days(orders), lambda seen: seen == expected, seconds)
        self.drained(seconds)
        return Recovered(expected, self._days(orders))

    def drained(self, seconds: float = DRAIN_SECONDS) -> int:
        """Messages in WorkQueue: 0 when it was empty several times in a row, else what it held when time was up."""
        empty = 0

        def look() -> int:
            nonlocal empty
            waiting = self.world.waiting()
            empty = empty + 1 if not waiting else 0
            return waiting

        return self.until(look, lambda _: empty >= SETTLED_LOOKS, seconds)

    def dead(self, count: int, source: str = "", seconds: float = DRAIN_SECONDS) -> dict[str, Any]:
        """A preview of a source's dead letters once there are `count`."""
        return self.until(
            lambda: self.world.dead(source or self.source()), lambda seen: seen["matched"] >= count, seconds
        )

    def _days(self, orders: list[Order]) -> dict[str, OrderFacts]:
        return self.world.days({it.entity_id for it in orders}, self.day)


def facts_of(orders: list[Order]) -> dict[str, OrderFacts]:
    """What LIVE must hold of these orders by entity, each of them counted once."""
    found: dict[str, OrderFacts] = {}
    for order in {order.event_id: order for order in orders}.values():
        found[order.entity_id] = found.get(order.entity_id, OrderFacts()).plus(order)
    return found


def sums(facts: Mapping[str, OrderFacts]) -> str:
    """Facts of all entities together, as the score sheet shows them."""
    total = sum((it.amount for it in facts.values()), Decimal(0))
    return f"{sum(it.count for it in facts.values())} orders, {total.normalize():f} in sum"


def by_status(statuses: list[str]) -> str:
    """Statuses with their counts, as the score sheet shows them."""
    return ", ".join(f"{statuses.count(name)} {name}" for name in sorted(set(statuses))) or "none"


def outcome(scenario: Scenario, results: list[CheckedExpectation], stopped: str) -> list[CheckedExpectation]:
    """A result for each expectation, in the order of the scenario; those that were not reached are not met."""
    found = {it.expectation: it for it in results}
    return [
        found.get(
            it,
            CheckedExpectation(
                it, met=False, expected="", found=f"not reached: {stopped}" if stopped else "not reached"
            ),
        )
        for it in scenario.expectations
    ]


def with_fault(game: Game, mode: str, during: Callable[[], T]) -> T:
    """`during`, while everything fails in one way. However it ends, the fault is cleared."""
    try:
        game.world.set_fault(mode)
        found = during()
    except BaseException:  # Ctrl-C too: nothing may go on failing
        game.world.set_fault(str(NO_FAULT), wait=False)
        raise
    game.world.set_fault(str(NO_FAULT))
    return found
