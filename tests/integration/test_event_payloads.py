"""The payloads in `events/` are real: each is run through its handler, as `sam local invoke` would, and does what its
name says. Without AWS where the dry run needs none."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pik.flows import ingest, replay, webhook
from pik.flows import process as processor
from pik.flows import publish as publisher
from pik.flows import redrive_api as redrive
from pik.settings import (
    IngestSettings,
    ProcessorSettings,
    PublisherSettings,
    RedriveSettings,
    ReplaySettings,
    WebhookSettings,
)
from pik.webhooks import load_webhooks
from scripts.docs.reference import read_template
from scripts.local.webhooks import LOCAL_SECRETS
from tests.support.aws.account import FakeAws
from tests.support.aws.stack import Names, deployed

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "events"
ENVIRONMENT: dict[str, dict[str, str]] = json.loads((EVENTS / "env.local.json").read_text("utf-8"))

# The key of this certificate signed the payloads of SNS, and was not kept: tests/support/sns_signer.py makes another.
SNS_CERTIFICATE = (ROOT / "tests" / "support" / "sns_events.pem").read_bytes()

INGEST = {
    "health.json": (200, "ok"),
    "ingest-base64.json": (202, "ACCEPTED"),
    "ingest-cloudevent-bad-header.json": (400, "REJECTED"),
    "ingest-cloudevent-batch.json": (202, None),
    "ingest-cloudevent-binary.json": (202, "ACCEPTED"),
    "ingest-cloudevent-empty-batch.json": (200, None),
    "ingest-cloudevent-image.json": (202, "ACCEPTED"),
    "ingest-cloudevent-structured.json": (202, "ACCEPTED"),
    "ingest-cloudevent-without-data.json": (202, "ACCEPTED"),
    "ingest-gzip.json": (202, None),
    "ingest-gzip-bomb.json": (413, "REJECTED"),
    "ingest-malformed-json.json": (400, "REJECTED"),
    "ingest-message-too-long-ja.json": (400, "REJECTED"),
    "ingest-missing-member.json": (400, "REJECTED"),
    "ingest-ndjson.json": (207, None),
    "ingest-ndjson-as-json.json": (400, "REJECTED"),
    "ingest-no-envelope.json": (400, "REJECTED"),
    "ingest-order-bare.json": (202, "ACCEPTED"),
    "ingest-order.json": (202, "ACCEPTED"),
    "ingest-wrong-content-type.json": (415, "REJECTED"),
}
WEBHOOK = {
    "webhook-bad-signature.json": (401, "bad_signature"),
    "webhook-eventarc.json": (202, "ACCEPTED"),
    "webhook-eventbridge.json": (202, "ACCEPTED"),
    "webhook-github.json": (202, "ACCEPTED"),
    "webhook-pubsub.json": (202, "ACCEPTED"),
    "webhook-s3.json": (202, "ACCEPTED"),
    "webhook-shopify.json": (202, "ACCEPTED"),
    "webhook-slack.json": (202, "ACCEPTED"),
    "webhook-slack-challenge.json": (200, None),
    "webhook-sns-confirmation.json": (200, "CONFIRMED"),
    "webhook-sns-notification.json": (202, "ACCEPTED"),
    "webhook-sns-unlisted-topic.json": (403, "unlisted_topic"),
    "webhook-standard.json": (202, "ACCEPTED"),
    "webhook-stripe.json": (202, "ACCEPTED"),
    "webhook-unknown-source.json": (404, "unknown_webhook"),
}
PUBLISHER = {"publisher-stream.json", "publisher-poison-record.json"}
PROCESSOR = {
    "processor-sqs.json",
    "processor-hash-mismatch.json",
    "processor-missing-object.json",
    "processor-unreadable-message.json",
}
REPLAY = {
    "replay-entity.json": (200, "COMPLETE"),
    "replay-foreign-token.json": (400, "foreign_token"),
    "replay-run.json": (404, "unknown_run"),
    "replay-shadow.json": (200, "COMPLETE"),
    "replay-source.json": (200, "COMPLETE"),
    "replay-unscoped.json": (400, "unscoped_window"),
}
REDRIVE = {
    "redrive-cancel.json": (404, "unknown_redrive"),
    "redrive-preview.json": (200, None),
    "redrive-preview-bad-query.json": (400, "enum"),
    "redrive-run.json": (404, "unknown_redrive"),
    "redrive-start.json": (202, "RUNNING"),
    "redrive-start-dry-run.json": (200, None),
    "redrive-start-diffs-of-a-start.json": (400, "diffs_only_needs"),
    "redrive-start-rescue.json": (202, "RUNNING"),
    "redrive-start-too-many.json": (400, "needs_all"),
    "redrive-start-too-young.json": (400, "needs_force"),
    "redrive-start-unknown-manifest.json": (400, "unknown_manifest"),
    "redrive-start-unknown-rescue.json": (400, "unknown_rescue"),
}

CONTEXT: Any = SimpleNamespace(
    function_name="f", aws_request_id="r", log_stream_name="l", get_remaining_time_in_millis=lambda: 30_000
)


class NoAws:
    """Fails on the first thought of a client."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a dry run asked for {name}")


