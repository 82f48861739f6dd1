"""CPU of one ingest call: everything but the sockets, whose waiting takes time and hardly any CPU."""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Callable
from itertools import count
from statistics import median
from typing import Any, Final

import boto3

from benchmarks.figures import Figure
from benchmarks.wire import ENVIRONMENT, AnswerBody, AWSResponse
from benchmarks.world import NAMES, api_request, event, silence
from pik.adapters.client.clients import Clients
from pik.adapters.dynamodb.items import to_item
from pik.flows.ingest import IngestFlow
from pik.settings import IngestSettings, wants_tuned_clients

TARGET_MS: Final = 1.5


def ingest_cpu(calls: int = 200, rounds: int = 9) -> Figure:
    """One event a request, its three calls answered where they leave the process."""
    os.environ.update(ENVIRONMENT)
    ingest, put = _ingest(), _plain_put()
    bodies = (api_request(json.dumps(event(number)), f"benchmark-{number}=") for number in count(1))
    taken: list[float] = []
    plain: list[float] = []
    with silence():
        gc.collect()
        gc.freeze()  # as the function does when it is ready
        for _ in range(rounds):  # side by side, so that a busy machine is busy for both
            taken.append(_median_ms(ingest, [next(bodies) for _ in range(calls)]))
            plain.append(_median_ms(put, [{}] * calls))
        gc.unfreeze()
    answer = _median_ms(lambda _: _sent(_Request), [{}] * 1000)
    milliseconds, yardstick = min(taken) - 3 * answer, min(plain) - answer
    return Figure(
        "CPU of one ingest call, one event",
        f"{milliseconds:.2f} ms, {milliseconds / yardstick:.1f} × one put_item",
        f"≤ {TARGET_MS} ms",
        milliseconds <= TARGET_MS,
        "process_time of the call, signing its three requests and parsing their answers included, answered at "
        f"botocore's before-send event; the lowest of {rounds} rounds' medians of {calls}; the answers' own CPU of "
        f"{answer * 1000:.0f} µs a call is taken off; the yardstick is a put_item of a client as boto3 makes it, "
        f"{yardstick:.2f} ms in the same run",
        {"milliseconds": milliseconds, "put_item_milliseconds": yardstick, "responder_ms": answer},
    )


def _ingest() -> Callable[[dict[str, Any]], object]:
    clients = Clients(tuned=wants_tuned_clients(os.environ))
    for client in (clients.s3, clients.dynamodb):
        client.meta.events.register("before-send", _sent)
    ingest = IngestFlow(IngestSettings.from_env(NAMES.environment("ingest")), clients)
    return lambda request: ingest(request, None)


def _plain_put() -> Callable[[dict[str, Any]], object]:
    client = boto3.client("dynamodb")
    client.meta.events.register("before-send", _sent)
    item = to_item({f"attribute_{number}": f"a value of some length, {number}" for number in range(12)})
    return lambda _: client.put_item(TableName="yardstick", Item=item)


class _Request:
    url = "https://dynamodb.us-east-1.amazonaws.com/"


def _sent(request: Any, **_: Any) -> AWSResponse:
    return AWSResponse(request.url, 200, {}, AnswerBody(b"{}" if "dynamodb" in request.url else b""))


def _median_ms(work: Callable[[dict[str, Any]], object], given: list[dict[str, Any]]) -> float:
    taken = []
    for value in given:
        begun = time.process_time_ns()
        work(value)
        taken.append(time.process_time_ns() - begun)
    return median(taken) / 1e6
