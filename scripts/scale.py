"""Which limit a load meets first, and what to set for it: `python -m scripts.scale --rate 10000 --batch 100`.

Every number of the pipeline is of its `limits`, of template.yaml, or measured by `make bench`; those of
AWS are default quotas of us-east-1. docs/scale.md says what each means and holds this arithmetic's tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil
from typing import Annotated, Any, Final

import typer

from pik.domain.shared.limits import EVENTS_PER_VERSION, MAX_BUS_ENTRIES, MAX_EVENTS_PER_REQUEST, SOURCE_DAY_SHARDS
from pik_cli.shell.output import Output, OutputForm

VCPU_MB: Final = 1_769
"""Memory at which Lambda gives one vCPU; less gives its share."""

INGEST_MB, PUBLISHER_MB, PROCESSOR_MB = 512, 512, 1_024
"""template.yaml."""

INGEST_CALLS_SECONDS: Final = 0.035
INGEST_CPU_SECONDS: Final = 0.002
INGEST_CPU_SECONDS_AN_EVENT: Final = 0.000_5
PUBLISH_SECONDS: Final = 0.008
PUBLISH_CPU_SECONDS_AN_EVENT: Final = 0.000_15
PROCESS_SECONDS: Final = 0.090
PROCESS_CPU_SECONDS_AN_EVENT: Final = 0.001_3
"""`make bench`: calls under the fixed delays, and CPU on a whole vCPU."""

STREAM_BATCH: Final = 100
PARALLELIZATION: Final = 2
"""template.yaml: records a batch of the stream, and lanes a shard."""

WORK_BATCH, WINDOW_SECONDS = 50, 1
"""template.yaml's defaults: BatchSize, BatchWindowSeconds."""

API_RATE, API_BURST = 10_000, 5_000
CONCURRENCY: Final = 1_000
TABLE_UNITS: Final = 40_000
PARTITION_UNITS: Final = 1_000
IN_FLIGHT: Final = 120_000
MAPPING_CONCURRENCY: Final = 1_000
PREFIX_PUTS, PREFIX_GETS = 3_500, 5_500
BUS_CALLS, BUS_DELIVERIES = 10_000, 18_750
"""Default quotas. API Gateway: requests a second, burst. Lambda: concurrent executions. DynamoDB: write units a second
of a table or index, and of a partition, which cannot be raised. SQS: messages in flight of a queue. The highest
MaximumConcurrency of a mapping. S3: requests a second of a prefix. EventBridge: PutEvents and deliveries a second."""

NEW_PARTITIONS: Final = 4
"""Of a new on-demand table: it takes 4,000 writes a second at once, and twice its highest rate from then on."""

UNRESERVED: Final = 100
"""Concurrency that Lambda does not let one reserve: the other functions have it."""

HEADROOM: Final = 2
"""What is set above what is needed on average: bursts, retries, a lost zone."""


@dataclass(frozen=True, slots=True)
class Load:
    """`rate`: events a second. `batch`: events a request. `sources`: pairs of source and type that share the rate
    evenly. `hottest`: events a second of the busiest entity; all others are of an entity each, the dearest case."""

    rate: float
    batch: int
    sources: int = 1
    hottest: float = 0.0

    @property
    def requests(self) -> float:
        """Requests a second."""
        return self.rate / self.batch


@dataclass(frozen=True, slots=True)
class Limit:
    """`need` of `most`; `raised` says who can raise it."""

    name: str
    need: float
    most: float
    raised: str

    @property
    def use(self) -> float:
        return self.need / self.most


def ingest_seconds(batch: int) -> float:
    """How long a request of `batch` events holds a function."""
    return INGEST_CALLS_SECONDS + (INGEST_CPU_SECONDS + INGEST_CPU_SECONDS_AN_EVENT * batch) * VCPU_MB / INGEST_MB


def lane_rate() -> float:
    """Events a second that one lane of a stream shard publishes, in full batches."""
    cpu = PUBLISH_CPU_SECONDS_AN_EVENT * STREAM_BATCH * VCPU_MB / PUBLISHER_MB
    return STREAM_BATCH / (PUBLISH_SECONDS + cpu)


