"""`pik send` against the real ingest handler behind HTTP."""

from __future__ import annotations

import gzip
import io
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.support.api_server import BROKEN_LINE, LOST_ANSWER, ApiServer, Gate, ServerFault, ndjson, orders
from tests.support.command_line import Pik, journals, summary, wait_for_posts, write_state

BUSY = ServerFault(503, {"retry-after": "0"})

pytestmark = pytest.mark.usefixtures("no_waiting")


def test_a_file_is_sent_whole_and_counted(api: ApiServer, pik: Pik, machine: Path) -> None:
    (machine / "orders.ndjson").write_bytes(ndjson(orders(250)))
    result = pik("send", "orders.ndjson", "-o", "json")
    assert result.exit_code == 0, result.stderr
    told = summary(result)
    assert (told["events"], told["accepted"], told["rejected"], told["failed"]) == (250, 250, 0, 0)
    assert told["complete"] is True
    assert told["this_run"]["batches"] == 3
    assert api.accepted_entities() == {f"c-{n}": 1 for n in range(250)}
    assert journals(machine) == []


def test_events_are_sent_byte_for_byte(api: ApiServer, pik: Pik, machine: Path) -> None:
    line = '{"source":"s","event_type":"order",  "entity_id":"花子","payload":{"orderId":"a","amount":42.50}}'
    (machine / "one.ndjson").write_text(f"\n  {line}\r\n\n", encoding="utf-8")
    assert pik("send", "one.ndjson").exit_code == 0
    assert [post.body for post in api.posts] == [line.encode()]
    assert api.posts[0].headers["content-type"] == "application/x-ndjson"


@pytest.mark.parametrize(
    ("name", "kind"), [("many.ndjson", "application/x-ndjson"), ("many.json", "application/vnd.pik.events+json")]
)
def test_compressed_requests_bring_the_same_events(
    api: ApiServer, pik: Pik, machine: Path, name: str, kind: str
) -> None:
    events = orders(250)
    (machine / name).write_bytes(ndjson(events) if name.endswith(".ndjson") else json.dumps(events).encode())
    result = pik("send", name, "--gzip", "-o", "json")
    assert result.exit_code == 0, result.stderr
    assert api.accepted_entities() == {f"c-{n}": 1 for n in range(250)}
    for post in api.posts:
        assert (post.headers["content-type"], post.headers["content-encoding"]) == (kind, "gzip")
        assert len(post.body) * 4 < len(gzip.decompress(post.body))
    assert summary(pik("send", name, "--restart", "-o", "json"))["duplicate"] == 250


def test_findings_name_line_place_and_reason_and_the_exit_status_is_1(api: ApiServer, pik: Pik, machine: Path) -> None:
    events: list[Any] = orders(7)
    events[2] = {"source": "shop", "event_type": "order", "payload": {"orderId": "x"}}
    events[5] = events[0]
    text = ndjson(events).decode().splitlines()
    text.insert(4, "{broken")
    (machine / "mixed.ndjson").write_text("\n".join(text), encoding="utf-8")
    result = pik("send", "mixed.ndjson", "--batch-size", "3", "--concurrency", "1", "-o", "json")
    assert result.exit_code == 1
    told = summary(result)
    assert [told[name] for name in ("events", "accepted", "duplicate", "conflict", "rejected")] == [8, 5, 1, 0, 2]
    assert [(it["line"], it["event"], it["path"]) for it in told["findings"]] == [(3, 3, "/payload/amount"), (5, 5, "")]
    assert all(it["message"] and it["status"] == "REJECTED" for it in told["findings"])
    shown = pik("send", "mixed.ndjson").stdout
    assert "/payload/amount" in shown
    assert "rejected        2" in shown


def test_the_same_key_with_another_payload_is_a_conflict_and_the_exit_status_is_1(
    api: ApiServer, pik: Pik, machine: Path
) -> None:
    first, second = orders(1)[0], orders(1)[0]
    first["idempotency_key"] = second["idempotency_key"] = "k"
    second["payload"]["amount"] = 99
    (machine / "conflict.ndjson").write_bytes(ndjson([first, second]))
    result = pik("send", "conflict.ndjson", "-o", "json")
    assert result.exit_code == 1
    assert (summary(result)["accepted"], summary(result)["conflict"]) == (1, 1)
    assert summary(result)["findings"][0] | {"message": ""} == {
        "line": 2, "event": 2, "status": "CONFLICT", "path": "/idempotency_key", "message": "",
    }  # fmt: skip


