"""The command as a whole: help, usage errors, exit statuses, global options, plain output."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from botocore import exceptions as boto
from botocore.exceptions import ClientError

from pik_cli.main import app
from pik_cli.shell.errors import Misuse, PikError, Refusal, Unreachable, explain
from pik_cli.shell.group import hoist
from pik_cli.shell.output import Output, dump, safe
from tests.support.api_server import ApiServer
from tests.support.command_line import Pik

REPLAY = ["--entity", "e", "--from", "yesterday", "--to", "now", "--dry-run"]
COMMANDS = ("send", "status", "health", "logs", "replay", "processor", "publisher", "fault", "dlq")


def help_of(pik: Pik, *command: str) -> str:
    result = pik(*command, "--help")
    assert result.exit_code == 0
    return result.stdout


def examples(text: str) -> list[list[str]]:
    """The `pik` calls of a help text, without what feeds them and what becomes of their output."""
    lines = re.findall(r"^ {4}(\S.*\bpik .*)$|^ {4}(pik .*)$", text.split("Examples:")[1], re.MULTILINE)
    calls = [re.search(r"(?:^|\s)(pik .*?)(?:\s>.*)?$", first or second) for first, second in lines]
    return [shlex.split(call[1])[1:] for call in calls if call]


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)], ids=str)
def test_every_help_has_examples_whose_command_lines_parse(pik: Pik, command: tuple[str, ...]) -> None:
    calls = examples(help_of(pik, *command))
    assert len(calls) >= 3
    for call in calls:
        parse(call)


def parse(args: list[str]) -> None:
    """Parse a command line down to its command's last option without running it. Raises a usage error."""
    group: Any = typer.main.get_command(app)
    context = group.make_context("pik", hoist(args, group.value_options), resilient_parsing=False)
    name, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])
    assert name in COMMANDS
    command.make_context(name, rest, parent=context)


def test_an_example_that_does_not_parse_would_be_noticed() -> None:
    with pytest.raises(Exception, match="No such option"):
        parse(["send", "x", "--fast"])


def test_help_names_the_exit_statuses(pik: Pik) -> None:
    text = " ".join(help_of(pik).split())
    assert "0 fine, 1 a finding or a refusal, 2 wrong usage, 3 AWS unreachable" in text


@pytest.mark.parametrize(
    "args",
    [
        ["send"],
        ["send", "x", "--batch-size", "0"],
        ["send", "x", "--batch-size", "501"],
        ["send", "x", "--format", "xml"],
        ["status", "--interval", "0"],
        ["logs", "nobody"],
        ["replay", "--limit", "0"],
        ["fault", "set"],
        ["fault", "set", "chaos"],
        ["fault", "wash"],
        ["logs", "--limit", "none"],
        ["-o", "yaml", "status"],
        ["wash"],
        ["--fast", "status"],
        ["status", "extra"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_status_2_with_a_message(pik: Pik, args: list[str]) -> None:
    result = pik(*args)
    assert result.exit_code == 2
    assert "Error" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_stack_every_command_is_wrong_usage_with_the_fix(pik: Pik, machine: Path, command: str) -> None:
    (machine / "f").write_text("{}")
    given = {"send": ["f"], "dlq": ["status"], "replay": REPLAY, "publisher": ["recover"]}
    result = pik(command, *given.get(command, []))
    assert result.exit_code == 2
    assert "No stack is named" in result.stderr
    assert "make run" in result.stderr


@pytest.mark.parametrize("command", ["status", "health", "logs", "fault"])
def test_an_endpoint_that_does_not_answer_is_exit_status_3_without_a_traceback(
    pik: Pik, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    result = pik("--stack", "s", "--region", "eu-west-1", "--endpoint-url", "http://127.0.0.1:9", command)
    assert result.exit_code == 3
    assert "AWS does not answer" in result.stderr
    assert "--endpoint-url" in result.stderr
    assert "Traceback" not in result.stderr


def test_missing_credentials_and_profiles_are_exit_status_3_with_the_fix(
    pik: Pik, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = pik("--stack", "s", "--region", "eu-west-1", "status")
    assert (result.exit_code, "No AWS credentials" in result.stderr) == (3, True)
    result = pik("--stack", "s", "--profile", "nobody", "status")
    assert (result.exit_code, "list-profiles" in result.stderr) == (3, True)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    result = pik("--stack", "s", "status")
    assert (result.exit_code, "No AWS region" in result.stderr) == (3, True)


def test_debug_shows_where_an_expected_error_came_from(pik: Pik) -> None:
    result = pik("--stack", "s", "--region", "eu-west-1", "status", "--debug")
    assert result.exit_code == 3
    assert "Traceback" in result.stderr
    assert "Error: No AWS credentials" in result.stderr


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "the words of AWS"}}, "DescribeStacks")


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (client_error("ExpiredToken"), Unreachable, "refuses the credentials: the words of AWS"),
        (client_error("AccessDenied"), Unreachable, "may not call DescribeStacks"),
        (client_error("Throttling"), Unreachable, "DescribeStacks failed: Throttling"),
        (boto.EndpointConnectionError(endpoint_url="http://x"), Unreachable, "does not answer"),
        (boto.ReadTimeoutError(endpoint_url="http://x"), Unreachable, "does not answer"),
        (boto.ProxyConnectionError(proxy_url="http://x"), Unreachable, "does not answer"),
        (boto.TokenRetrievalError(provider="sso", error_msg="gone"), Unreachable, "No AWS credentials"),
        (boto.SSOTokenLoadError(error_msg="gone"), Unreachable, "No AWS credentials"),
        (Refusal("no"), Refusal, "no"),
    ],
    ids=lambda it: type(it).__name__,
)
def test_expected_errors_are_explained(error: Exception, kind: type[PikError], words: str) -> None:
    found = explain(error)
    assert isinstance(found, kind)
    assert words in found.message