def processor_seconds() -> float:
    """How long a full batch holds a processor."""
    return PROCESS_SECONDS + PROCESS_CPU_SECONDS_AN_EVENT * WORK_BATCH * VCPU_MB / PROCESSOR_MB


def units(load: Load) -> float:
    """Write units a second of EventsTable or DedupeTable; a transaction, which writes a batch, counts twice."""
    return load.rate * (1 if load.batch == 1 else 2)


def shards(load: Load) -> int:
    """Shards of the stream: one a partition of EventsTable, of which this load needs so many."""
    return max(NEW_PARTITIONS, ceil(units(load) / PARTITION_UNITS))


def limits(load: Load) -> list[Limit]:
    """All limits, that which is met first at the front."""
    quota, fixed, ours = "quota", "fixed; more keys", "design; more entities"
    processors = load.rate / WORK_BATCH * processor_seconds()
    lanes = shards(load) * PARALLELIZATION
    found = [
        Limit("API requests/s", load.requests, API_RATE, quota),
        Limit("Lambda concurrency, ingest", load.requests * ingest_seconds(load.batch), CONCURRENCY, quota),
        Limit("Lambda concurrency, publisher", lanes, CONCURRENCY, quota),
        Limit("Lambda concurrency, processor", processors, CONCURRENCY, quota),
        Limit("EventsTable write units/s", units(load), TABLE_UNITS, quota),
        Limit("index BySourceDay write units/s", load.rate, TABLE_UNITS, quota),
        Limit("one source, type and day in BySourceDay", load.rate / load.sources, _source_day(), fixed),
        Limit("one entity in EventsTable", load.hottest * units(load) / load.rate, PARTITION_UNITS, fixed),
        Limit("one entity-day, a version at a time", load.hottest, hot_rate(), ours),
        Limit("stream lanes", load.rate / lanes, lane_rate(), "ParallelizationFactor"),
        Limit("WorkQueue in flight", load.rate * (WINDOW_SECONDS + processor_seconds()), IN_FLIGHT, quota),
        Limit("mapping of WorkQueue", processors, MAPPING_CONCURRENCY, "more queues"),
        Limit("S3 PUT/s, one prefix", load.requests / load.sources, PREFIX_PUTS, "S3, automatically, in time"),
        Limit("S3 GET/s, one prefix", load.rate / load.sources, PREFIX_GETS, "S3, automatically, in time"),
        Limit("AggregatesTable write units/s", load.rate, TABLE_UNITS, quota),
        Limit("bus PutEvents/s", load.rate / MAX_BUS_ENTRIES, BUS_CALLS, quota),
        Limit("bus deliveries/s", load.rate, BUS_DELIVERIES, quota),
    ]
    return sorted(found, key=lambda limit: limit.use, reverse=True)


def hot_rate() -> float:
    """Events a second of one entity's day: its versions follow one another, each of so many events."""
    return min(EVENTS_PER_VERSION, WORK_BATCH) / processor_seconds()


def first_met(load: Load) -> tuple[str, float]:
    """The limit that this kind of load meets first, and the events a second at which it does, to one in a thousand."""
    below, above = 0.0, load.rate
    while limits(_scaled(load, above))[0].use < 1:
        below, above = above, above * 2
    while above - below > above / 1_000:
        middle = (below + above) / 2
        below, above = (below, middle) if limits(_scaled(load, middle))[0].use >= 1 else (middle, above)
    return limits(_scaled(load, above))[0].name, above


def stacks(load: Load) -> int:
    """Stacks side by side, each with its share of the sources: one has one WorkQueue, and its messages in flight bound
    it."""
    return max(1, ceil(HEADROOM * load.rate * (WINDOW_SECONDS + processor_seconds()) / IN_FLIGHT))


