"""Workers without threads, so that hypothesis can replay what it found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any


class InlineWorkers:
    """Does each piece of work at once, where pik.workers hands it to a thread."""

    def __init__(self, _: int) -> None:
        pass

    def start(self, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Future[Any]]:
        return [_done(function, item) for item in items]

    def run(self, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        return [future.result() for future in self.start(function, items)]

    def soon(self, call: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(call())
        except Exception as error:  # noqa: BLE001 (as the real one: it raises where the result is read)
            future.set_exception(error)
        return future


def _done(function: Callable[[Any], Any], item: Any) -> Future[Any]:
    future: Future[Any] = Future()
    try:
        future.set_result(function(item))
    except Exception as error:  # noqa: BLE001 (as the real one: the caller decides by the exception)
        future.set_result(error)
    return future
