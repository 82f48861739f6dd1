"""What may be redriven: every bad parameter is named at once, and what is left out has a careful default."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.adapters.dynamodb.items import from_item, to_item
from pik.domain.redrive.request import Canary, RedriveRequest, read_cancel, read_preview, read_start
from pik.domain.redrive.selection import Criteria
from pik.domain.redrive.transform import Transform
from pik.domain.shared.problems import InvalidEvent

MANIFEST = "mft-20261120T101530Z-0a1b2c3d"
RUN = "rdr-20261120T101530Z-0a1b2c3d"


def start(**body: Any) -> RedriveRequest:
    return read_start(body, dry_run=False)


def found(body: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidEvent) as caught:
        read_start(body, dry_run=False)
    assert caught.value.status == 400
    return [(it.path, it.code) for it in caught.value.problems]


def test_a_start_of_nothing_in_particular_is_a_careful_redrive() -> None:
    assert start() == RedriveRequest(
        action="redrive",
        criteria=Criteria(min_age_seconds=60, attempt_budget=3),
        manifest_id=None,
        max_messages=1000,
        jitter_seconds=0,
        backoff=True,
        canary=Canary(size=5, widen=5, max_failure_rate=0.1, wait_seconds=15),
        transform=None,
        rescue_id=None,
        dry_run=False,
        samples=5,
    )


def test_everything_that_a_redrive_can_be_told() -> None:
    request = start(
        category="VALIDATION",
        error_type="HashMismatch",
        fingerprint="f" * 32,
        entity_id="customer-17",
        source="shop",
        min_age_seconds=300,
        max_age_seconds=3600,
        expiring_within_seconds=86_400,
        max_messages=100,
        jitter_seconds=5,
        backoff=False,
        attempt_budget=1,
        canary={"size": 2, "max_failure_rate": 0},
        transform={"set": {"payload.amount": 1.5}, "jmespath": "@"},
        samples=0,
    )
    assert request.criteria == Criteria(
        "VALIDATION", "HashMismatch", "f" * 32, "customer-17", "shop", 300, 3600, 86_400, 1
    )
    assert (request.max_messages, request.jitter_seconds, request.backoff, request.samples) == (100, 5, False, 0)
    assert request.canary == Canary(size=2, widen=5, max_failure_rate=0.0, wait_seconds=15)
    assert request.transform == Transform({"payload.amount": 1.5}, "@")


def test_the_guides_own_lines_are_understood() -> None:
    request = start(maxMessages=100, errorType="SchemaValidationError", minAgeSeconds=300, perMessageDelayJitter=5)
    assert (request.max_messages, request.jitter_seconds) == (100, 5)
    assert request.criteria == Criteria(error_type="SchemaValidationError", min_age_seconds=300, attempt_budget=3)
    preview = read_preview({"maxMessages": "20", "errorType": "SchemaValidationError", "minAgeSeconds": "300"})
    assert preview.criteria == Criteria(error_type="SchemaValidationError", min_age_seconds=300)
    assert preview.max_messages == 20


def test_a_manifest_stands_for_its_messages_and_may_be_limited() -> None:
    request = start(manifest_id=MANIFEST, max_messages=10, min_age_seconds=0, force=True)
    assert (request.manifest_id, request.max_messages) == (MANIFEST, 10)
    assert request.criteria == Criteria(min_age_seconds=0, attempt_budget=3)


def test_all_lifts_the_bound_and_may_have_one_of_its_own() -> None:
    assert start(all=True).max_messages is None
    assert start(all=True, max_messages=5000).max_messages == 5000


def test_what_failed_a_moment_ago_is_taken_only_by_force() -> None:
    assert found({"min_age_seconds": 59}) == [("/min_age_seconds", "needs_force")]
    assert start(min_age_seconds=0, force=True).criteria.min_age_seconds == 0
    assert start(force=True).criteria.min_age_seconds == 60, "force alone does not ask for younger ones"


def test_a_rescue_has_no_least_age_and_no_waves() -> None:
    request = start(action="rescue", expiring_within_seconds=86_400, source="shop")
    assert request.criteria == Criteria(source="shop", expiring_within_seconds=86_400)
    assert (request.action, request.canary, request.backoff) == ("rescue", None, False)


def test_a_put_back_takes_all_of_its_rescue() -> None:
    request = start(action="put_back", rescue_id=RUN)
    assert (request.action, request.rescue_id, request.max_messages, request.criteria) == (
        "put_back",
        RUN,
        None,
        Criteria(),
    )


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ([], [("body", "request_not_an_object")]),
        ({"action": "purge"}, [("/action", "enum")]),
        ({"action": ["redrive"]}, [("/action", "enum")]),
        ({"action": "put_back"}, [("/rescue_id", "missing_member")]),
        ({"action": "put_back", "rescue_id": "rpl-1"}, [("/rescue_id", "pattern")]),
        (
            {"action": "put_back", "rescue_id": RUN, "max_messages": 1, "source": "s"},
            [("/max_messages", "not_of_action"), ("/source", "not_of_action")],
        ),
        ({"action": "rescue", "transform": {}}, [("/transform", "not_of_action")]),
        ({"action": "rescue", "canary": False}, [("/canary", "not_of_action")]),
        ({"rescue_id": RUN}, [("/rescue_id", "not_of_action")]),
        ({"purge": 1}, [("/purge", "additional_properties")]),
        ({"category": "SILLY"}, [("/category", "enum")]),
        ({"entity_id": 17, "source": " "}, [("/entity_id", "wrong_type"), ("/source", "blank")]),
        ({"fingerprint": "x" * 257}, [("/fingerprint", "too_long")]),
        ({"max_messages": 0}, [("/max_messages", "minimum")]),
        ({"max_messages": True}, [("/max_messages", "wrong_type")]),
        ({"max_messages": 1001}, [("/max_messages", "needs_all")]),
        ({"max_messages": 100_001, "all": True}, [("/max_messages", "maximum")]),
        ({"all": 1}, [("/all", "wrong_type")]),
        ({"maxMessages": 1, "max_messages": 2}, [("/maxMessages", "duplicate_member")]),
        ({"jitter_seconds": 901}, [("/jitter_seconds", "maximum")]),
        ({"jitter_seconds": -1}, [("/jitter_seconds", "minimum")]),
        ({"attempt_budget": 11}, [("/attempt_budget", "maximum")]),
        ({"attempt_budget": 0}, [("/attempt_budget", "minimum")]),
        ({"min_age_seconds": 60.5}, [("/min_age_seconds", "wrong_type")]),
        ({"max_age_seconds": 59}, [("/max_age_seconds", "minimum")]),
        ({"backoff": "no", "dry_run": 0}, [("/backoff", "wrong_type"), ("/dry_run", "wrong_type")]),
        ({"samples": 21}, [("/samples", "maximum")]),
        ({"manifest_id": "mft-1"}, [("/manifest_id", "pattern")]),
        (
            {"manifest_id": MANIFEST, "source": "shop", "category": "TRANSIENT"},
            [("/category", "redrive_with_two_scopes"), ("/source", "redrive_with_two_scopes")],
        ),
        ({"canary": True}, [("/canary", "wrong_type")]),
        (
            {"canary": {"size": 0, "widen": 101, "max_failure_rate": 2, "wait_seconds": "1", "other": 1}},
            [
                ("/canary/max_failure_rate", "maximum"),
                ("/canary/other", "additional_properties"),
                ("/canary/size", "minimum"),
                ("/canary/wait_seconds", "wrong_type"),
                ("/canary/widen", "maximum"),
            ],
        ),
        ({"canary": {"max_failure_rate": False}}, [("/canary/max_failure_rate", "wrong_type")]),
        (
            {"transform": {"set": {"": 1}, "jmespath": "["}, "force": 1},
            [("/force", "wrong_type"), ("/transform/jmespath", "bad_jmespath"), ("/transform/set/", "bad_place")],
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(body: Any, problems: list[tuple[str, str]]) -> None:
    assert found(body) == problems


@pytest.mark.parametrize(
    ("query", "problems"),
    [
        ({"max_messages": "ten"}, [("query:max_messages", "wrong_type")]),
        ({"max_messages": "10001", "samples": "21"}, [("query:max_messages", "maximum"), ("query:samples", "maximum")]),
        ({"max_messages": "0"}, [("query:max_messages", "minimum")]),
        ({"min_age_seconds": "-1"}, [("query:min_age_seconds", "minimum")]),
        ({"min_age_seconds": "10", "max_age_seconds": "9"}, [("query:max_age_seconds", "minimum")]),
        (
            {"category": "NONE", "colour": "red"},
            [("query:category", "enum"), ("query:colour", "additional_properties")],
        ),
        ({"entity_id": "  "}, [("query:entity_id", "blank")]),
        ({"errorType": "a", "error_type": "b"}, [("query:errorType", "duplicate_member")]),
        ({"max_messages": "1" * 30}, [("query:max_messages", "wrong_type")]),
    ],
)
def test_a_bad_query_is_named_with_its_place(query: dict[str, str], problems: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidEvent) as caught:
        read_preview(query)
    assert [(it.path, it.code) for it in caught.value.problems] == problems


def test_a_preview_of_nothing_in_particular_looks_at_everything_also_what_just_failed() -> None:
    preview = read_preview({})
    assert (preview.criteria, preview.max_messages, preview.samples) == (Criteria(), 1000, 5)
    assert read_preview({"category": "", "samples": ""}) == preview, "an empty value asks for nothing"


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        (None, [("body", "request_not_an_object")]),
        ({}, [("/run_id", "missing_member")]),
        ({"run_id": 1}, [("/run_id", "wrong_type")]),
        ({"run_id": RUN, "now": True}, [("/now", "additional_properties")]),
    ],
)
def test_a_cancel_names_its_run_and_nothing_else(body: Any, problems: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidEvent) as caught:
        read_cancel(body)
    assert [(it.path, it.code) for it in caught.value.problems] == problems
    assert read_cancel({"run_id": RUN}) == RUN


def test_the_stacks_dry_run_is_lifted_by_no_request() -> None:
    assert read_start({"dry_run": False}, dry_run=True).dry_run
    assert read_start({"dry_run": True}, dry_run=False).dry_run
    assert not read_start({}, dry_run=False).dry_run


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
requests = st.builds(
    RedriveRequest,
    action=st.sampled_from(["redrive", "rescue"]),
    criteria=st.builds(
        Criteria,
        category=st.none() | st.just("TRANSIENT"),
        min_age_seconds=st.integers(0, 100),
        attempt_budget=st.none() | st.integers(1, 10),
    ),
    manifest_id=st.none() | st.just(MANIFEST),
    max_messages=st.none() | st.integers(1, 1000),
    jitter_seconds=st.integers(0, 900),
    backoff=st.booleans(),
    canary=st.none() | st.builds(Canary, max_failure_rate=st.floats(0, 1)),
    transform=st.none()
    | st.builds(Transform, st.dictionaries(st.text(max_size=5), json_values, max_size=3), st.text()),
    samples=st.integers(0, 20),
)


@given(requests)
def test_a_request_comes_back_from_a_table_as_it_was(request: RedriveRequest) -> None:
    assert RedriveRequest.of(from_item(to_item(request.columns()))) == request


@given(requests)
def test_a_request_is_shown_as_json(request: RedriveRequest) -> None:
    shown = json.loads(json.dumps(request.shown()))
    assert shown["action"] == request.action
    assert ("canary" in shown, "transform" in shown) == (request.canary is not None, request.transform is not None)


@given(json_values)
def test_whatever_is_sent_is_read_or_refused(value: Any) -> None:
    for body in (value, {"transform": value}, {"canary": value}, {"source": value, "max_messages": value}):
        with suppress(InvalidEvent):
            assert isinstance(read_start(body, dry_run=False), RedriveRequest)
