"""Wrong arguments of `pik dlq`: exit status 2, in the terms of the command line, before anything is asked or moved."""

from __future__ import annotations

import re

import pytest

from pik.domain.http.catalogs import CATALOGS
from pik_cli.dlq.api import OPTIONS
from tests.support.command_line import Pik
from tests.support.redrive_backend import RedriveBackend


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--jmespath", "a["), "--jmespath: This is not a JMESPath expression"),
        (("--set", "payload..a=1"), "--set"),
        (("--max-messages", "1001"), "unless --all is given"),
        (("--min-age", "10s"), "Wait, or add --force."),
        (("--canary", "5000000"), "--canary: The number is too large"),
        (("--jitter", "30d"), "--jitter: The number is too large"),
        (("--source", " "), "--source is blank"),
        (("--entity", "x" * 5000), "--entity takes 5000 bytes"),
    ],
    ids=lambda it: str(it[0]) if isinstance(it, tuple) else "",
)
def test_what_the_api_refuses_is_wrong_usage_that_names_the_option(
    backend: RedriveBackend, pik: Pik, options: tuple[str, ...], words: str
) -> None:
    result = pik("dlq", "redrive", *options, "--dry-run")
    assert result.exit_code == 2
    message = " ".join(result.stderr.partition("Error: ")[2].split())
    assert words in message
    assert not re.search(r"^/|query:|[a-z]_[a-z]", message), "neither a JSON Pointer nor a member"
    assert backend.acts() == []


def test_several_wrong_options_are_all_named(backend: RedriveBackend, pik: Pik) -> None:
    result = pik("dlq", "redrive", "--source", " ", "--jmespath", "a[", "--dry-run")
    assert result.exit_code == 2
    assert "Several options are wrong:" in result.stderr
    assert "--source is blank" in result.stderr
    assert "--jmespath:" in result.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("redrive", "--manifest", "nonsense", "--dry-run"),
        ("redrive", "--fingerprint", "xyz", "--dry-run"),
        ("redrive", "--fingerprint", "a" * 33, "--dry-run"),
        ("redrive", "--min-age", "2h", "--max-age", "1h", "--dry-run"),
        ("peek", "--min-age", "today", "--max-age", "now"),
        ("put-back", "nonsense", "--dry-run"),
        ("show", "rpl-20261120T101530Z-0a1b2c3d"),
        ("cancel", "mft-20261120T101530Z-0a1b2c3d", "--yes"),
        ("purge-to-s3", "--dry-run"),
        ("purge-to-s3", "--expiring-within", "soon", "--dry-run"),
    ],
    ids=" ".join,
)
def test_what_can_be_seen_to_be_wrong_is_not_sent(backend: RedriveBackend, pik: Pik, args: tuple[str, ...]) -> None:
    result = pik("dlq", *args)
    assert result.exit_code == 2
    assert "Error" in result.stderr
    assert backend.requests == []


@pytest.mark.parametrize(
    "args",
    [
        ("redrive", "--source", "shop"),
        ("redrive-all",),
        ("redrive-all", "--native"),
        ("redrive-batch", "--count", "3"),
        ("cancel", "rdr-20261120T101530Z-0a1b2c3d"),
        ("purge-to-s3", "--all"),
        ("put-back", "rdr-20261120T101530Z-0a1b2c3d"),
        ("start-executions", "--state-machine", "arn:x"),
        ("move-tasks", "cancel"),
    ],
    ids=" ".join,
)
def test_in_a_pipe_every_act_names_yes_before_it_reads_anything(
    backend: RedriveBackend, pik: Pik, args: tuple[str, ...]
) -> None:
    backend.bury(1)
    backend.aws.calls.clear()
    result = pik("dlq", *args)
    assert result.exit_code == 2
    assert "Add --yes to act, or --dry-run to look first." in result.stderr
    assert (backend.requests, backend.aws.calls) == ([], [])


def test_a_run_that_does_not_exist_is_not_advised_to_be_watched(backend: RedriveBackend, pik: Pik) -> None:
    result = pik("dlq", "show", "rdr-20261120T101530Z-0a1b2c3d", "--follow")
    assert result.exit_code == 1
    assert "There is no redrive" in result.stderr
    assert "--follow" not in result.stderr
    assert "pik dlq status" in result.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--min-age", "soon"), "neither a duration nor a time"),
        (("--set", "nothing"), "no path or no value"),
        (("--set", "payload.a=1", "--set", "payload.a=2"), "twice"),
        (("--no-canary", "--canary", "3"), "contradicts"),
        (("--category", "WHATEVER"), "WHATEVER"),
    ],
)
def test_wrong_usage_is_exit_status_2(backend: RedriveBackend, pik: Pik, options: tuple[str, ...], words: str) -> None:
    result = pik("dlq", "redrive", *options, "--yes")
    assert result.exit_code == 2
    assert words in result.stderr
    assert backend.requests == []


@pytest.mark.parametrize(
    "args",
    [
        ("redrive", "--manifest", "mft-20261120T100000Z-00000009", "--dry-run"),
        ("put-back", "rdr-20261120T101530Z-0a1b2c3d", "--dry-run"),
        ("show", "rdr-20261120T101530Z-0a1b2c3d"),
    ],
    ids=lambda it: it[0],
)
def test_an_id_of_nothing_is_a_refusal_and_no_wrong_usage(
    backend: RedriveBackend, pik: Pik, args: tuple[str, ...]
) -> None:
    result = pik("dlq", *args)
    assert result.exit_code == 1
    assert "There is no" in result.stderr


def test_every_switch_that_a_message_says_to_send_has_its_option() -> None:
    switches = set(re.findall(r"\b(?:send|add) ([a-z_]+): true\b", "\n".join(CATALOGS["en"].values())))
    assert {"force", "all", "again"} <= switches
    assert switches <= OPTIONS.keys()