def settings(load: Load) -> dict[str, int]:
    """What to set for each stack, by the names of template.yaml's parameters, and what to ask of AWS for them all."""
    count = stacks(load)
    share = _scaled(load, load.rate / count)
    ingest = max(10, ceil(HEADROOM * share.requests * ingest_seconds(load.batch)))
    lanes = shards(share) * PARALLELIZATION
    processors = max(2, ceil(HEADROOM * share.rate / WORK_BATCH * processor_seconds()))
    return {
        "stacks": count,
        "ApiThrottleRate": ceil(HEADROOM * share.requests),
        "ApiThrottleBurst": min(API_BURST, ceil(2 * HEADROOM * share.requests)),
        "IngestReservedConcurrency": ingest,
        "PublisherReservedConcurrency": lanes,
        "ProcessorMaxConcurrency": processors,
        "ProcessorReservedConcurrency": processors,
        "quota: API requests/s": max(API_RATE, ceil(HEADROOM * load.requests)),
        "quota: Lambda concurrency": max(CONCURRENCY, count * (ingest + lanes + processors) + UNRESERVED),
        "quota: write units/s of a table": max(TABLE_UNITS, ceil(HEADROOM * units(share))),
        "quota: PutEvents/s": max(BUS_CALLS, ceil(HEADROOM * load.rate / MAX_BUS_ENTRIES)),
        "quota: bus deliveries/s": max(BUS_DELIVERIES, ceil(HEADROOM * load.rate)),
    }


def _scaled(load: Load, rate: float) -> Load:
    return replace(load, rate=rate, hottest=load.hottest * rate / load.rate)


def _source_day() -> float:
    return SOURCE_DAY_SHARDS * PARTITION_UNITS


LOADS: Final = (
    Load(100, 1, sources=2, hottest=1),
    Load(10_000, 100, sources=10, hottest=20),
    Load(1_000_000, 500, sources=1_000, hottest=200),
)
"""Those of docs/scale.md."""


def tables(loads: Sequence[Load] = LOADS) -> str:
    """The tables of docs/scale.md, in Markdown."""
    heads = [f"{it.rate:,.0f}/s by {it.batch}" for it in loads]
    uses = [{limit.name: limit for limit in limits(it)} for it in loads]
    rows = [
        [name, f"{limit.most:,.0f}", *(_share(it[name].use) for it in uses), limit.raised]
        for name, limit in uses[-1].items()
    ]
    settled = [settings(it) for it in loads]
    firsts = [first_met(it) for it in loads]
    rows.append(["**first met**", "", *(f"{name}, at {rate:,.0f}/s" for name, rate in firsts), ""])
    return "\n\n".join(
        [
            _markdown(["Limit", "Of", *heads, "Raised by"], rows),
            _markdown(
                ["Set or ask for", *heads], [[name, *(f"{it[name]:,}" for it in settled)] for name in settled[0]]
            ),
        ]
    )


def _share(use: float) -> str:
    return f"{use:.1%}" if use < 1 else f"{use:.0f} ×"


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in [columns, ["---"] * len(columns), *rows])


def document(load: Load) -> dict[str, Any]:
    """As JSON; `first` is the limit that is met first, at `first_at` events a second."""
    name, rate = first_met(load)
    return {
        "load": asdict(load),
        "first": name,
        "first_at": round(rate),
        "limits": [{**asdict(limit), "use": round(limit.use, 4)} for limit in limits(load)],
        "settings": settings(load),
    }


def scale(
    rate: Annotated[float, typer.Option(min=0.001, help="Events a second.")] = 100,
    batch: Annotated[int, typer.Option(min=1, max=MAX_EVENTS_PER_REQUEST, help="Events a request.")] = 1,
    sources: Annotated[int, typer.Option(min=1, help="Pairs of source and type that share the rate.")] = 1,
    hottest: Annotated[float, typer.Option(min=0, help="Events a second of the busiest entity.")] = 0,
    output: Annotated[
        OutputForm, typer.Option("--output", "-o", help="table for people, json for programs.")
    ] = OutputForm.TABLE,
) -> None:
    """Say which limit a load meets first, and what to set for it. Reads nothing and calls nothing."""
    out = Output(output)
    answer = document(Load(rate, batch, sources, hottest))
    if out.json_wanted:
        out.document(answer)
        return
    out.line(f"First: {answer['first']}, met at {answer['first_at']:,.0f} events a second of this kind.")
    columns = ["Limit", "Need", "Of", "Use", "Raised by"]
    rows = [
        (it["name"], f"{it['need']:,.0f}", f"{it['most']:,.0f}", _share(it["use"]), it["raised"])
        for it in answer["limits"]
    ]
    out.table(columns, rows)
    out.table(["Set or ask for", ""], list(answer["settings"].items()))


if __name__ == "__main__":
    typer.run(scale)
