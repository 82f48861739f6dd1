"""Discarded batches in RawBucket, and the markers of those that were recovered."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from pik.domain.event.outbox import DISCARDED_PREFIX, UnreadableBatch, discarded_records, sequence_of
from pik.domain.operate.recovery import MARKER_PREFIX, done_key, partial_key
from pik_cli.shell.errors import error_code
from pik_cli.shell.limits import CLI_MAX_DISCARDED_BYTES, CLI_STATUS_BATCHES
from pik_cli.shell.queues import attempt
from pik_cli.shell.stack import Stack, StackAws

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET_OUTPUT: Final = "RawBucketName"

_GONE: Final = frozenset({"NoSuchKey", "404"})


@dataclass(frozen=True, slots=True)
class DiscardedBatch:
    """One object. `partial`: some of its records were sent by an earlier recovery; `done`: all were."""

    key: str
    size: int
    at: datetime
    partial: bool = False
    done: bool = False


@dataclass(frozen=True, slots=True)
class DiscardedState:
    """How many batches are to be recovered, `more` when that is only the least; `problem` is why it is not known."""

    due: int = 0
    more: bool = False
    problem: str = ""


def read_discarded(aws: StackAws, stack: Stack) -> DiscardedState:
    """What `pik publisher recover` has to do."""
    bucket = stack.outputs.get(BUCKET_OUTPUT)
    if bucket is None:
        return DiscardedState()
    found, problem = attempt(lambda: DiscardedBatches(aws.s3, bucket).list(None, None, CLI_STATUS_BATCHES))
    if found is None:
        return DiscardedState(problem=problem)
    batches, more = found
    return DiscardedState(sum(not batch.done for batch in batches), more)


class DiscardedBatches:
    """One bucket. Raises ClientError, and botocore's exceptions for what never got an answer."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def list(self, start: datetime | None, end: datetime | None, most: int) -> tuple[Sequence[DiscardedBatch], bool]:
        """The batches that were written from `start` on and before `end`, by key, those that are not done at most
        `most`; and whether there are more."""
        marked = {item["Key"] for item in self._items(f"{MARKER_PREFIX}{DISCARDED_PREFIX}")}
        found: list[DiscardedBatch] = []
        open_ = 0
        for item in self._items(DISCARDED_PREFIX):
            key, at = item["Key"], item["LastModified"]
            if key.endswith("/") or (start and at < start) or (end and at >= end):
                continue
            done = done_key(key) in marked
            if not done and open_ == most:
                return found, True
            open_ += not done
            found.append(DiscardedBatch(key, item["Size"], at, partial_key(key) in marked, done))
        return found, False

    def records(self, batch: DiscardedBatch) -> Sequence[Any]:
        """The records of a batch that no recovery has sent. Raises UnreadableBatch."""
        if batch.size > CLI_MAX_DISCARDED_BYTES:
            raise UnreadableBatch(f"the object has {batch.size:,} bytes, more than Lambda writes")
        try:
            records = discarded_records(self._get(batch.key))
        except ClientError as error:
            if error_code(error) not in _GONE:
                raise
            raise UnreadableBatch("the object is gone") from error
        if not batch.partial:
            return records
        left = self._left(batch)
        return records if left is None else [record for record in records if sequence_of(record) in left]

    def mark_done(self, batch: DiscardedBatch, facts: Mapping[str, Any]) -> None:
        """All its records are in the queue, or have no place there."""
        self._put(done_key(batch.key), facts)

    def mark_partial(self, batch: DiscardedBatch, facts: Mapping[str, Any], left: Sequence[str]) -> None:
        """Its records are in the queue, except for those whose sequence numbers are `left`. Replaces an earlier marker,
        of which these are a part."""
        self._put(partial_key(batch.key), {**facts, "left": list(left)})

    def _left(self, batch: DiscardedBatch) -> frozenset[str] | None:
        """None where the marker cannot be read: then all are sent again, which does no harm."""
        try:
            return frozenset(str(it) for it in json.loads(self._get(partial_key(batch.key)))["left"])
        except (ValueError, KeyError, TypeError):
            return None

    def _items(self, prefix: str) -> Iterator[Any]:
        token: Any = {}
        while True:
            page = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=prefix, **token)
            yield from page.get("Contents", [])
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def _get(self, key: str) -> bytes:
        return self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()

    def _put(self, key: str, value: Mapping[str, Any]) -> None:
        body = json.dumps(value, separators=(",", ":")).encode()
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/json")
