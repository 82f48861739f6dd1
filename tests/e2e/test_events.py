"""From HTTP to aggregate and bus, through the real template."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.pipeline import NDJSON, EnginePipeline, eventually, ndjson, order

DAY = "2026-11-20"


@pytest.fixture(scope="module")
def listener(pipeline: EnginePipeline) -> Iterator[str]:
    """A queue that hears what the topic says, as a consumer would set it up."""
    topic = pipeline.output("EventsTopicArn")
    url = pipeline.aws.sqs.create_queue(QueueName="listener")["QueueUrl"]
    arn = pipeline.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    pipeline.aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    pipeline.aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    yield url
    pipeline.aws.sqs.delete_queue(QueueUrl=url)


def heard(pipeline: EnginePipeline, url: str, entity: str) -> dict[str, Any] | None:
    """The bus event about this entity among what the queue has got, or None."""
    answer = pipeline.aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    for message in answer.get("Messages", []):
        event: dict[str, Any] = json.loads(json.loads(message["Body"])["Message"])
        if event["detail"]["entity_id"] == entity:
            return event
    return None


def test_an_event_is_accepted_kept_indexed_counted_and_announced(pipeline: EnginePipeline, listener: str) -> None:
    sent = order("one-event", amount=42.5)

    answer = pipeline.post(sent)

    assert answer.status_code == 202
    result = answer.json()
    assert result["status"] == "ACCEPTED"
    assert json.loads(pipeline.kept(result["s3_bucket"], result["s3_key"])) == sent
    [row] = pipeline.rows("one-event")
    assert (row["event_id"], row["status"]) == (result["event_id"], "ACCEPTED")
    version = pipeline.version("one-event", DAY, 1)
    assert version["metrics"]["daily_event_count"] == 1
    assert version["metrics"]["daily_amount_sum"] == {"XXX": "42.5"}
    said = eventually(lambda: heard(pipeline, listener, "one-event"), "the topic tells of the version")
    assert (said["source"], said["detail-type"]) == ("pipeline-investigation-kit", "events.processed")
    assert said["detail"]["event_ids"] == [result["event_id"]]
    assert said["detail"]["inputs_hash"] == version["inputs_hash"]


def test_the_same_event_again_is_a_duplicate_and_counts_once(pipeline: EnginePipeline) -> None:
    first = pipeline.post(order("twice"))
    second = pipeline.post(order("twice"))
    third = pipeline.post(order("twice", number=2))

    assert (first.status_code, second.status_code, third.status_code) == (202, 200, 202)
    assert second.json()["status"] == "DUPLICATE"
    assert second.json()["event_id"] == first.json()["event_id"]
    # The third event's version would count three, had the second been processed.
    pipeline.version("twice", DAY, 2)
    assert [row["status"] for row in pipeline.rows("twice")].count("DUPLICATE") == 1


def test_one_key_with_two_payloads_is_a_conflict_and_is_kept(pipeline: EnginePipeline) -> None:
    pipeline.post(order("conflict", amount=10) | {"idempotency_key": "checkout-1"})
    answer = pipeline.post(order("conflict", amount=99) | {"idempotency_key": "checkout-1"})

    assert answer.status_code == 409
    result = answer.json()
    assert result["status"] == "CONFLICT"
    assert result["error"]["details"][0]["path"] == "/idempotency_key"
    assert json.loads(pipeline.kept(result["s3_bucket"], result["s3_key"]))["payload"]["amount"] == 99
    assert pipeline.version("conflict", DAY, 1)["metrics"]["daily_amount_sum"] == {"XXX": "10"}


def test_a_rejected_body_is_kept_with_its_reasons(pipeline: EnginePipeline) -> None:
    answer = pipeline.post('{"orderId":"no-amount"}')

    assert answer.status_code == 400
    result = answer.json()
    assert result["status"] == "REJECTED"
    assert result["s3_key"].startswith("rejected/")
    document = json.loads(pipeline.kept(result["s3_bucket"], result["s3_key"]))
    [kept] = document["rejected"]
    assert kept["body"] == '{"orderId":"no-amount"}'
    assert [it["path"] for it in kept["errors"]] == ["/amount"]


def test_a_batch_answers_line_by_line(pipeline: EnginePipeline) -> None:
    lines = [order("batch", 1), order("batch", 2), order("batch", 1), {"event_type": "order"}]

    answer = pipeline.post(ndjson(lines), NDJSON)

    assert answer.status_code == 207
    report = answer.json()
    assert (report["received"], report["accepted"], report["duplicate"], report["rejected"]) == (4, 2, 1, 1)
    assert [it["status"] for it in report["results"]] == ["ACCEPTED", "ACCEPTED", "DUPLICATE", "REJECTED"]
    pipeline.version("batch", DAY, 2)


def test_amounts_are_summed_exactly_and_by_currency(pipeline: EnginePipeline) -> None:
    head = '{"source":"chain","event_type":"order","entity_id":"exact","event_time":"2026-11-20T10:15:30Z","payload":'
    amounts = [("1.234567890123456789", None), ("1.234567890123456788", None), ("1000", "JPY"), ("10", "USD")]
    payloads = [
        f'"orderId":"o","amount":{amount}' + (f',"currency":"{currency}"' if currency else "")
        for amount, currency in amounts
    ]
    lines = [f"{head}{{{payload}}}}}" for payload in payloads]
    refund = '{"orderId":"o","amount":2.5,"currency":"USD"}'
    lines.append(head.replace('"order"', '"refund"') + refund + "}")

    answer = pipeline.post("\n".join(lines), NDJSON)

    assert (answer.status_code, answer.json()["accepted"]) == (202, 5)
    assert pipeline.version("exact", DAY, 5)["metrics"]["daily_amount_sum"] == {
        "JPY": "1000",
        "USD": "7.5",
        "XXX": "2.469135780246913577",
    }


def test_compressed_events_arrive_and_the_engines_gateway_cannot_damage_them_unnoticed(
    pipeline: EnginePipeline,
) -> None:
    lines = gzip.compress(ndjson([order("packed", 1), order("packed", 2)]).encode())

    assert pipeline.post(lines, NDJSON, **{"content-encoding": "gzip"}).status_code == 202
    taken_for_text = pipeline.post(lines, **{"content-encoding": "gzip"})

    assert (taken_for_text.status_code, taken_for_text.json()["error"]["code"]) == (400, "damaged_encoding")
    pipeline.version("packed", DAY, 2)


def test_a_cloud_event_with_a_picture_is_kept_to_the_byte_and_counted(pipeline: EnginePipeline) -> None:
    picture = b"\x89PNG\r\n\x1a\n\x00\xff"
    attributes = cloud_event("picture", 1) | {"type": "scan.page"}
    headers = {f"ce-{name}": value for name, value in attributes.items() if name != "data"}

    answer = pipeline.post(picture, "image/png", **headers)

    assert answer.status_code == 202
    [row] = pipeline.rows("picture")
    assert row["payload_sha"] == hashlib.sha256(picture).hexdigest()
    assert pipeline.version("picture", DAY, 1)["metrics"]["daily_event_count"] == 1


def cloud_event(entity: str, number: int) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"{entity}-{number}",
        "source": "/e2e",
        "type": "order",
        "subject": entity,
        "time": "2026-11-20T23:30:00+09:00",
        "data": {"orderId": f"{entity}-{number}", "amount": 5},
    }


def test_cloud_events_arrive_structured_binary_and_in_batches(pipeline: EnginePipeline) -> None:
    structured = pipeline.post(cloud_event("cloud", 1), "application/cloudevents+json")
    attributes = cloud_event("cloud", 2)
    data = attributes.pop("data")
    headers = {f"ce-{name}": value for name, value in attributes.items()}
    binary = pipeline.post(data, **headers)
    batch = pipeline.post([cloud_event("cloud", 3), cloud_event("cloud", 1)], "application/cloudevents-batch+json")

    assert (structured.status_code, binary.status_code, batch.status_code) == (202, 202, 207)
    assert [it["status"] for it in batch.json()["results"]] == ["ACCEPTED", "DUPLICATE"]
    assert pipeline.version("cloud", DAY, 3)["metrics"]["daily_amount_sum"] == {"XXX": "15"}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_lines_of_the_lab_work_as_written(pipeline: EnginePipeline) -> None:
    script = """
