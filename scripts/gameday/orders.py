"""Orders that a gameday sends, and what must come of them: computed from what was sent, not from what is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from pik.domain.process.amounts import NO_CURRENCY
from pik.domain.process.versions import EMPTY_HASH, combine_hashes, input_hash
from pik.domain.shared import identity

EVENT_TYPE: Final = "order"


@dataclass(frozen=True, slots=True)
class Order:
    """One event. `event_time` is normalised. `counted` is the amount that LIVE must count, where a redrive changes it
    from what was sent."""

    source: str
    entity_id: str
    event_time: str
    payload: Mapping[str, Any]
    counted: Decimal | None = None

    @property
    def event_id(self) -> str:
        """Its identity, which it keeps when a redrive changes its payload."""
        sha = identity.payload_sha(self.payload)
        return identity.event_id(
            self.source, EVENT_TYPE, self.entity_id, idempotency_key=None, event_time=self.event_time, sha=sha
        )

    @property
    def amount(self) -> Decimal:
        """What LIVE must count."""
        return self.counted if self.counted is not None else Decimal(str(self.payload["amount"]))

    @property
    def final_sha(self) -> str:
        """The hash of the payload that LIVE must count."""
        payload = self.payload if self.counted is None else {**self.payload, "amount": float(self.counted)}
        return identity.payload_sha(payload)

    def envelope(self) -> dict[str, Any]:
        """As POST /events takes it."""
        return {
            "source": self.source,
            "event_type": EVENT_TYPE,
            "entity_id": self.entity_id,
            "event_time": self.event_time,
            "payload": dict(self.payload),
        }


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What an entity's day holds."""

    count: int = 0
    amount: Decimal = Decimal(0)
    inputs_hash: str = EMPTY_HASH

    def plus(self, order: Order) -> OrderFacts:
        """With one more order."""
        one = input_hash(order.event_id, order.final_sha)
        return OrderFacts(self.count + 1, self.amount + order.amount, combine_hashes(self.inputs_hash, one))

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> OrderFacts:
        """From a row of AggregatesTable."""
        sums = row["metrics"]["daily_amount_sum"]
        return cls(row["input_count"], Decimal(sums.get(NO_CURRENCY, "0")), row["inputs_hash"])
