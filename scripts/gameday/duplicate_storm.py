"""Everything arrives several times, at both ends of the pipeline; everything counts once."""

from __future__ import annotations

from typing import Final

from scripts.gameday.orders import Order
from scripts.gameday.play import Expectation, Game, Scenario, by_status, sums, with_fault

_ORDERS: Final = 15
_REPETITIONS: Final = 2

_INGEST: Final = ("logs", "ingest", "--since", "15m")
_LOGS: Final = ("logs", "processor", "--since", "15m")

FIRST: Final = Expectation("Every order is answered ACCEPTED the first time.", _INGEST)
REPEATED: Final = Expectation("Every repetition is answered DUPLICATE, one by one and in a batch.", _INGEST)
INDEX: Final = Expectation("The index has one ACCEPTED row an order, and a DUPLICATE row for each repetition.", _INGEST)
ONCE: Final = Expectation("Each order counts once, though every message is sent twice.", _LOGS)
EXACT: Final = Expectation("Sums and inputs hashes are those of the orders, as if each had come once.", _LOGS)
CLEAN: Final = Expectation("WorkQueue is empty, and no order is a dead letter.", ("status",))


def play(game: Game) -> None:
    """Each order alone, each again, and all of them in a batch, while the publisher sends each message twice."""
    orders = [game.order(number, {"amount": 7.5 + number}) for number in range(_ORDERS)]
    with_fault(game, "duplicate_submit", lambda: _storm(game, orders))


def _storm(game: Game, orders: list[Order]) -> None:
    game.world.tell(f"{_ORDERS} orders are sent, then each again, then all in a batch")
    first = [status for it in orders for status in game.world.send([it])]
    game.check(FIRST, first == ["ACCEPTED"] * _ORDERS, f"{_ORDERS} ACCEPTED", by_status(first))
    again = [status for it in orders for status in game.world.send([it])]
    again += game.world.send(orders)
    repetitions = _REPETITIONS * _ORDERS
    game.check(REPEATED, again == ["DUPLICATE"] * repetitions, f"{repetitions} DUPLICATE", by_status(again))
    rows = game.world.index({it.entity_id for it in orders})
    expected = {"ACCEPTED": _ORDERS, "DUPLICATE": repetitions}
    game.check(INDEX, rows == expected, _counted(expected), _counted(rows))
    final = game.counted(orders)
    game.check(ONCE, final.counted_exactly, sums(final.expected), sums(final.found))
    equal = sum(final.found.get(name) == it for name, it in final.expected.items())
    game.check(
        EXACT,
        final.exact,
        f"{len(final.expected)} days with the right sum and hash",
        f"{equal} of {len(final.found)} days so",
    )
    waiting, dead = game.drained(), game.world.dead(game.source())["matched"]
    game.check(CLEAN, waiting == dead == 0, "0 messages, 0 dead letters", f"{waiting} messages, {dead} dead letters")


def _counted(rows: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(rows.items())) or "none"


SCENARIO: Final = Scenario(
    "duplicate-storm",
    "See that producers, streams and queues may repeat themselves as often as they like: nothing counts twice.",
    (FIRST, REPEATED, INDEX, ONCE, EXACT, CLEAN),
    play,
)
