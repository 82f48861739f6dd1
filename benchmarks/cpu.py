"""CPU of one ingest call: everything but the sockets, whose waiting takes time and hardly any CPU."""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any, Final

from benchmarks.figures import Figure
from benchmarks.wire import ENVIRONMENT, AWSResponse, Body
from benchmarks.world import NAMES, api_request, event, silence
from ingest import Ingest
from pik.adapters.clients import Clients
from pik.settings import IngestSettings

TARGET_MS: Final = 1.5


def ingest_cpu(calls: int = 200, rounds: int = 9) -> Figure:
    """One event a request, answered at two places: where its three calls are made, and where they leave the process."""
    os.environ.update(ENVIRONMENT)
    at_call, at_send, requests = _ingest("before-call", _parsed), _ingest("before-send", _sent), _requests()
    short: list[float] = []
    whole: list[float] = []
    with silence():
        gc.collect()
        gc.freeze()  # as the function does when it is ready
        for _ in range(rounds):  # side by side, so that a busy machine is busy for both
            for ingest, taken in ((at_call, short), (at_send, whole)):
                prepared = iter([next(requests) for _ in range(calls)])
                taken.append(_median_ms(lambda ingest=ingest, prepared=prepared: ingest(next(prepared), None), calls))
        gc.unfreeze()
    answer = _median_ms(lambda: _sent(_Request), 1000)
    milliseconds, with_signing = min(short) - 3 * answer, min(whole) - 3 * answer
    return Figure(
        "CPU of one ingest call, one event",
        f"{milliseconds:.2f} ms, {with_signing:.2f} ms with the signing and parsing of its three calls",
        f"≤ {TARGET_MS} ms",
        milliseconds <= TARGET_MS,
        "process_time of the call, answered at botocore's before-call event, when requests are serialised, and at its "
        f"before-send event, which leaves out sockets alone; the lowest of {rounds} rounds' medians of {calls}; the "
        f"answers' own CPU of {answer * 1000:.0f} µs a call is taken off",
        {"milliseconds": milliseconds, "milliseconds_with_signing": with_signing, "responder_ms": answer},
    )


def _ingest(event_name: str, answer: Callable[..., object]) -> Ingest:
    clients = Clients()
    for client in (clients.s3, clients.dynamodb):
        client.meta.events.register(event_name, answer)
    return Ingest(IngestSettings.from_env(NAMES.environment("ingest")), clients)


def _requests() -> Iterator[dict[str, Any]]:
    number = 0
    while True:
        number += 1
        yield api_request(json.dumps(event(number)), f"benchmark-{number}=")


class _Request:
    url = "https://dynamodb.us-east-1.amazonaws.com/"


def _sent(request: Any, **_: Any) -> AWSResponse:
    return AWSResponse(request.url, 200, {}, Body(b"{}" if "dynamodb" in request.url else b""))


def _parsed(params: Any, **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
    return AWSResponse(params["url"], 200, {}, Body()), {}


def _median_ms(work: Callable[[], object], calls: int) -> float:
    taken = []
    for _ in range(calls):
        begun = time.process_time_ns()
        work()
        taken.append(time.process_time_ns() - begun)
    return median(taken) / 1e6
