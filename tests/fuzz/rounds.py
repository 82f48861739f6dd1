"""A round of fuzzing: requests that follow from one seed, to all functions behind the API, on one account in memory.

The rule: whatever is sent, the answer is no 5xx, no function raises, and none computes for more than a second.
"""

from __future__ import annotations

import json
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from pik.flows.ingest import IngestFlow
from pik.flows.redrive_api import RedriveApiFlow
from pik.flows.replay import ReplayFlow
from pik.flows.webhook import WebhookFlow
from pik.settings import IngestSettings, RedriveSettings, ReplaySettings, WebhookSettings
from tests.fuzz.corpus import Call, calls
from tests.fuzz.mutations import mutated
from tests.fuzz.senders import SECRETS, WEBHOOK_ROUTE, serve, sign
from tests.support.aws.account import FakeAws
from tests.support.aws.context import FakeContext
from tests.support.aws.stack import WEBHOOK_SECRET_PREFIX, Names, deployed
from tests.support.foreign import FOREIGN
from tests.support.webhook_api import SOURCES, TOPICS

REQUESTS: Final = 200
"""Requests of a round: enough for requests to meet what earlier ones left."""

MAX_SECONDS: Final = 1.0

FOREIGN_LETTERS: Final = 3
"""Messages that strangers left in the dead-letter queue before the round: previews read them."""

SIGNED_SHARE: Final = 0.8
"""Of the webhooks; the others are refused for their signature."""

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
    found, rng = FuzzRound(), Random(seed)
    clock = FuzzClock()
    functions = _functions(clock, rng)
    for number in range(requests):
        call = mutated(rng.choice(_SEEDS), rng)
        if call["routeKey"] == WEBHOOK_ROUTE and rng.random() < SIGNED_SHARE:
            sign(call, clock.time)
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
    return {"events": "ingest", "health": "ingest", "webhooks": "webhook"}.get(name := route.split("/")[1], name)


class FuzzClock:
    """Time that goes on by a second with each look at it."""

    def __init__(self) -> None:
        self.time = _START

    def now(self) -> datetime:
        """The time before this look."""
        before, self.time = self.time, self.time + timedelta(seconds=1)
        return before


def _functions(clock: FuzzClock, rng: Random) -> dict[str, Function]:
    """The functions behind the API, built as Lambda builds them, on an account with secrets and dead letters."""
    aws = FakeAws()
    names = deployed(aws)
    for letter in rng.sample(sorted(FOREIGN), FOREIGN_LETTERS):
        FOREIGN[letter].send(aws, names.work_dead_letter_queue_url)
    return {
        "ingest": IngestFlow(IngestSettings.from_env(names.environment("ingest")), aws, clock.now, lambda _: None),
        "webhook": _webhook(aws, names, clock),
        "replay": ReplayFlow(ReplaySettings.from_env(names.environment("replay")), aws, clock.now),
        "redrive": RedriveApiFlow(RedriveSettings.from_env(names.environment("redrive")), aws, clock.now),
    }


def _webhook(aws: FakeAws, names: Names, clock: FuzzClock) -> WebhookFlow:
    for source, secret in SECRETS.items():
        name = f"{WEBHOOK_SECRET_PREFIX}/{source}/current"
        aws.ssm.put_parameter(Name=name, Value=secret, Type="SecureString", Overwrite=True)
    settings = replace(
        WebhookSettings.from_env(names.environment("webhook")), webhook_sources=SOURCES, webhook_topics=TOPICS
    )

    def seconds() -> float:
        return (clock.time - _START).total_seconds()

    return WebhookFlow(settings, aws, now=clock.now, sleep=lambda _: None, clock=seconds, fetch=serve)
