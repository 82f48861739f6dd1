"""Raw objects: written once, and a put that meets its own repeat is recognized as its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pik.adapters.s3.raw_store import RawStore
from pik.domain.shared.failures import is_passing
from tests.support.aws.account import FakeAws


@pytest.fixture
def aws() -> FakeAws:
    account = FakeAws()
    account.s3.create_bucket(Bucket="raw")
    return account


def refusing(code: str, status: int) -> Any:
    def hook(service: str, operation: str, request: Mapping[str, Any], phase: str) -> None:
        if (operation, phase) == ("put_object", "before"):
            answer: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
            raise ClientError(answer, "PutObject")

    return hook


def test_a_put_that_meets_its_own_repeat_is_done_and_changes_nothing(aws: FakeAws) -> None:
    store = RawStore(aws.s3, "raw")  # type: ignore[arg-type]
    store.put("raw/a", b"first", "application/json", {"request-id": "r-1"})
    store.put("raw/a", b"first", "application/json", {"request-id": "r-1"})  # the SDK, after a lost answer
    assert store.read("raw/a", 0, 5) == b"first"
    store.put("raw/a", b"other", "application/json", {})
    assert store.read("raw/a", 0, 5) == b"first", "nothing is ever overwritten"


@pytest.mark.parametrize("code", ["PreconditionFailed", "412"])
def test_both_names_of_a_failed_precondition_are_its_own_repeat(aws: FakeAws, code: str) -> None:
    aws.on_call = refusing(code, 412)
    RawStore(aws.s3, "raw").put("raw/a", b"x", "application/json", {})  # type: ignore[arg-type]
    assert [operation for _, operation in aws.calls] == ["create_bucket", "put_object"], "asked once, and taken as done"


def test_a_put_that_meets_its_own_repeat_while_that_is_under_way_is_to_be_tried_again(aws: FakeAws) -> None:
    """S3 answers 409: whether the object will be there is not known yet, so this is no success."""
    aws.on_call = refusing("ConditionalRequestConflict", 409)
    with pytest.raises(ClientError) as caught:
        RawStore(aws.s3, "raw").put("raw/a", b"x", "application/json", {})  # type: ignore[arg-type]
    assert is_passing(caught.value)
    aws.on_call = None
    RawStore(aws.s3, "raw").put("raw/a", b"x", "application/json", {})  # type: ignore[arg-type]
    assert aws.s3.get_object(Bucket="raw", Key="raw/a")["Body"].read() == b"x"
