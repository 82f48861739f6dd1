"""Ten times the usual traffic, most of it from one producer: all of it counts, and the others are not left behind."""

from __future__ import annotations

from typing import Final

from scripts.gameday.orders import Order
from scripts.gameday.play import DRAIN_SECONDS, Expectation, Game, Scenario, by_status, facts_of, sums

_TICKS: Final = 6
_TICK_SECONDS: Final = 0.5
_BASELINE: Final = 2
_SPIKE: Final = 10 * _BASELINE
_QUIET: Final = ("quiet-1", "quiet-2", "quiet-3", "quiet-4", "quiet-5")
"""Producers that send one order each tick of the spike; the loud one sends the rest."""

_LOGS: Final = ("logs", "processor", "--since", "15m")

ACCEPTED: Final = Expectation(
    "Every order is accepted, also at ten times the rate.", ("logs", "ingest", "--since", "15m")
)
QUIET: Final = Expectation("The orders of the quiet producers are counted, behind the loud one's backlog too.", _LOGS)
DRAINED: Final = Expectation("WorkQueue drains automatically.", ("status",))
EXACT: Final = Expectation(
    "Count, sum and inputs hash of every customer's day are those of the orders, each counted once.", _LOGS
)
NONE_DEAD: Final = Expectation("No order is a dead letter.", ("dlq", "analyze"))


def play(game: Game) -> None:
    """A baseline, the spike, and what becomes of it."""
    producers = [*_QUIET, "loud"]
    numbers = iter(range(1_000_000))

    def order(producer: str) -> Order:
        number = next(numbers)
        return game.order(number, {"amount": 5.5 + number % 50}, game.source(producer))

    usual = [[order(producers[(tick + it) % len(producers)]) for it in range(_BASELINE)] for tick in range(_TICKS)]
    spike = [[*map(order, _QUIET), *(order("loud") for _ in range(_SPIKE - len(_QUIET)))] for _ in range(_TICKS)]
    before, usual_rate = _at_pace(game, usual)
    game.counted(_flat(usual))
    game.world.tell(f"the usual traffic was {usual_rate:.0f} orders a second; now the spike")
    statuses, rate = _at_pace(game, spike)
    orders = [*_flat(usual), *_flat(spike)]
    game.check(
        ACCEPTED,
        {*before, *statuses} == {"ACCEPTED"} and len(before) + len(statuses) == len(orders),
        f"{len(orders)} ACCEPTED",
        f"{by_status([*before, *statuses])}; {rate:.0f} a second after {usual_rate:.0f}",
    )
    _after(game, orders)


def _after(game: Game, orders: list[Order]) -> None:
    began = game.world.clock()
    quiet = [it for it in orders if it.source != game.source("loud")]
    entities, expected = {it.entity_id for it in quiet}, facts_of(quiet)
    seen = game.until(lambda: game.world.days(entities, game.day), lambda it: it == expected)
    game.check(
        QUIET,
        seen == expected,
        sums(expected),
        f"{sums(seen)}, {game.world.clock() - began:.0f} s after the spike",
    )
    waiting = game.drained(DRAIN_SECONDS)
    game.check(
        DRAINED, waiting == 0, "0 messages", f"{waiting} messages, {game.world.clock() - began:.0f} s after the spike"
    )
    final = game.counted(orders)
    game.check(EXACT, final.exact, sums(final.expected), sums(final.found))
    dead = sum(game.world.dead(source)["matched"] for source in sorted({it.source for it in orders}))
    game.check(NONE_DEAD, dead == 0, "0 dead letters", f"{dead} dead letters")


def _at_pace(game: Game, ticks: list[list[Order]]) -> tuple[list[str], float]:
    """Send a tick's orders in one request, then the next tick's; the statuses, and the orders a second that it was."""
    began = game.world.clock()
    statuses: list[str] = []
    for number, orders in enumerate(ticks, 1):
        statuses += game.world.send(orders)
        game.world.sleep(max(0.0, began + number * _TICK_SECONDS - game.world.clock()))
    return statuses, len(_flat(ticks)) / max(_TICK_SECONDS, game.world.clock() - began)


def _flat(ticks: list[list[Order]]) -> list[Order]:
    return [it for orders in ticks for it in orders]


SCENARIO: Final = Scenario(
    "traffic-spike",
    "See that ten times the traffic, most of it from one producer, is a queue that grows and drains and nothing worse.",
    (ACCEPTED, QUIET, DRAINED, EXACT, NONE_DEAD),
    play,
)
