"""What a failure is: its category, its fingerprint, and its row in the ledger."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, ClassVar, Final

from pik.domain.shared import times
from pik.domain.shared.limits import MAX_CAUSE_CHARS, MAX_FAILURE_MESSAGE_CHARS, MAX_NAME_CHARS
from pik.domain.shared.problems import InvalidEvent
from pik.domain.shared.row import Row

_SECONDS_A_DAY: Final = 86_400
FINGERPRINT_DIGITS: Final = 32
_INJECTED: Final = "injected fault: "
_OURS: Final = frozenset({"pik", "ingest", "publisher", "processor", "replay", "redrive", "redrive_step"})


class Category(StrEnum):
    """Why an attempt failed, which decides what happens to the message."""

    VALIDATION = "VALIDATION"
    PROCESSING = "PROCESSING"
    PERMANENT = "PERMANENT"
    TRANSIENT = "TRANSIENT"
    TIMEOUT = "TIMEOUT"


class Failure(Exception):
    """A failure with a category. Raise one of the subclasses below, or a subclass of theirs."""

    category: ClassVar[Category]


class ValidationFailure(Failure):
    """The message or its event is invalid; no retry will change that."""

    category = Category.VALIDATION


class HashMismatch(ValidationFailure):
    """The stored bytes hold no payload with the hash that the reference names."""


class ProcessingFailure(Failure):
    """A business rule refuses the event."""

    category = Category.PROCESSING


class PermanentFailure(Failure):
    """Something that the message needs is gone or forbidden; a person must fix it."""

    category = Category.PERMANENT


class TransientFailure(Failure):
    """A failure that is expected to pass."""

    category = Category.TRANSIENT


class TimeoutFailure(Failure):
    """Time ran out."""

    category = Category.TIMEOUT


class DeadlineNear(TimeoutFailure):
    """Too little of the function's time is left to start something, or to wait for it any longer."""


class RowsUnprocessed(TransientFailure):
    """DynamoDB left rows of a batch unprocessed in every round."""


class EntryRefused(Exception):
    """AWS accepted a call and refused one entry of it. It has the shape of a ClientError and is classified like one."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.response = {"Error": {"Code": code, "Message": message}}


AWS_CODES: Final[dict[Category, frozenset[str]]] = {
    # The stored object is shorter than the reference says.
    Category.VALIDATION: frozenset({"InvalidRange"}),
    Category.PERMANENT: frozenset(
        {
            "403",
            "404",
            "AccessDenied",
            "AccessDeniedException",
            "AuthFailure",
            "ExpiredToken",
            "ExpiredTokenException",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "KMS.AccessDeniedException",
            "KMS.DisabledException",
            "KMS.InvalidStateException",
            "KMS.NotFoundException",
            "KMS.OptInRequired",
            "KMSAccessDeniedException",
            "KMSDisabledException",
            "KMSNotFoundException",
            "KmsAccessDenied",
            "KmsDisabled",
            "KmsInvalidState",
            "KmsNotFound",
            "KmsOptInRequired",
            "NoSuchBucket",
            "NoSuchKey",
            "NotAuthorizedException",
            "QueueDoesNotExist",
            "AWS.SimpleQueueService.NonExistentQueue",
            "ResourceNotFoundException",
            "SignatureDoesNotMatch",
            "UnauthorizedOperation",
            "UnrecognizedClientException",
        }
    ),
    Category.TRANSIENT: frozenset(
        {
            "500",
            "502",
            "503",
            "BandwidthLimitExceeded",
            # S3, 409: another write of the same object, or of its bucket, is in progress.
            "ConditionalRequestConflict",
            "InternalError",
            "InternalException",
            "InternalFailure",
            "InternalServerError",
            "KMS.ThrottlingException",
            "KmsThrottled",
            "LimitExceededException",
            "OperationAborted",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceeded",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "ServiceUnavailable",
            "ServiceUnavailableException",
            "SlowDown",
            "Throttling",
            "ThrottlingError",
            "ThrottlingException",
            "TooManyRequestsException",
            "TransactionConflict",
            "TransactionConflictException",
            "TransactionInProgressException",
        }
    ),
    Category.TIMEOUT: frozenset({"504", "RequestTimeout", "RequestTimeoutException"}),
}
# The domain does not import botocore: its exceptions without an AWS code are known by the names of their classes.
_CLASSES: Final[dict[str, Category]] = {
    "ReadTimeoutError": Category.TIMEOUT,
    "ConnectTimeoutError": Category.TIMEOUT,
    "TimeoutError": Category.TIMEOUT,
    "HTTPClientError": Category.TRANSIENT,
    "ConnectionError": Category.TRANSIENT,
    "NoCredentialsError": Category.PERMANENT,
}
_ADVICE: Final[tuple[tuple[str, str], ...]] = (
    ("NoSuchKey", "the raw object is gone: restore its version from the bucket, then redrive the message"),
    ("NoSuchBucket", "the bucket is gone or RAW_BUCKET is wrong: deploy the stack again"),
    ("Queue", "the queue is gone or its URL is wrong: deploy the stack again"),
    ("NotFound", "a table, bus or key is gone or its name is wrong: deploy the stack again"),
    ("404", "an object, table or bus is gone or its name is wrong: deploy the stack again"),
    ("KMS", "the key is disabled or forbidden: enable it and let the function's role use it"),
    ("Token", "the credentials are out of date: check the function's role"),
    ("Credentials", "there are no credentials: check the function's role"),
    ("", "the function's role lacks a permission that the message names: add it to the role in the template"),
)


def classify(error: BaseException | str) -> Category:
    """The category of an exception, or of an AWS error code. An unknown failure is retried: a retry is cheap, and
    the dead-letter queue keeps what retries do not fix."""
    return _known(error) or Category.TRANSIENT


def is_known(error: BaseException | str) -> bool:
    """Whether `classify` knows the error; an unknown one counts as a bug until somebody has read its stack trace."""
    return _known(error) is not None


def is_passing(error: BaseException) -> bool:
    """Whether the same call may succeed a moment later: what the processor retries, the API answers with 503."""
    return _known(error) in {Category.TRANSIENT, Category.TIMEOUT}


def error_code(error: BaseException) -> str:
    """The AWS error code that an exception carries, or an empty text."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, Mapping) else ""


