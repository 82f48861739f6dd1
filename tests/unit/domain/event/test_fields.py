"""The one list of an event's members: what is added to it in one place is everywhere."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pik.domain.event.fields import ANNOUNCED, EVENT_MEMBERS, REFERENCE_MEMBERS, REMEMBERED, find_wrong_member
from tests.support.makers import make_work

SRC = Path(__file__).parents[4] / "src"

TEN = "2026-11-20T10:00:00.000000Z"
LAST_MEMBER = "    payload_sha: str = member(matches(_HEX_64))\n"
NEW_MEMBER = '    region: str = member(is_text(9), announced=True, default="eu-west-1")\n'

FOLLOW = """
import json
from pik.adapters.dynamodb.event_reader import EventReader
from pik.domain.event.envelope import identify, open_envelope
from pik.domain.event.fields import RawRef
from pik.domain.event.rows import accepted_row, dedupe_row, first_row, known_from_index
from pik.domain.event.work import parse_work, read_work, work_of_row
from pik.domain.http.validation import SchemaRegistry
from pik.domain.process.batch import Delivery
from pik.domain.process.dispositions import Failed
from pik.domain.replay.request import ReplayFilters
from pik.domain.replay.progress import judge
from dataclasses import replace

schemas = SchemaRegistry({}, allow_unknown=True)
envelope = open_envelope({"source": "s", "event_type": "t", "entity_id": "e", "payload": {"n": 1}}, "order", schemas)
event = identify(envelope, schemas, "2026-11-20T12:00:00.000000Z")
event = replace(event, region="us-east-2")
ref = RawRef("bucket", "raw/a", 0, 10)
index = accepted_row(event, ref, "request-1")
dedupe = dedupe_row(event, ref, "request-1", 30)
mended = first_row(replace(event, region="elsewhere"), dedupe)
work = parse_work(work_of_row(index).message().body)
failed = Failed.of(Delivery("m-1", 1, work), ValueError("x"), 5, "2026-11-20T12:00:00.000000Z")

class Dynamo:
    def query(self, **request):
        self.names = list(request["ExpressionAttributeNames"].values())
        return {"Items": []}

class Partition:
    key, indexed = "k", False

dynamo = Dynamo()
EventReader(dynamo, "events").page(Partition(), "", "a", "b", 1)
replayed = judge(index, ReplayFilters("2026-11-20T00:00:00.000000Z", "2026-11-21T00:00:00.000000Z"), "rpl-1")
old = {name: value for name, value in json.loads(work.message().body).items() if name != "region"}
try:
    read_work({**old, "region": "far too long for it"})
    refused = ""
except Exception as error:
    refused = str(error)
print(json.dumps({
    "index row": index.get("region"),
    "dedupe row": dedupe.get("region"),
    "row written again": mended.get("region"),
    "dedupe row of an index row": known_from_index(index).get("region"),
    "work message": work.region,
    "replayed message": json.loads(replayed.body).get("region"),
    "read by a replay": "region" in dynamo.names,
    "ledger": failed.attempt.columns.get("region"),
    "bus": json.loads(failed.announcement().detail).get("region"),
    "message from before": read_work(old).region,
    "wrong value": refused,
}))
"""


def follow(source: Path) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", FOLLOW], env={"PYTHONPATH": str(source)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_a_member_that_is_added_in_one_place_is_everywhere(tmp_path: Path) -> None:
    source = tmp_path / "src"
    shutil.copytree(SRC, source, ignore=shutil.ignore_patterns("__pycache__"))
    fields = source / "pik" / "domain" / "event" / "fields.py"
    text = fields.read_text("utf-8")
    assert text.count(LAST_MEMBER) == 1
    fields.write_text(text.replace(LAST_MEMBER, LAST_MEMBER + NEW_MEMBER), "utf-8")
    assert follow(source) == {
        "index row": "us-east-2",
        "dedupe row": "us-east-2",
        "row written again": "us-east-2",
        "dedupe row of an index row": "us-east-2",
        "work message": "us-east-2",
        "replayed message": "us-east-2",
        "read by a replay": True,
        "ledger": "us-east-2",
        "bus": "us-east-2",
        "message from before": "eu-west-1",
        "wrong value": "work message: region: expected a text of 1 to 9 characters",
    }


def test_the_members_are_those_of_the_contract() -> None:
    assert EVENT_MEMBERS == ("event_id", "event_type", "source", "entity_id", "event_time", "payload_sha")
    assert REFERENCE_MEMBERS == ("s3_bucket", "s3_key", "s3_offset", "s3_length")
    assert ANNOUNCED == ("event_id", "event_type", "source", "entity_id", "event_time")
    assert REMEMBERED == ("event_id", "event_time", "payload_sha")


@pytest.mark.parametrize(
    ("member", "value", "expected"),
    [
        ("event_id", "A" * 64, "event_id: expected the form [0-9a-f]{64}"),
        ("source", "", "source: expected a text of 1 to 256 characters"),
        ("s3_key", "k" * 1025, "s3_key: expected a text of 1 to 1024 characters"),
        ("s3_offset", -1, "s3_offset: expected a whole number from 0 to 9007199254740991"),
        ("s3_length", True, "s3_length: expected a whole number from 0 to 4194304"),
        (
            "event_time",
            "2026-11-20T10:15:30Z",
            "event_time: expected 2026-11-20T10:15:30.000000Z, UTC with six decimals",
        ),
    ],
)
def test_a_wrong_member_is_named_with_what_was_expected(member: str, value: object, expected: str) -> None:
    columns = make_work({"n": 1}).columns()
    assert find_wrong_member(columns) == ""
    assert find_wrong_member({**columns, member: value}) == expected
    without = {name: held for name, held in columns.items() if name != member}
    assert find_wrong_member(without).startswith(f"{member}: expected")
