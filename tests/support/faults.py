"""What goes wrong with the calls to the in-memory AWS in a test, and which calls there were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from botocore.exceptions import ClientError, ReadTimeoutError

from tests.support.aws.account import FakeAws


class Killed(BaseException):
    """The function's process dies here, as at its timeout: no `except Exception` sees it."""


def refused(code: str, operation: str = "Call") -> ClientError:
    """AWS answers a call with an error code."""
    return ClientError({"Error": {"Code": code, "Message": "no"}}, operation)


def timeout() -> ReadTimeoutError:
    """AWS does not answer in time."""
    return ReadTimeoutError(endpoint_url="https://dynamodb")


def raises(error: BaseException) -> Callable[[], None]:
    """An act of `FaultPlan.once` that raises."""

    def act() -> None:
        raise error

    return act


class FaultPlan:
    """Which calls to an account fail, or are joined by something else. Each plan replaces the one before."""

    def __init__(self, aws: FakeAws) -> None:
        self._aws = aws

    def once(self, operation: str, phase: str, act: Callable[[], None]) -> None:
        """Do something right before or after the next call of an operation; then never again."""

        def hook(_: str, called: str, request: Mapping[str, object], when: str) -> None:
            if (called, when) == (operation, phase):
                self._aws.on_call = None
                act()

        self._aws.on_call = hook

    def always(self, operation: str, error: BaseException, phase: str = "before", *, after: int = 0) -> None:
        """Let every call of an operation fail, except for the first `after`; with phase "after" AWS has done it."""
        seen: list[str] = []

        def hook(_: str, called: str, request: Mapping[str, object], when: str) -> None:
            if (called, when) == (operation, phase):
                seen.append(called)
                if len(seen) > after:
                    raise error

        self._aws.on_call = hook

    def refuse(self, operation: str, code: str, phase: str = "before", *, after: int = 0) -> None:
        """Let AWS answer every call of an operation with an error code, except for the first `after`."""
        self.always(operation, refused(code, operation), phase, after=after)

    def refuse_batches(self, operation: str, code: str, of: str) -> None:
        """Let AWS refuse every batch as a whole that has this text anywhere in it."""

        def hook(_: str, called: str, request: Mapping[str, object], when: str) -> None:
            if (called, when) == (operation, "before") and of in repr(request):
                raise refused(code, operation)

        self._aws.on_call = hook

    def calm(self) -> None:
        """Let nothing fail any more."""
        self._aws.on_call = None
        self._aws.partial = None

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Nothing fails and nothing is seen by the plan while this lasts; then the plan goes on."""
        hook, partial = self._aws.on_call, self._aws.partial
        self.calm()
        try:
            yield
        finally:
            self._aws.on_call, self._aws.partial = hook, partial


class CallRecorder:
    """The calls to an account, counted by operation."""

    def __init__(self, aws: FakeAws) -> None:
        self._aws = aws
        self.forget()

    def forget(self) -> None:
        """Count from here on."""
        self._aws.calls.clear()

    def counts(self) -> Counter[str]:
        """The calls since `forget`."""
        return Counter(operation for _, operation in self._aws.calls)

    def take(self) -> Counter[str]:
        """The calls since `forget`, and forget them."""
        counted = self.counts()
        self.forget()
        return counted

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """What is called while this lasts does not count."""
        kept = len(self._aws.calls)
        yield
        del self._aws.calls[kept:]
