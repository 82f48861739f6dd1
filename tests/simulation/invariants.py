"""What must be true when all is quiet, whatever happened before: the invariants of the design, from state alone.

Everything is computed again from the raw objects by the rules on paper; none of the kit's code is used.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from tests.simulation import stored
from tests.simulation.driver import SimulatedWorld
from tests.simulation.redrives import check_runs
from tests.simulation.stored import Row
from tests.simulation.violations import check
from tests.simulation.workload import MAX_AMOUNT, WorkloadEvent, canonical, sha
from tests.support.foreign import FOREIGN

Day = tuple[str, str, str]

_BUGS: Final = frozenset(
    {"AssertionError", "AttributeError", "IndexError", "KeyError", "LookupError", "NameError", "NotImplementedError"}
) | {"RuntimeError", "TypeError", "UnboundLocalError", "ValueError", "ValidationException"}
_LIVE: Final = "LIVE"


@dataclass(frozen=True, slots=True)
class Accepted:
    """An accepted event as the index and its raw bytes tell it."""

    row: Row
    payload: Any

    @property
    def day(self) -> tuple[str, str]:
        return self.row["entity_id"], self.row["event_time"][:10]

    @property
    def is_poison(self) -> bool:
        return bool(self.row["event_type"] == "order" and self.payload["amount"] > MAX_AMOUNT)


def check_all(world: SimulatedWorld) -> None:
    """Raises Violation."""
    world.watch.after("s3", "put_object")
    world.watch.after("dynamodb", "put_item")
    index = stored.rows(world.aws, world.names.events_table)
    _check_answers(world, index)
    accepted = _accepted(world, index)
    _check_index(world, index, accepted)
    _check_dead_letters(world, accepted)
    versions = _versions(world)
    _check_versions(versions, accepted)
    _check_replays(world, versions, accepted)
    _check_bus(world, versions)
    _check_ledger(world)
    _check_reasons(world)
    _check_strangers(world)
    check_runs(world.redrives)
    _check_put_backs(world)
    check(not world.aws.sqs.messages(world.names.work_queue_url), "WorkQueue is empty at the end")


def _check_answers(world: SimulatedWorld, index: Sequence[Row]) -> None:
    """Each answer is true, and each event that was received has exactly one row."""
    by_request: defaultdict[str, list[Row]] = defaultdict(list)
    for row in index:
        by_request[row["request_id"]].append(row)
    firsts = {row["event_id"] for row in index if row["status"] == "ACCEPTED"}
    objects = world.aws.s3.objects(world.names.raw_bucket)
    for attempt in world.producers.attempts:
        rows = by_request.pop(attempt.request_id, [])
        places = [(row["s3_key"], row["s3_offset"]) for row in rows]
        check(len(set(places)) == len(places), "an event that was received has one row", attempt.request_id)
        if attempt.dry:
            check(not rows, "a dry run changes nothing", f"{attempt.request_id} has rows")
            # Where not even the secret of a webhook could be read, nothing was run.
            said = attempt.answer.get("dry_run") or attempt.status >= 500
            check(said, "a dry run says that it is one", attempt.answer)
            continue
        if not attempt.answer or attempt.status >= 500:
            continue
        results = attempt.answer.get("results", [attempt.answer])
        check(len(results) == len(attempt.request.events), "each event has a result", attempt.request_id)
        kept = []
        for event, result in zip(attempt.request.events, results, strict=True):
            check((result["status"] == "REJECTED") == event.broken, "what is wrong is rejected, and only that", result)
            check(result["s3_key"] in objects, "what was answered is in S3", result)
            if not event.broken:
                kept.append((event.event_id, result["status"]))
                check(result["event_id"] == event.event_id, "the answer names the event", result)
                check(event.event_id in firsts, "what was answered is indexed as accepted", result)
        recorded = Counter((row["event_id"], row["status"]) for row in rows)
        check(
            recorded == Counter(kept),
            "the rows of a request are what it was answered",
            f"{attempt.request_id}: {recorded}",
        )
    check(not by_request, "every row belongs to a request", by_request.keys())


def _accepted(world: SimulatedWorld, index: Iterable[Row]) -> dict[str, Accepted]:
    objects = world.aws.s3.objects(world.names.raw_bucket)
    found: dict[str, Accepted] = {}
    for row in index:
        check(row["s3_key"] in objects, "raw comes first: what is indexed is in S3", row["s3_key"])
        raw = objects[row["s3_key"]].body[row["s3_offset"] : row["s3_offset"] + row["s3_length"]]
        value = json.loads(raw)
        payload = next(
            (it for it in _payloads(value) if hashlib.sha256(canonical(it)).hexdigest() == row["payload_sha"]), None
        )
        check(payload is not None, "a row points to its event's bytes", row["SK"])
        if row["status"] == "ACCEPTED":
            check(row["event_id"] not in found, "an event is accepted once", row["event_id"])
            found[row["event_id"]] = Accepted(row, payload)
    return found


def _payloads(value: Mapping[str, Any]) -> list[Any]:
    return [*(value[name] for name in ("payload", "data") if name in value), value]


def _check_index(world: SimulatedWorld, index: Iterable[Row], accepted: Mapping[str, Accepted]) -> None:
    sent: dict[str, WorkloadEvent] = {
        it.event_id: it for request in world.requests for it in request.events if not it.broken
    }
    for row in index:
        first = accepted.get(row["event_id"])
        check(first is not None, "what has a row was accepted once", row["SK"])
        assert first is not None
        same = row["payload_sha"] == first.row["payload_sha"]
        check(same == (row["status"] != "CONFLICT"), "only another payload is a conflict", row["SK"])
        check(row["event_id"] in sent, "only what was sent is indexed", row["event_id"])
        check(row["entity_id"] == sent[row["event_id"]].entity_id, "a row names its entity", row["SK"])


def _check_dead_letters(world: SimulatedWorld, accepted: Mapping[str, Accepted]) -> None:
    poison = {event_id for event_id, it in accepted.items() if it.is_poison}
    dead = set()
    foreign = Counter(FOREIGN[name].body for name, _ in world.conditions.strangers)
    letters = world.aws.sqs.messages(world.names.work_dead_letter_queue_url)
    lost = foreign - Counter(it.body for it in letters)
    check(not lost, "what a stranger sent is kept as a dead letter", [body[:40] for body in lost])
    for message in letters:
        if message.body in foreign:
            continue
        body = json.loads(message.body)
        dead.add(body["event_id"])
        check(body["event_id"] in poison, "without faults only poison stays dead", body["event_id"])
    check(dead == poison, "what cannot be processed is in the dead-letter queue", poison - dead)


def _versions(world: SimulatedWorld) -> dict[Day, list[Row]]:
    found: defaultdict[Day, list[Row]] = defaultdict(list)
    for row in stored.rows(world.aws, world.names.aggregates_table):
        if "#VER#" in row["SK"]:
            found[row["entity_id"], row["day"], row["run"]].append(row)
    return dict(found)


def _check_versions(versions: Mapping[Day, Sequence[Row]], accepted: Mapping[str, Accepted]) -> None:
    expected: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for event_id, it in accepted.items():
        if not it.is_poison:
            expected[it.day].add(event_id)
    for (entity, day, run), rows in versions.items():
        where = f"{entity} {day} {run}"
        numbers = [row["version"] for row in rows]
        check(numbers == list(range(1, len(rows) + 1)), "versions count 1, 2, 3 without gaps", f"{where}: {numbers}")
        so_far: list[str] = []
        for row in rows:
            so_far += _ids(row["added"])
            counted = Counter(so_far)
            twice = [event_id for event_id, count in counted.items() if count > 1]
            check(not twice, "an event counts once", f"{where} version {row['version']}: {twice}")
            check(counted.keys() <= accepted.keys(), "only accepted events count", where)
            _check_row([accepted[it] for it in so_far], row)
        if run == _LIVE:
            missing = expected.pop((entity, day), set()) ^ set(so_far)
            check(not missing, "the LIVE aggregate holds its accepted events", f"{where}: {missing}")
    check(not any(expected.values()), "every accepted event is in its LIVE aggregate", dict(expected))


def _check_replays(
    world: SimulatedWorld, versions: Mapping[Day, Sequence[Row]], accepted: Mapping[str, Accepted]
) -> None:
    """A replay that reported itself complete is on record as that; its shadow run holds what its window held when it
    was requested."""
    status = {row["PK"]: row["status"] for row in stored.rows(world.aws, world.names.runs_table)}
    for replay in world.operators.replays:
        if replay.complete:
            check(status.get(f"RUN#{replay.run_id}") == "COMPLETE", "a complete replay is on record", replay.run_id)
        if replay.complete and replay.body["shadow"]:
            rows = [row for (_, _, run), found in versions.items() if run == replay.run_id for row in found]
            held = {event_id for row in rows for event_id in _ids(row["added"])}
            missing = {event_id for event_id in replay.wanted - held if not accepted[event_id].is_poison}
            check(not missing, "a complete shadow replay holds its window", f"{replay.run_id}: {missing}")


def _check_row(events: Sequence[Accepted], row: Row) -> None:
    where = f"{row['PK']} {row['SK']}"
    check(row["input_count"] == len(events), "input_count is exact", where)
    total = sum(int(_digest(it), 16) for it in events) % 2**256
    check(row["inputs_hash"] == f"{total:064x}", "inputs_hash is that of the events", where)
    amounts = sum((Decimal(repr(it.payload.get("amount", 0))) for it in events), Decimal(0))
    times = [it.row["event_time"] for it in events]
    sums = {"XXX": format(amounts.normalize(), "f")} if any("amount" in it.payload for it in events) else {}
    metrics = {
        "daily_event_count": len(events),
        "daily_amount_sum": sums,
        "daily_amounts_not_counted": 0,
        "first_event_time": min(times),
        "last_event_time": max(times),
    }
    check(row["metrics"] == metrics, "metrics are those of the events", f"{where}: {row['metrics']} is not {metrics}")


def _digest(event: Accepted) -> str:
    parts = bytes.fromhex(event.row["event_id"]) + bytes.fromhex(event.row["payload_sha"])
    return hashlib.sha256(parts).hexdigest()


def _ids(added: bytes) -> list[str]:
    return [added[at : at + 32].hex() for at in range(0, len(added), 32)]


def _check_bus(world: SimulatedWorld, versions: Mapping[Day, Sequence[Row]]) -> None:
    """Every version was announced, always in the same words."""
    said: defaultdict[tuple[str, str, str, int], set[str]] = defaultdict(set)
    for entry in world.aws.events.published:
        if entry["DetailType"] == "events.processed":
            detail = json.loads(entry["Detail"])
            said[detail["entity_id"], detail["day"], detail["run"], detail["version"]].add(entry["Detail"])
    check(not world.aws.events.lost, "announcements go to a bus that exists")
    for day, rows in versions.items():
        for row in rows:
            details = said.pop((*day, row["version"]), set())
            check(details, "every version is announced", f"{row['PK']} {row['SK']}")
            check(len(details) == 1, "a version is announced in the same words", f"{row['PK']} {row['SK']}")
            _check_announcement(json.loads(details.pop()), row)
    check(not said, "only versions are announced", said.keys())


def _check_announcement(detail: Mapping[str, Any], row: Row) -> None:
    where = f"{row['PK']} {row['SK']}"
    check(detail["id"] == sha([row["PK"], row["SK"]]), "an announcement has its version's id", where)
    check(detail["event_ids"] == _ids(row["added"]), "an announcement lists what its version added", where)
    for name in ("input_count", "inputs_hash", "metrics", "computed_at", "replayed"):
        check(detail[name] == row[name], "an announcement says what its version holds", f"{where}: {name}")


def _check_reasons(world: SimulatedWorld) -> None:
    """The reason of each dead letter is that of a failed attempt on record, and its death was announced. Of the last
    attempt that need not be: a ledger or a bus that fails until then does not keep the message from being dead."""
    rows = stored.rows(world.aws, world.names.failures_table)
    dead = [row for row in rows if row["disposition"] == "DEAD_LETTER"]
    recorded = {(row["event_id"], row["attempt"], row["fingerprint"]) for row in dead if "event_id" in row}
    entries = [it for it in world.aws.events.published if it["DetailType"] == "event.failed"]
    announced = [it for it in (json.loads(entry["Detail"]) for entry in entries) if "event_id" in it]
    ids = {it["id"] for it in announced}
    for letter in world.watch.letters.values():
        body, reason = json.loads(letter.body), {name: it["StringValue"] for name, it in letter.attributes.items()}
        attempts = int(reason["attempts"])
        if attempts - body["attempts_before"] >= world.conditions.max_receives:
            continue
        key = (body["event_id"], attempts, reason["fingerprint"])
        check(key in recorded, "the reason of a dead letter is in the ledger", key)
        stable_id = sha(["event.failed", body["event_id"], body["run"], body["attempts_before"]])
        check(stable_id in ids, "a dead letter is announced", key)
    for failure in announced:
        key = (failure["event_id"], failure["attempts"], failure["fingerprint"])
        check(
            failure["attempts"] >= world.conditions.max_receives or key in recorded,
            "what is announced as failed is in the ledger",
            key,
        )


def _check_put_backs(world: SimulatedWorld) -> None:
    """Each rescued letter went back once, except for those that are counted as perhaps doubled."""
    files = world.aws.s3.objects(world.names.raw_bucket)
    lines = [
        json.loads(line) for key, it in files.items() if key.startswith("rescued/") for line in it.body.splitlines()
    ]
    kept = sum(bool(line["attributes"]) for line in lines)
    marks = [row for row in stored.rows(world.aws, world.names.runs_table) if row["kind"] == "put_back_mark"]
    doubled = sum(row["doubled"] for row in marks)
    returned = len(world.watch.returned)
    check(returned <= kept + doubled, "a rescued letter goes back once", f"{returned} of {kept}, {doubled} doubled")


def _check_strangers(world: SimulatedWorld) -> None:
    """A message that cannot be read is refused as that, and takes no sound one along."""
    for row in stored.rows(world.aws, world.names.failures_table):
        if row["error_type"] == "BadWork":
            check("event_id" not in row, "only what a stranger sent cannot be read", row["message"])


def _check_ledger(world: SimulatedWorld) -> None:
    """Every failed attempt has a row, unless the ledger itself was made to fail."""
    rows = stored.rows(world.aws, world.names.failures_table)
    noted = {(row["message_id"], row["request_id"]) for row in rows}
    for attempt in world.work.failed:
        if attempt.task not in world.injector.failed_ledgers:
            check((attempt.message_id, attempt.task) in noted, "every failed attempt is in the ledger", attempt)
    for row in rows:
        check(row["error_type"] not in _BUGS, "attempts fail for reasons that have a name", row["message"])
