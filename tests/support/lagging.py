"""A DynamoDB whose eventually consistent reads lag: what the in-memory AWS, always consistent, would hide."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy, deepcopy
from typing import Any


class LaggingDynamoDb:
    """Reads see the tables as they were when this was made, unless they are consistent; writes go through."""

    def __init__(self, dynamodb: Any) -> None:
        self._now = dynamodb
        self._before = copy(dynamodb)
        self._before._tables = deepcopy(dynamodb._tables)

    def get_item(self, **request: Any) -> Any:
        return self._seen(request).get_item(**request)

    def query(self, **request: Any) -> Any:
        return self._seen(request).query(**request)

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> Any:  # noqa: N803 (boto3's name)
        (part,) = RequestItems.values()
        return self._seen(part).batch_get_item(RequestItems=RequestItems)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call: Callable[..., Any] = getattr(self._now, name)
        return call

    def _seen(self, request: dict[str, Any]) -> Any:
        return self._now if request.get("ConsistentRead") else self._before
