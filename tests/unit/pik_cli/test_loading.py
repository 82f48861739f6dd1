"""What the command loads: a group when it is called, a library when it is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import typer

from pik_cli.main import COMMANDS, app
from pik_cli.shell.group import LazyCommand

PROGRAM = """
import json, sys
from pik_cli import entry
sys.argv = ["pik", *json.loads(sys.argv[1])]
code = 0
try:
    entry.main()
except SystemExit as ended:
    code = ended.code
modules = [name for name, module in sys.modules.items() if module is not None]
print(json.dumps({"code": code, "modules": modules}), file=sys.stderr)
"""
SLOW = {"boto3", "botocore", "httpx", "rich"}
GROUPS = {command.place.split(".")[1] for command in COMMANDS}


def loaded(work: Path, *args: str, code: int = 0, environment: Mapping[str, str] | None = None) -> set[str]:
    """The modules that a command line loads, in a fresh process that is nowhere near a local engine."""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(args)],
        env={"PYTHONPATH": f"{root / 'src'}:{root / 'scripts'}", "HOME": str(work), **(environment or {})},
        cwd=work,
        capture_output=True,
        text=True,
        check=False,
    )
    end: dict[str, Any] = json.loads(done.stderr.splitlines()[-1])
    assert end["code"] == code, done.stderr
    return set(end["modules"])


def groups(modules: set[str]) -> set[str]:
    return {name.split(".")[1] for name in modules if name.startswith("pik_cli.")} & GROUPS


@pytest.mark.parametrize("command", COMMANDS, ids=lambda it: it.name)
def test_help_says_of_a_command_what_the_command_says_of_itself(command: LazyCommand) -> None:
    built = command.load()
    assert built.name == command.name
    assert built.get_short_help_str(1000) == command.summary


@pytest.mark.parametrize(
    ("args", "environment"),
    [
        (["--help"], {}),
        (["--version"], {}),
        ([], {"_PIK_COMPLETE": "complete_bash", "COMP_WORDS": "pik st", "COMP_CWORD": "1"}),
    ],
    ids=["help", "version", "completion"],
)
def test_help_version_and_completion_load_no_command_and_no_slow_library(
    tmp_path: Path, args: list[str], environment: dict[str, str]
) -> None:
    modules = loaded(tmp_path, *args, environment=environment)
    assert groups(modules) == set()
    assert modules & SLOW == set()


def test_a_command_that_finds_no_stack_loads_its_own_group_and_no_client(tmp_path: Path) -> None:
    modules = loaded(tmp_path, "status", code=2)
    assert groups(modules) == {"status"}
    assert modules & {"boto3", "botocore.session", "httpx"} == set()


def test_a_command_that_calls_aws_does_without_boto3_and_the_libraries_that_the_command_does_not_use(
    tmp_path: Path,
) -> None:
    environment = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_MAX_ATTEMPTS": "1"}
    options = ["--stack", "s", "--region", "eu-west-1", "--endpoint-url", "http://127.0.0.1:9"]
    modules = loaded(tmp_path, *options, "health", code=3, environment=environment)
    assert groups(modules) == {"status"}
    assert "botocore.session" in modules
    assert not modules & {"boto3", "OpenSSL", "click", "pygments.lexers"}


def test_a_global_option_after_the_command_loads_the_named_command_alone(tmp_path: Path) -> None:
    modules = loaded(tmp_path, "logs", "--grep", "-o", "-o", "json", code=2)
    assert groups(modules) == {"logs"}


def test_every_command_is_there_when_it_is_called() -> None:
    group: Any = typer.main.get_command(app)
    context = group.make_context("pik", ["status"])
    assert group.list_commands(context) == [command.name for command in COMMANDS]
    name, command, rest = group.resolve_command(context, ["status", "--count"])
    assert (name, command.name, rest) == ("status", "status", ["--count"])
    assert "--interval" in {text for param in command.params for text in param.opts}
