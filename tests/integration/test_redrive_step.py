"""A redrive's steps against moto: what the fakes took, a second implementation of AWS takes too."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from pik.adapters.dynamodb.items import from_item, to_item
from pik.domain.event.work import Work, parse_work
from pik.domain.process.dead_letters import Reason
from pik.domain.redrive import run as redrive_run
from pik.domain.redrive.request import Canary, RedriveRequest
from pik.domain.redrive.selection import Criteria
from pik.domain.shared import times
from pik.flows.redrive_step import RedriveStepFlow
from pik.settings import RedriveStepSettings
from tests.support.aws.context import FakeContext
from tests.support.aws.stack import RUNS_TABLE
from tests.support.parts import ids
from tests.support.pipeline import Pipeline
from tests.support.redrive_steps import MACHINE, RUN_ID, execute

if TYPE_CHECKING:
    from tests.support.aws.moto_backend import MotoAws


class MotoRedriveHarness:
    """A stack in moto, whose waits are over as soon as the processor has had its turn."""

    def __init__(self, aws: MotoAws) -> None:
        self.pipeline = Pipeline(aws)
        self.aws: Any = aws
        self.names = self.pipeline.names
        settings = RedriveStepSettings.from_env(self.names.environment("redrive_step"))
        self.passed = 0.0
        self.step = RedriveStepFlow(settings, aws, now=self.now, sleep=lambda _: None)  # type: ignore[arg-type]

    def now(self) -> datetime:
        return datetime.fromtimestamp(datetime.now(UTC).timestamp() + self.passed, UTC)

    def bury(self, works: list[Work]) -> None:
        for work in works:
            reason = Reason("VALIDATION", "HashMismatch", "f" * 32, "no payload", work.event_id, 1, "", "", work.run)
            self.aws.sqs.send_message(
                QueueUrl=self.names.work_dead_letter_queue_url,
                MessageBody=work.message().body,
                MessageGroupId=work.message().group,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in reason.attributes().items()
                },
            )

    def run(self, run_id: str = RUN_ID, **request: Any) -> dict[str, Any]:
        members = {"action": "redrive", "criteria": Criteria(attempt_budget=3), **request}
        now = times.from_datetime(self.now())
        row = redrive_run.first_record(run_id, RedriveRequest(**members), "ada", "request-1", now)
        self.aws.dynamodb.put_item(TableName=RUNS_TABLE, Item=to_item(row))

        def wait(seconds: float) -> None:
            self.apply()
            self.passed += seconds

        context = FakeContext(remaining_ms=300_000)
        execute(MACHINE, {"run_id": run_id}, lambda payload: self.step(payload, context), wait)
        return from_item(self.aws.dynamodb.get_item(TableName=RUNS_TABLE, Key={"PK": {"S": f"RUN#{run_id}"}})["Item"])

    def take(self, url: str) -> list[dict[str, Any]]:
        """What can be received from a queue."""
        taken: list[dict[str, Any]] = []
        query = {"QueueUrl": url, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
        while messages := self.aws.sqs.receive_message(**query, AttributeNames=["All"]).get("Messages"):
            taken += messages
        return taken

    def apply(self) -> None:
        for message in self.take(self.names.work_queue_url):
            assert self.pipeline.process(parse_work(message["Body"])) == []
            self.aws.sqs.delete_message(QueueUrl=self.names.work_queue_url, ReceiptHandle=message["ReceiptHandle"])


@pytest.fixture
def harness(moto_aws: MotoAws, monkeypatch: pytest.MonkeyPatch) -> MotoRedriveHarness:
    monkeypatch.setattr("pik.adapters.sqs.dead_letter_queue.SWEEP_WAIT_SECONDS", 0)  # moto really waits
    return MotoRedriveHarness(moto_aws)


def test_a_careful_redrive_applies_each_event_once(harness: MotoRedriveHarness) -> None:
    works = harness.pipeline.orders(14)
    harness.bury(works)
    row = harness.run(canary=Canary(2, 3, 0.1, 15))
    assert (row["status"], row["totals"]["redriven"], row["totals"]["unconfirmed"]) == ("COMPLETE", 14, 0)
    assert [it["size"] for it in row["waves"]] == [2, 6, 6]
    added = [event_id for it in harness.pipeline.versions() for event_id in it.added]
    assert sorted(added) == sorted(ids(works))
    assert harness.take(harness.names.work_dead_letter_queue_url) == []
    report = json.loads(
        harness.aws.s3.get_object(Bucket=harness.names.raw_bucket, Key=row["report_key"])["Body"].read()
    )
    assert report["totals"] == row["totals"]


def test_what_is_not_wanted_can_be_received_again_at_once(harness: MotoRedriveHarness) -> None:
    harness.bury(harness.pipeline.orders(5))
    row = harness.run(criteria=Criteria(min_age_seconds=3600, attempt_budget=3))
    assert row["totals"]["skipped"] == {"too_young": 5}
    assert len(harness.take(harness.names.work_dead_letter_queue_url)) == 5


def test_a_rescue_and_a_put_back_keep_messages_whole(harness: MotoRedriveHarness) -> None:
    works = harness.pipeline.orders(12)
    harness.bury(works)
    row = harness.run(action="rescue", criteria=Criteria())
    assert row["totals"]["rescued"] == 12
    assert harness.take(harness.names.work_dead_letter_queue_url) == []
    again = harness.run("rdr-20261120T111530Z-00000000", action="put_back", criteria=Criteria(), rescue_id=RUN_ID)
    assert again["totals"]["redriven"] == 12
    back = harness.take(harness.names.work_dead_letter_queue_url)
    assert sorted(parse_work(it["Body"]).event_id for it in back) == sorted(ids(works))
    assert {it["MessageAttributes"]["category"]["StringValue"] for it in back} == {"VALIDATION"}