def test_duplicates_alone_are_fine(api: ApiServer, pik: Pik, machine: Path) -> None:
    (machine / "orders.ndjson").write_bytes(ndjson(orders(5)))
    assert pik("send", "orders.ndjson").exit_code == 0
    again = pik("send", "orders.ndjson", "-o", "json")
    assert again.exit_code == 0
    assert summary(again)["duplicate"] == 5


@pytest.mark.parametrize("fault", [BUSY, ServerFault(429), ServerFault(500), ServerFault(502), BROKEN_LINE], ids=str)
def test_a_passing_fault_is_sat_out(api: ApiServer, pik: Pik, machine: Path, fault: ServerFault) -> None:
    api.faults.extend([fault, fault])
    (machine / "orders.ndjson").write_bytes(ndjson(orders(3)))
    result = pik("send", "orders.ndjson", "-o", "json")
    assert result.exit_code == 0, result.stderr
    assert summary(result)["accepted"] == 3
    assert summary(result)["this_run"]["repeats"] == 2
    assert api.statuses() == [fault.status, fault.status, 202]


def test_a_lost_answer_doubles_nothing_and_is_explained(api: ApiServer, pik: Pik, machine: Path) -> None:
    api.faults.append(LOST_ANSWER)
    (machine / "orders.ndjson").write_bytes(ndjson(orders(3)))
    result = pik("send", "orders.ndjson")
    assert result.exit_code == 0
    assert api.accepted_entities() == {"c-0": 1, "c-1": 1, "c-2": 1}
    assert "an unanswered request had already stored: nothing doubled" in result.stdout


def test_repeats_are_bounded_and_what_failed_is_counted(api: ApiServer, pik: Pik, machine: Path) -> None:
    api.always = BUSY
    (machine / "orders.ndjson").write_bytes(ndjson(orders(3)))
    result = pik("send", "orders.ndjson", "--retries", "2", "-o", "json")
    assert result.exit_code == 1
    told = summary(result)
    assert (told["failed"], told["accepted"], told["complete"]) == (3, 0, False)
    assert told["findings"][0]["message"] == "HTTP 503: no"
    assert api.statuses() == [503, 503, 503]


def test_several_requests_are_under_way_at_once_but_never_more_than_asked(
    api: ApiServer, pik: Pik, machine: Path
) -> None:
    (machine / "orders.ndjson").write_bytes(ndjson(orders(60)))
    gate = api.gate = Gate()
    release = threading.Thread(target=lambda: (wait_for_posts(api, 3), gate.open()))
    release.start()
    assert pik("send", "orders.ndjson", "--batch-size", "5", "--concurrency", "3").exit_code == 0
    release.join()
    assert api.most_at_once == 3


def test_with_concurrency_1_the_order_of_the_file_is_kept(api: ApiServer, pik: Pik, machine: Path) -> None:
    (machine / "orders.ndjson").write_bytes(ndjson(orders(40)))
    assert pik("send", "orders.ndjson", "--batch-size", "4", "--concurrency", "1").exit_code == 0
    sent = [json.loads(line)["entity_id"] for post in api.posts for line in post.body.splitlines()]
    assert sent == [f"c-{n}" for n in range(40)]


def test_three_failed_batches_in_a_row_end_the_run(api: ApiServer, pik: Pik, machine: Path) -> None:
    api.always = BUSY
    (machine / "orders.ndjson").write_bytes(ndjson(orders(100)))
    result = pik("send", "orders.ndjson", "--batch-size", "10", "--retries", "0", "--concurrency", "1")
    assert result.exit_code == 1
    assert len(api.posts) == 3
    assert "3 batches in a row failed" in result.stderr


def test_a_batch_that_is_too_large_for_the_way_is_halved(api: ApiServer, pik: Pik, machine: Path) -> None:
    too_large = ServerFault(413, body=b'{"message":"Request Entity Too Large"}')
    api.faults.extend([too_large, too_large])
    (machine / "orders.ndjson").write_bytes(ndjson(orders(8)))
    result = pik("send", "orders.ndjson", "--concurrency", "1", "-o", "json")
    assert (summary(result)["accepted"], result.exit_code) == (8, 0)
    assert [len(post.body.splitlines()) for post in api.posts] == [8, 4, 2, 2, 4]


