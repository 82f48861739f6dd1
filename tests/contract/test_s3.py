"""S3: what is put once can be read whole and by range, and never put again."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ParamValidationError

from tests.contract.refusals import code, refusal

BUCKET = "raw"
BODY = b"0123456789"


@pytest.fixture
def s3(aws: Any) -> Any:
    aws.s3.create_bucket(Bucket=BUCKET)
    return aws.s3


def test_an_object_comes_back_as_it_was_put(s3: Any) -> None:
    put = s3.put_object(Bucket=BUCKET, Key="a/b.json", Body=BODY, ContentType="text/plain", Metadata={"Reason": "x"})
    got = s3.get_object(Bucket=BUCKET, Key="a/b.json")
    assert got["Body"].read() == BODY
    assert (got["ContentType"], got["ContentLength"]) == ("text/plain", 10)
    assert got["Metadata"] == {"reason": "x"}, "names of metadata are lower case on the way back"
    assert got["ETag"] == put["ETag"] == '"781e5e245d69b566979b86e28d23f2c7"'
    assert got["ResponseMetadata"]["HTTPStatusCode"] in {200, 206}


def test_the_type_of_an_object_without_one_is_bytes(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=BODY)
    assert s3.head_object(Bucket=BUCKET, Key="a")["ContentType"] == "binary/octet-stream"


def test_a_put_without_a_condition_replaces(s3: Any) -> None:
    for body in (b"one", b"two"):
        s3.put_object(Bucket=BUCKET, Key="a", Body=body)
    assert s3.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b"two"


def test_if_none_match_puts_what_is_not_there(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=BODY, IfNoneMatch="*")
    assert s3.get_object(Bucket=BUCKET, Key="a")["Body"].read() == BODY


def test_if_none_match_refuses_what_is_there_and_leaves_it(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=BODY)
    response = refusal(s3.put_object, Bucket=BUCKET, Key="a", Body=b"other", IfNoneMatch="*")
    assert response["Error"]["Code"] == "PreconditionFailed"
    assert response["Error"]["Condition"] == "If-None-Match"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert s3.get_object(Bucket=BUCKET, Key="a")["Body"].read() == BODY


@pytest.mark.parametrize(
    ("wanted", "body", "shown"),
    [
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=2-5", b"2345", "bytes 2-5/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
    ],
)
def test_a_range_gives_its_bytes(s3: Any, wanted: str, body: bytes, shown: str) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=BODY)
    got = s3.get_object(Bucket=BUCKET, Key="a", Range=wanted)
    assert (got["Body"].read(), got["ContentRange"], got["ContentLength"]) == (body, shown, len(body))


def test_a_range_behind_the_end_is_refused(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=BODY)
    response = refusal(s3.get_object, Bucket=BUCKET, Key="a", Range="bytes=10-12")
    assert response["Error"]["Code"] == "InvalidRange"
    assert response["Error"]["ActualObjectSize"] == "10"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 416


def test_an_empty_object_has_no_range(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"")
    assert code(s3.get_object, Bucket=BUCKET, Key="a", Range="bytes=0-0") == "InvalidRange"
    assert s3.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b""


def test_a_range_that_ends_before_it_starts_is_ignored(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=BODY)
    assert s3.get_object(Bucket=BUCKET, Key="a", Range="bytes=5-4")["Body"].read() == BODY


def test_a_missing_key_is_named(s3: Any) -> None:
    response = refusal(s3.get_object, Bucket=BUCKET, Key="nowhere")
    assert (response["Error"]["Code"], response["Error"]["Key"]) == ("NoSuchKey", "nowhere")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_the_head_of_a_missing_key_is_404_without_a_name(s3: Any) -> None:
    assert code(s3.head_object, Bucket=BUCKET, Key="nowhere") == "404"


def test_errors_are_of_the_clients_classes(s3: Any) -> None:
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=BUCKET, Key="nowhere")


def test_a_missing_bucket_is_refused(s3: Any) -> None:
    assert code(s3.put_object, Bucket="another", Key="a", Body=BODY) == "NoSuchBucket"
    assert code(s3.get_object, Bucket="another", Key="a") == "NoSuchBucket"
    assert code(s3.list_objects_v2, Bucket="another") == "NoSuchBucket"


@pytest.mark.moto_differs("moto takes keys of any length")
def test_a_key_has_1024_bytes(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="é" * 512, Body=BODY)
    assert code(s3.put_object, Bucket=BUCKET, Key="é" * 512 + "a", Body=BODY) == "KeyTooLongError"


def test_metadata_must_be_ascii(s3: Any) -> None:
    with pytest.raises(ParamValidationError):
        s3.put_object(Bucket=BUCKET, Key="a", Body=BODY, Metadata={"reason": "金額"})
    assert code(s3.get_object, Bucket=BUCKET, Key="a") == "NoSuchKey"


@pytest.mark.moto_differs("moto takes metadata of any length")
def test_metadata_has_2_kilobytes(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=BODY, Metadata={"r": "x" * 2047})
    request = {"Bucket": BUCKET, "Key": "b", "Body": BODY, "Metadata": {"r": "x" * 2048}}
    assert code(s3.put_object, **request) == "MetadataTooLarge"


def test_a_list_has_the_keys_of_a_prefix_in_order(s3: Any) -> None:
    for key in ("raw/b", "raw/a", "rejected/a", "raw/é"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=BODY)
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix="raw/")
    assert [(it["Key"], it["Size"]) for it in listed["Contents"]] == [("raw/a", 10), ("raw/b", 10), ("raw/é", 10)]
    assert (listed["KeyCount"], listed["IsTruncated"]) == (3, False)


def test_an_empty_list_has_no_contents(s3: Any) -> None:
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix="none/")
    assert "Contents" not in listed
    assert listed["KeyCount"] == 0


def test_a_list_goes_on_where_its_token_says(s3: Any) -> None:
    keys = [f"k{n}" for n in range(5)]
    for key in keys:
        s3.put_object(Bucket=BUCKET, Key=key, Body=BODY)
    found: list[Any] = []
    more: dict[str, Any] = {}
    for _ in range(3):
        page = s3.list_objects_v2(Bucket=BUCKET, MaxKeys=2, **more)
        found.append([it["Key"] for it in page["Contents"]])
        more = {"ContinuationToken": page.get("NextContinuationToken")}
    assert found == [keys[:2], keys[2:4], keys[4:]]
    assert page["IsTruncated"] is False


def test_a_bucket_made_again_by_its_owner_keeps_its_objects(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=BODY)
    s3.create_bucket(Bucket=BUCKET)
    assert s3.get_object(Bucket=BUCKET, Key="a")["Body"].read() == BODY


def test_a_stream_can_be_the_body_and_an_unknown_argument_cannot(s3: Any, tmp_path: Any) -> None:
    (tmp_path / "body").write_bytes(BODY)
    with (tmp_path / "body").open("rb") as file:
        s3.put_object(Bucket=BUCKET, Key="a", Body=file)
    assert s3.get_object(Bucket=BUCKET, Key="a")["Body"].read() == BODY
    with pytest.raises(ParamValidationError):
        s3.put_object(Bucket=BUCKET, Key="a", Bdoy=b"")
