"""How the fakes refuse: `CallRefused` inside, botocore's ClientError (or the service's modelled subclass) outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from botocore.errorfactory import ClientExceptionsFactory
from botocore.exceptions import ClientError

from tests.support.aws.model import service_model

_QUERY_CODES: Final[Mapping[str, str]] = {
    # SQS speaks JSON but answers the codes of its old query protocol; botocore keeps the JSON one as QueryErrorCode.
    "AWS.SimpleQueueService.BatchEntryIdsNotDistinct": "BatchEntryIdsNotDistinct",
    "AWS.SimpleQueueService.BatchRequestTooLong": "BatchRequestTooLong",
    "AWS.SimpleQueueService.EmptyBatchRequest": "EmptyBatchRequest",
    "AWS.SimpleQueueService.InvalidBatchEntryId": "InvalidBatchEntryId",
    "AWS.SimpleQueueService.MessageNotInflight": "MessageNotInflight",
    "AWS.SimpleQueueService.NonExistentQueue": "QueueDoesNotExist",
    "AWS.SimpleQueueService.TooManyEntriesInBatchRequest": "TooManyEntriesInBatchRequest",
    "QueueAlreadyExists": "QueueNameExists",
}
_THROTTLE: Final[Mapping[str, tuple[str, str, int]]] = {
    "dynamodb": ("ThrottlingException", "Throughput exceeds the current capacity of your table or index.", 400),
    "s3": ("SlowDown", "Please reduce your request rate.", 503),
    "sqs": ("RequestThrottled", "The request was denied due to request throttling.", 400),
    "ssm": ("ThrottlingException", "Rate exceeded", 400),
    "events": ("ThrottlingException", "Rate exceeded", 400),
    "stepfunctions": ("ThrottlingException", "Rate exceeded", 400),
}


class CallRefused(Exception):
    """An error that AWS answers. `members` are put next to Error in the response (Item, CancellationReasons), and
    `detail` into it (Key, ActualObjectSize)."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        members: Mapping[str, Any] | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.members = members or {}
        self.detail = detail or {}


def invalid(message: str) -> CallRefused:
    """DynamoDB's and EventBridge's answer to a request that can never be right."""
    return CallRefused("ValidationException", message)


def client_error(service: str, operation: str, refusal: CallRefused, request_id: str = "fault") -> ClientError:
    """What boto3 raises for `refusal`; `operation` is the method's name, such as put_item."""
    error: dict[str, Any] = {"Message": refusal.message, "Code": refusal.code, **refusal.detail}
    code = refusal.code
    if service == "sqs":
        code = _QUERY_CODES.get(refusal.code, refusal.code)
        error |= {"Type": "Sender" if refusal.status < 500 else "Receiver", "QueryErrorCode": code}
    response: Any = {
        "Error": error,
        "ResponseMetadata": response_metadata(request_id, refusal.status),
        **refusal.members,
    }
    error_class: type[ClientError] = exceptions(service).from_code(code)
    return error_class(response, "".join(word.capitalize() for word in operation.split("_")))


def throttled(service: str, operation: str) -> ClientError:
    """For a hook to raise: the service is called too often."""
    code, message, status = _THROTTLE[service]
    return client_error(service, operation, CallRefused(code, message, status=status))


def unavailable(service: str, operation: str) -> ClientError:
    """For a hook to raise: a fault on AWS's side, which may have taken effect."""
    return client_error(service, operation, CallRefused("InternalServerError", "Internal server error", status=500))


def conflicted(operation: str, request: Mapping[str, Any], at: int = 0) -> ClientError:
    """For a hook to raise on a DynamoDB write: another transaction holds the item, of a transaction's the one `at`."""
    message = "Transaction is ongoing for the item"
    if operation != "transact_write_items":
        return client_error("dynamodb", operation, CallRefused("TransactionConflictException", message))
    reasons = [{"Code": "None"} for _ in request["TransactItems"]]
    reasons[at] = {"Code": "TransactionConflict", "Message": message}
    return client_error("dynamodb", operation, cancelled(reasons))


def cancelled(reasons: Sequence[Mapping[str, Any]]) -> CallRefused:
    """A transaction that was not made, and why, action by action."""
    codes = ", ".join(reason["Code"] for reason in reasons)
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    return CallRefused("TransactionCanceledException", message, members={"CancellationReasons": list(reasons)})


def response_metadata(request_id: str, status: int = 200) -> dict[str, Any]:
    """What boto3 adds to every answer."""
    return {"RequestId": request_id, "HTTPStatusCode": status, "HTTPHeaders": {}, "RetryAttempts": 0}


@lru_cache
def exceptions(service: str) -> Any:
    """The object that a boto3 client has as `.exceptions`."""
    return ClientExceptionsFactory().create_client_exceptions(service_model(service))
