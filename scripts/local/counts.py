"""What is in the pipeline, counted from the stores themselves: tables, bucket and queues, not from what was sent."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from scripts.local.aws import EngineAws

# Nothing moves for this long: then something is stuck. A cold start of both functions was seen to take 4 s on a busy
# machine with two cores.
STALL_SECONDS: Final = 30.0
# Even when things move, a person has stopped believing by then. The sample needs about 10 s.
DRAIN_SECONDS: Final = 300.0
_POLL_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Counts:
    """Events by where they are. `waiting` are messages in WorkQueue, visible or in a processor's hands; `versions` and
    `days` describe the aggregates that `applied` events are counted in."""

    accepted: int
    duplicate: int
    conflict: int
    rejected: int
    applied: int
    dead: int
    waiting: int
    versions: int = 0
    days: int = 0

    @property
    def received(self) -> int:
        """Every event that somebody sent, whatever became of it."""
        return self.accepted + self.duplicate + self.conflict + self.rejected

    @property
    def on_the_way(self) -> int:
        """Accepted events that are neither applied nor dead: in the stream, or in WorkQueue."""
        return self.accepted - self.applied - self.dead

    @property
    def drained(self) -> bool:
        """Whether nothing is on its way. More applied than accepted is no balance either."""
        return self.on_the_way == 0 and self.waiting == 0


class Stuck(Exception):
    """Events stopped moving; the text says where they are."""


def read(aws: EngineAws, outputs: Mapping[str, str]) -> Counts:
    """Count everything. Raises botocore's exceptions."""
    statuses = _statuses(aws, outputs["EventsTableName"])
    latest, versions = _latest_versions(aws, outputs["AggregatesTableName"])
    return Counts(
        accepted=statuses["ACCEPTED"],
        duplicate=statuses["DUPLICATE"],
        conflict=statuses["CONFLICT"],
        rejected=_rejected(aws, outputs["RawBucketName"]),
        applied=sum(latest.values()),
        dead=_messages(aws, outputs["WorkDeadLetterQueueUrl"]),
        waiting=_messages(aws, outputs["WorkQueueUrl"]),
        versions=versions,
        days=len(latest),
    )


def _statuses(aws: EngineAws, table: str) -> Counter[str]:
    pages = aws.dynamodb.get_paginator("scan").paginate(
        TableName=table,
        ConsistentRead=True,
        ProjectionExpression="#status",
        ExpressionAttributeNames={"#status": "status"},
    )
    return Counter(str(item["status"]["S"]) for page in pages for item in page["Items"])


def _latest_versions(aws: EngineAws, table: str) -> tuple[dict[str, int], int]:
    """How many events the latest LIVE version of each entity's day counts, and how many versions there are in all."""
    pages = aws.dynamodb.get_paginator("scan").paginate(
        TableName=table,
        ConsistentRead=True,
        FilterExpression="contains(SK, :versions)",
        ExpressionAttributeValues={":versions": {"S": "#RUN#LIVE#VER#"}},
        ProjectionExpression="PK, SK, input_count",
    )
    latest: dict[str, tuple[str, int]] = {}
    versions = 0
    for page in pages:
        for item in page["Items"]:
            sort_key = str(item["SK"]["S"])
            day = f"{item['PK']['S']} {sort_key.rpartition('#')[0]}"
            # Version numbers have ten digits, so text order is their order.
            latest[day] = max(latest.get(day, ("", 0)), (sort_key, int(item["input_count"]["N"])))
            versions += 1
    return {day: count for day, (_, count) in latest.items()}, versions


def _rejected(aws: EngineAws, bucket: str) -> int:
    """Each object under rejected/ lists the events of one request that were refused."""
    total = 0
    for page in aws.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="rejected/"):
        for entry in page.get("Contents", []):
            document = json.loads(aws.s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())
            total += len(document["rejected"])
    return total


def _messages(aws: EngineAws, queue_url: str) -> int:
    answer = aws.sqs.get_queue_attributes(
        QueueUrl=queue_url,
        AttributeNames=[
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ],
    )
    return sum(map(int, answer["Attributes"].values()))


def wait_drained(
    read_counts: Callable[[], Counts],
    progress: Callable[[Counts], None] = lambda counts: None,
    *,
    stall_seconds: float = STALL_SECONDS,
    seconds: float = DRAIN_SECONDS,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Counts:
    """Return the counts once nothing is on its way. Raises Stuck when nothing moves any more, or not to its end."""
    moved_at = started_at = clock()
    before: Counts | None = None
    while True:
        counts = read_counts()
        progress(counts)
        if counts.drained:
            return counts
        now = clock()
        if counts != before:
            before, moved_at = counts, now
        if now - moved_at >= stall_seconds:
            raise Stuck(f"Nothing has moved for {stall_seconds:.0f} s. {_where(counts)}")
        if now - started_at >= seconds:
            raise Stuck(f"Still not drained after {seconds:.0f} s. {_where(counts)}")
        sleep(_POLL_SECONDS)


def _where(counts: Counts) -> str:
    if counts.on_the_way < 0:
        return f"{-counts.on_the_way} events are counted more than once: applied or dead beyond what was accepted."
    outside = max(0, counts.on_the_way - counts.waiting)
    return (
        f"{counts.on_the_way} of {counts.accepted} accepted events are on their way: {counts.waiting} in WorkQueue "
        f"(a batch that failed waits there until it is delivered again), {outside} before it (stream or publisher)."
    )


def differences(counts: Counts, sent: int, answered: Mapping[str, int]) -> list[str]:
    """What does not add up, as text; empty when everything does.

    `sent` are the events that left this machine, `answered` what the API said became of them, by fate.
    """
    found = []
    if counts.received != sent:
        found.append(f"{sent} events were sent, and {counts.received} are kept")
    for fate in ("accepted", "duplicate", "conflict", "rejected"):
        kept = getattr(counts, fate)
        if kept != answered.get(fate, 0):
            found.append(f"the API answered {answered.get(fate, 0)} {fate}, and {kept} are kept as such")
    if counts.on_the_way:
        found.append(f"{counts.accepted} were accepted, and {counts.applied} applied + {counts.dead} dead")
    return found