def payload(name: str) -> Any:
    return json.loads((EVENTS / name).read_text("utf-8"))


def live(function: str) -> dict[str, str]:
    return ENVIRONMENT[function] | {"DRY_RUN": "false"}


def test_every_payload_is_tried_here() -> None:
    there = {path.name for path in EVENTS.glob("*.json")}
    assert there == {*INGEST, *WEBHOOK, *PUBLISHER, *PROCESSOR, *REPLAY, *REDRIVE, "env.local.json"}


@pytest.mark.parametrize("name", INGEST)
def test_ingest_answers_its_payloads_without_aws(name: str) -> None:
    app = ingest.IngestFlow(IngestSettings.from_env(ENVIRONMENT["IngestFunction"]), NoAws())  # type: ignore[arg-type]
    answer = app(payload(name), CONTEXT)
    status, word = INGEST[name]
    body = json.loads(answer["body"])
    assert answer["statusCode"] == status
    assert body.get("status") == word
    assert body.get("dry_run", True) is True


def test_the_japanese_payload_is_answered_in_japanese() -> None:
    app = ingest.IngestFlow(IngestSettings.from_env(ENVIRONMENT["IngestFunction"]), NoAws())  # type: ignore[arg-type]
    body = json.loads(app(payload("ingest-message-too-long-ja.json"), CONTEXT)["body"])
    assert "最大4000文字" in body["error"]["message"]


@pytest.mark.parametrize("name", WEBHOOK)
@pytest.mark.parametrize("dry_run", ["true", "false"])
def test_webhooks_answer_their_payloads(fake_aws: FakeAws, names: Names, name: str, dry_run: str) -> None:
    environment = ENVIRONMENT["WebhookFunction"] | {"DRY_RUN": dry_run}
    stores = names.environment("webhook")
    environment |= {variable: stores[variable] for variable in ("RAW_BUCKET", "EVENTS_TABLE", "DEDUPE_TABLE")}
    for source in environment["WEBHOOK_SOURCES"].split(","):
        secret = LOCAL_SECRETS.get(source, LOCAL_SECRETS["github"])
        parameter = f"{environment['WEBHOOK_SECRET_PREFIX']}/{source}/current"
        fake_aws.ssm.put_parameter(Name=parameter, Value=secret, Type="SecureString")
    app = webhook.WebhookFlow(
        WebhookSettings.from_env(environment),
        fake_aws,  # type: ignore[arg-type]
        now=lambda: datetime.fromtimestamp(payload(name)["requestContext"]["timeEpoch"] / 1000, UTC),
        fetch=lambda url: SNS_CERTIFICATE if url.endswith(".pem") else b"",
    )
    answer = app(payload(name), CONTEXT)
    status, word = WEBHOOK[name]
    body = json.loads(answer["body"])
    assert answer["statusCode"] == status
    assert (body["error"]["code"] if "error" in body else body.get("status")) == word
    assert body.get("dry_run", False) is (word in {"ACCEPTED", "CONFIRMED"} and dry_run == "true")
    rows = fake_aws.dynamodb.scan(TableName=names.events_table)["Items"]
    assert len(rows) == (1 if word == "ACCEPTED" and dry_run == "false" else 0)


def test_there_is_a_payload_for_each_source_of_the_kit() -> None:
    sources = {payload(name)["pathParameters"]["source"] for name in WEBHOOK}
    assert sources == {*load_webhooks(), "nothing"}
    assert set(ENVIRONMENT["WebhookFunction"]["WEBHOOK_SOURCES"].split(",")) == set(load_webhooks())


def test_the_publisher_says_what_it_would_send_without_aws() -> None:
    app = publisher.PublishFlow(PublisherSettings.from_env(ENVIRONMENT["PublisherFunction"]), NoAws())  # type: ignore[arg-type]
    records = payload("publisher-stream.json")
    first = records["Records"][0]["dynamodb"]["SequenceNumber"]
    assert app(records, CONTEXT) == {"batchItemFailures": [{"itemIdentifier": first}]}


def test_the_publisher_sets_the_poison_record_aside(fake_aws: FakeAws, names: Names) -> None:
    own = {"WORK_QUEUE_URL": names.work_queue_url, "RAW_BUCKET": names.raw_bucket}
    settings = PublisherSettings.from_env(live("PublisherFunction") | own)
    records = payload("publisher-poison-record.json")
    poison = records["Records"][1]["dynamodb"]["SequenceNumber"]
    answer = publisher.PublishFlow(settings, fake_aws)(records, CONTEXT)
    assert answer == {"batchItemFailures": []}
    (key,) = fake_aws.s3.objects(names.raw_bucket)
    assert key.startswith(f"aws/lambda/publisher/{poison}")
    (sent,) = fake_aws.sqs.receive_message(QueueUrl=names.work_queue_url, MaxNumberOfMessages=10)["Messages"]
    expected = payload("processor-sqs.json")["Records"][0]
    assert json.loads(sent["Body"]) == json.loads(expected["body"])


