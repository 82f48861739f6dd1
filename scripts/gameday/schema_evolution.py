"""A producer's new version means something else by `amount`, and the pipeline does not know."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from pik.domain.redrive.run import COMPLETE
from scripts.gameday.orders import Order
from scripts.gameday.play import AT_ONCE, CANARY, Expectation, Game, Scenario, sums

_OLD: Final = 9
_NEW: Final = 9
TRANSFORM: Final = "merge(@, {amount: amount_v1})"

_ANALYZE: Final = ("dlq", "analyze")
_STATUS: Final = ("dlq", "status")

DEAD: Final = Expectation(
    "The dead-letter queue holds the orders of the new version, all of them and nothing else.", _STATUS
)
ORDER_AMOUNT_LIMIT: Final = 1_000_000
"""What OrderAmountLimits of the template is for every currency, unless a stack sets it."""

REASONS: Final = Expectation("Each of them carries its reason: PROCESSING, AmountOverLimit.", _ANALYZE)
ONE_CAUSE: Final = Expectation("A preview shows them as one cause, with one fingerprint.", _ANALYZE)
UNHARMED: Final = Expectation("The orders of the old version are counted as if nothing had happened.", ("status",))
REHEARSED: Final = Expectation(
    "A rehearsal of the redrive shows each payload before and after the transform, and changes nothing.",
    ("logs", "redrive", "--since", "15m"),
)
REDRIVEN: Final = Expectation("The redrive sends its canary first and completes.", _ANALYZE)
EXACT: Final = Expectation(
    "Count, sum and inputs hash of every customer's day are those of the orders, each counted once.",
    ("logs", "processor", "--since", "15m"),
)
EMPTY: Final = Expectation("No order of this gameday is left in the dead-letter queue.", _STATUS)


def play(game: Game) -> None:
    """Both versions send; the new one's orders die, and are redriven with their old amounts."""
    old, new = _orders(game)
    game.world.tell(f"{_OLD} orders of the old version and {_NEW} of the new one are sent")
    game.world.send([*old, *new])
    seen = game.dead(_NEW)
    letters = {it["event_id"] for it in seen["samples"]}
    game.check(
        DEAD,
        seen["matched"] == _NEW and letters == {it.event_id for it in new},
        f"{_NEW} dead letters, all of the new version",
        f"{seen['matched']} dead letters, {len(letters & {it.event_id for it in new})} of the new version",
    )
    groups = seen["groups"]
    causes = sorted({f"{it['category']} {it['error_type']}" for it in groups})
    game.check(REASONS, causes == ["PROCESSING AmountOverLimit"], "PROCESSING AmountOverLimit", ", ".join(causes))
    found = "; ".join(f"{it['count']} of {it['fingerprint'] or 'no fingerprint'}" for it in groups)
    game.check(ONE_CAUSE, len(groups) == 1 and bool(groups[0]["fingerprint"]), f"{_NEW} of one fingerprint", found)
    unharmed = game.counted(old)
    game.check(UNHARMED, unharmed.exact, sums(unharmed.expected), sums(unharmed.found))
    fingerprint = groups[0]["fingerprint"] if groups else ""
    _recover(game, [*old, *new], {"source": game.source(), "fingerprint": fingerprint})


def _orders(game: Game) -> tuple[list[Order], list[Order]]:
    old = [game.order(number, {"amount": 19.5 + number}) for number in range(_OLD)]
    new = []
    for number in range(_OLD, _OLD + _NEW):
        amount = Decimal(ORDER_AMOUNT_LIMIT) / 100 + number + Decimal("0.25")
        payload = {"amount": int(amount * 100), "amount_v1": float(amount)}
        new.append(game.order(number, payload, counted=amount))
    return old, new


def _recover(game: Game, orders: list[Order], wanted: dict[str, Any]) -> None:
    request = {**wanted, **AT_ONCE, "canary": CANARY, "transform": {"jmespath": TRANSFORM}, "samples": _NEW}
    diffs = game.world.rehearse(request)["diffs"]
    right = [it for it in diffs if _is_right(it)]
    still = game.world.dead(game.source())["matched"]
    game.check(
        REHEARSED,
        len(right) == len(diffs) == still == _NEW,
        f"{_NEW} payloads with amount_v1 as amount, {_NEW} dead letters",
        f"{len(right)} of {len(diffs)} payloads so, {still} dead letters",
    )
    run = game.world.redrive(request)
    waves = [(it["redriven"], it["failing"]) for it in run["waves"]]
    game.check(
        REDRIVEN,
        run["status"] == COMPLETE and run["totals"]["redriven"] == _NEW and waves[:1] == [(CANARY["size"], 0)],
        f"COMPLETE, {_NEW} sent, {CANARY['size']} of them first",
        f"{run['status']}, {run['totals']['redriven']} sent, {waves[0][0] if waves else 0} of them first",
    )
    final = game.counted(orders)
    game.check(EXACT, final.exact, sums(final.expected), sums(final.found))
    left = game.world.dead(game.source())["matched"]
    game.check(EMPTY, left == 0, "0 dead letters", f"{left} dead letters")


def _is_right(diff: dict[str, Any]) -> bool:
    """Whether a payload becomes what it was, with its old amount; one that cannot be changed has `error` instead."""
    before, after = diff.get("before"), diff.get("after")
    return bool(before and "amount_v1" in before and after == {**before, "amount": before["amount_v1"]})


SCENARIO: Final = Scenario(
    "schema-evolution",
    "Recover from a change of format that nobody announced: nothing is lost, and the producer sends nothing again.",
    (DEAD, REASONS, ONE_CAUSE, UNHARMED, REHEARSED, REDRIVEN, EXACT, EMPTY),
    play,
)
