"""An AWS account in memory: S3, DynamoDB, SQS, EventBridge and SSM for tests, with time and faults under their control.

    aws = FakeAws(clock=clock, on_call=hook)
    aws.client("dynamodb").put_item(TableName="events", Item={"PK": {"S": "1"}})

Every call is atomic, as on AWS, so threads may share it. The only time is `clock`; ids count up; nothing is random.
Reads are always consistent, also from indexes, and receive_message is always complete: code that relies on either
passes here and may fail on AWS.

Faults. `on_call(service, operation, kwargs, phase)` runs twice a call, with phase "before", when nothing has happened,
and "after", when everything has and the answer is on its way; what it raises is what the caller gets. Operations are
named as methods (put_item). `partial(service, operation, kwargs)` says which entries of a batch fail, by index.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from itertools import count
from threading import RLock
from typing import Any, Final, Literal

from tests.support.aws.client import Answer, ServiceClient
from tests.support.aws.clock import Clock
from tests.support.aws.dynamodb import FakeDynamoDb
from tests.support.aws.errors import CallRefused, client_error, response_metadata
from tests.support.aws.events import FakeEvents
from tests.support.aws.model import check_answer, check_request
from tests.support.aws.s3 import FakeS3
from tests.support.aws.sqs import FakeSqs
from tests.support.aws.ssm import FakeSsm
from tests.support.aws.stepfunctions import FakeStepFunctions

Phase = Literal["before", "after"]
Hook = Callable[[str, str, Mapping[str, Any], Phase], None]
Partial = Callable[[str, str, Mapping[str, Any]], Collection[int]]

ACCOUNT_ID: Final = "123456789012"


class FakeAws:
    """The services, the calls made (`calls`, a list of (service, operation)) and the hooks, which may be changed
    between calls. `validate=False` skips the checks against botocore's models, for runs of very many calls."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] | None = None,
        on_call: Hook | None = None,
        partial: Partial | None = None,
        validate: bool = True,
        region: str = "us-east-1",
    ) -> None:
        self.clock = clock or Clock()
        self.on_call = on_call
        self.partial = partial
        self.validate = validate
        self.region = region
        self.account_id = ACCOUNT_ID
        self.calls: list[tuple[str, str]] = []
        self._lock = RLock()
        self._ids = count(1)
        self.s3 = FakeS3(self)
        self.dynamodb = self.dynamodb_as_sent = FakeDynamoDb(self)
        self.sqs = FakeSqs(self)
        self.events = FakeEvents(self)
        self.ssm = FakeSsm(self)
        self.stepfunctions = FakeStepFunctions(self)

    def client(self, service: str) -> ServiceClient:
        """The client of `service`, as boto3.client(service). Raises KeyError for a service that has no fake."""
        clients: dict[str, ServiceClient] = {
            "s3": self.s3,
            "dynamodb": self.dynamodb,
            "sqs": self.sqs,
            "events": self.events,
            "ssm": self.ssm,
            "stepfunctions": self.stepfunctions,
        }
        return clients[service]

    def next_id(self) -> str:
        """The next of a row of ids, in the form of a UUID."""
        return f"00000000-0000-4000-8000-{next(self._ids):012d}"

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{resource}"

    def planned_failures(self, service: str, operation: str, request: Mapping[str, Any]) -> frozenset[int]:
        """The indexes of the entries of this batch that are to fail."""
        return frozenset(self.partial(service, operation, request) if self.partial else ())

    def perform(self, service: str, operation: str, request: Mapping[str, Any], act: Callable[[], Answer]) -> Answer:
        """Make one AWS call: check it, note it, let the hook in, and act under the account's lock."""
        if self.validate:
            check_request(service, operation, request)
        with self._lock:
            request_id = self.next_id()
            self.calls.append((service, operation))
        self._tell(service, operation, request, "before")
        try:
            with self._lock:
                answer = act()
        except CallRefused as refusal:
            error = client_error(service, operation, refusal, request_id)
        else:
            self._tell(service, operation, request, "after")
            answer["ResponseMetadata"] = response_metadata(request_id)
            if self.validate:
                check_answer(service, operation, answer)
            return answer
        # A refusal is an answer too, and so can be lost on its way.
        self._tell(service, operation, request, "after")
        raise error

    def _tell(self, service: str, operation: str, request: Mapping[str, Any], phase: Phase) -> None:
        if self.on_call is not None:
            self.on_call(service, operation, request, phase)