@pytest.fixture
def names(fake_aws: FakeAws) -> Names:
    return deployed(fake_aws)


@pytest.fixture
def run_processor(fake_aws: FakeAws, names: Names) -> Callable[[str], list[str]]:
    """The processor on the raw objects that its payloads refer to, as ingest's payloads brought them."""
    fake_aws.s3.create_bucket(Bucket="RawBucket")
    bodies = [payload("ingest-order.json")["body"], payload("ingest-ndjson.json")["body"].split("\n")[1]]
    for record, body in zip(payload("processor-sqs.json")["Records"], bodies, strict=True):
        fake_aws.s3.put_object(Bucket="RawBucket", Key=json.loads(record["body"])["s3_key"], Body=body.encode())
    environment = live("ProcessorFunction") | names.environment("processor") | {"RAW_BUCKET": "RawBucket"}
    app = processor.ProcessFlow(ProcessorSettings.from_env(environment), fake_aws)  # type: ignore[arg-type]
    return lambda name: [it["itemIdentifier"] for it in app(payload(name), CONTEXT)["batchItemFailures"]]


def test_the_processor_counts_its_payload(fake_aws: FakeAws, run_processor: Callable[[str], list[str]]) -> None:
    assert run_processor("processor-sqs.json") == []
    entries = [json.loads(it["Detail"]) for it in fake_aws.events.published]
    assert {it["entity_id"]: it["metrics"]["daily_event_count"] for it in entries} == {"customer-17": 1, "session-9": 1}


@pytest.mark.parametrize("name", ["processor-hash-mismatch.json", "processor-unreadable-message.json"])
def test_the_processor_sends_the_hopeless_message_alone_to_the_dead_letter_queue(
    fake_aws: FakeAws, names: Names, run_processor: Callable[[str], list[str]], name: str
) -> None:
    failing = payload(name)["Records"][-1]
    assert run_processor(name) == []
    (row,) = fake_aws.dynamodb.scan(TableName=names.failures_table)["Items"]
    assert (row["category"]["S"], row["disposition"]["S"]) == ("VALIDATION", "DEAD_LETTER")
    (letter,) = fake_aws.sqs.messages(names.work_dead_letter_queue_url)
    assert letter.body == failing["body"]
    assert letter.attributes["fingerprint"]["StringValue"] == row["fingerprint"]["S"]


def test_the_processor_reports_the_message_that_may_pass_alone(
    fake_aws: FakeAws, names: Names, run_processor: Callable[[str], list[str]]
) -> None:
    name = "processor-missing-object.json"
    assert run_processor(name) == [payload(name)["Records"][-1]["messageId"]]
    (row,) = fake_aws.dynamodb.scan(TableName=names.failures_table)["Items"]
    assert (row["category"]["S"], row["disposition"]["S"]) == ("PERMANENT", "RETRY")
    assert fake_aws.sqs.messages(names.work_dead_letter_queue_url) == []


@pytest.mark.parametrize("name", REPLAY)
@pytest.mark.parametrize("dry_run", ["true", "false"])
def test_replay_answers_its_payloads(fake_aws: FakeAws, names: Names, name: str, dry_run: str) -> None:
    environment = ENVIRONMENT["ReplayFunction"] | names.environment("replay", DRY_RUN=dry_run)
    app = replay.ReplayFlow(ReplaySettings.from_env(environment), fake_aws)  # type: ignore[arg-type]
    answer = app(payload(name), CONTEXT)
    status, word = REPLAY[name]
    body = json.loads(answer["body"])
    assert (answer["statusCode"], body.get("status") or body["error"]["code"]) == (status, word)
    assert body.get("dry_run", False) is (status == 200 and dry_run == "true")


@pytest.mark.parametrize("name", REDRIVE)
@pytest.mark.parametrize("dry_run", ["true", "false"])
def test_redrive_answers_its_payloads(fake_aws: FakeAws, names: Names, name: str, dry_run: str) -> None:
    environment = ENVIRONMENT["RedriveFunction"] | names.environment("redrive", DRY_RUN=dry_run)
    app = redrive.RedriveApiFlow(RedriveSettings.from_env(environment), fake_aws)  # type: ignore[arg-type]
    answer = app(payload(name), CONTEXT)
    status, word = REDRIVE[name]
    if status == 202 and dry_run == "true":
        status, word = 200, None
    body = json.loads(answer["body"])
    assert answer["statusCode"] == status
    assert (body["error"]["code"] if "error" in body else body.get("status")) == word
    starts = name.startswith("redrive-start") and status < 300
    assert body.get("dry_run", False) is (starts and (dry_run == "true" or "dry-run" in name))


def test_the_environment_names_what_the_template_sets() -> None:
    template = read_template()
    shared = set(template["Globals"]["Function"]["Environment"]["Variables"]) - {"POWERTOOLS_METRICS_NAMESPACE"}
    for function, variables in ENVIRONMENT.items():
        own = set(template["Resources"][function]["Properties"]["Environment"]["Variables"])
        assert set(variables) == (shared | own) - {"POWERTOOLS_SERVICE_NAME"}, function