def test_a_body_that_is_refused_as_a_whole_counts_as_rejected(api: ApiServer, pik: Pik, machine: Path) -> None:
    api.faults.append(ServerFault(415, body=b'{"error":{"code":"x","message":"wrong form","details":[]}}'))
    (machine / "orders.ndjson").write_bytes(ndjson(orders(2)))
    result = pik("send", "orders.ndjson", "-o", "json")
    assert result.exit_code == 1
    assert summary(result)["rejected"] == 2
    assert {it["message"] for it in summary(result)["findings"]} == {"wrong form"}


@pytest.mark.parametrize(("status", "words"), [(401, "let these credentials send"), (404, "no POST /events")])
def test_what_no_repeat_can_mend_ends_the_run_at_once(
    api: ApiServer, pik: Pik, machine: Path, status: int, words: str
) -> None:
    api.always = ServerFault(status)
    (machine / "orders.ndjson").write_bytes(ndjson(orders(30)))
    result = pik("send", "orders.ndjson", "--batch-size", "10", "--concurrency", "1")
    assert result.exit_code == 3
    assert words in result.stderr
    assert len(api.posts) == 1


def test_an_answer_of_something_else_is_a_failure_and_no_success(api: ApiServer, pik: Pik, machine: Path) -> None:
    api.faults.append(ServerFault(200, body=b"<html>welcome</html>"))
    (machine / "orders.ndjson").write_bytes(ndjson(orders(2)))
    result = pik("send", "orders.ndjson", "-o", "json")
    assert result.exit_code == 1
    assert summary(result)["failed"] == 2


def test_a_stack_that_only_judges_is_named_and_leaves_no_journal(pik: Pik, machine: Path) -> None:
    with ApiServer(dry_run=True).running() as server:
        write_state(machine, server.url)
        (machine / "orders.ndjson").write_bytes(ndjson(orders(30)))
        server.faults.append(ServerFault(500))
        result = pik("send", "orders.ndjson", "--batch-size", "10", "--retries", "0", "--concurrency", "1")
        assert "DryRun=true: it judged the events and stored none" in result.stdout
        assert not any(path.suffix == ".json" for path in journals(machine))


def test_a_json_array_is_cut_without_being_written_anew(api: ApiServer, pik: Pik, machine: Path) -> None:
    pretty = json.dumps(orders(5), ensure_ascii=False, indent=2)
    (machine / "orders.json").write_text(pretty.replace('"amount": 1\n', '"amount": 1.50\n'), encoding="utf-8")
    result = pik("send", "orders.json", "--batch-size", "2", "--concurrency", "1", "-o", "json")
    assert (summary(result)["format"], summary(result)["accepted"]) == ("json", 5)
    assert [post.headers["content-type"] for post in api.posts] == ["application/json"] * 3
    assert b'"amount": 1.50\n' in api.posts[0].body


def test_cloud_events_are_sent_as_what_they_are(api: ApiServer, pik: Pik, machine: Path) -> None:
    cloud = {"specversion": "1.0", "id": "1", "source": "s", "type": "order", "subject": "c-1"}
    (machine / "one.json").write_text(json.dumps(cloud | {"data": {"orderId": "a", "amount": 1}}, indent=1))
    result = pik("send", "one.json", "-o", "json")
    assert (summary(result)["format"], summary(result)["accepted"]) == ("cloudevents", 1)
    assert api.posts[0].headers["content-type"] == "application/cloudevents-batch+json"


def test_standard_input_is_sent_and_said_to_be_not_resumable(api: ApiServer, pik: Pik, machine: Path) -> None:
    result = pik("send", "-", "-o", "json", input=ndjson(orders(3)))
    assert result.exit_code == 0
    assert summary(result)["accepted"] == 3
    assert "cannot be resumed" in result.stderr
    assert journals(machine) == []


def test_an_empty_file_is_fine_and_said_to_be_empty(api: ApiServer, pik: Pik, machine: Path) -> None:
    (machine / "empty.ndjson").write_bytes(b"\n\n")
    result = pik("send", "empty.ndjson")
    assert result.exit_code == 0
    assert "holds no events" in result.stdout
    assert api.posts == []


