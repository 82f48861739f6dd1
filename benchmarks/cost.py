"""What a steady load costs per month: the dollars per event that were measured, times the events of a month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.prices import MILLION

MONTH_SECONDS: Final = 30 * 24 * 3600

PUBLISH: Final = "publish"
NEXT_EVENT: Final = "one more event in an entity-day of 10, 1,000, 100,000"
"""Works of docs/benchmarks.json. The second is the most expensive way to process an event: in its own batch, with
its own version and bus event."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A steady load: events per second, and how many of them share a request."""

    per_second: int
    batch: int


RATES: Final = (Rate(1, 1), Rate(100, 1), Rate(100, 100), Rate(10_000, 100))


@dataclass(frozen=True, slots=True)
class MonthlyCost:
    """Dollars of a month of 30 days, by stage."""

    rate: Rate
    ingest: float
    publish: float
    process: float

    @property
    def events(self) -> int:
        return self.rate.per_second * MONTH_SECONDS

    @property
    def total(self) -> float:
        return self.ingest + self.publish + self.process


def monthly(saved: Mapping[str, Any], rate: Rate) -> MonthlyCost:
    """The cost of a load by the saved figures. Raises KeyError for a batch size that the curve does not have."""
    values = {it["work"]: it["values"] for it in saved["figures"]}
    ingest = {it["batch"]: it["dollars_per_million"] for it in saved["curve"]}[rate.batch]
    millions = rate.per_second * MONTH_SECONDS / MILLION
    return MonthlyCost(
        rate,
        ingest=ingest * millions,
        publish=values[PUBLISH]["dollars_per_million"] * millions,
        process=values[NEXT_EVENT]["dollars_per_million_at_10"] * millions,
    )


COLUMNS: Final = (
    "Events per second",
    "Events per request",
    "Events per month",
    "Ingest",
    "Publish",
    "Process",
    "Per month",
)


def rows(saved: Mapping[str, Any], rates: Sequence[Rate] = RATES) -> list[list[str]]:
    """The cells of the table of costs, one row per load."""
    costs = [monthly(saved, rate) for rate in rates]
    return [
        [
            f"{it.rate.per_second:,}",
            f"{it.rate.batch:,}",
            f"{it.events / MILLION:,.1f} million",
            *(_dollars(part) for part in (it.ingest, it.publish, it.process, it.total)),
        ]
        for it in costs
    ]


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}" if amount < 100 else f"${amount:,.0f}"