@pytest.mark.parametrize("error", [ValueError("bug"), boto.ParamValidationError(report="bug")], ids=str)
def test_bugs_are_not_explained_away(error: Exception) -> None:
    assert explain(error) is None


def test_exit_statuses_are_those_of_the_contract() -> None:
    assert (Refusal("").exit_code, Misuse("").exit_code, Unreachable("").exit_code) == (1, 2, 3)


COMMAND_OPTIONS = {"logs": frozenset({"--grep", "--since"}), "status": frozenset({"--interval"})}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-o json status", "-o json status"),
        ("status -o json", "-o json status"),
        ("status --output=json --watch", "--output=json status --watch"),
        ("status -ojson", "-ojson status"),
        ("logs ingest --stack s --grep x --debug", "--stack s --debug logs ingest --grep x"),
        ("logs --grep -o ingest", "logs --grep -o ingest"),
        ("logs --grep --stack -o json", "-o json logs --grep --stack"),
        ("send -- -o", "send -- -o"),
        ("status -o", "-o status"),
        ("--stack logs status", "--stack logs status"),
        ("", ""),
    ],
)
def test_global_options_may_stand_after_the_command(line: str, expected: str) -> None:
    assert hoist(line.split(), COMMAND_OPTIONS.get) == expected.split()


def test_the_version_is_shown(pik: Pik) -> None:
    assert re.fullmatch(r"pik \d+\.\d+\.\d+\n", pik("--version").stdout)


def test_output_that_is_no_terminal_is_plain(api: ApiServer, pik: Pik) -> None:
    text = pik("health").stdout
    assert "\x1b" not in text
    assert not re.search("[─│┌]", text)
    assert not re.search(r" +$", text, re.MULTILINE)


def test_notes_go_to_stderr_and_answers_to_stdout(api: ApiServer, pik: Pik) -> None:
    result = pik("health", "-o", "json")
    assert result.stdout.startswith("{")
    assert "Local engine at" in result.stderr
    assert "Local engine at" not in result.stdout


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("日本語 👩‍👩‍👧 a\nb", "日本語 👩‍👩‍👧 a\nb"),
        ("\x1b[31mred", "\\u001b[31mred"),
        ("a\rb\x07\x9b", "a\\u000db\\u0007\\u009b"),
        ("\u202eevil", "\\u202eevil"),
        ("\ud800", "\\ud800"),
        ("[bold]x[/bold]", "[bold]x[/bold]"),
    ],
)
def test_text_from_elsewhere_is_shown_and_not_obeyed(text: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert safe(text) == shown
    Output().line(text)
    assert capsys.readouterr().out == shown + "\n"


def test_json_is_written_as_people_read_it_where_the_terminal_can() -> None:
    assert dump({"a": "日本"}, "utf-8", compact=True) == '{"a": "日本"}'
    assert dump({"a": "日本"}, "ascii", compact=True) == '{"a": "\\u65e5\\u672c"}'
    assert dump({"a": "\ud800"}, "utf-8", compact=True) == '{"a": "\\ud800"}'


def test_long_lines_are_not_wrapped_outside_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table(("a", "b"), [("x" * 300, "y" * 300)])
    assert f"{'x' * 300}  {'y' * 300}\n" in capsys.readouterr().out