def test_an_event_that_no_request_can_hold_is_rejected_here_and_the_others_go(
    api: ApiServer, pik: Pik, machine: Path
) -> None:
    first, last = ndjson(orders(1)), ndjson(orders(1, first=1))
    long = b'{"source":"' + b"x" * (5 * 1024 * 1024) + b'"}\n'
    (machine / "long.ndjson").write_bytes(first + long + last)
    result = pik("send", "long.ndjson", "-o", "json")
    assert result.exit_code == 1
    assert (summary(result)["accepted"], summary(result)["rejected"]) == (2, 1)
    assert summary(result)["findings"][0]["line"] == 2
    assert "5,242,894 bytes" in summary(result)["findings"][0]["message"]


def test_requests_are_signed_when_the_api_wants_iam(pik: Pik, machine: Path) -> None:
    with ApiServer(ingest_auth="AWS_IAM").running() as server:
        write_state(machine, server.url)
        (machine / "orders.ndjson").write_bytes(ndjson(orders(1)))
        result = pik("send", "orders.ndjson", "-o", "json")
        assert summary(result)["auth"] == "iam"
        authorization = server.posts[0].headers["authorization"]
        assert authorization.startswith("AWS4-HMAC-SHA256 Credential=test/")
        assert "/us-east-1/execute-api/aws4_request" in authorization
        assert "SignedHeaders=content-type;host;x-amz-date" in authorization


def test_a_token_goes_where_the_api_wants_one(pik: Pik, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ApiServer(ingest_auth="JWT").running() as server:
        write_state(machine, server.url)
        (machine / "orders.ndjson").write_bytes(ndjson(orders(1)))
        missing = pik("send", "orders.ndjson")
        assert (missing.exit_code, "PIK_TOKEN" in missing.stderr) == (2, True)
        monkeypatch.setenv("PIK_TOKEN", "from-environment")
        pik("send", "orders.ndjson")
        pik("send", "orders.ndjson", "--auth", "bearer given")
        pik("send", "orders.ndjson", "--auth", "none")
        assert [post.headers.get("authorization") for post in server.posts] == [
            "Bearer from-environment",
            "Bearer given",
            None,
        ]


def test_a_dry_run_judges_as_ingest_would_and_sends_nothing(api: ApiServer, pik: Pik, machine: Path) -> None:
    events: list[Any] = [*orders(5), orders(1)[0], {"orderId": "bare", "amount": 1}, {"orderId": "no amount"}]
    (machine / "orders.ndjson").write_bytes(ndjson(events) + b"{broken\n")
    result = pik("send", "orders.ndjson", "--dry-run", "-o", "json")
    assert result.exit_code == 1
    told = summary(result)
    assert (told["events"], told["sound"], told["would_be_rejected"], told["repeated_in_file"]) == (9, 7, 2, 1)
    assert told["types"] == {"order": 7}
    assert [(it["line"], it["path"]) for it in told["findings"]] == [(8, "/amount"), (9, "")]
    assert told["api"] == f"{api.url}/events"
    assert api.posts == []
    assert api.rows() == []
    assert journals(machine) == []


def test_a_dry_run_needs_no_stack(pik: Pik, machine: Path) -> None:
    (machine / "orders.json").write_text(json.dumps(orders(2)))
    result = pik("send", "orders.json", "--dry-run")
    assert result.exit_code == 0
    assert "nothing was sent" in result.stdout
    assert "template's defaults" in result.stderr


@pytest.mark.parametrize("args", [["missing.ndjson"], ["."]], ids=["no file", "a directory"])
def test_a_file_that_cannot_be_read_is_wrong_usage(api: ApiServer, pik: Pik, args: list[str]) -> None:
    result = pik("send", *args)
    assert result.exit_code == 2
    assert "cannot be read" in result.stderr


def test_json_that_cannot_be_taken_apart_is_refused_with_its_place(api: ApiServer, pik: Pik, machine: Path) -> None:
    (machine / "broken.json").write_text('[{"a": 1},\n {"b": }]')
    result = pik("send", "broken.json")
    assert result.exit_code == 1
    assert "line 2, column 8" in result.stderr
    assert api.posts == []


def test_an_api_that_does_not_answer_is_exit_status_3(pik: Pik, machine: Path) -> None:
    write_state(machine, "http://127.0.0.1:9")
    (machine / "orders.ndjson").write_bytes(ndjson(orders(1)))
    result = pik("send", "orders.ndjson")
    assert result.exit_code == 3
    assert "does not answer" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_test_server_itself_serves_the_real_handler(api: ApiServer) -> None:
    status, body = api.call("POST /events", {"content-type": "application/json"}, json.dumps(orders(1)).encode())
    assert status == 202
    assert json.load(io.BytesIO(body))["accepted"] == 1
