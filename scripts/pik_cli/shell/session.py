"""What every command gets: where to go, and where to print. Nothing is looked up or loaded before it is needed."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pik_cli.shell.output import Output
from pik_cli.shell.stack import Options, Stack, StackAws, Target, find_stack, resolve

if TYPE_CHECKING:
    import httpx

    from pik_cli.shell.api import HttpApi
    from pik_cli.shell.failure_mode import FaultState


@dataclass
class Session:
    """One run of the command."""

    options: Options
    output: Output

    def __post_init__(self) -> None:
        self.output.prefix = shlex.join(self.words())

    @cached_property
    def target(self) -> Target:
        """Raises Misuse when no stack is named and no local engine runs."""
        target = resolve(self.options, os.environ, Path.cwd())
        for note in target.notes:
            self.output.note(note)
        return target

    @cached_property
    def aws(self) -> StackAws:
        """Clients for the target."""
        return StackAws(self.target)

    @cached_property
    def stack(self) -> Stack:
        """Raises Unreachable when no stack of this name exists."""
        return find_stack(self.target, self.aws)

    @cached_property
    def api_url(self) -> str:
        """The address of the HTTP API; the local engine's differs from what the template says for AWS."""
        return self.target.local.api_url if self.target.local else self.stack.output("ApiUrl")

    @cached_property
    def http(self) -> httpx.Client:
        """One client for all requests of the command."""
        from pik_cli.shell.api import http_client

        return http_client(local=self.target.local is not None)

    @cached_property
    def failure_mode(self) -> FaultState | None:
        """What fails on request, read once per command; None on a stack that was deployed without fault injection."""
        from pik_cli.shell.failure_mode import read_state

        return read_state(self.aws, self.stack)

    def words(self, *command: str) -> list[str]:
        """A command line that leads to the same stack."""
        options = self.options
        words = ["pik"]
        for name, value in (
            ("--stack", options.stack),
            ("--region", options.region),
            ("--profile", options.profile),
            ("--endpoint-url", options.endpoint_url),
        ):
            words += [name, value] if value else []
        return [*words, *command]

    def command(self, *command: str) -> str:
        """That line as a person types it."""
        return shlex.join(self.words(*command))

    def aws_command(self, *command: str) -> str:
        """A line of the AWS command line that leads to the same account and region, or to the local engine."""
        target = self.target
        options = (("--region", target.region), ("--profile", target.profile), ("--endpoint-url", target.endpoint_url))
        return shlex.join(["aws", *command, *(word for name, value in options if value for word in (name, value))])

    def close(self) -> None:
        """Let go of connections, if any were made."""
        if "http" in vars(self):
            self.http.close()

    @property
    def api(self) -> HttpApi:
        """The API without authorization."""
        from pik_cli.shell.api import HttpApi

        return HttpApi(self.api_url, self.http)


def session_of(context: typer.Context) -> Session:
    """The session that the root command has made."""
    session = context.obj
    if not isinstance(session, Session):
        raise TypeError("a command runs below `pik`, which makes its session")
    return session
