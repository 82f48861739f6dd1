"""S3 in memory: objects that are put once and read whole or by range."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ParamValidationError
from botocore.response import StreamingBody

from tests.support.aws.client import Answer, Request, ServiceClient, operation
from tests.support.aws.errors import CallRefused

if TYPE_CHECKING:
    from tests.support.aws.account import FakeAws

_MAX_KEY_BYTES: Final = 1024
_MAX_METADATA_BYTES: Final = 2048
_MAX_PAGE: Final = 1000
_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")
_CREATE: Final = ("Bucket", "CreateBucketConfiguration")
_PUT: Final = ("Bucket", "Key", "Body", "ContentType", "Metadata", "IfNoneMatch")
_LIST: Final = ("Bucket", "Prefix", "MaxKeys", "StartAfter", "ContinuationToken")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object; `metadata` names are lower case, as S3 gives them back."""

    body: bytes
    content_type: str
    metadata: Mapping[str, str]
    modified: datetime

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"'


class FakeS3(ServiceClient):
    """Buckets of objects. `objects` shows tests what a bucket holds."""

    service = "s3"

    def __init__(self, aws: FakeAws) -> None:
        super().__init__(aws)
        self._buckets: dict[str, dict[str, StoredObject]] = {}

    def objects(self, bucket: str) -> dict[str, StoredObject]:
        """The objects of a bucket by key, as they are now (not a call)."""
        return dict(self._buckets[bucket])

    @operation(*_CREATE)
    def create_bucket(self, request: Request) -> Answer:
        self._buckets.setdefault(request["Bucket"], {})
        return {"Location": f"/{request['Bucket']}"}

    @operation(*_PUT)
    def put_object(self, request: Request) -> Answer:
        bucket, key = self._bucket(request), request["Key"]
        if len(key.encode()) > _MAX_KEY_BYTES:
            raise CallRefused("KeyTooLongError", "Your key is too long", detail={"Size": str(len(key.encode()))})
        metadata = _metadata(request.get("Metadata", {}))
        match request.get("IfNoneMatch"):
            case "*" if key in bucket:
                message = "At least one of the pre-conditions you specified did not hold"
                raise CallRefused("PreconditionFailed", message, status=412, detail={"Condition": "If-None-Match"})
            case None | "*":
                pass
            case _:
                message = "A header you provided implies functionality that is not implemented"
                raise CallRefused("NotImplemented", message, status=501, detail={"Header": "If-None-Match"})
        content_type = request.get("ContentType", "binary/octet-stream")
        stored = StoredObject(_bytes(request.get("Body", b"")), content_type, metadata, self._now())
        bucket[key] = stored
        return {"ETag": stored.etag}

    @operation("Bucket", "Key", "Range")
    def get_object(self, request: Request) -> Answer:
        stored = self._bucket(request).get(request["Key"])
        if stored is None:
            raise CallRefused(
                "NoSuchKey", "The specified key does not exist.", status=404, detail={"Key": request["Key"]}
            )
        part = _range(request.get("Range"), len(stored.body))
        if part is None:
            return {**_head(stored), "Body": _stream(stored.body)}
        body = stored.body[part.start : part.stop]
        ranged = {
            "ContentLength": len(body),
            "ContentRange": f"bytes {part.start}-{part.stop - 1}/{len(stored.body)}",
            "Body": _stream(body),
        }
        return {**_head(stored), **ranged}

    @operation("Bucket", "Key")
    def head_object(self, request: Request) -> Answer:
        stored = self._buckets.get(request["Bucket"], {}).get(request["Key"])
        if stored is None:  # a HEAD has no body that could say more
            raise CallRefused("404", "Not Found", status=404)
        return _head(stored)

    @operation(*_LIST)
    def list_objects_v2(self, request: Request) -> Answer:
        prefix, most = request.get("Prefix", ""), min(request.get("MaxKeys", _MAX_PAGE), _MAX_PAGE)
        after = request.get("ContinuationToken", request.get("StartAfter", ""))
        bucket = self._bucket(request)
        keys = sorted(key for key in bucket if key.startswith(prefix) and key > after)
        page = keys[:most]
        answer: Answer = {"Name": request["Bucket"], "Prefix": prefix, "MaxKeys": most, "KeyCount": len(page)}
        answer["IsTruncated"] = len(keys) > len(page)
        if page:
            answer["Contents"] = [_listed(key, bucket[key]) for key in page]
        if answer["IsTruncated"]:
            answer["NextContinuationToken"] = page[-1]
        return answer

    def _bucket(self, request: Request) -> dict[str, StoredObject]:
        name = request["Bucket"]
        if name not in self._buckets:
            message = "The specified bucket does not exist"
            raise CallRefused("NoSuchBucket", message, status=404, detail={"BucketName": name})
        return self._buckets[name]

    def _now(self) -> datetime:
        return datetime.fromtimestamp(int(self._aws.clock()), UTC)


def _bytes(body: Any) -> bytes:
    if isinstance(body, str):
        return body.encode()
    return bytes(body.read()) if hasattr(body, "read") else bytes(body)


def _metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    for name, value in metadata.items():
        if not (name.isascii() and value.isascii()):  # botocore's own check: metadata travels in headers
            raise ParamValidationError(report=f"Non ascii characters found in S3 metadata for key {name!r}")
    if sum(len(name) + len(value) for name, value in metadata.items()) > _MAX_METADATA_BYTES:
        raise CallRefused("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
    return {name.lower(): value for name, value in metadata.items()}


def _range(text: str | None, size: int) -> range | None:
    """The requested bytes; None for all of them, which is also what S3 answers to a range that it cannot read."""
    found = _RANGE.fullmatch(text or "")
    if found is None or found[0] == "bytes=-":
        return None
    first, last = found.groups()
    if first and last and int(last) < int(first):
        return None
    start, stop = (int(first), int(last or size) + 1) if first else (max(0, size - int(last)), size)
    if start >= size or stop <= start:
        detail = {"ActualObjectSize": str(size), "RangeRequested": text}
        raise CallRefused("InvalidRange", "The requested range is not satisfiable", status=416, detail=detail)
    return range(start, min(stop, size))


def _stream(body: bytes) -> StreamingBody:
    return StreamingBody(io.BytesIO(body), len(body))


def _head(stored: StoredObject) -> Answer:
    return {
        "AcceptRanges": "bytes",
        "LastModified": stored.modified,
        "ContentLength": len(stored.body),
        "ETag": stored.etag,
        "ContentType": stored.content_type,
        "Metadata": dict(stored.metadata),
    }


def _listed(key: str, stored: StoredObject) -> Answer:
    return {
        "Key": key,
        "LastModified": stored.modified,
        "ETag": stored.etag,
        "Size": len(stored.body),
        "StorageClass": "STANDARD",
    }
