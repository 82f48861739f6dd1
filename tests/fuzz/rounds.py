"""A round of fuzzing: requests that follow from one seed, to all functions behind the API, on one account in memory.

The rule: whatever is sent, the answer is no 5xx, no function raises, and none computes for more than a second.
"""

from __future__ import annotations

import json
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from pik.flows.ingest import IngestFlow
from pik.flows.redrive_api import RedriveApiFlow
from pik.flows.replay import ReplayFlow
from pik.settings import IngestSettings, RedriveSettings, ReplaySettings
from tests.fuzz.corpus import Call, calls
from tests.fuzz.mutations import mutated
from tests.support.aws.account import FakeAws
from tests.support.aws.context import FakeContext
from tests.support.aws.stack import deployed

REQUESTS: Final = 200
"""Requests of a round: enough for requests to meet what earlier ones left."""

MAX_SECONDS: Final = 1.0

_START: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
_SEEDS: Final = calls()

Function = Callable[[Call, Any], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A request that should have been answered otherwise."""

    seed: int
    number: int
    what: str
    call: Call


@dataclass(slots=True)
class FuzzRound:
    """How the requests of a round were answered: by route and status."""

    answers: Counter[str] = field(default_factory=Counter)
    broken: BrokenRule | None = None


def run_round(seed: int, requests: int = REQUESTS) -> FuzzRound:
    """Ends at the first request that breaks the rule."""
    found, functions, rng = FuzzRound(), _functions(), Random(seed)
    for number in range(requests):
        call = mutated(rng.choice(_SEEDS), rng)
        call["requestContext"] = {**call["requestContext"], "requestId": f"fuzz-{seed}-{number}"}
        status, what = _answered(functions, call)
        found.answers[f"{call['routeKey']} {status}"] += 1
        if what:
            found.broken = BrokenRule(seed, number, what, call)
            break
    return found


def _answered(functions: Mapping[str, Function], call: Call) -> tuple[int, str]:
    """The status, and what was wrong with the answer."""
    function = functions[_function_of(call["routeKey"])]
    begun = time.process_time()
    try:
        answer = function(call, FakeContext())
        status = int(answer["statusCode"])
        json.loads(answer["body"])
        _check_headers(answer["headers"])
    # Whatever escapes is what fuzzing looks for.
    except Exception:  # noqa: BLE001
        return 0, traceback.format_exc()
    seconds = time.process_time() - begun
    if status >= 500:
        return status, f"answered {status}: {answer['body']}"
    return status, f"computed for {seconds:.2f} s" if seconds > MAX_SECONDS else ""


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not f"{name}{value}".isascii() or not f"{name}{value}".isprintable():
            raise ValueError(f"header {name!r} is {value!r}")


def _function_of(route: str) -> str:
    return {"events": "ingest", "health": "ingest"}.get(name := route.split("/")[1], name)


def _functions() -> dict[str, Function]:
    """The functions behind the API, built as Lambda builds them; time goes on by a second with each look at it."""
    aws = FakeAws()
    names = deployed(aws)
    seconds = iter(range(10**9))

    def now() -> datetime:
        return _START + timedelta(seconds=next(seconds))

    return {
        "ingest": IngestFlow(IngestSettings.from_env(names.environment("ingest")), aws, now, lambda _: None),
        "replay": ReplayFlow(ReplaySettings.from_env(names.environment("replay")), aws, now),
        "redrive": RedriveApiFlow(RedriveSettings.from_env(names.environment("redrive")), aws, now),
    }
