"""Events cut into requests: bounded in number and in bytes, always in the same way, so that a rerun finds its place."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pik.domain.http.requests import CLOUD_BATCH, JSON, NDJSON
from pik.domain.shared.limits import SURE_BODY_BYTES
from pik_cli.send.source import Form, Item

_CONTENT_TYPES: Final = {
    Form.NDJSON: NDJSON,
    Form.JSON: JSON,
    Form.CLOUDEVENT: CLOUD_BATCH,
    Form.CLOUDEVENTS: CLOUD_BATCH,
}
# API Gateway passes application/json on as text, which compressed bytes do not survive; by another name JSON is binary.
_COMPRESSED_JSON: Final = "application/vnd.pik.events+json"
_FRAME: Final = 2  # an array's brackets
_SEPARATOR: Final = 1  # a comma or a line feed


@dataclass(frozen=True, slots=True)
class Batch:
    """One request. `refused` are events of the same stretch of the file that no request can hold."""

    number: int
    form: Form
    items: tuple[Item, ...]
    refused: tuple[Item, ...] = ()

    @property
    def events(self) -> int:
        """How many events of the file it represents."""
        return len(self.items) + len(self.refused)

    @property
    def size(self) -> int:
        """Bytes of the file that its events take, with the separator after each."""
        return sum(item.length + _SEPARATOR for item in (*self.items, *self.refused))

    @property
    def content_type(self) -> str:
        """The media type of the body."""
        return _CONTENT_TYPES[self.form]

    @property
    def body(self) -> bytes:
        """The bytes to send. Events stand in them exactly as in the file: what is stored is what was written."""
        texts = [item.data or b"" for item in self.items]
        if self.form is Form.NDJSON:
            return b"\n".join(texts)
        return b"[" + b",".join(texts) + b"]"

    def request(self, *, compressed: bool) -> tuple[bytes, dict[str, str]]:
        """The body and the headers of its request."""
        if not compressed:
            return self.body, {"content-type": self.content_type}
        kind = _COMPRESSED_JSON if self.content_type == JSON else self.content_type
        return gzip.compress(self.body, mtime=0), {"content-type": kind, "content-encoding": "gzip"}

    def halves(self) -> tuple[Batch, Batch]:
        """Two requests for one that was too large for something on the way."""
        middle = len(self.items) // 2
        first, second = self.items[:middle], self.items[middle:]
        return Batch(self.number, self.form, first), Batch(self.number, self.form, second)


def split(items: Iterable[Item], form: Form, size: int, max_bytes: int = SURE_BODY_BYTES) -> Iterator[Batch]:
    """Batches of at most `size` events whose bodies have at most `max_bytes`; numbered from 0."""
    number = 0
    open_items: list[Item] = []
    refused: list[Item] = []
    body = _FRAME
    for item in items:
        cost = item.length + _SEPARATOR
        too_long = item.data is None or item.length + _FRAME > max_bytes
        full = len(open_items) + len(refused) == size
        if full or (not too_long and open_items and body + cost > max_bytes):
            yield Batch(number, form, tuple(open_items), tuple(refused))
            number, open_items, refused, body = number + 1, [], [], _FRAME
        if too_long:
            refused.append(item)
        else:
            open_items.append(item)
            # The first event has no separator before it.
            body += cost if len(open_items) > 1 else item.length
    if open_items or refused:
        yield Batch(number, form, tuple(open_items), tuple(refused))


def outcomes(batch: Batch, results: Sequence[Any]) -> Iterator[tuple[Item, Any]]:
    """Each event with its result. Raises ValueError when the answer does not have one result for each event."""
    return zip(batch.items, results, strict=True)
