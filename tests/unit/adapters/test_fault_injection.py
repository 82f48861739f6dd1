"""Faults on order: the mode is looked up now and then, and each mode breaks what it says and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from pik.adapters.fault_injection import FaultModeParameter, FaultyRawStore, FaultyWorkQueue
from pik.domain.operate.failure_modes import NO_FAULT, FaultKind, FaultMode, UnknownFaultMode
from pik.domain.shared.failures import Category, classify, error_code
from pik.domain.shared.limits import FAILURE_MODE_CACHE_SECONDS, SEND_ROUNDS, SLOW_DOWNSTREAM_SECONDS
from pik.workers import Workers
from tests.support.aws.account import FakeAws
from tests.support.aws.clock import Clock
from tests.support.aws.stack import deployed
from tests.support.makers import make_work

NAME = "/pik-test/failure_mode"
KEY, BODY = "raw/a.json", b"0123456789"


class Trial:
    """A stack in memory whose failure mode tests set; `unread` are the errors of reads that failed."""

    def __init__(self, mode: str = "none") -> None:
        self.clock = Clock()
        self.aws = FakeAws(clock=self.clock)
        self.names = deployed(self.aws)
        self.unread: list[Exception] = []
        self.slept: list[float] = []
        self.chance = 0.0
        clients: Any = self.aws
        self.mode = FaultModeParameter(clients.ssm, NAME, self.clock, self.unread.append)
        self.raw = FaultyRawStore(clients.s3, self.names.raw_bucket, self.mode, self.slept.append, lambda: self.chance)
        self.queue = FaultyWorkQueue(clients.sqs, self.names.work_queue_url, Workers(4), self.mode)
        self.raw.put(KEY, BODY, "text/plain", {})
        self.set(mode)
        self.aws.calls.clear()

    def set(self, mode: str) -> None:
        self.aws.ssm.put_parameter(Name=NAME, Value=mode, Type="String", Overwrite=True)

    def looks(self) -> int:
        return self.aws.calls.count(("ssm", "get_parameter"))


# --- the mode ---------------------------------------------------------------------------------------------------------


def test_the_mode_is_what_the_parameter_says() -> None:
    assert Trial("random_fail_p30").mode.now() == FaultMode(FaultKind.RANDOM_FAIL, 30)


def test_it_is_looked_up_once_in_a_while_and_a_change_is_seen_then() -> None:
    trial = Trial("throttle")
    assert trial.mode.now() == FaultMode(FaultKind.THROTTLE)
    trial.set("none")
    trial.clock.advance(FAILURE_MODE_CACHE_SECONDS - 0.001)
    assert trial.mode.now() == FaultMode(FaultKind.THROTTLE)
    assert trial.looks() == 1
    trial.clock.advance(0.001)
    assert trial.mode.now() == NO_FAULT
    assert trial.looks() == 2


def test_the_threads_of_a_batch_share_one_look() -> None:
    trial = Trial("throttle")
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: trial.mode.now(), range(200)))
    assert set(found) == {FaultMode(FaultKind.THROTTLE)}
    assert trial.looks() == 1


@pytest.mark.parametrize("broken", ["gone", "unknown", "no network"])
def test_a_parameter_that_cannot_be_read_is_none_and_told_once_in_a_while(broken: str) -> None:
    trial = Trial("poison")
    trial.mode = FaultModeParameter(
        trial.aws.ssm, "/pik-test/gone" if broken == "gone" else NAME, trial.clock, trial.unread.append
    )  # type: ignore[arg-type]
    if broken == "no network":
        trial.aws.on_call = _no_network
    assert [trial.mode.now() for _ in range(3)] == [NO_FAULT] * 3
    trial.clock.advance(FAILURE_MODE_CACHE_SECONDS)
    assert [trial.mode.now() for _ in range(3)] == [NO_FAULT] * 3
    assert len(trial.unread) == 2
    expected = {"gone": "ParameterNotFound", "unknown": "UnknownFaultMode", "no network": "EndpointConnectionError"}
    assert {error_code(it) or type(it).__name__ for it in trial.unread} == {expected[broken]}


def test_a_mode_that_was_on_ends_when_the_parameter_cannot_be_read_any_more() -> None:
    trial = Trial("throttle")
    assert trial.mode.now() == FaultMode(FaultKind.THROTTLE)
    trial.aws.on_call = _no_network
    trial.clock.advance(FAILURE_MODE_CACHE_SECONDS)
    assert trial.mode.now() == NO_FAULT


def test_an_unknown_mode_is_told_with_those_that_there_are() -> None:
    trial = Trial("poison")
    trial.mode.now()
    (error,) = trial.unread
    assert isinstance(error, UnknownFaultMode)
    assert "poison_payload" in str(error)


def _no_network(service: str, operation: str, request: Mapping[str, Any], phase: str) -> None:
    if service == "ssm":
        raise EndpointConnectionError(endpoint_url="https://ssm")


# --- reads ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["none", "duplicate_submit"])
def test_reads_are_the_real_ones_where_the_mode_does_not_concern_them(mode: str) -> None:
    trial = Trial(mode)
    assert trial.raw.read(KEY, 2, 4) == b"2345"
    assert trial.slept == []


def test_poison_has_the_length_that_was_asked_for_and_is_not_what_is_stored() -> None:
    trial = Trial("poison_payload")
    found = trial.raw.read(KEY, 2, 4)
    assert len(found) == 4
    assert found != b"2345"
    assert trial.aws.s3.get_object(Bucket=trial.names.raw_bucket, Key=KEY)["Body"].read() == BODY


@pytest.mark.parametrize(
    ("mode", "name", "category"),
    [
        ("slow_downstream", "ReadTimeoutError", Category.TIMEOUT),
        ("random_fail_p100", "InternalError", Category.TRANSIENT),
        ("throttle", "ThrottlingException", Category.TRANSIENT),
        ("access_denied", "AccessDenied", Category.PERMANENT),
    ],
)
def test_a_read_fails_as_the_real_thing_would_and_says_that_it_was_injected(
    mode: str, name: str, category: Category
) -> None:
    trial = Trial(mode)
    with pytest.raises(Exception, match=f"injected fault: {mode}") as caught:
        trial.raw.read(KEY, 0, 10)
    assert (error_code(caught.value) or type(caught.value).__name__) == name
    assert classify(caught.value) is category
    assert trial.slept == ([SLOW_DOWNSTREAM_SECONDS] if mode == "slow_downstream" else [])
    assert ("s3", "get_object") not in trial.aws.calls


@pytest.mark.parametrize(("mode", "status"), [("random_fail_p100", 500), ("throttle", 400), ("access_denied", 403)])
def test_a_refusal_has_the_status_that_aws_gives_it(mode: str, status: int) -> None:
    with pytest.raises(ClientError) as caught:
        Trial(mode).raw.read(KEY, 0, 10)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_a_share_of_the_reads_fails() -> None:
    trial = Trial("random_fail_p30")
    trial.chance = 0.299
    with pytest.raises(Exception, match="injected fault: random_fail_p30"):
        trial.raw.read(KEY, 0, 10)
    trial.chance = 0.3
    assert trial.raw.read(KEY, 0, 10) == BODY


def test_nothing_is_written_otherwise_in_any_mode() -> None:
    trial = Trial("poison_payload")
    trial.raw.put("raw/b.json", BODY, "text/plain", {})
    assert trial.aws.s3.get_object(Bucket=trial.names.raw_bucket, Key="raw/b.json")["Body"].read() == BODY


# --- sends ------------------------------------------------------------------------------------------------------------

WORKS = [make_work({"n": n}) for n in range(12)]


def sent(trial: Trial) -> list[str]:
    return sorted(json.loads(it.body)["event_id"] for it in trial.aws.sqs.messages(trial.names.work_queue_url))


@pytest.mark.parametrize(("mode", "copies"), [("none", 1), ("poison_payload", 1), ("duplicate_submit", 2)])
def test_messages_go_out_once_and_on_order_twice(mode: str, copies: int) -> None:
    trial = Trial(mode)
    assert trial.queue.send({n: work.message() for n, work in enumerate(WORKS)}) == {}
    assert sent(trial) == sorted(work.event_id for work in WORKS * copies)


def test_what_cannot_be_sent_is_reported_as_ever_and_not_sent_as_a_copy() -> None:
    trial = Trial("duplicate_submit")
    refusals = iter(range(SEND_ROUNDS))  # what would come after them is taken

    def refuse(service: str, operation: str, request: Mapping[str, Any]) -> set[int]:
        return {n for n, it in enumerate(request["Entries"]) if it["Id"] == "7" and next(refusals, None) is not None}

    trial.aws.partial = refuse
    failed = trial.queue.send({n: work.message() for n, work in enumerate(WORKS)})
    assert list(failed) == [7]
    assert sent(trial) == sorted(work.event_id for work in (WORKS[:7] + WORKS[8:]) * 2)


def test_a_copy_that_is_lost_is_no_failure() -> None:
    trial = Trial("duplicate_submit")
    rounds = iter([set[int]()])
    trial.aws.partial = lambda *_: next(rounds, {0, 1})
    assert trial.queue.send({n: WORKS[n].message() for n in range(2)}) == {}
    assert sent(trial) == sorted(work.event_id for work in WORKS[:2])
