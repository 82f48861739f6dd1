"""EventBridge in memory: what was put on which bus."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tests.support.aws.client import Answer, Request, ServiceClient, operation
from tests.support.aws.errors import CallRefused, invalid

if TYPE_CHECKING:
    from tests.support.aws.account import FakeAws

_MAX_ENTRIES: Final = 10
_MAX_REQUEST_BYTES: Final = 1024 * 1024
_TIME_BYTES: Final = 14
_DEFAULT_BUS: Final = "default"


class FakeEvents(ServiceClient):
    """Event buses. `published` holds every entry that a bus took, in order, each with its EventId; entries for a bus
    that does not exist are answered as taken and are nowhere, as on AWS, and here kept in `lost`."""

    service = "events"

    def __init__(self, aws: FakeAws) -> None:
        super().__init__(aws)
        self._buses = {_DEFAULT_BUS}
        self.published: list[dict[str, Any]] = []
        self.lost: list[dict[str, Any]] = []

    @operation("Name")
    def create_event_bus(self, request: Request) -> Answer:
        name = request["Name"]
        if name in self._buses:
            raise CallRefused("ResourceAlreadyExistsException", f"Event bus {name} already exists.")
        self._buses.add(name)
        return {"EventBusArn": self._aws.arn("events", f"event-bus/{name}")}

    @operation("Entries")
    def put_events(self, request: Request) -> Answer:
        entries = request["Entries"]
        if len(entries) > _MAX_ENTRIES:
            raise invalid(
                f"1 validation error detected: Value '{list(entries)}' at 'entries' failed to satisfy constraint: "
                f"Member must have length less than or equal to {_MAX_ENTRIES}"
            )
        if sum(_size(entry) for entry in entries) >= _MAX_REQUEST_BYTES:
            raise invalid("Total size of the entries in the request is over the limit.")
        failing = self._aws.planned_failures(self.service, "put_events", request)
        results = [self._put(entry, fails=index in failing) for index, entry in enumerate(entries)]
        return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}

    def _put(self, entry: Mapping[str, Any], *, fails: bool) -> dict[str, str]:
        if fails:
            return {"ErrorCode": "InternalFailure", "ErrorMessage": "Internal failure"}
        if refused := _refused(entry):
            return refused
        event_id = self._aws.next_id()
        bus = entry.get("EventBusName", _DEFAULT_BUS).removeprefix(self._aws.arn("events", "event-bus/"))
        (self.published if bus in self._buses else self.lost).append({**entry, "EventId": event_id})
        return {"EventId": event_id}


def _refused(entry: Mapping[str, Any]) -> dict[str, str] | None:
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            message = f"Parameter {name} is not valid. Reason: {name} is a required argument."
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": message}
    try:
        detail = json.loads(entry["Detail"], parse_constant=_no_constant)
    except ValueError:
        detail = None
    if not isinstance(detail, dict):
        return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    return None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _size(entry: Mapping[str, Any]) -> int:
    """Bytes that an entry counts for, by the service's published rule."""
    texts = [entry.get("Source", ""), entry.get("DetailType", ""), entry.get("Detail", ""), *entry.get("Resources", [])]
    return sum(len(text.encode()) for text in texts) + (_TIME_BYTES if "Time" in entry else 0)
