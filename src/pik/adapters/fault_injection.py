"""Injected faults: the stores of a stack for trials, which fail as its failure mode says.

None of this runs unless template.yaml's EnableFaultInjection is true. An injected fault says so in its error, and so in
the log and the failure ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError, ReadTimeoutError

from pik.adapters.client.failures import AWS_FAILURES
from pik.adapters.s3.raw_store import RawStore
from pik.adapters.sqs.work_queue import WorkQueue
from pik.domain.event.work import Message
from pik.domain.operate.failure_modes import (
    NO_FAULT,
    FaultKind,
    FaultMode,
    UnknownFaultMode,
    is_poison,
    parse_fault_mode,
    poison,
)
from pik.domain.shared.failures import mark_injected
from pik.domain.shared.limits import FAILURE_MODE_CACHE_SECONDS, SLOW_DOWNSTREAM_SECONDS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

    from pik.workers import Workers

_REFUSALS: Final = {
    FaultKind.RANDOM_FAIL: ("InternalError", 500),
    FaultKind.THROTTLE: ("ThrottlingException", 400),
    FaultKind.ACCESS_DENIED: ("AccessDenied", 403),
}


class FaultModeParameter:
    """The mode that an SSM parameter names. `clock` counts seconds; `report` is called with the error each time that
    the parameter cannot be read or does not name a mode, which then counts as no mode."""

    def __init__(
        self, ssm: SSMClient, parameter: str, clock: Callable[[], float], report: Callable[[Exception], None]
    ) -> None:
        self._ssm = ssm
        self._parameter = parameter
        self._clock = clock
        self._report = report
        self._lock = Lock()  # the reads of a batch ask concurrently, and one of them reads the parameter
        self._mode = NO_FAULT
        self._good_until = float("-inf")

    def now(self) -> FaultMode:
        """The mode, at most FAILURE_MODE_CACHE_SECONDS old. Never raises: a trial must not fail for other reasons."""
        with self._lock:
            if self._clock() >= self._good_until:
                self._mode = self._read()
                self._good_until = self._clock() + FAILURE_MODE_CACHE_SECONDS
            return self._mode

    def _read(self) -> FaultMode:
        try:
            return parse_fault_mode(self._ssm.get_parameter(Name=self._parameter)["Parameter"]["Value"])
        except (UnknownFaultMode, *AWS_FAILURES) as error:
            self._report(error)
            return NO_FAULT


class FaultyRawStore(RawStore):
    """RawBucket whose reads fail as the mode says; writes are those of the real one."""

    def __init__(
        self,
        s3: S3Client,
        bucket: str,
        mode: FaultModeParameter,
        sleep: Callable[[float], None],
        chance: Callable[[], float],
    ) -> None:
        super().__init__(s3, bucket)
        self._mode = mode
        self._sleep = sleep
        self._chance = chance

    def read(self, key: str, offset: int, length: int) -> bytes:
        """Reads as RawStore does, unless the mode says otherwise. Raises ClientError, ReadTimeoutError."""
        mode = self._mode.now()
        if mode.spares(self._chance()):
            return super().read(key, offset, length)
        if mode.kind is FaultKind.POISON_PAYLOAD:
            return poison(length)
        if mode.kind is FaultKind.SLOW_DOWNSTREAM:
            self._sleep(SLOW_DOWNSTREAM_SECONDS)
        error = _failure(mode)
        mark_injected(error, str(mode))
        raise error

    def injected_into(self, data: bytes) -> str:
        """The mode that spoiled bytes which this store has read; empty for those that are stored."""
        return str(FaultKind.POISON_PAYLOAD) if is_poison(data) else ""


def _failure(mode: FaultMode) -> Exception:
    """The error of a read that fails."""
    if mode.kind is FaultKind.SLOW_DOWNSTREAM:
        return ReadTimeoutError(endpoint_url=f"injected fault: {mode}")
    code, status = _REFUSALS[mode.kind]
    response: Any = {
        "Error": {"Code": code, "Message": f"injected fault: {mode}"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "GetObject")


class FaultyWorkQueue(WorkQueue):
    """WorkQueue, to which each message is sent twice if the mode says so."""

    def __init__(self, sqs: SQSClient, url: str, workers: Workers, mode: FaultModeParameter) -> None:
        super().__init__(sqs, url, workers)
        self._mode = mode

    def send(self, messages: Mapping[int, Message]) -> dict[int, Exception]:
        """Sends as WorkQueue does; failures of the copies are ignored."""
        failed = super().send(messages)
        if self._mode.now().kind is FaultKind.DUPLICATE_SUBMIT:
            super().send({number: it for number, it in messages.items() if number not in failed})
        return failed
