"""Threads for independent calls to AWS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from pik.domain.shared.failures import DeadlineNear

A = TypeVar("A")
B = TypeVar("B")


class Workers:
    """A bounded pool that lives as long as the function's process."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads)

    def start(self, function: Callable[[A], B], items: Iterable[A]) -> list[Future[B | Exception]]:
        """Starts the calls; each future's result is the value, or the exception that was raised instead."""
        return [self._pool.submit(_attempt, function, item) for item in items]

    def run(self, function: Callable[[A], B], items: Iterable[A], seconds: float | None = None) -> list[B | Exception]:
        """The values in order; for a call that failed, its exception.

        A call that is not done within `seconds` is given up, and its result is DeadlineNear: it either never starts, or
        continues while nobody waits for it, so it must not matter whether it was made.
        """
        futures = self.start(function, items)
        if seconds is None:
            return [future.result() for future in futures]
        done, _ = wait(futures, seconds)
        return [future.result() if future in done else _given_up(future) for future in futures]

    def soon(self, call: Callable[[], A]) -> Future[A]:
        """Starts one call, for which the caller does not wait yet; the future raises what the call raised."""
        return self._pool.submit(call)


def _given_up(future: Future[B | Exception]) -> Exception:
    future.cancel()
    return DeadlineNear("the call was not finished within the time available")


def _attempt(function: Callable[[A], B], item: A) -> B | Exception:
    try:
        return function(item)
    # A failed call must not fail the others; the caller decides by the exception.
    except Exception as error:  # noqa: BLE001
        return error
