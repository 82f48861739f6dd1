"""A fingerprint that was mistyped or cut: it says so, and shows those in the queue that are close."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pik_cli.dlq.fingerprints import near
from tests.support.command_line import Pik, summary
from tests.support.redrive_backend import RedriveBackend

ONE = "3f2a9c10" + "1" * 24
TWO = "3f2a77be" + "2" * 24
OTHER = "c0ffee00" + "3" * 24
KNOWN = (ONE, TWO, OTHER)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("3f2a", [TWO, ONE]),  # the first digits
        ("3f2a9c11", [ONE]),  # one is wrong
        ("3f2a9c1" + "1" * 24, [ONE]),  # one is left out
        ("3f2a99c10", [ONE]),  # one is there twice
        ("3f2ac910", [ONE]),  # two swapped
        ("3f2a9c10" + "0" * 24, [ONE]),  # the end is another
        ("c0ffee", [OTHER]),
        ("00000000", []),
        ("dddd", []),
    ],
)
def test_those_are_near_that_begin_alike_or_differ_in_few_digits(given: str, expected: list[str]) -> None:
    assert near(given, KNOWN) == expected


def test_the_closest_comes_first_and_few_are_shown() -> None:
    known = [f"3f2a9c1{digit}" + "0" * 24 for digit in "0123456789"]
    found = near("3f2a9c17", known)
    assert found[0] == known[7]
    assert len(found) == 5


@pytest.mark.parametrize(
    "command", [("redrive", "--dry-run"), ("redrive", "--yes"), ("peek",), ("analyze",), ("purge-to-s3", "--dry-run")]
)
def test_a_short_one_is_wrong_usage_that_shows_what_may_be_meant(
    backend: RedriveBackend, pik: Pik, command: tuple[str, ...]
) -> None:
    backend.bury(1, fingerprint=ONE)
    backend.bury(2, fingerprint=ONE)
    backend.bury(3, fingerprint=OTHER)
    result = pik("dlq", command[0], "--fingerprint", "3f2", *command[1:])
    assert result.exit_code == 2
    assert "--fingerprint 3f2 is too short: give at least 8 of the 32 digits" in result.stderr
    assert f"{ONE}  VALIDATION MissingMember, 2 messages" in result.stderr
    assert OTHER not in result.stderr
    assert backend.acts() == []


@pytest.mark.parametrize(
    "command",
    [("redrive", "--dry-run"), ("redrive", "--yes"), ("peek",), ("analyze",), ("purge-to-s3", "--dry-run")],
    ids=" ".join,
)
def test_a_wrong_one_says_that_no_message_has_it_and_which_is_near(
    backend: RedriveBackend, pik: Pik, command: tuple[str, ...]
) -> None:
    backend.bury(1, fingerprint=ONE)
    result = pik("dlq", command[0], "--fingerprint", "3f2a9c11", *command[1:])
    assert "No message in the queue has fingerprint 3f2a9c11." in result.stdout
    assert f"  {ONE}  VALIDATION MissingMember, 1 message" in result.stdout
    assert result.exit_code == (0 if len(command) == 1 else 1)


def test_programs_get_the_near_ones_too(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1, fingerprint=ONE)
    shown = summary(pik("dlq", "redrive", "--fingerprint", "3f2a9c11", "--dry-run", "-o", "json"))
    assert shown["near_fingerprints"] == [ONE]


def test_capitals_and_spaces_of_a_copied_one_do_no_harm(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1, fingerprint=ONE)
    assert pik("dlq", "redrive", "--fingerprint", f" {ONE.upper()} ", "--dry-run").exit_code == 0


def test_a_right_one_that_other_filters_leave_out_is_not_called_wrong(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1, fingerprint=ONE)
    result = pik("dlq", "redrive", "--fingerprint", ONE, "--source", "nobody", "--dry-run")
    assert result.exit_code == 1
    assert "another filter or their age leaves them out" in result.stdout
    assert "No message in the queue" not in result.stdout


def test_what_is_too_young_names_the_minute_and_the_option(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1, fingerprint=ONE, age=timedelta(seconds=20))  # at 09:59:40
    for how in ("--dry-run", "--yes"):
        result = pik("dlq", "redrive", "--fingerprint", ONE, how)
        assert result.exit_code == 1
        assert "Too young until 10:01 UTC. Wait until then, or add --force to take them now." in result.stdout
    shown = summary(pik("dlq", "redrive", "--fingerprint", ONE, "--dry-run", "-o", "json"))
    assert shown["too_young_until"] == "2026-11-20T10:00:40.000000Z"
    assert pik("dlq", "redrive", "--fingerprint", ONE, "--force", "--dry-run").exit_code == 0


def test_what_is_younger_than_min_age_names_that_option(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1, age=timedelta(minutes=5))
    result = pik("dlq", "redrive", "--min-age", "1h", "--dry-run")
    assert "Too young until 10:55 UTC" in result.stdout
    assert "lower --min-age" in result.stdout


def test_a_look_says_until_when_a_redrive_skips_the_young(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1, age=timedelta(seconds=20))
    result = pik("dlq", "analyze")
    assert "skips them until 2026-11-20T10:00:40.000000Z unless --force is given" in result.stdout


def test_ages_are_shown_as_the_times_that_they_select(
    backend: RedriveBackend, pik: Pik, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pik_cli.dlq.preview.clock", backend.clock_time)
    monkeypatch.setattr("pik_cli.shell.windows.clock", backend.clock_time)
    backend.bury(1)
    result = pik("dlq", "peek", "--max-age", "yesterday", "--min-age", "15m")
    assert "Times of failure, UTC: 2026-11-19T00:00:00Z to 2026-11-20T09:45:00Z" in result.stderr
    assert "1 of 1 message shown." in result.stdout
