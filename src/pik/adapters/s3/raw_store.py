"""RawBucket: objects are written once and read by range. Nothing here can overwrite or delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ALREADY_THERE: Final = frozenset({"PreconditionFailed", "412"})


class RawStore:
    """Immutable objects in one bucket."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self.bucket = bucket

    def put(self, key: str, body: bytes, content_type: str, metadata: Mapping[str, str]) -> None:
        """Writes an object that does not exist. Keys carry the request's id, so an existing object is this write,
        repeated by the SDK after a lost answer. Raises ClientError."""
        try:
            self._s3.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=body,
                ContentType=content_type,
                Metadata=dict(metadata),
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ALREADY_THERE:
                raise

    def read(self, key: str, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`. Raises ClientError (NoSuchKey, InvalidRange)."""
        if not length:  # an event without data; a range cannot be empty
            return b""
        answer = self._s3.get_object(Bucket=self.bucket, Key=key, Range=f"bytes={offset}-{offset + length - 1}")
        return answer["Body"].read()

    def injected_into(self, data: bytes) -> str:
        """The failure mode that spoiled bytes which were read here; always empty, except where faults are injected."""
        return ""
