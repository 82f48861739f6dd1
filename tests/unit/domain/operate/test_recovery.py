"""The record of a recovery, and where it marks what is done."""

from __future__ import annotations

from pik import __version__
from pik.domain.operate.recovery import done_key, partial_key, recovery_changes, recovery_id, recovery_record

NOW = "2026-11-20T10:15:30.250000Z"
BATCH = "aws/lambda/uuid/shardId-1/2026/11/20/2026-11-20T10.15.30-x"


def test_a_record_says_who_sent_which_batches_again_and_what_came_out() -> None:
    run_id = recovery_id(NOW, "0a1b2c3d")
    assert run_id == "rcv-20261120T101530Z-0a1b2c3d"
    row = recovery_record(run_id, "arn:caller", NOW, {"from": None, "to": NOW})
    assert (row["PK"], row["kind"], row["status"]) == (f"RUN#{run_id}", "recovery", "RUNNING")
    assert (row["run_id"], row["request_id"], row["code_version"]) == (run_id, run_id, __version__)
    assert (row["requested_at"], row["updated_at"], row["stopped"]) == (NOW, NOW, "")
    assert (row["requested_by"], row["filters"]) == ("arn:caller", {"from": None, "to": NOW})
    changes = recovery_changes(NOW, "STOPPED", {"events": {"sent": 3}}, "no network")
    assert (changes["status"], changes["updated_at"], changes["stopped"]) == ("STOPPED", NOW, "no network")
    assert changes["totals"] == {"events": {"sent": 3}}


def test_markers_lie_outside_the_batches_and_one_apart_from_the_other() -> None:
    keys = {done_key(BATCH), partial_key(BATCH)}
    assert len(keys) == 2
    assert all(key.startswith(f"recovered/{BATCH}") for key in keys)
