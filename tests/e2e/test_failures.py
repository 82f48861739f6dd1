"""An event that the processor refuses ends in the dead-letter queue, with its reason on record."""

from __future__ import annotations

from pik.domain.process.dead_letters import DeadLetter
from tests.e2e.pipeline import EnginePipeline, eventually, order, plain


def test_an_order_over_the_limit_is_dead_at_once_with_a_reason_and_others_pass(pipeline: EnginePipeline) -> None:
    refused = pipeline.post(order("limits", 1, amount=2_500_000)).json()
    pipeline.post(order("limits", 2, amount=7))

    def dead() -> DeadLetter | None:
        url = pipeline.output("WorkDeadLetterQueueUrl")
        answer = pipeline.aws.sqs.receive_message(
            QueueUrl=url,
            VisibilityTimeout=0,
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        letters = map(DeadLetter.of, answer.get("Messages", []))
        return next((it for it in letters if it.work and it.work.event_id == refused["event_id"]), None)

    letter = eventually(dead, "the order is in WorkDeadLetterQueue")

    assert letter.work is not None
    assert (letter.work.entity_id, letter.group) == ("limits", letter.work.source)
    assert letter.reason is not None
    assert (letter.reason.category, letter.reason.error_type) == ("PROCESSING", "AmountOverLimit")
    assert letter.reason.attempts == 1
    ledger = pipeline.aws.dynamodb.query(
        TableName=pipeline.output("FailuresTableName"),
        KeyConditionExpression="PK = :pk",
        ExpressionAttributeValues={":pk": {"S": f"EVENT#{refused['event_id']}"}},
    )["Items"]
    assert [(plain(row)["category"], plain(row)["disposition"]) for row in ledger] == [("PROCESSING", "DEAD_LETTER")]
    assert plain(ledger[0])["fingerprint"] == letter.reason.fingerprint
    assert pipeline.version("limits", "2026-11-20", 1)["metrics"]["daily_amount_sum"] == {"XXX": "7"}
    counts = pipeline.drained()
    assert counts.dead == 1
    assert counts.accepted == counts.applied + counts.dead
