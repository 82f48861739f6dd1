"""Deploy a stage: merge its parameters, build, show what changes and where, ask, and let `sam deploy` do it.

`make deploy STAGE=prod EMAIL=ops@example.com OVERRIDES="BatchSize=100"` calls it. What is given is added to the stage's
parameters of samconfig.toml, of which `sam deploy --parameter-overrides` would drop every one that it does not repeat.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pik_cli.shell.errors import PikError, Refusal, error_code, explain
from pik_cli.shell.exit_codes import FINE
from pik_cli.shell.output import Output
from pik_cli.shell.stage import NOT_DEPLOYED, StageSettings, read_stage, stack_trouble

if TYPE_CHECKING:
    from botocore.session import Session

ROOT: Final = Path(__file__).resolve().parent.parent
_ARCHITECTURE: Final = "Architecture"
_NEW: Final = ("", NOT_DEPLOYED)
"""Statuses of a stack that nothing was deployed to yet."""


@dataclass(frozen=True, slots=True)
class DeployPlace:
    """Where a deploy goes, and what is there now."""

    account: str
    caller: str
    status: str
    parameters: Mapping[str, str]

    @property
    def is_new(self) -> bool:
        """Whether this is the stack's first deploy."""
        return self.status in _NEW


def read_place(settings: StageSettings, session: Session) -> DeployPlace:
    """Ask AWS whose credentials these are and what the stack has. Raises botocore's errors and PikError."""
    from botocore.exceptions import ClientError

    sts: Any = session.create_client("sts", region_name=settings.region)
    cloudformation: Any = session.create_client("cloudformation", region_name=settings.region)
    identity = sts.get_caller_identity()
    try:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=settings.stack_name)["Stacks"][0]
    except ClientError as error:
        if error_code(error) != "ValidationError":  # which CloudFormation answers when there is no such stack
            raise
        stack = {}
    parameters = {one["ParameterKey"]: one.get("ParameterValue", "") for one in stack.get("Parameters", [])}
    return DeployPlace(identity["Account"], identity["Arn"], stack.get("StackStatus", ""), parameters)


def refuse_unready(settings: StageSettings, place: DeployPlace) -> None:
    """Raises Refusal when CloudFormation would refuse the deploy, before minutes go into a build."""
    trouble = stack_trouble(place.status, settings.stack_name, settings.region)
    if trouble:
        message, command = trouble
        raise Refusal(message, f"Deploy again after: {command}")


def keep_architecture(settings: StageSettings, place: DeployPlace) -> StageSettings:
    """The same with the architecture that the stack keeps, so that the build's wheels are for it."""
    value = settings.values(place.parameters).get(_ARCHITECTURE)
    if value is None or _ARCHITECTURE in settings.overrides:
        return settings
    return replace(settings, overrides={**settings.overrides, _ARCHITECTURE: value})


def show(settings: StageSettings, place: DeployPlace, output: Output) -> None:
    """Stage, account, region, and which parameters change."""
    rows = [
        ("stage", settings.name),
        ("account", f"{place.account}, as {place.caller}"),
        ("region", settings.region),
        ("stack", f"{settings.stack_name}, {'new' if place.is_new else place.status}"),
    ]
    output.table(("", ""), rows)
    after = settings.values(place.parameters)
    before = {} if place.is_new else dict(place.parameters)
    changes = [
        (name, before.get(name, "-"), value)
        for name, value in after.items()
        if (name in settings.overrides if place.is_new else before.get(name) != value)
    ]
    if changes:
        output.table(("parameter", "now", "after"), [(name, now or "''", then or "''") for name, now, then in changes])
    else:
        output.line("\nNo parameter changes.")
    fresh = settings.values()
    kept = [f"{name}={value}" for name, value in after.items() if not place.is_new and value != fresh[name]]
    if kept:
        output.line(f"Kept from earlier deploys, differing from the stage: {' '.join(kept)}")


def commands(settings: StageSettings, sam: str, *, ask: bool, profile: str = "") -> tuple[list[str], list[str]]:
    """The build and the deploy as sam gets them."""
    overrides = [override(name, value) for name, value in settings.overrides.items()]
    merged = ["--config-env", settings.name, "--parameter-overrides", *overrides]
    asks = "--confirm-changeset" if ask else "--no-confirm-changeset"
    deploy = [sam, "deploy", *merged, asks, "--no-fail-on-empty-changeset"]
    return [sam, "build", *merged], [*deploy, *(["--profile", profile] if profile else [])]


def override(name: str, value: str) -> str:
    """A parameter as sam reads it: a value with spaces or quotes is quoted, an empty one is two quotes."""
    if value and not set(value) & set(" \t'\"\\"):
        return f"{name}={value}"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{escaped}"'


def deploy(options: argparse.Namespace, environ: Mapping[str, str], output: Output) -> int:
    """Exit status of the deploy. Raises PikError and botocore's errors."""
    from botocore.session import Session

    settings = read_stage(ROOT, options.stage, options.overrides, options.email)
    place = read_place(settings, Session(profile=options.profile or None))
    refuse_unready(settings, place)
    settings = keep_architecture(settings, place)
    ask = sys.stdin.isatty() and environ.get("CI", "") in {"", "0", "false"}
    sam = str(Path(sys.executable).with_name("sam"))
    build, ship = commands(settings, sam, ask=ask, profile=options.profile)
    if options.dry_run:
        show(settings, place, output)
        output.line("\nWould run:")
        for command in (build, ship):
            output.line(f"  {shlex.join(['sam', *command[1:]])}")
        return FINE
    status = subprocess.run(build, cwd=ROOT, check=False).returncode
    if status:
        return status
    show(settings, place, output)
    if place.is_new:
        output.line(f"\nThe first deploy of this stage. `pik preflight --stage {settings.name}` checks the account.")
    if not ask:
        output.line("\nDeploying without a question, because CI is set or there is no terminal.")
    return subprocess.run(ship, cwd=ROOT, check=False).returncode


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(
        prog="make deploy",
        description="Deploy a stage of samconfig.toml with its parameters and those given here. CI=1 asks nothing.",
    )
    parser.add_argument("--stage", default="dev", help="stage of samconfig.toml (STAGE=): dev, staging or prod")
    parser.add_argument("--email", default="", help="address that gets the alarms (EMAIL=)")
    parser.add_argument(
        "--overrides", action="append", default=[], metavar="NAME=VALUE", help="parameters (OVERRIDES=), repeatable"
    )
    parser.add_argument("--profile", default="", help="AWS profile; else AWS_PROFILE or the default")
    parser.add_argument("--dry-run", action="store_true", help="show what would change; build and deploy nothing")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: sam's, or 1 for a refusal, 2 for wrong usage, 3 when AWS cannot be reached."""
    options, output = parse(arguments), Output()
    try:
        return deploy(options, os.environ, output)
    except Exception as error:  # what is not expected is raised again
        known: PikError | None = explain(error)
        if known is None:
            raise
        output.error(known)
        return known.exit_code


if __name__ == "__main__":
    sys.exit(main())