def advice(error: BaseException) -> str:
    """What a person must do about a PERMANENT failure."""
    if mode := injected_mode(error):
        return f"nothing is missing: the stack's failure mode {mode} injects this; end it with `pik fault clear`"
    name = error_code(error) or type(error).__name__
    return next(text for part, text in _ADVICE if part in name)


def mark_injected(error: BaseException, mode: str) -> None:
    """Notes on an error that a failure mode of the stack caused it. A text cannot show that: producers send texts."""
    error.add_note(f"{_INJECTED}{mode}")


def injected_mode(error: BaseException) -> str:
    """The failure mode that caused an error; empty for a real one."""
    notes: Iterable[str] = getattr(error, "__notes__", ())
    return next((it.removeprefix(_INJECTED) for it in notes if it.startswith(_INJECTED)), "")


def _known(error: BaseException | str) -> Category | None:
    if isinstance(error, str):
        return next((category for category, codes in AWS_CODES.items() if error in codes), None)
    if isinstance(error, Failure):
        return error.category
    if isinstance(error, InvalidEvent):
        return Category.VALIDATION
    if code := error_code(error):
        return _known(code) or (Category.TRANSIENT if http_status(error) >= 500 else None)
    return next((_CLASSES[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in _CLASSES), None)


def http_status(error: BaseException) -> int:
    """The HTTP status that an AWS error carries; 0 for none."""
    metadata = getattr(error, "response", {}).get("ResponseMetadata", {})
    return int(metadata.get("HTTPStatusCode", 0))


# Ids and numbers have one placeholder: a long number can be either.
_STRIPPED: Final = (
    (re.compile(r"\"[^\"]*\"|`[^`]*`|“[^”]*”|「[^」]*」|(?<!\w)'[^']*'(?!\w)"), "<text>"),
    (re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "<n>"),
    (re.compile(r"\b(?:[0-9a-fA-F]{32,}|(?=[a-fA-F]*\d)[0-9a-fA-F]{8,}|(?=[A-Za-z_]*\d)\w{16,})\b"), "<n>"),
    (re.compile(r"\d+"), "<n>"),
    (re.compile(r"[-+]?<n>(?:[.,:]<n>)*"), "<n>"),
    (re.compile(r"\s+"), " "),
)


def fingerprint(error_type: str, place: str, message: str) -> str:
    """32 hex digits that group failures by cause: the exception's type and place, and its message without quoted text,
    ids and numbers, so that one cause has one fingerprint for all events."""
    for pattern, placeholder in _STRIPPED:
        message = pattern.sub(placeholder, message)
    text = "\n".join((error_type, place, message.strip()))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:FINGERPRINT_DIGITS]


