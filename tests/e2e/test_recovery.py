"""Stream batches that were discarded: sent again by the command, and counted once."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pik.adapters.dynamodb.items import to_item
from tests.e2e.conftest import running
from tests.e2e.pipeline import NDJSON, command_for, eventually, ndjson, order


def test_a_discarded_batch_is_recovered_and_its_events_count_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(tmp_path) as pipeline:
        pik = command_for(pipeline, tmp_path, monkeypatch)
        mapping = pipeline.output("PublisherStreamMappingId")
        pipeline.aws.functions.update_event_source_mapping(UUID=mapping, Enabled=False)
        assert pipeline.post(ndjson([order("lost", number) for number in range(5)]), NDJSON).status_code == 202
        rows = pipeline.rows("lost")
        assert len(rows) == 5
        bucket = pipeline.output("RawBucketName")
        pipeline.aws.s3.put_object(Bucket=bucket, Key="aws/lambda/uuid/shard/batch", Body=discarded(rows))

        assert pik("publisher", "recover", "--dry-run").exit_code == 0
        for count in (5, 0):
            result = pik("publisher", "recover", "--yes", "-o", "json")
            assert result.exit_code == 0, result.output
            assert json.loads(result.stdout)["events"]["sent"] == count
        eventually(lambda: pipeline.counts().applied == 5, "all events are counted")

        pipeline.aws.functions.update_event_source_mapping(UUID=mapping, Enabled=True)
        counts = pipeline.drained()
        assert (counts.accepted, counts.applied, counts.dead) == (5, 5, 0)


def discarded(rows: list[dict[str, Any]]) -> bytes:
    """A batch as Lambda keeps it."""
    records = [
        {"eventName": "INSERT", "dynamodb": {"SequenceNumber": str(number), "NewImage": to_item(whole(row))}}
        for number, row in enumerate(rows)
    ]
    return json.dumps({"version": "1.0", "payload": json.dumps({"Records": records})}).encode()


def whole(row: dict[str, Any]) -> dict[str, Any]:
    """boto3 reads numbers as decimals; the kit's tables hold whole ones."""
    return {name: int(value) if isinstance(value, Decimal) else value for name, value in row.items()}