curl -X POST $API_URL/events \\
  -H "Content-Type: application/json" \\
  -d '{"orderId":"test-001","amount":99.99}'
echo
curl -X POST $API_URL/events \\
  -H "Content-Type: application/json" \\
  -d '{"orderId":"test-001","amount":99.99}'
echo
curl -X POST $API_URL/events \\
  -H "Content-Type: application/json" \\
  -d '{"invalidField":"value"}'
echo
curl $API_URL/health
"""
    done = subprocess.run(
        ["bash", "-euc", script],
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", "API_URL": pipeline.deployed.api_url, "no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    first, second, third, health = (json.loads(line) for line in done.stdout.splitlines())
    assert [it["status"] for it in (first, second, third)] == ["ACCEPTED", "DUPLICATE", "REJECTED"]
    assert first["event_id"] == second["event_id"]
    assert third["error"]["code"] == "no_envelope"
    assert "orderId, amount" in third["error"]["message"]
    assert health["status"] == "ok"


def test_a_hot_entity_is_counted_exactly_by_processors_that_compete(pipeline: EnginePipeline) -> None:
    events = [order("hot", number, amount=number) for number in range(1, 121)]
    for start in range(0, 120, 15):
        chunk = events[start : start + 15]
        assert pipeline.post(ndjson(chunk), NDJSON).status_code == 202
        # Sent again while the first are on their way.
        assert pipeline.post(ndjson(chunk[:5]), NDJSON).status_code == 207

    latest = pipeline.version("hot", DAY, 120)

    assert latest["metrics"]["daily_event_count"] == 120
    assert latest["metrics"]["daily_amount_sum"] == {"XXX": str(sum(range(1, 121)))}
    numbers = [int(it["version"]) for it in pipeline.versions("hot", DAY)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_japanese_is_answered_in_japanese(pipeline: EnginePipeline) -> None:
    chat = order("session-1") | {"event_type": "chat.message", "payload": {"preferredLanguage": "ja"}}
    by_event = pipeline.post(chat)
    by_header = pipeline.post('{"orderId":"x"}', **{"accept-language": "ja-JP,ja;q=0.9"})

    assert (by_event.status_code, by_header.status_code) == (400, 400)
    assert "必須" in by_event.json()["error"]["message"]
    assert "必須" in by_header.json()["error"]["message"]


HOSTILE: dict[str, tuple[bytes, str | None, int]] = {
    "deep nesting": (b"[" * 5_000, "application/json", 400),
    "not a number": (b'{"orderId":"x","amount":NaN}', "application/json", 400),
    "400 digits": (b'{"orderId":"x","amount":' + b"9" * 400 + b"}", "application/json", 400),
    "lone surrogate": (b'{"orderId":"\\ud800","amount":1}', "application/json", 400),
    "duplicate member": (b'{"orderId":"x","amount":1,"amount":2}', "application/json", 400),
    "no content type": (b'{"orderId":"x","amount":1}', None, 415),
    "wrong content type": (b'{"orderId":"x","amount":1}', "text/html", 415),
    "bad UTF-8": (b'{"orderId":"\xff","amount":1}', "application/x-ndjson", 400),
    "empty": (b"", "application/json", 400),
    "5 MB": (b'{"orderId":"' + b"x" * 5_000_000 + b'","amount":1}', "application/json", 413),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_body_gets_a_4xx_that_names_the_place(pipeline: EnginePipeline, kind: str) -> None:
    body, content_type, status = HOSTILE[kind]

    answer = pipeline.post(body, content_type)

    assert answer.status_code == status, answer.text
    found = answer.json().get("error") or answer.json()["results"][0]
    assert (found.get("details") or found["errors"])[0]["path"]


def test_what_the_functions_log_can_be_read(pipeline: EnginePipeline) -> None:
    request = pipeline.post(order("logged")).json()

    def line() -> str | None:
        events = pipeline.aws.logs.filter_log_events(logGroupName=pipeline.output("IngestLogGroupName"))["events"]
        return next((it["message"] for it in events if request["event_id"] in it["message"]), None)

    assert json.loads(eventually(line, "ingest's log names the event"))["service"] == "ingest"
