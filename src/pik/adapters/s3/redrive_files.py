"""What redrives and previews keep in RawBucket: manifests, selections, wave notes, reports, rescued messages.

Files are written once. Their keys carry the id of the run, so an existing file is this write, repeated.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from pik.domain.redrive.message import Entry
from pik.domain.shared import times
from pik.domain.shared.redrive_limits import REDRIVE_PART_MESSAGES
from pik.domain.shared.row import Row

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ALREADY_THERE: Final = frozenset({"PreconditionFailed", "412"})
_NOT_THERE: Final = frozenset({"NoSuchKey", "404"})
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))
_JSON: Final = "application/json"
_NDJSON: Final = "application/x-ndjson"
_NO_DIGITS: Final = re.compile(r"[^0-9]")


def manifest_key(manifest_id: str) -> str:
    """Where a preview's manifest is."""
    return f"redrive/manifests/{manifest_id}.json"


def selection_key(run_id: str) -> str:
    """Where the first part of a run's selection is. It is written last: if it exists, all parts do."""
    return f"redrive/runs/{run_id}/selection.json"


def part_key(run_id: str, part: int, frozen_at: str) -> str:
    """Where another part is. The key has the time of the freeze too, because an attempt that died may have left
    parts."""
    return f"redrive/runs/{run_id}/selection-{_NO_DIGITS.sub('', frozen_at)}-{part:04d}.json"


def wave_key(run_id: str, wave: int) -> str:
    """Where the changes of a wave to payloads are noted."""
    return f"redrive/runs/{run_id}/wave-{wave:04d}.json"


def report_key(run_id: str) -> str:
    """Where a run's report is."""
    return f"redrive/runs/{run_id}/report.json"


def rescued_key(run_id: str, wave: int, began_at: str) -> str:
    """Where a wave of rescued messages is; by the day on which the run began, not that of the wave."""
    return f"rescued/date={times.day_of(began_at)}/{run_id}-{wave:04d}.ndjson"


class RedriveFiles:
    """One bucket. Raises ClientError, and botocore's exceptions for what never got an answer."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._last: tuple[str, list[Entry]] = ("", [])

    def put(self, key: str, value: Any) -> bool:
        """Writes a value as JSON, unless the file exists; returns whether it did."""
        return self._put(key, _ENCODER.encode(value).encode(), _JSON)

    def get(self, key: str) -> Any:
        """The value of a JSON file; None when there is no such file."""
        data = self._get(key)
        return None if data is None else json.loads(data)

    def put_lines(self, key: str, values: Iterable[Any]) -> None:
        """Writes values as NDJSON, unless the file exists."""
        self._put(key, "".join(f"{_ENCODER.encode(value)}\n" for value in values).encode(), _NDJSON)

    def get_lines(self, key: str) -> list[Any] | None:
        """The values of an NDJSON file; None when there is no such file."""
        data = self._get(key)
        return None if data is None else [json.loads(line) for line in data.splitlines()]

    def put_selection(self, run_id: str, facts: Row, entries: Sequence[Entry]) -> Row:
        """Writes a run's selection, and facts about it (`frozen_at` among them) into its first part, which is written
        last. Returns the stored facts: those of another attempt if that was first."""
        step = REDRIVE_PART_MESSAGES
        parts = [entries[at : at + step] for at in range(0, max(1, len(entries)), step)]
        for number in reversed(range(1, len(parts))):
            self.put(part_key(run_id, number, facts["frozen_at"]), {"entries": _columns(parts[number])})
        key = selection_key(run_id)
        if self.put(key, {**facts, "entries": _columns(parts[0])}):
            self._last = (key, list(parts[0]))  # the process that freezes often sends the first wave too
            return facts
        stored: Row = self.get(key)
        return stored

    def entries(self, run_id: str, frozen_at: str, start: int, end: int) -> list[Entry]:
        """The entries from `start` to `end` of a run's selection. Raises LookupError."""
        step = REDRIVE_PART_MESSAGES
        entries: list[Entry] = []
        for number in range(start // step, math.ceil(end / step)):
            first = number * step
            entries += self._part(run_id, frozen_at, number)[max(0, start - first) : end - first]
        return entries

    def _part(self, run_id: str, frozen_at: str, number: int) -> list[Entry]:
        key = part_key(run_id, number, frozen_at) if number else selection_key(run_id)
        if self._last[0] != key:  # a part is written once, so the one read for the wave before is current
            part = self.get(key)
            if part is None:
                raise LookupError(f"the selection is gone: {key}; its letters are visible again when their hold ends")
            self._last = (key, [Entry.of(columns) for columns in part["entries"]])
        return self._last[1]

    def put_manifest(self, manifest_id: str, value: Any) -> None:
        """Writes a preview's manifest: an object whose `message_ids` are the letters that matched."""
        self.put(manifest_key(manifest_id), value)

    def get_manifest(self, manifest_id: str) -> Any:
        """A preview's manifest; None when there is none."""
        return self.get(manifest_key(manifest_id))

    def _put(self, key: str, body: bytes, content_type: str) -> bool:
        try:
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=content_type, IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ALREADY_THERE:
                raise
            return False
        return True

    def _get(self, key: str) -> bytes | None:
        try:
            return self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in _NOT_THERE:
                return None
            raise


def _columns(entries: Sequence[Entry]) -> list[Row]:
    return [entry.columns() for entry in entries]
