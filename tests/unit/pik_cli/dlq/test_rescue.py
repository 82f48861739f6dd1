"""`pik dlq purge-to-s3` and `pik dlq put-back`: messages leave the queue for files of RawBucket, and come back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.command_line import Pik, summary
from tests.support.redrive_backend import RedriveBackend


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_rescued_messages_leave_the_queue_and_come_back_with_their_reasons(backend: RedriveBackend, pik: Pik) -> None:
    for number in range(3):
        backend.bury(number, age=timedelta(days=13, hours=number * 8))
    before = sorted((it.body, str(it.attributes)) for it in backend.dead())
    looked = pik("dlq", "purge-to-s3", "--expiring-within", "24h", "--dry-run")
    assert looked.exit_code == 0, looked.output
    rescued = pik("dlq", "purge-to-s3", "--all", "--yes", "-o", "json")
    assert rescued.exit_code == 0, rescued.output
    told = summary(rescued)
    assert (told["totals"]["rescued"], backend.dead()) == (3, [])
    assert told["next"] == f"pik dlq put-back {told['run_id']}"
    back = pik("dlq", "put-back", told["run_id"], "--yes")
    assert back.exit_code == 0, back.output
    assert sorted((it.body, str(it.attributes)) for it in backend.dead()) == before
    assert ["=", "put", "back", "3"] in rows(back.stdout)


def test_what_expires_soon_is_rescued_and_the_rest_stays(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1, age=timedelta(days=13, hours=12))
    backend.bury(2, age=timedelta(days=2))
    result = pik("dlq", "purge-to-s3", "--expiring-within", "24h", "--yes")
    assert result.exit_code == 0, result.output
    assert len(backend.dead()) == 1
    assert backend.acts() == [{"action": "rescue", "all": True, "expiring_within_seconds": 86_400}]


@pytest.mark.parametrize("options", [(), ("--all", "--expiring-within", "24h")], ids=["none", "both"])
def test_a_rescue_must_say_which_messages(backend: RedriveBackend, pik: Pik, options: tuple[str, ...]) -> None:
    assert pik("dlq", "purge-to-s3", *options, "--yes").exit_code == 2
    assert backend.requests == []


def test_a_second_put_back_is_refused_and_names_the_first(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1)
    rescue = summary(pik("dlq", "purge-to-s3", "--all", "--yes", "-o", "json"))["run_id"]
    first = summary(pik("dlq", "put-back", rescue, "--yes", "-o", "json"))["run_id"]
    for options in (("--yes",), ("--dry-run",)):
        second = pik("dlq", "put-back", rescue, *options)
        assert second.exit_code == 1
        message = " ".join(second.stderr.split())
        assert f"Run {first} has put this rescue back (1 messages" in message
        assert message.endswith("gone from the queue since, add --again.")
    assert len(backend.dead()) == 1
    assert pik("dlq", "put-back", rescue, "--again", "--yes").exit_code == 0
    assert len(backend.dead()) == 2