def place_of(error: BaseException) -> str:
    """The innermost function of the kit in the exception's traceback; without line numbers, which every edit
    changes."""
    place = ""
    trace = error.__traceback__
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "")
        if not place or module.partition(".")[0] in _OURS:
            place = f"{module}:{trace.tb_frame.f_code.co_qualname}"
        trace = trace.tb_next
    return place or type(error).__module__


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an attempt failed, in text that may be shown. `known`: `classify` knows this kind of failure. `injected`: the
    failure mode that caused it; empty for a real failure."""

    category: Category
    error_type: str
    message: str
    place: str
    fingerprint: str
    known: bool
    injected: str = ""

    @classmethod
    def of(cls, error: BaseException, clean: Callable[[str], str] = str) -> Cause:
        """`clean` removes what must not be shown; the fingerprint is computed from the rest."""
        # Cleaned first: a secret that is cut in two is not found. A lone surrogate fits no table.
        message = clean(str(error))[:MAX_CAUSE_CHARS].encode("utf-8", "replace").decode()
        injected = injected_mode(error)
        if injected and _INJECTED not in message:  # so that the fingerprint is not that of a real failure either
            message = f"{_INJECTED}{injected}: {message}"[:MAX_CAUSE_CHARS]
        kind = (error_code(error) or type(error).__name__)[:MAX_NAME_CHARS]
        place = place_of(error)
        group = fingerprint(kind, place, message)
        return cls(classify(error), kind, message, place, group, is_known(error), injected)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One delivery of one message. `number` counts all attempts of the event; `last`: the queue will not deliver it
    again."""

    message_id: str
    event_id: str | None
    number: int
    last: bool
    columns: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ledger_event(self) -> str:
        """The event's name in the ledger's key, also for a message that could not be read."""
        return self.event_id or f"unknown-{self.message_id}"


@dataclass(frozen=True, slots=True)
class LogReference:
    """Where to find the log of an attempt."""

    function: str
    request_id: str
    log_stream: str


def ledger_rows(
    failed: Iterable[tuple[Attempt, Cause, str]], invocation: LogReference, failed_at: str, ttl_days: int
) -> list[Row]:
    """One row per failed attempt, with its disposition. Each has its own key: if two messages of one event fail in the
    same moment, the second row is dated a microsecond later."""
    rows: dict[tuple[str, str], Row] = {}
    for attempt, cause, disposition in failed:
        moment = failed_at
        row = _ledger_row(attempt, cause, disposition, invocation, moment, ttl_days)
        while (row["PK"], row["SK"]) in rows:
            moment = times.from_datetime(times.to_datetime(moment) + timedelta(microseconds=1))
            row = _ledger_row(attempt, cause, disposition, invocation, moment, ttl_days)
        rows[row["PK"], row["SK"]] = row
    return list(rows.values())


def _ledger_row(
    attempt: Attempt, cause: Cause, disposition: str, invocation: LogReference, failed_at: str, ttl_days: int
) -> Row:
    return {
        **attempt.columns,
        "PK": f"EVENT#{attempt.ledger_event}",
        "SK": f"AT#{failed_at}#{attempt.number:03d}",
        "category": str(cause.category),
        "error_type": cause.error_type,
        "message": cause.message[:MAX_FAILURE_MESSAGE_CHARS],
        "place": cause.place,
        "fingerprint": cause.fingerprint,
        **({"injected": cause.injected} if cause.injected else {}),
        "attempt": attempt.number,
        "message_id": attempt.message_id,
        "function": invocation.function,
        "request_id": invocation.request_id,
        "log_stream": invocation.log_stream,
        "disposition": disposition,
        "failed_at": failed_at,
        "expires_at": times.epoch_seconds(failed_at) + ttl_days * _SECONDS_A_DAY,
    }
