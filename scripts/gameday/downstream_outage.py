"""What the processor reads from is throttled: events wait, come back later and later, and are all there in the end."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any, Final

from pik.domain.process.dispositions import Disposition
from pik.domain.redrive.run import COMPLETE
from pik.domain.shared import times
from scripts.gameday.orders import Order
from scripts.gameday.play import AT_ONCE, CANARY, Expectation, Game, Scenario, sums, with_fault

_ORDERS: Final = 15
_OUTAGE_SECONDS: Final = 35.0
"""After every order has failed once: longer than the longest first wait (RETRY_BACKOFF_SECONDS), so that second
attempts fail too. On an engine of its own it ends when some have used up their receives."""

_USED_UP: Final = 2
_SHORTEST_WAIT: Final = timedelta(seconds=1)
_RECOVERY_SECONDS: Final = 240.0
"""For the longest wait of an order that failed three times in the outage."""

_STATUS: Final = ("dlq", "status")
_LOGS: Final = ("logs", "processor", "--since", "15m")

LEDGER: Final = Expectation(
    "Every order has its first failed attempt in the ledger: TRANSIENT, to be tried again.", _LOGS
)
KEPT: Final = Expectation(
    "While the outage lasts, every order is in WorkQueue or in the dead-letter queue, and none is counted.", ("status",)
)
SPACED: Final = Expectation("Between two attempts of an order lies a wait of a second at least.", _LOGS)
BY_THEMSELVES: Final = Expectation(
    "When it is over, the orders that have receives left are counted without anybody's help.", ("status",)
)
REDRIVEN: Final = Expectation(
    "Those that have used up their receives are dead letters of category TRANSIENT, and a redrive takes all of them.",
    ("dlq", "analyze"),
)
EXACT: Final = Expectation(
    "Count, sum and inputs hash of every customer's day are those of the orders, each counted once.", _LOGS
)
EMPTY: Final = Expectation("No order of this gameday is left in the dead-letter queue.", _STATUS)


def play(game: Game) -> None:
    """An outage of half a minute, and what comes after it."""
    orders = [game.order(number, {"amount": 30.75 + number}) for number in range(_ORDERS)]
    with_fault(game, "throttle", lambda: _outage(game, orders))
    game.world.tell("the outage is over")
    entities = {it.entity_id for it in orders}

    def through() -> tuple[int, int]:
        # The queue first: an order on its way from here to there is then seen in both and not in none.
        counted = sum(it.count for it in game.world.days(entities, game.day).values())
        return counted, int(game.world.dead(game.source())["matched"])

    counted, dead = game.until(through, lambda seen: sum(seen) >= _ORDERS, _RECOVERY_SECONDS)
    waits = _waits(game.world.attempts([it.event_id for it in orders]))
    game.check(
        SPACED,
        bool(waits) and min(waits) >= _SHORTEST_WAIT,
        "1.0 s at least",
        f"{min(waits).total_seconds():.1f} s at least, of {len(waits)} waits" if waits else "no second attempt",
    )
    game.check(
        BY_THEMSELVES,
        counted > 0 and counted + dead == _ORDERS,
        f"{_ORDERS - dead} counted without help ({dead} are dead letters)",
        f"{counted} counted without help",
    )
    _bring_back(game, dead)
    final = game.counted(orders)
    game.check(EXACT, final.exact, sums(final.expected), sums(final.found))
    left = game.world.dead(game.source())["matched"]
    game.check(EMPTY, left == 0, "0 dead letters", f"{left} dead letters")


def _outage(game: Game, orders: list[Order]) -> None:
    game.world.tell(f"{_ORDERS} orders are sent into the outage")
    game.world.send(orders)
    events = [it.event_id for it in orders]
    attempts = game.until(lambda: game.world.attempts(events), lambda seen: len(seen) == _ORDERS)
    first = [rows[0] for rows in attempts.values()]
    right = [it for it in first if (it["category"], it["disposition"]) == ("TRANSIENT", Disposition.RETRY)]
    game.check(LEDGER, len(right) == _ORDERS, f"{_ORDERS} TRANSIENT RETRY", f"{len(right)} of {len(first)} so")
    game.world.tell("the outage goes on until some orders have used up their receives")
    game.until(lambda: game.world.dead(game.source()), lambda seen: seen["matched"] >= _USED_UP, _OUTAGE_SECONDS)
    # In this order an order on its way into the dead-letter queue is seen twice and not missed.
    waiting, dead = game.world.waiting(), game.world.dead(game.source())["matched"]
    counted = sum(it.count for it in game.world.days({it.entity_id for it in orders}, game.day).values())
    game.check(
        KEPT,
        waiting + dead >= _ORDERS and counted == 0,
        f"{_ORDERS} in the two queues, 0 counted",
        f"{waiting} in WorkQueue and {dead} dead letters, {counted} counted",
    )


def _bring_back(game: Game, dead: int) -> None:
    if not dead:
        game.check(REDRIVEN, True, "0 dead letters", "0 dead letters: no order used up its receives")
        return
    groups = game.world.dead(game.source())["groups"]
    categories = sorted({it["category"] for it in groups})
    run = game.world.redrive({"source": game.source(), **AT_ONCE, "canary": CANARY})
    game.check(
        REDRIVEN,
        categories == ["TRANSIENT"] and run["status"] == COMPLETE and run["totals"]["redriven"] == dead,
        f"TRANSIENT, COMPLETE, {dead} sent",
        f"{', '.join(categories)}, {run['status']}, {run['totals']['redriven']} sent",
    )


def _waits(attempts: dict[str, list[dict[str, Any]]]) -> list[timedelta]:
    """Between the attempts of each order, as the queue made them: before any redrive."""
    failed = [[times.to_datetime(it["failed_at"]) for it in rows] for rows in attempts.values()]
    return [later - earlier for moments in failed for earlier, later in pairwise(sorted(moments))]


SCENARIO: Final = Scenario(
    "downstream-outage",
    "See that an outage of what the processor depends on costs time and no events, and know what is left to do.",
    (LEDGER, KEPT, SPACED, BY_THEMSELVES, REDRIVEN, EXACT, EMPTY),
    play,
    # The least that the template takes: some orders use up their receives within the outage, and some do not.
    {"MaxReceiveCount": "2"},
)
