"""Events that cannot be read: at once in the dead-letter queue, and a redrive that comes too early costs little."""

from __future__ import annotations

from typing import Any, Final

from pik.domain.redrive.run import COMPLETE, STOPPED
from scripts.gameday.orders import Order
from scripts.gameday.play import AT_ONCE, CANARY, Expectation, Game, Scenario, sums, with_fault

_ORDERS: Final = 12

_ANALYZE: Final = ("dlq", "analyze")
_STATUS: Final = ("dlq", "status")
_LOGS: Final = ("logs", "processor", "--since", "15m")

AT_ONCE_DEAD: Final = Expectation(
    "Every order is in the dead-letter queue after one attempt: no retry is wasted.", _LOGS
)
REASONS: Final = Expectation("Each of them carries its reason, of category VALIDATION.", _ANALYZE)
STOPS: Final = Expectation("A redrive while the fault is on stops at its canary.", ("fault", "show"))
CHEAP: Final = Expectation("It costs the canary one attempt each, and the others none.", _LOGS)
BACK: Final = Expectation("After it every order is in the dead-letter queue, and none is counted.", _STATUS)
COMPLETES: Final = Expectation("When the fault is cleared, a redrive of the same orders completes.", _ANALYZE)
EXACT: Final = Expectation(
    "Count, sum and inputs hash of every customer's day are those of the orders, each counted once.", _LOGS
)
EMPTY: Final = Expectation("No order of this gameday is left in the dead-letter queue.", _STATUS)


def play(game: Game) -> None:
    """Poison, a redrive too early, the fault cleared, a redrive in time."""
    orders = [game.order(number, {"amount": 10.25 + number}) for number in range(_ORDERS)]
    request = {"source": game.source(), **AT_ONCE, "canary": CANARY}
    with_fault(game, "poison_payload", lambda: _poisoned(game, orders, request))
    run = game.world.redrive(request)
    game.check(
        COMPLETES,
        run["status"] == COMPLETE and run["totals"]["redriven"] == _ORDERS,
        f"COMPLETE, {_ORDERS} sent",
        f"{run['status']}, {run['totals']['redriven']} sent",
    )
    final = game.counted(orders)
    game.check(EXACT, final.exact, sums(final.expected), sums(final.found))
    left = game.world.dead(game.source())["matched"]
    game.check(EMPTY, left == 0, "0 dead letters", f"{left} dead letters")


def _poisoned(game: Game, orders: list[Order], request: dict[str, Any]) -> None:
    game.world.tell(f"{_ORDERS} orders are sent")
    game.world.send(orders)
    seen = game.dead(_ORDERS)
    before = _attempts(game, orders)
    game.check(
        AT_ONCE_DEAD,
        seen["matched"] == before == _ORDERS,
        f"{_ORDERS} dead letters, {_ORDERS} attempts",
        f"{seen['matched']} dead letters, {before} attempts",
    )
    causes = {it["category"]: 0 for it in seen["groups"]}
    for group in seen["groups"]:
        causes[group["category"]] += group["count"]
    game.check(REASONS, causes == {"VALIDATION": _ORDERS}, f"{_ORDERS} VALIDATION", _counted(causes))
    game.world.tell("a redrive is tried too early")
    run = game.world.redrive(request)
    sent = run["totals"]["redriven"]
    game.check(
        STOPS,
        run["status"] == STOPPED and 0 < sent <= CANARY["size"],
        f"STOPPED, at most {CANARY['size']} sent",
        f"{run['status']}, {sent} sent",
    )
    again = game.dead(_ORDERS)["matched"]
    spent = _attempts(game, orders) - before
    game.check(
        CHEAP, 0 < spent <= CANARY["size"], f"at most {CANARY['size']} further attempts", f"{spent} further attempts"
    )
    counted = game.world.days({it.entity_id for it in orders}, game.day)
    game.check(
        BACK,
        again == _ORDERS and not counted,
        f"{_ORDERS} dead letters, 0 orders counted",
        f"{again} dead letters, {sum(it.count for it in counted.values())} orders counted",
    )


def _attempts(game: Game, orders: list[Order]) -> int:
    return sum(map(len, game.world.attempts([it.event_id for it in orders]).values()))


def _counted(causes: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(causes.items())) or "none"


SCENARIO: Final = Scenario(
    "poison",
    "See that what no retry can fix is set aside at once, and that a redrive before the cause is gone does no harm.",
    (AT_ONCE_DEAD, REASONS, STOPS, CHEAP, BACK, COMPLETES, EXACT, EMPTY),
    play,
)
